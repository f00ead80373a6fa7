//! What is not there, and what is asked for in another way than it is answered.

use axum::body::Body;
use serde_json::json;

use super::{API, refusal};
use crate::studio::{Studio, request};

#[tokio::test]
async fn what_this_studio_does_not_do_is_refused_by_name() {
    let studio = Studio::working();
    for path in [
        "extra-single-image",
        "extra-batch-images",
        "interrogate",
        "create/embedding",
        "train/hypernetwork",
        "unload-checkpoint",
    ] {
        let answer = studio.post(&format!("{API}/{path}"), &json!({})).await;
        assert_eq!(refusal(&answer).0, 501, "{path}");
    }
    for (method, path, status) in [
        ("GET", "unknown", 404),
        ("POST", "server-kill", 404),
        ("GET", "txt2img", 405),
        ("DELETE", "options", 405),
    ] {
        let asked = request(method, &format!("{API}/{path}"));
        let answer = studio.send(asked.body(Body::empty()).unwrap()).await;
        assert_eq!(refusal(&answer).0, status, "{path}");
    }
}

#[tokio::test]
async fn what_lies_beside_the_api_is_refused_in_its_shape_too() {
    let studio = Studio::working();
    for path in ["/sdapi", API, "/sdapi/v1/", "/sdapi/v2/txt2img"] {
        for method in ["GET", "POST"] {
            let asked = request(method, path).body(Body::empty()).unwrap();
            let (status, detail) = refusal(&studio.send(asked).await);
            assert_eq!(status, 404, "{method} {path}");
            assert!(detail.contains("below `/sdapi/v1`"), "{detail}");
        }
    }
}

#[tokio::test]
async fn bodies_of_another_form_are_refused() {
    let studio = Studio::working();
    for (kind, body, status) in [
        ("multipart/form-data; boundary=x", "{}", 415),
        ("application/json", "{", 422),
        ("application/json", "[1]", 422),
    ] {
        for path in ["txt2img", "img2img", "options", "png-info"] {
            let asked = request("POST", &format!("{API}/{path}")).header("content-type", kind);
            let answer = studio.send(asked.body(Body::from(body)).unwrap()).await;
            assert_eq!(refusal(&answer).0, status, "{path} {kind}");
        }
    }
}
