//! What keeps other sites' pages away.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::studio::{HOST, Studio, request};

const LIST: &str = "/api/v1/datasets";

async fn get_with(studio: &Studio, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    studio
        .send(request.body(Body::empty()).unwrap())
        .await
        .status
        .as_u16()
}

async fn post_with(studio: &Studio, headers: &[(&str, &str)], body: &str) -> u16 {
    let mut request = request("POST", LIST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let length = body.len().to_string();
    let request = request.header("content-length", length);
    studio
        .send(request.body(Body::from(body.to_owned())).unwrap())
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn requests_that_name_another_host_are_refused() {
    let studio = Studio::new();
    for path in [
        LIST,
        "/",
        "/assets/x.js",
        "/healthz",
        "/metrics",
        "/api/v1/openapi.json",
    ] {
        for host in [
            "evil.example",
            "evil.example:7860",
            "127.0.0.1",
            "127.0.0.1:7861",
            "127.0.0.1.evil.example:7860",
            "0.0.0.0:7860",
            "",
        ] {
            assert_eq!(
                get_with(&studio, path, &[("host", host)]).await,
                403,
                "{host}"
            );
        }
        assert_eq!(get_with(&studio, path, &[]).await, 403);
        let twice = [("host", HOST), ("host", "evil.example")];
        assert_eq!(get_with(&studio, path, &twice).await, 403);
    }
    for host in [HOST, "localhost:7860", "[::1]:7860", "LOCALHOST:7860"] {
        assert_eq!(
            get_with(&studio, LIST, &[("host", host)]).await,
            200,
            "{host}"
        );
    }
    let absolute = "http://evil.example:7860/api/v1/datasets";
    assert_eq!(get_with(&studio, absolute, &[("host", HOST)]).await, 403);
}

#[tokio::test]
async fn pages_of_other_sites_neither_change_nor_read_anything() {
    let studio = Studio::new();
    let json = ("content-type", "application/json");
    let body = |name: &str| json!({"name": name}).to_string();
    for header in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:3000"),
        ("origin", "https://127.0.0.1:7860"),
        ("origin", "http://127.0.0.1:7860.evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", ""),
    ] {
        assert_eq!(
            post_with(&studio, &[json, header], &body("a")).await,
            403,
            "{header:?}"
        );
        assert_eq!(
            get_with(&studio, LIST, &[("host", HOST), header]).await,
            403,
            "{header:?}"
        );
        assert_eq!(
            get_with(&studio, "/metrics", &[("host", HOST), header]).await,
            403
        );
    }
    assert_eq!(studio.get(LIST).await.ok()["total"], 0);
    for (name, headers) in [
        ("a", &[json, ("origin", "http://127.0.0.1:7860")][..]),
        (
            "b",
            &[
                json,
                ("origin", "http://localhost:7860"),
                ("sec-fetch-site", "same-origin"),
            ],
        ),
        ("c", &[json, ("sec-fetch-site", "none")]),
        ("d", &[("content-type", "Application/JSON; charset=utf-8")]),
    ] {
        assert_eq!(
            post_with(&studio, headers, &body(name)).await,
            201,
            "{headers:?}"
        );
    }
    // A link to the pages from somewhere else is no danger.
    let link = [("host", HOST), ("sec-fetch-site", "cross-site")];
    assert_eq!(get_with(&studio, "/datasets/1", &link).await, 200);
}

#[tokio::test]
async fn forms_and_texts_change_nothing() {
    let studio = Studio::new();
    let body = json!({"name": "a"}).to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
    ] {
        assert_eq!(
            post_with(&studio, &[("content-type", kind)], &body).await,
            415,
            "{kind}"
        );
    }
    assert_eq!(post_with(&studio, &[], &body).await, 415);
    assert_eq!(studio.get(LIST).await.ok()["total"], 0);
}

#[tokio::test]
async fn every_answer_says_what_may_be_done_with_it() {
    let studio = Studio::new();
    for path in [
        "/",
        LIST,
        "/healthz",
        "/api/v1/nothing",
        "/assets/nothing.js",
        "/api/v1/openapi.json",
    ] {
        let answer = studio.get(path).await;
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'self'",
            "img-src 'self' blob: data:",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    let refused = studio
        .send(Request::builder().uri("/").body(Body::empty()).unwrap())
        .await;
    assert_eq!(refused.header("x-frame-options"), "DENY");
    assert_eq!(studio.get(LIST).await.header("cache-control"), "no-store");
    let asked = request("OPTIONS", LIST).header("access-control-request-method", "POST");
    let asked = studio.send(asked.body(Body::empty()).unwrap()).await;
    assert_eq!(asked.failure().0, 405);
}

#[tokio::test]
async fn a_document_that_is_too_large_is_refused() {
    let studio = Studio::with_limits(atelier_server::Limits {
        json_bytes: 1000,
        ..atelier_server::Limits::default()
    });
    let large = json!({"name": "a", "description": "x".repeat(1000)});
    let (status, code, _) = studio.post(LIST, &large).await.failure();
    assert_eq!((status, code.as_str()), (413, "too_large"));
}
