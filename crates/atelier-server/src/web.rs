//! The web pages, which are compiled in. Addresses that are no file get the page itself, which knows what to show there.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::sync::{LazyLock, OnceLock};

use atelier_http::answer::Failure;
use atelier_http::answer::etag;
use atelier_http::security::is_below;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use include_dir::{Dir, include_dir};

static FOLDER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../web/dist");
static FILES: LazyLock<BTreeMap<String, File>> = LazyLock::new(|| {
    let mut files = BTreeMap::new();
    collect(&FOLDER, &mut files);
    files
});
/// The page that shows everything.
const INDEX: &str = "/index.html";
/// Files below have the hash of their content in their names.
const HASHED: &str = "/assets";

/// A file of the pages.
struct File {
    bytes: &'static [u8],
    kind: &'static str,
    etag: String,
    /// Made when it is wanted for the first time; nothing where it would not be smaller.
    gzip: OnceLock<Option<Bytes>>,
}

fn collect(folder: &Dir<'static>, files: &mut BTreeMap<String, File>) {
    for file in folder.files() {
        let Some(path) = file.path().to_str() else {
            continue;
        };
        let path = format!("/{}", path.replace('\\', "/"));
        let mut hasher = DefaultHasher::new();
        file.contents().hash(&mut hasher);
        let file = File {
            bytes: file.contents(),
            kind: kind_of(&path),
            etag: format!("\"{:016x}\"", hasher.finish()),
            gzip: OnceLock::new(),
        };
        files.insert(path, file);
    }
    for folder in folder.dirs() {
        collect(folder, files);
    }
}

/// Answers every address that is not the API's.
pub(crate) async fn get_page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let absent = || Failure::not_found(format!("there is nothing at `{method} {path}`"));
    if is_below(path, "/api") || is_below(path, "/sdapi") {
        return absent().into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        let failure = Failure::invalid("pages are only read");
        let failure = failure.with_status(StatusCode::METHOD_NOT_ALLOWED);
        return failure.into_response();
    }
    let (file, is_hashed) = match FILES.get(path) {
        Some(file) => (Some(file), is_below(path, HASHED)),
        None if is_below(path, HASHED) => (None, false),
        None => (FILES.get(INDEX), false),
    };
    file.map_or_else(
        || absent().into_response(),
        |file| file.answer(&headers, is_hashed),
    )
}

impl File {
    fn answer(&self, asked: &HeaderMap, is_hashed: bool) -> Response {
        let is_known = etag::is_known(asked, &self.etag);
        let gzip = self.gzip().filter(|_| takes_gzip(asked));
        let body = match gzip {
            _ if is_known => Body::empty(),
            Some(small) => Body::from(small.clone()),
            None => Body::from(self.bytes),
        };
        let mut response = body.into_response();
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        let mut set = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(header::CONTENT_TYPE, self.kind);
        set(header::ETAG, &self.etag);
        set(header::VARY, "accept-encoding");
        set(
            header::CACHE_CONTROL,
            if is_hashed {
                "public, max-age=31536000, immutable"
            } else {
                "no-cache"
            },
        );
        if gzip.is_some() && !is_known {
            set(header::CONTENT_ENCODING, "gzip");
        }
        response
    }

    fn gzip(&self) -> Option<&Bytes> {
        let made = self.gzip.get_or_init(|| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            let small = encoder
                .write_all(self.bytes)
                .and_then(|()| encoder.finish());
            let small = small.ok().filter(|small| small.len() < self.bytes.len());
            small.map(Bytes::from)
        });
        made.as_ref()
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| {
        let mut codings = accepted.split(',').map(str::trim);
        codings.any(|coding| coding == "gzip" || coding.starts_with("gzip;q=1"))
    })
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser loads before it shows something.
    #[test]
    fn the_script_of_the_pages_is_small() {
        let is_script = |file: &&File| file.kind.starts_with("text/javascript");
        let scripts = FILES.values().filter(is_script);
        let sizes = scripts.map(|file| file.gzip().map_or(file.bytes.len(), Bytes::len));
        let bytes: usize = sizes.sum();
        assert!((1..=250_000).contains(&bytes), "{bytes}");
    }
}
