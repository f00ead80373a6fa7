//! A version as an archive of what a folder for training holds.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use atelier_core::ErrorCode;
use atelier_http::answer::disposition::{Disposition, disposition};
use atelier_http::answer::{Failure, FailureBody, Result};
use atelier_http::work::Place;
use atelier_store::DatasetId;
use axum::body::Body;
use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures_core::Stream;

use super::export_archive::Archive;
use crate::app::App;
use crate::extract::{AppFor, PathOf, VersionName};

/// A version as a zip: the pictures, a text file with the caption of each, and `crops.json` where there are crops.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/versions/{version}/export", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid"), ("version" = String, Path, description = "A number from 1 on, or `latest`.", example = "latest")),
    responses((status = 200, description = "The archive.", body = Vec<u8>, content_type = "application/zip"), (status = 404, body = FailureBody, description = "There is no such dataset or version."), (status = 422, body = FailureBody, description = "The version has no pictures."), (status = 503, body = FailureBody, description = "As many exports as are made at the same time are under way."))
)]
pub(crate) async fn export_version(
    AppFor(app): AppFor,
    PathOf((id, VersionName(number))): PathOf<(DatasetId, VersionName)>,
) -> Result<impl IntoResponse> {
    let library = app.library();
    let found = app.work().catalogue(move || {
        let dataset = library.get_dataset(id)?;
        Ok((dataset, library.get_version(id, number)?))
    });
    let (dataset, version) = found.await?;
    let (name, number) = (dataset.about.name, version.about.number);
    if version.images.is_empty() {
        let message = format!("version {number} of dataset `{name}` has no pictures");
        return Err(Failure::new(ErrorCode::DatasetEmpty, message));
    }
    let place = app.work().export().await?;
    let pieces = Pieces {
        archive: Archive::new(app.library(), version.folder_files()),
        place,
        app,
    };
    let file_name = format!("{name}-v{number}.zip");
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            disposition(Disposition::Attachment, &file_name),
        ),
    ];
    Ok((headers, Body::from_stream(pieces.into_stream())))
}

/// An archive that is sent as it is made. Between two pieces there is no thread that waits for the client.
struct Pieces {
    archive: Archive,
    place: Place,
    app: App,
}

impl Pieces {
    fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> {
        PieceStream(Some(Box::pin(self.next())))
    }

    /// The next piece, and where there is one all that is needed for those behind it.
    async fn next(self) -> Option<(io::Result<Bytes>, Option<Self>)> {
        let Self {
            mut archive,
            place,
            app,
        } = self;
        let made = place.run(move || {
            let piece = archive.next_piece();
            (archive, piece)
        });
        let problem = match made.await {
            Ok((_, Ok(None))) => return None,
            Ok((archive, Ok(Some(piece)))) => {
                let rest = Self {
                    archive,
                    place,
                    app,
                };
                return Some((Ok(piece), Some(rest)));
            }
            Ok((_, Err(error))) => error.to_string(),
            Err(failure) => format!("{failure:?}"),
        };
        app.note(&format_args!("an export ended too early: {problem}"));
        // The client sees an end that is none, and knows that the archive is not whole.
        let end = io::Error::other("the archive ends too early");
        Some((Err(end), None))
    }
}

type NextPiece = Pin<Box<dyn Future<Output = Option<(io::Result<Bytes>, Option<Pieces>)>> + Send>>;

/// The pieces as the body of an answer. Each is made when it is asked for.
struct PieceStream(Option<NextPiece>);

impl Stream for PieceStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(next) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let next = ready!(next.as_mut().poll(context));
        let (piece, rest) = next.map_or((None, None), |(piece, rest)| (Some(piece), rest));
        self.0 = rest.map(|rest| -> NextPiece { Box::pin(rest.next()) });
        Poll::Ready(piece)
    }
}
