//! Files that the library keeps, as answers: whole, in part, or not again.

use std::io::{self, SeekFrom};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use atelier_core::ErrorCode;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use crate::answer::disposition::{Disposition, disposition};
use crate::answer::etag::is_known;
use crate::answer::{Failure, Result};
use crate::security::only_this_picture;

/// What is read at once.
const CHUNK_BYTES: usize = 64 << 10;
/// As much of a file as tells its format.
const SNIFFED_BYTES: usize = 32;
/// For content that is the same for ever under its address.
pub const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// A file of the library.
#[derive(Debug)]
pub struct KeptFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What it holds.
    pub hash: String,
    /// How long it is.
    pub size_bytes: u64,
    /// What it is called.
    pub name: String,
}

/// One that is there.
#[derive(Debug)]
pub struct OpenedFile {
    about: KeptFile,
    file: File,
}

impl KeptFile {
    /// Opens it, and looks whether it can be what it was.
    pub async fn open(self) -> Result<OpenedFile> {
        let file = match File::open(&self.path).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.damaged("is gone"));
            }
            // Such as too many open files, which says nothing of this one.
            Err(error) => return Err(Failure::io(error)),
        };
        let length = file.metadata().await.map_err(Failure::io)?.len();
        if length != self.size_bytes {
            return Err(self.damaged("has another length than it had"));
        }
        Ok(OpenedFile { about: self, file })
    }

    /// A picture as a browser shows or keeps it; what lies under its address never changes.
    pub async fn answer_picture(self, asked: &HeaderMap, way: Disposition) -> Result<Response> {
        let mut file = self.open().await?;
        let kind = file.picture_kind().await?;
        file.answer(asked, (kind, way), FOR_EVER).await
    }

    fn damaged(&self, problem: &str) -> Failure {
        let message = format!("the file of `{}` {problem}", self.name);
        Failure::new(ErrorCode::DamagedLibrary, message)
    }
}

impl OpenedFile {
    /// The type of a picture by its content, whatever its name says.
    pub async fn picture_kind(&mut self) -> Result<&'static str> {
        let kind = kind_of(&mut self.file).await.map_err(Failure::io);
        Ok(kind?.map_or("application/octet-stream", |format| format.to_mime_type()))
    }

    /// What a request with these headers is answered with; `keep` says how long clients may keep it.
    pub async fn answer(
        self,
        asked: &HeaderMap,
        (kind, way): (&str, Disposition),
        keep: &str,
    ) -> Result<Response> {
        let Self { about, file } = self;
        let etag = format!("\"{}\"", about.hash);
        let rest = asked.get(header::IF_RANGE);
        let is_rest = rest.is_none_or(|rest| rest.as_bytes() == etag.as_bytes());
        // A part is only wanted of the file that the client has the rest of.
        let part = asked.get(header::RANGE).filter(|_| is_rest);
        let part = part.and_then(|part| part.to_str().ok());
        let length = about.size_bytes;
        let part = part.map_or(Wanted::Whole, |part| wanted(part, length));
        let mut response = match part {
            _ if is_known(asked, &etag) => StatusCode::NOT_MODIFIED.into_response(),
            Wanted::Whole => send(file, length, None).await?,
            Wanted::Part(range) => send(file, length, Some(range)).await?,
            Wanted::Beyond => return Ok(refuse_part(length)),
        };
        let headers = response.headers_mut();
        let mut set = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(header::CONTENT_TYPE, kind);
        set(header::ETAG, &etag);
        set(header::ACCEPT_RANGES, "bytes");
        set(header::CACHE_CONTROL, keep);
        set(header::CONTENT_DISPOSITION, &disposition(way, &about.name));
        only_this_picture(headers);
        Ok(response)
    }
}

async fn kind_of(file: &mut File) -> io::Result<Option<image::ImageFormat>> {
    let mut start = Vec::with_capacity(SNIFFED_BYTES);
    file.take(SNIFFED_BYTES as u64)
        .read_to_end(&mut start)
        .await?;
    file.rewind().await?;
    Ok(image::guess_format(&start).ok())
}

/// A failure like every other, which is nothing of the file: it is not kept as long as that.
fn refuse_part(length: u64) -> Response {
    let message = format!("the file has {length} bytes, and not this part of them");
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    let failure = Failure::invalid(message).with_status(status);
    let mut response = failure.into_response();
    let headers = response.headers_mut();
    let keep = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, keep);
    if let Ok(range) = HeaderValue::from_str(&format!("bytes */{length}")) {
        headers.insert(header::CONTENT_RANGE, range);
    }
    response
}

async fn send(mut file: File, length: u64, range: Option<RangeInclusive<u64>>) -> Result<Response> {
    let status = match range {
        Some(_) => StatusCode::PARTIAL_CONTENT,
        None => StatusCode::OK,
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

    #[tokio::test]
    async fn only_a_file_that_is_not_there_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let opened = async |path: &str| {
            let file = KeptFile {
                path: folder.path().join(path),
                hash: String::new(),
                size_bytes: 1,
                name: "a.png".to_owned(),
            };
            format!("{:?}", file.open().await.unwrap_err())
        };
        assert!(opened("absent").await.contains("DamagedLibrary"));
        fs_err::write(folder.path().join("file"), b"x").unwrap();
        // The system says that a part of the path is no folder.
        let other = opened("file/below").await;
        assert!(other.contains("code: Io"), "{other}");
    }

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
