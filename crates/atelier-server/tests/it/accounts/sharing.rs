//! What is shared is seen by others, and not changed by them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use atelier_accounts::Role;
use axum::body::{Body, Bytes};
use axum::http::header;
use futures_util::stream;
use serde_json::json;

use super::privacy::until_over;
use super::{Asker, guarded};
use crate::studio::{multipart, picture, text};

#[tokio::test]
async fn nothing_comes_in_for_a_dataset_of_somebody_else() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Member);
    let max = Asker::new(&studio, "max", Role::Member);
    let dataset = mia
        .post("/api/v1/datasets", &json!({"name": "faces"}))
        .await;
    let path = format!("/api/v1/datasets/{}", text(&dataset.ok()["id"]));
    mia.call("PUT", &format!("{path}/shared"), &json!({"shared": true}))
        .await
        .ok();
    assert_eq!(max.get(&path).await.status, 200);

    let is_read: Arc<AtomicBool> = Arc::default();
    let reading = Arc::clone(&is_read);
    let body = stream::once(async move {
        reading.store(true, Ordering::SeqCst);
        Ok::<_, Infallible>(Bytes::from(multipart(&[("a.png", &picture(1))])))
    });
    let kind = "multipart/form-data; boundary=XBOUNDARYX";
    let sent = max.request("POST", &format!("{path}/images"));
    let sent = sent.header(header::CONTENT_TYPE, kind);
    let sent = sent.body(Body::from_stream(body)).unwrap();
    let (status, code, _) = studio.send(sent).await.failure();
    assert_eq!((status, code.as_str()), (403, "forbidden"));
    assert!(!is_read.load(Ordering::SeqCst), "it was read and kept");

    let draw = json!({"prompt": "a cat", "count": 1, "steps": 1});
    let job = max.post("/api/v1/drawings", &draw).await.ok();
    until_over(&studio, &job).await;
    let drawn = format!("/api/v1/pictures?job={}", text(&job["id"]));
    let drawn = max.get(&drawn).await.ok()["pictures"][0]["id"].take();
    let from = format!("{path}/images/from-picture");
    let refused = max.post(&from, &json!({"picture": drawn})).await.failure();
    assert_eq!(refused.0, 403);
}
