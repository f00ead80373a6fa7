//! Addresses that take a single file: it is written to the folder of an upload, and may become an image without words.

use std::path::{Path, PathBuf};

use atelier_core::ErrorCode;
use atelier_http::answer::{Failure, Result};
use atelier_http::incoming::disk::Disk;
use atelier_http::incoming::folder::UploadFolder;
use atelier_http::incoming::metered::Progress;
use atelier_http::incoming::pair::Paired;
use atelier_http::incoming::part::{Fate, Part, UploadOutcome};
use atelier_http::incoming::receive::broken;
use atelier_store::{DatasetId, ImageId};
use axum::extract::Request;
use axum::extract::multipart::Field;
use serde_json::json;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::begin::{new_folder, open_form};
use super::keep::keep;
use crate::app::App;

/// What a form has beside the file, at most.
const FIELDS: usize = 30;
const FIELD_BYTES: usize = 64 << 10;

/// A picture that lies in the folder of an upload.
#[derive(Debug)]
struct SinglePicture {
    /// Where its file lies.
    path: PathBuf,
    /// What it will be called.
    name: String,
}

/// Adds the picture of a form, which is its part `file`, to a dataset under this name. Where the dataset has it already nothing
/// comes in, and the image that it is is returned.
///
/// # Errors
/// When the form has none, or it is no picture that can be used.
pub async fn add_from_form(
    app: &App,
    dataset: DatasetId,
    name: String,
    request: Request,
) -> Result<Option<ImageId>> {
    let _turn = app.upload_place().await?;
    let (folder, _interest) = new_folder(app).await?;
    let path = folder.path().join("0");
    receive(app, request, &path).await?;
    let present = add_one(app, (dataset, &folder), SinglePicture { path, name }).await?;
    app.work().files(move || folder.close()).await?;
    Ok(present)
}

/// Writes the part `file` of a form.
async fn receive(app: &App, request: Request, path: &Path) -> Result<()> {
    let (mut form, progress) = open_form(app, request).await?;
    let (mut has_file, mut others) = (false, 0);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        progress.made();
        if field.name() == Some("file") && !has_file {
            let most = ("picture", app.limits().picture_bytes);
            write_one(app, field, (path, &progress), most).await?;
            has_file = true;
            continue;
        }
        others += 1;
        if others > FIELDS {
            return Err(Failure::invalid("the form has too many fields"));
        }
        pass_over(field, &progress).await?;
    }
    if has_file {
        return Ok(());
    }
    Err(Failure::invalid("the form has no field `file`"))
}

/// What stands in other fields is nobody's business here.
async fn pass_over(mut field: Field<'_>, progress: &Progress) -> Result<()> {
    let mut count = 0;
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        progress.made();
        count += chunk.len();
        if count > FIELD_BYTES {
            let message = format!("a field has more than {FIELD_BYTES} bytes");
            return Err(Failure::new(ErrorCode::TooLarge, message));
        }
    }
    Ok(())
}

/// Makes an image of a picture, unless the dataset has it already, as the one that is returned.
///
/// # Errors
/// When it is no picture that can be used.
async fn add_one(
    app: &App,
    (id, folder): (DatasetId, &UploadFolder),
    SinglePicture { path, name }: SinglePicture,
) -> Result<Option<ImageId>> {
    let part = Part::new(&name, None, Fate::Lies(path.clone()));
    let paired = Paired {
        at: 0,
        path,
        caption: String::new(),
        crop: None,
    };
    let added = keep(app, (id, folder), vec![paired], vec![part]).await?;
    let Some(file) = added.files.into_iter().next() else {
        return Ok(None);
    };
    if let Some(reason) = file.reason {
        return Err(Failure::new(ErrorCode::BadPicture, reason));
    }
    let is_present = file.outcome == UploadOutcome::Present;
    let present = file.image.filter(|_| is_present);
    Ok(present.and_then(|id| id.parse().ok()))
}

/// Writes a file of a form, which is `what` and has at most so many bytes.
pub(crate) async fn write_one(
    app: &App,
    mut field: Field<'_>,
    (path, progress): (&Path, &Progress),
    (what, most_bytes): (&str, u64),
) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut disk = Disk::new(folder.to_owned(), app.limits().spare_bytes);
    let mut file = File::create(path).await.map_err(Failure::io)?;
    let mut size_bytes = 0;
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        progress.made();
        size_bytes += chunk.len() as u64;
        if size_bytes > most_bytes {
            let message = format!("the {what} has more than {most_bytes} bytes");
            let failure = Failure::new(ErrorCode::TooLarge, message);
            return Err(failure.with_details(json!({"most_bytes": most_bytes})));
        }
        disk.take(chunk.len() as u64)?;
        file.write_all(&chunk).await.map_err(Failure::io)?;
    }
    file.flush().await.map_err(Failure::io)
}
