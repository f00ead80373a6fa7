//! The web pages.

use axum::body::Body;

use crate::studio::{Answer, Studio, request};

async fn get_with(studio: &Studio, path: &str, header: &str, value: &str) -> Answer {
    let request = request("GET", path).header(header, value);
    studio.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn every_address_that_is_no_file_shows_the_page() {
    let studio = Studio::new();
    let index = studio.get("/").await;
    assert_eq!(index.status, 200);
    assert_eq!(index.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(index.header("cache-control"), "no-cache");
    assert!(index.body.starts_with(b"<!doctype html>"));
    for path in [
        "/index.html",
        "/datasets",
        "/datasets/1/images",
        "/apix",
        "/a.b",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..",
        "//etc",
    ] {
        let page = studio.get(path).await;
        assert_eq!(
            (page.status.as_u16(), &page.body),
            (200, &index.body),
            "{path}"
        );
    }
    for path in [
        "/assets/none.js",
        "/assets/../index.html",
        "/assets",
        "/sdapi",
        "/sdapi/v2/txt2img",
    ] {
        assert_eq!(studio.get(path).await.failure().0, 404, "{path}");
    }
    let posted = studio.post("/", &serde_json::json!({})).await;
    assert_eq!(posted.failure().0, 405);
}

#[tokio::test]
async fn pages_are_sent_small_and_only_when_they_changed() {
    let studio = Studio::new();
    let index = studio.get("/").await;
    let etag = index.header("etag");
    let known = get_with(&studio, "/", "if-none-match", etag).await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    let small = get_with(&studio, "/", "accept-encoding", "br, gzip").await;
    if small.header("content-encoding") == "gzip" {
        assert!(small.body.len() < index.body.len());
    } else {
        assert_eq!(small.body, index.body);
    }
    let list = get_with(&studio, "/api/v1/openapi.json", "accept-encoding", "gzip").await;
    assert_eq!(list.header("content-encoding"), "gzip");
}
