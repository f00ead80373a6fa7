//! From files to images.

use std::io::Cursor;
use std::sync::Arc;

use atelier_core::{Coded as _, ErrorCode};
use atelier_data::Error as DataError;
use atelier_store::{Addition, DatasetId, Error, Hold, Library, NewImage};
use image::ImageReader;

use super::folder::UploadFolder;
use super::pair::{Paired, mark_unused};
use super::part::{Fate, Part};
use super::{Uploaded, UploadedFile};
use crate::answer::{Failure, Result};
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
    let (path, folder) = (picture.path.clone(), folder.clone());
    let read = move || -> std::io::Result<_> {
        let bytes = fs_err::read(path)?;
        let pixels = pixels_of(&bytes);
        drop(folder);
        Ok((bytes, pixels))
    };
    let (bytes, pixels) = app.work().files(read).await?.map_err(Failure::io)?;
    let (library, hold, name) = (app.library(), Arc::clone(hold), name.to_owned());
    let kept = move || keep_bytes(&library, &hold, &name, &bytes);
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

/// What the head of a picture says of its size; nothing when it has none that is understood.
fn pixels_of(bytes: &[u8]) -> Option<u64> {
    let reader = ImageReader::new(Cursor::new(bytes));
    let size = reader.with_guessed_format().ok()?.into_dimensions().ok()?;
    Some(u64::from(size.0) * u64::from(size.1))
}
