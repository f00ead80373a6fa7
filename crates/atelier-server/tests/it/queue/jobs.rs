//! Jobs are listed, read, paused, resumed, cancelled and tried again.

use std::sync::Arc;

use serde_json::json;

use crate::learning::runs::waiting;
use crate::studio::{Studio, steady, text};

#[tokio::test]
async fn a_job_is_paused_resumed_cancelled_and_tried_again() {
    let gate = Arc::default();
    let (studio, started) = waiting(&gate).await;
    let job = format!("/api/v1/jobs/{}", text(&started["job"]["id"]));
    let post = async |what: &str| studio.post(&format!("{job}/{what}"), &json!({})).await;
    assert_eq!(post("pause").await.ok()["wish"], "pause");
    studio.until(&started["job"], "paused").await;
    post("resume").await.ok();
    studio.until(&started["job"], "running").await;
    assert_eq!(post("cancel").await.ok()["wish"], "cancel");
    let cancelled = studio.until(&started["job"], "cancelled").await;
    assert_eq!(cancelled["ended_ms"], 1_700_000_000_000_u64);
    let refused = post("pause").await.failure();
    assert_eq!((refused.0, refused.1.as_str()), (409, "conflict"));
    gate.open();
    post("retry").await.ok();
    let mut done = studio.until(&started["job"], "completed").await;
    assert_eq!(done["attempt"].take(), 3);
    insta::assert_snapshot!(steady(&done), @r#"
    {
      "id": "<id 0>",
      "kind": "training",
      "priority": 0,
      "state": "completed",
      "wish": null,
      "waiting": null,
      "progress": null,
      "attempt": null,
      "error_code": null,
      "problem": null,
      "run": "<id 1>",
      "run_name": "Blob faces-1",
      "drawing": null,
      "created_ms": 1700000000000,
      "started_ms": 1700000000000,
      "ended_ms": 1700000000000
    }
    "#);
    assert_eq!(post("retry").await.failure().0, 409);
}

#[tokio::test]
async fn jobs_are_listed_in_pages() {
    let studio = Studio::working();
    let (_, first) = studio.trained("Blob faces", &json!({"epochs": 1})).await;
    studio.drawn(1).await;
    let page = studio.get("/api/v1/jobs?limit=1&offset=1").await.ok();
    assert_eq!((&page["jobs"][0], &page["total"]), (&first, &json!(2)));
    for query in ["limit=0", "limit=201", "offset=-1", "more=1"] {
        let answer = studio.get(&format!("/api/v1/jobs?{query}")).await;
        assert_eq!(answer.failure().0, 400, "{query}");
    }
}

#[tokio::test]
async fn jobs_that_are_not_there_are_not_found() {
    let studio = Studio::working();
    let absent = "018f0000-0000-7000-8000-000000000000";
    for (id, status) in [(absent, 404), ("x", 400), ("..%2f..%2fetc", 400)] {
        let job = format!("/api/v1/jobs/{id}");
        assert_eq!(studio.get(&job).await.failure().0, status, "{id}");
        for what in ["cancel", "pause", "resume", "retry"] {
            let answer = studio.post(&format!("{job}/{what}"), &json!({})).await;
            assert_eq!(answer.failure().0, status, "{what} {id}");
        }
    }
}
