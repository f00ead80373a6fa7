//! The files of pictures, as they were added, whole or in part.

use std::io::SeekFrom;
use std::ops::RangeInclusive;

use atelier_core::ErrorCode;
use atelier_store::{DatasetId, Image, ImageId};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;
use utoipa::IntoParams;

use crate::answer::{Failure, FailureBody, Result};
use crate::app::App;
use crate::disposition::{Disposition, disposition};
use crate::extract::{PathOf, QueryOf};
use crate::security::only_this_picture;

/// What is read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// As much of a file as tells its format.
const SNIFFED_BYTES: usize = 32;

/// How the file is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// To be saved instead of shown.
    #[serde(default)]
    #[param(default = false)]
    download: bool,
}

/// The file of an image, as it was added.
#[utoipa::path(
    get, path = "/api/v1/datasets/{dataset}/images/{image}/file", tag = "datasets",
    params(("dataset" = String, Path, format = "uuid"), ("image" = String, Path, format = "uuid"), FileQuery),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "image/*"),
        (status = 206, description = "The part that `Range` names.", body = Vec<u8>, content_type = "image/*"),
        (status = 304, description = "It is the one that the client has."),
        (status = 404, body = FailureBody, description = "There is no such dataset or image."),
        (status = 416, body = FailureBody, description = "The file has no such part.")
    )
)]
pub(crate) async fn get_image_file(
    State(app): State<App>,
    PathOf((dataset, id)): PathOf<(DatasetId, ImageId)>,
    QueryOf(query): QueryOf<FileQuery>,
    asked: HeaderMap,
) -> Result<Response> {
    let library = app.library();
    let found = app.work().catalogue(move || {
        let image = library.get_image(dataset, id, None)?;
        let path = library.blobs().path(&image.blob);
        Ok((image, path))
    });
    let (image, path) = found.await?;
    let etag = format!("\"{}\"", image.blob);
    let is = |name: HeaderName| {
        let value = asked.get(name);
        value.map(|value| value.as_bytes() == etag.as_bytes())
    };
    let Ok(mut file) = File::open(&path).await else {
        return Err(damaged(&image, "is gone"));
    };
    let length = file.metadata().await.map_err(Failure::io)?.len();
    if length != image.size_bytes {
        return Err(damaged(&image, "has another length than it had"));
    }
    // A part is only wanted of the file that the client has the rest of.
    let part = asked
        .get(header::RANGE)
        .filter(|_| is(header::IF_RANGE) != Some(false));
    let part = part.and_then(|part| part.to_str().ok());
    let part = part.map_or(Wanted::Whole, |part| wanted(part, length));
    let kind = kind_of(&mut file).await.map_err(Failure::io)?;
    let mut response = if is(header::IF_NONE_MATCH) == Some(true) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        answer(file, length, part).await?
    };
    let headers = response.headers_mut();
    let way = if query.download {
        Disposition::Attachment
    } else {
        Disposition::Inline
    };
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, kind);
    set(header::ETAG, &etag);
    set(header::ACCEPT_RANGES, "bytes");
    set(
        header::CACHE_CONTROL,
        "private, max-age=31536000, immutable",
    );
    set(
        header::CONTENT_DISPOSITION,
        &disposition(way, &image.file_name),
    );
    only_this_picture(headers);
    Ok(response)
}

fn damaged(image: &Image, problem: &str) -> Failure {
    let message = format!("the file of `{}` {problem}", image.file_name);
    Failure::new(ErrorCode::DamagedLibrary, message)
}

/// The type by the content, whatever the name says.
async fn kind_of(file: &mut File) -> std::io::Result<&'static str> {
    let mut start = Vec::with_capacity(SNIFFED_BYTES);
    file.take(SNIFFED_BYTES as u64)
        .read_to_end(&mut start)
        .await?;
    file.rewind().await?;
    let format = image::guess_format(&start).ok();
    Ok(format.map_or("application/octet-stream", |format| format.to_mime_type()))
}

async fn answer(mut file: File, length: u64, part: Wanted) -> Result<Response> {
    let (status, range) = match part {
        Wanted::Whole => (StatusCode::OK, None),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        Wanted::Beyond => {
            let message = format!("the file has {length} bytes, and not this part of them");
            let failure = Failure::invalid(message);
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            let mut response = failure.with_status(status).into_response();
            let range = HeaderValue::from_str(&format!("bytes */{length}"));
            if let Ok(range) = range {
                response.headers_mut().insert(header::CONTENT_RANGE, range);
            }
            return Ok(response);
        }
    };
    let (start, count) = range.as_ref().map_or((0, length), |range| {
        (*range.start(), range.end() - range.start() + 1)
    });
    file.seek(SeekFrom::Start(start))
        .await
        .map_err(Failure::io)?;
    let stream = ReaderStream::with_capacity(file.take(count), CHUNK_BYTES);
    let mut response = (status, Body::from_stream(stream)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(count));
    if let Some(range) = range {
        let (start, end) = range.into_inner();
        let range = HeaderValue::from_str(&format!("bytes {start}-{end}/{length}"));
        if let Ok(range) = range {
            headers.insert(header::CONTENT_RANGE, range);
        }
    }
    Ok(response)
}

/// What of a file is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(RangeInclusive<u64>),
    /// A part that it does not have.
    Beyond,
}

/// What a `Range` means for a file of this length. Several parts at once, and what is no range, mean all of it.
fn wanted(range: &str, length: u64) -> Wanted {
    let number = |text: &str| text.parse::<u64>().ok();
    let Some((first, last)) = range
        .trim()
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Wanted::Whole;
    };
    let (start, end) = match (first, last) {
        ("", count) => match number(count) {
            Some(count) => (length.saturating_sub(count), length.saturating_sub(1)),
            None => return Wanted::Whole,
        },
        (first, last) => {
            let end = if last.is_empty() {
                Some(u64::MAX)
            } else {
                number(last)
            };
            match (number(first), end) {
                (Some(start), Some(end)) if start <= end => {
                    (start, end.min(length.saturating_sub(1)))
                }
                _ => return Wanted::Whole,
            }
        }
    };
    if start < length && range.trim() != "bytes=-0" {
        Wanted::Part(start..=end)
    } else {
        Wanted::Beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_means_them() {
        for (range, expected) in [
            ("bytes=0-9", Wanted::Part(0..=9)),
            ("bytes=90-", Wanted::Part(90..=99)),
            ("bytes=-10", Wanted::Part(90..=99)),
            ("bytes=-1000", Wanted::Part(0..=99)),
            ("bytes=99-4000", Wanted::Part(99..=99)),
            ("bytes=100-", Wanted::Beyond),
            ("bytes=-0", Wanted::Beyond),
            ("bytes=9-0", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("bytes=18446744073709551616-", Wanted::Whole),
        ] {
            assert_eq!(wanted(range, 100), expected, "{range}");
        }
        assert_eq!(wanted("bytes=0-", 0), Wanted::Beyond);
    }
}
