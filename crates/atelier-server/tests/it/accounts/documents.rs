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
use tokio::time::sleep;

use super::Asker;
use crate::studio::{Studio, request};

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

/// Large edits of nothing, whose end comes a while after the rest is taken.
fn late(after: Duration) -> Request<Body> {
    let start = Ok::<_, Infallible>(Bytes::from(vec![b' '; 70 << 10]));
    let end = async move {
        sleep(after).await;
        Ok::<_, Infallible>(Bytes::from_static(br#"{"edits": []}"#))
    };
    let body = stream::once(ready(start)).chain(stream::once(end));
    let request = request("POST", EDITS).header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from_stream(body)).unwrap()
}

#[tokio::test]
async fn who_waits_for_a_place_is_not_told_to_be_slow() {
    // Time passes when nothing else is to be done.
    tokio::time::pause();
    let limits = Limits {
        json: Duration::from_mins(1),
        turn: Duration::from_mins(10),
        pause: Duration::from_mins(10),
        ..Limits::default()
    };
    let studio = Arc::new(Studio::with_limits(limits));
    let send = |after: u64| {
        let studio = Arc::clone(&studio);
        let late = late(Duration::from_secs(after));
        tokio::spawn(async move { studio.send(late).await.failure().0 })
    };
    // One more than there are places: it waits as long as the others take, and then takes as long itself.
    let all: Vec<_> = (0..9).map(|_| send(40)).collect();
    for one in all {
        assert_eq!(one.await.unwrap(), 404);
    }
    assert_eq!(send(61).await.unwrap(), 408);
}
