//! Picture files become start pictures, after they were decoded within the limits of all pictures.

use std::path::PathBuf;

use atelier_core::{Coded as _, ErrorCode};
use atelier_data::{Error as DataError, pixels_of};
use atelier_http::answer::{Failure, Result};
use atelier_http::incoming::folder::UploadFolder;
use atelier_store::{Error, Library, StartPicture};

use crate::app::App;

/// Keeps the file of a picture, which lies in the folder of an upload, under a name for people.
///
/// # Errors
/// When it is no picture that can be used.
pub(crate) async fn keep_file(
    app: &App,
    (path, folder): (PathBuf, UploadFolder),
    name: String,
) -> Result<StartPicture> {
    let at = path.clone();
    let pixels = app.work().files(move || pixels_of(&at)).await?;
    let library = app.library();
    // Whole files come into the memory where there is a place for their pixels.
    let keep = move || {
        let bytes = fs_err::read(path).map_err(Failure::io)?;
        folder.close();
        keep(&library, &name, &bytes)
    };
    app.work().decode(pixels, keep).await?
}

/// The same of bytes that are in the memory already; only to be asked on the threads of [`App::work`].
///
/// # Errors
/// When they are no picture that can be used.
pub fn keep(library: &Library, name: &str, bytes: &[u8]) -> Result<StartPicture> {
    let hold = library.blobs().hold()?;
    let image = match library.keep_image(&hold, name, bytes) {
        Ok(image) => image,
        Err(Error::Pictures(DataError::BadPicture { problem, .. })) => return Err(bad(&problem)),
        Err(error) if error.code() == ErrorCode::BadPicture => return Err(bad(&error)),
        Err(error) => return Err(error.into()),
    };
    Ok(library.create_start_picture(&hold, name, image)?)
}

fn bad(problem: &dyn std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::BadPicture, format!("the picture: {problem}"))
}
