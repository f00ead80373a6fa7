//! Requests are answered when they were meant for this server and come from its own pages, or from no page at all.

use atelier_core::ErrorCode;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::{Addresses, refused};
use crate::answer::{Failure, Result};

/// Refuses what another site's page sends.
pub async fn check_origin(State(own): State<Addresses>, request: Request, next: Next) -> Response {
    match check(&own, &request) {
        Ok(()) => next.run(request).await,
        Err(failure) => refused(request.uri().path(), failure),
    }
}

fn check(own: &Addresses, request: &Request) -> Result<()> {
    let headers = request.headers();
    let forbidden = |message: &str| Err(Failure::new(ErrorCode::Forbidden, message));
    let authority = request.uri().authority();
    let is_meant = authority.is_none_or(|authority| own.has_host(authority.as_str()))
        && only(headers, header::HOST).is_some_and(|host| own.has_host(host));
    if !is_meant {
        return forbidden("the request names another host than this server");
    }
    let path = request.uri().path();
    let is_page = !is_below(path, "/api") && !is_below(path, "/sdapi") && path != "/metrics";
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if is_page && !changes {
        return Ok(());
    }
    // Browsers say where a request comes from; other programs say nothing, and no page can make them send one.
    let site = headers
        .get("sec-fetch-site")
        .map(axum::http::HeaderValue::as_bytes);
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        return forbidden("the request comes from a page of another site");
    }
    let has_origin = headers.contains_key(header::ORIGIN);
    if has_origin && !only(headers, header::ORIGIN).is_some_and(|origin| own.has_origin(origin)) {
        return forbidden("the request comes from a page of another site");
    }
    if changes && has_body(headers) && media_type(headers).is_none() {
        let message = "the request's body is neither `application/json` nor `multipart/form-data`";
        let failure = Failure::invalid(message);
        return Err(failure.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    Ok(())
}

/// The type of a body, without what follows it, as it is most often spelled.
pub fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = value.split(';').next()?.trim();
    let known = ["application/json", "multipart/form-data"];
    known
        .into_iter()
        .find(|known| kind.eq_ignore_ascii_case(known))
}

/// Whether a path is a folder or lies in it.
pub fn is_below(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    let is_empty = length.is_none_or(|length| length == "0");
    !is_empty
        || headers.contains_key(header::TRANSFER_ENCODING)
        || headers.contains_key(header::CONTENT_TYPE)
}
