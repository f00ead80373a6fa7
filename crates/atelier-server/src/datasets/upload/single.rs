//! Addresses that take a single file: it is written to the folder of an upload, and may become an image without words.

use std::path::{Path, PathBuf};

use atelier_core::ErrorCode;
use atelier_store::DatasetId;
use axum::extract::multipart::Field;
use serde_json::json;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::disk::Disk;
use super::folder::UploadFolder;
use super::keep::keep;
use super::metered::Progress;
use super::pair::Paired;
use super::part::{Fate, Part};
use super::receive::broken;
use crate::answer::{Failure, Result};
use crate::app::App;

/// A picture that lies in the folder of an upload.
#[derive(Debug)]
pub(crate) struct SinglePicture {
    /// Where its file lies.
    pub(crate) path: PathBuf,
    /// What it will be called.
    pub(crate) name: String,
}

/// Makes an image of a picture, unless the dataset has it already.
///
/// # Errors
/// When it is no picture that can be used.
pub(crate) async fn add_one(
    app: &App,
    (id, folder): (DatasetId, &UploadFolder),
    SinglePicture { path, name }: SinglePicture,
) -> Result<()> {
    let part = Part::new(&name, None, Fate::Lies(path.clone()));
    let paired = Paired {
        at: 0,
        path,
        caption: String::new(),
        crop: None,
    };
    let added = keep(app, (id, folder), vec![paired], vec![part]).await?;
    let refused = added.files.into_iter().find_map(|file| file.reason);
    match refused {
        Some(reason) => Err(Failure::new(ErrorCode::BadPicture, reason)),
        None => Ok(()),
    }
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
