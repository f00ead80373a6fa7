//! Addresses for announced pictures.

use atelier_server::Access;
use axum::body::Body;
use serde_json::json;

use super::API;
use crate::studio::{Studio, request, text};

/// The address that an announcement with these headers names.
async fn address(studio: &Studio, headers: &[(&str, &str)]) -> String {
    let about = json!({"name": "blobs"});
    let made = studio.post(&format!("{API}/datasets"), &about).await.ok();
    let id = text(&made["insert_datasets_one"]["id"]);
    let mut announce = request("POST", &format!("{API}/datasets/{id}/upload"))
        .header("content-type", "application/json");
    for (name, value) in headers {
        announce = announce.header(*name, *value);
    }
    let body = Body::from("{\"extension\": \"png\"}");
    let announced = studio.send(announce.body(body).unwrap()).await.ok();
    text(&announced["uploadDatasetImage"]["url"]).to_owned()
}

#[tokio::test]
async fn an_address_is_https_where_the_proxy_before_the_server_says_so() {
    let secure = [("x-forwarded-proto", "https")];
    let alone = Studio::working();
    let mut behind = Studio::working();
    behind.guard(Access {
        is_behind_proxy: true,
        ..Access::default()
    });
    for (studio, headers, scheme) in [
        // Everybody can write the header.
        (&alone, &secure[..], "http"),
        (&alone, &[], "http"),
        (&behind, &secure, "https"),
        (&behind, &[], "http"),
        (&behind, &[("x-forwarded-proto", "http")], "http"),
    ] {
        let address = address(studio, headers).await;
        let start = format!("{scheme}://127.0.0.1:7860{API}/uploads/");
        assert!(address.starts_with(&start), "{address}");
    }
}
