//! The adapter of a model as other programs name its tensors.

use std::path::Path;
use std::sync::Arc;

use atelier_core::{AdapterFormat, BoxedError};
use atelier_http::answer::disposition::Disposition;
use atelier_http::answer::file::KeptFile;
use atelier_http::answer::{Failure, FailureBody, Result};
use atelier_store::ModelId;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::datasets::upload::begin::new_folder;
use crate::extract::{AppFor, PathOf, QueryOf};

/// The number formats that adapters are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdapterDtype {
    /// 32 bits.
    F32,
    /// 16 bits, of which 5 are the exponent.
    F16,
    /// 16 bits, of which 8 are the exponent.
    Bf16,
}

impl AdapterDtype {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}

/// How an adapter is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterWish {
    /// The word by which the adapter's base is found.
    pub base: String,
    /// Whose names its tensors get.
    pub format: AdapterFormat,
    /// That of the file when absent.
    pub dtype: Option<AdapterDtype>,
}

/// Writes the adapter of the first file to the second, which is new.
pub type AdapterWriter =
    Arc<dyn Fn(&Path, &AdapterWish, &Path) -> Result<(), BoxedError> + Send + Sync>;

/// How an adapter is to be written, as a request says it.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// `kohya`, which every program reads, or `peft`, that of PEFT and diffusers.
    #[param(value_type = String, pattern = "^(kohya|peft)$")]
    format: AdapterFormat,
    /// The number format; that of the file when absent.
    #[param(inline)]
    dtype: Option<AdapterDtype>,
}

/// The adapter of a model with the names of other programs, under the model's name.
#[utoipa::path(
    get, path = "/api/v1/models/{model}/export", tag = "models",
    params(("model" = String, Path, format = "uuid"), ExportQuery),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part that `Range` names.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "It is the one that the client has."),
        (status = 404, body = FailureBody, description = "There is no such model, or its base is gone."),
        (status = 416, body = FailureBody, description = "The file has no such part."),
        (status = 422, body = FailureBody, description = "The format has no place for something of this adapter.")
    )
)]
pub(crate) async fn export_model(
    AppFor(app): AppFor,
    PathOf(id): PathOf<ModelId>,
    QueryOf(wanted): QueryOf<ExportQuery>,
    asked: HeaderMap,
) -> Result<Response> {
    let writer = app.adapter_writer()?;
    let library = app.library();
    let find = move || {
        let model = library.get_model(id)?;
        Ok((library.model_file(&model), model))
    };
    let (path, model) = app.work().catalogue(find).await?;
    app.check_disk()?;
    let place = app.work().export().await?;
    let (folder, _interest) = new_folder(&app).await?;
    let to = folder.path().join("adapter.safetensors");
    let (format, dtype) = (wanted.format.name(), wanted.dtype.map(AdapterDtype::name));
    let wish = AdapterWish {
        base: model.base,
        format: wanted.format,
        dtype: wanted.dtype,
    };
    let written = to.clone();
    let asked_by = app.clone();
    let size_bytes = place.run(move || -> Result<u64> {
        writer(&path, &wish, &written).map_err(|error| without_places(&asked_by, error))?;
        let about = fs_err::metadata(&written).map_err(Failure::io)?;
        Ok(about.len())
    });
    let file = KeptFile {
        path: to,
        hash: [&model.hash, format, dtype.unwrap_or("own")].join("-"),
        size_bytes: size_bytes.await??,
        name: format!("{}-{format}.safetensors", model.about.name),
    };
    let opened = file.open().await?;
    // What is open can be read to its end.
    place.run(move || folder.close()).await?;
    let kind = ("application/octet-stream", Disposition::Attachment);
    let answer = opened.answer(&asked, kind, "private, no-cache").await?;
    Ok(place.until_sent(answer))
}

/// The failure without where the library lies.
fn without_places(app: &App, error: BoxedError) -> Failure {
    let failure = Failure::from(error);
    let (code, status, message) = failure.about();
    Failure::new(code, app.told(message)).with_status(status)
}
