//! A version as an archive of what a folder for training holds.

use std::io::{self, Write};
use std::time::Duration;

use atelier_core::ErrorCode;
use atelier_store::{DatasetId, FolderContent, FolderFile, Library};
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::answer::disposition::{Disposition, disposition};
use crate::answer::{Failure, FailureBody, Result};
use crate::app::App;
use crate::extract::{PathOf, VersionName};

/// Chunks on their way to the client.
const WAITING: usize = 8;
/// The size of a chunk.
const CHUNK_BYTES: usize = 128 << 10;

/// A version as a zip: the pictures, a text file with the caption of each, and `crops.json` where there are crops.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/versions/{version}/export", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid"), ("version" = String, Path, description = "A number from 1 on, or `latest`.", example = "latest")),
    responses((status = 200, description = "The archive.", body = Vec<u8>, content_type = "application/zip"), (status = 404, body = FailureBody, description = "There is no such dataset or version."), (status = 422, body = FailureBody, description = "The version has no pictures."))
)]
pub(crate) async fn export_version(
    State(app): State<App>,
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
    let (to_client, chunks) = channel(WAITING);
    let (library, noting) = (app.library(), app.clone());
    let patience = app.limits().pause;
    let files = version.folder_files();
    tokio::spawn(async move {
        let failing = to_client.clone();
        let write = move || {
            let chunks = Chunks::new(to_client, patience);
            write_archive(&library, &files, chunks)
        };
        let written = noting.work().files(write).await;
        let problem = match written {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(failure) => format!("{failure:?}"),
        };
        if failing.is_closed() {
            return;
        }
        noting.note(&format_args!("an export ended too early: {problem}"));
        // The client sees an end that is none, and knows that the archive is not whole.
        let end = io::Error::other("the archive ends too early");
        let _ = failing.send(Err(end)).await;
    });
    let file_name = format!("{name}-v{number}.zip");
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            disposition(Disposition::Attachment, &file_name),
        ),
    ];
    Ok((headers, Body::from_stream(ChunkStream(chunks))))
}

fn write_archive(library: &Library, files: &[FolderFile], to: Chunks) -> io::Result<()> {
    let mut archive = ZipWriter::new_stream(to);
    // Pictures are compressed already.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for FolderFile { name, content } in files {
        let read;
        let bytes = match content {
            FolderContent::Blob(hash) => {
                read = library.blobs().read(hash).map_err(io::Error::other)?;
                &read
            }
            FolderContent::Text(text) => text.as_bytes(),
        };
        let options = options.large_file(bytes.len() >= 1 << 31);
        archive.start_file(name.as_str(), options)?;
        archive.write_all(bytes)?;
    }
    let mut rest = archive.finish()?.into_inner();
    rest.flush()
}

/// Writes to a client, and gives up when it takes nothing for too long.
struct Chunks {
    to_client: Sender<io::Result<Bytes>>,
    patience: Duration,
    buffer: Vec<u8>,
    /// Nothing goes to the client any more. The archive's end is written when it is dropped, and has to go somewhere.
    gave_up: bool,
}

impl Chunks {
    fn new(to_client: Sender<io::Result<Bytes>>, patience: Duration) -> Self {
        Self {
            to_client,
            patience,
            buffer: Vec::with_capacity(CHUNK_BYTES),
            gave_up: false,
        }
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let next = Vec::with_capacity(CHUNK_BYTES);
        let chunk = Bytes::from(std::mem::replace(&mut self.buffer, next));
        if self.gave_up || chunk.is_empty() {
            return Ok(());
        }
        let sending = timeout(self.patience, self.to_client.send(Ok(chunk)));
        let problem = match Handle::current().block_on(sending) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(_)) => "the client went away",
            Err(_) => "the client took nothing for too long",
        };
        self.gave_up = true;
        Err(io::Error::other(problem))
    }
}

/// What was written, as the body of an answer.
struct ChunkStream(Receiver<io::Result<Bytes>>);

impl futures_core::Stream for ChunkStream {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
