//! From files to images.

use std::sync::Arc;

use atelier_core::{Coded as _, ErrorCode};
use atelier_data::{Error as DataError, pixels_of};
use atelier_http::answer::{Failure, Result};
use atelier_http::incoming::folder::UploadFolder;
use atelier_http::incoming::pair::{Paired, mark_unused};
use atelier_http::incoming::part::{Fate, Part};
use atelier_store::{Addition, DatasetId, Error, Hold, Library, NewImage};

use super::{Uploaded, UploadedFile};
use crate::app::App;

/// Decodes every picture and adds those that can be used, as one version.
pub(super) async fn keep(
    app: &App,
    (id, folder): (DatasetId, &UploadFolder),
    paired: Vec<Paired>,
    mut parts: Vec<Part>,
) -> Result<Uploaded> {
    let library = app.library();
    let hold = app.work().catalogue(move || library.blobs().hold());
    let hold = Arc::new(hold.await?);
    let (mut places, mut additions) = (Vec::new(), Vec::new());
    for picture in paired {
        let name = parts[picture.at].name.clone();
        match keep_one(app, (&hold, folder), &picture, &name).await? {
            Ok(image) => {
                places.push(picture.at);
                additions.push(Addition {
                    image,
                    file_name: name,
                    caption: picture.caption,
                    crop: picture.crop,
                });
            }
            Err(reason) => parts[picture.at].fate = Fate::Refused(reason),
        }
    }
    let library = app.library();
    let added = app.work().catalogue(move || {
        let (version, outcomes) = library.add_images(&hold, id, additions, None)?;
        Ok((library.get_dataset(id)?, version, outcomes))
    });
    let (dataset, version, outcomes) = added.await?;
    for (at, outcome) in places.into_iter().zip(outcomes) {
        parts[at].fate = Fate::Image(outcome);
    }
    mark_unused(&mut parts);
    let is_new = |part: &&Part| {
        matches!(
            part.fate,
            Fate::Image(atelier_store::AdditionOutcome::Added(_))
        )
    };
    Ok(Uploaded {
        dataset: dataset.into(),
        version: version.about.into(),
        added: parts.iter().filter(is_new).count(),
        files: parts.into_iter().map(UploadedFile::from).collect(),
    })
}

/// Keeps the file of a picture, or says why it is none that can be used.
async fn keep_one(
    app: &App,
    (hold, folder): (&Arc<Hold>, &UploadFolder),
    picture: &Paired,
    name: &str,
) -> Result<Result<NewImage, String>> {
    let path = picture.path.clone();
    let pixels = app.work().files(move || pixels_of(&path)).await?;
    let (library, hold) = (app.library(), Arc::clone(hold));
    let (path, name, folder) = (picture.path.clone(), name.to_owned(), folder.clone());
    // Whole files come into the memory where there is a place for their pixels.
    let kept = move || {
        let kept = match fs_err::read(path) {
            Ok(bytes) => keep_bytes(&library, &hold, &name, &bytes),
            Err(error) => Err(Failure::io(error)),
        };
        drop(folder);
        kept
    };
    app.work().decode(pixels, kept).await?
}

fn keep_bytes(
    library: &Library,
    hold: &Hold,
    name: &str,
    bytes: &[u8],
) -> Result<Result<NewImage, String>> {
    match library.keep_image(hold, name, bytes) {
        Ok(image) => Ok(Ok(image)),
        Err(Error::Pictures(DataError::BadPicture { problem, .. })) => Ok(Err(problem)),
        Err(error) if error.code() == ErrorCode::BadPicture => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}
