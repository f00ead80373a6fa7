//! Large documents in requests.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use atelier_accounts::Role;
use atelier_server::{Access, Limits};
use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::Asker;
use crate::studio::Studio;

const EDITS: &str = "/api/v1/datasets/018f0000-0000-7000-8000-000000000000/edits";

/// Edits of which a large part comes, and the rest never.
fn unended(asker: &Asker<'_>) -> Request<Body> {
    let start = Ok::<_, Infallible>(Bytes::from(vec![b' '; 70 << 10]));
    let body = stream::once(ready(start)).chain(stream::pending());
    let request = asker.request("POST", EDITS);
    let request = request.header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from_stream(body)).unwrap()
}

#[tokio::test]
async fn an_account_has_its_part_of_what_large_documents_take() {
    let limits = Limits {
        turn: Duration::from_secs(1),
        ..Limits::default()
    };
    let mut studio = Studio::paced(limits, Arc::new(|_| ()));
    studio.guard(Access {
        needs_login: true,
        ..Access::default()
    });
    let mia = Asker::new(&studio, "mia", Role::Member);
    let max = Asker::new(&studio, "max", Role::Member);
    let images = vec!["018f0000-0000-7000-8000-000000000000"; 2_000];
    let large = json!({"edits": [{"add_trigger": {"images": images}}]});
    let small = json!({"edits": []});
    let held = async {
        let send = || studio.send(unended(&mia));
        tokio::join!(send(), send(), send(), send());
    };
    let asks = async {
        // Until the others have begun, there is no such dataset.
        while mia.post(EDITS, &large).await.status == 404 {}
        let statuses = [
            mia.post(EDITS, &large).await.failure().0,
            mia.post(EDITS, &small).await.failure().0,
            max.post(EDITS, &large).await.failure().0,
        ];
        assert_eq!(statuses, [503, 404, 404]);
    };
    tokio::select! {
        () = held => unreachable!("these never end"),
        () = asks => {}
    }
}
