//! Adapter files from elsewhere become models.

use std::path::{Path, PathBuf};

use atelier_core::{Category, Coded as _, ErrorCode};
use atelier_http::answer::{Failure, FailureBody, Json, Result};
use atelier_http::incoming::metered::Progress;
use atelier_http::incoming::receive::broken;
use atelier_store::{About, Library, Model, NewModel, adapter_about};
use axum::extract::Request;
use axum::extract::multipart::Field;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use utoipa::ToSchema;

use super::views::ModelView;
use crate::app::App;
use crate::datasets::upload::begin::{new_folder, open_form};
use crate::datasets::upload::single::write_one;
use crate::extract::AppFor;
use crate::openapi::choices;
use crate::trainings::bases::known;

/// The longest text of a field.
const TEXT_BYTES: usize = 64 << 10;
/// What the file is called while it is here.
const STORED: &str = "adapter.safetensors";
/// A form has so many fields at most.
const FIELDS: usize = 20;

/// An adapter file, and what is to be known about it.
#[derive(Debug, Default, ToSchema)]
pub(crate) struct ImportModel {
    /// The adapter: one `.safetensors` file, of at most what `/api/v1/about` says.
    #[schema(value_type = String, format = Binary)]
    file: PathBuf,
    /// What the file was called.
    #[schema(ignore)]
    file_name: String,
    /// Its name, without `:`, `/` and `\`; that of the file when absent.
    name: Option<String>,
    /// The name of the base that it is for, on which it is tried; the usual one when absent.
    base: Option<String>,
    /// What it is about, for people.
    description: Option<String>,
    /// What its pictures had in common; what the file says when absent.
    #[schema(value_type = Option<String>, schema_with = choices::category)]
    category: Option<Category>,
    /// The word that calls it; what the file says when absent.
    trigger_word: Option<String>,
    /// The strength at which it is used where nobody says another, 0 to 1.5.
    strength: Option<f32>,
}

/// Makes a model of an adapter file. One that a run of the library wrote is known by its content.
#[utoipa::path(
    post, path = "/api/v1/models/import", tag = "models",
    request_body(content = ImportModel, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "The model; `Location` is its address.", body = ModelView),
        (status = 400, body = FailureBody, description = "The body is not as expected, a value cannot be used, or the name is taken."),
        (status = 404, body = FailureBody, description = "There is no such base."),
        (status = 413, body = FailureBody, description = "The file is larger than is accepted."),
        (status = 415, body = FailureBody, description = "The body is of another type."),
        (status = 422, body = FailureBody, description = "The file is no adapter, or none for this base."),
        (status = 503, body = FailureBody, description = "As many uploads as are taken at the same time are under way."),
        (status = 507, body = FailureBody, description = "The disk has too little room.")
    )
)]
pub(crate) async fn import_model(
    AppFor(app): AppFor,
    request: Request,
) -> Result<impl IntoResponse> {
    let _turn = app.upload_place().await?;
    let (folder, _interest) = new_folder(&app).await?;
    let form = receive(&app, request, folder.path()).await?;
    let (keeping, library) = (app.clone(), app.library());
    // Alone among what takes much memory: the file is read wholly.
    let keep = move || {
        let made = keep(&keeping, &library, form);
        folder.close();
        made
    };
    let made = ModelView::from(app.work().decode(None, keep).await??);
    let location = [(header::LOCATION, made.address())];
    Ok((StatusCode::CREATED, location, Json(made)))
}

async fn receive(app: &App, request: Request, folder: &Path) -> Result<ImportModel> {
    let (mut fields, progress) = open_form(app, request).await?;
    let mut form = ImportModel::default();
    let mut count = 0;
    while let Some(field) = fields.next_field().await.map_err(broken)? {
        progress.made();
        count += 1;
        if count > FIELDS {
            return Err(Failure::invalid("the form has too many fields"));
        }
        if field.name() == Some("file") {
            if !form.file.as_os_str().is_empty() {
                return Err(Failure::invalid("the form has more than one field `file`"));
            }
            let name = field.file_name().unwrap_or_default();
            let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
            let stem = name.strip_suffix(".safetensors").unwrap_or(name).to_owned();
            let shown = name.chars().filter(|c| !c.is_control()).take(200);
            let file_name = shown.collect();
            let path = folder.join(STORED);
            let most = ("adapter", app.limits().adapter_bytes);
            write_one(app, field, (&path, &progress), most).await?;
            form.file = path;
            form.file_name = file_name;
            form.name.get_or_insert(stem);
        } else {
            form.set(field, &progress).await?;
        }
    }
    if form.file.as_os_str().is_empty() {
        return Err(Failure::invalid("the form has no field `file`"));
    }
    Ok(form)
}

impl ImportModel {
    /// Takes note of a field that is text.
    async fn set(&mut self, mut field: Field<'_>, progress: &Progress) -> Result<()> {
        let name = field.name().unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            progress.made();
            bytes.extend_from_slice(&chunk);
            if bytes.len() > TEXT_BYTES {
                let message = format!("a field has more than {TEXT_BYTES} bytes");
                return Err(Failure::new(ErrorCode::TooLarge, message));
            }
        }
        let wrong = |problem: &str| {
            let name: String = name.chars().take(100).collect();
            Failure::invalid(format!("the field `{name}`: {problem}"))
        };
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text"))?;
        match name.as_str() {
            "name" => self.name = Some(text),
            "base" => self.base = Some(text),
            "description" => self.description = Some(text),
            "trigger_word" => self.trigger_word = Some(text),
            "category" => {
                let category = text.parse::<Category>();
                self.category = Some(category.map_err(|error| wrong(&error.to_string()))?);
            }
            "strength" => {
                let strength = text.trim().parse();
                self.strength = Some(strength.map_err(|_| wrong("it is no number"))?);
            }
            _ => return Err(wrong("there is no such field")),
        }
        Ok(())
    }
}

fn keep(app: &App, library: &Library, form: ImportModel) -> Result<Model> {
    let planner = app.planner()?;
    let base = known(&planner, form.base.as_deref())?;
    let said = adapter_about(&form.file).map_err(|error| {
        if error.code() == ErrorCode::Io {
            return error.into();
        }
        // Its words name the file where it lies here.
        let lies_at = form.file.display().to_string();
        let message = error.to_string().replace(&lies_at, &form.file_name);
        let message = message.replace(STORED, &form.file_name);
        Failure::new(ErrorCode::BadWeights, message)
    })?;
    planner.check_adapter(&base.name, &form.file)?;
    let about = About {
        name: form.name.unwrap_or_default(),
        description: form.description.unwrap_or_default(),
        category: form.category.unwrap_or(said.category),
        trigger_word: form.trigger_word.unwrap_or(said.trigger_word),
    };
    let new = NewModel {
        about,
        strength: form.strength,
        base_hash: planner.base_hash(&base.name),
        base: base.name,
    };
    Ok(library.import_model(new, &form.file)?)
}
