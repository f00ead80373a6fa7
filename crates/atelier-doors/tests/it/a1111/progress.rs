//! How far drawings are, and how they end early.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atelier_server::Limits;
use axum::body::Body;
use axum::http::header;
use serde_json::{Value, json};

use super::{API, asked, pictures, refusal, taken};
use crate::gate::Gate;
use crate::studio::{Studio, request};

/// A studio whose drawings wait at a gate.
fn gated() -> (Arc<Studio>, Arc<Gate>) {
    let gate: Arc<Gate> = Arc::default();
    (
        Arc::new(Studio::paced(Limits::default(), gate.pace())),
        gate,
    )
}

/// Asks for a drawing in the background.
fn drawing(studio: &Arc<Studio>, wanted: &Value) -> tokio::task::JoinHandle<crate::studio::Answer> {
    let (studio, wanted) = (Arc::clone(studio), wanted.clone());
    tokio::spawn(async move { studio.draw(&wanted).await })
}

/// The only job that there will be, in this state.
async fn only_job(studio: &Studio, state: &str) -> Value {
    newest_of(studio, 1, state).await
}

/// The newest of so many jobs, in this state.
async fn newest_of(studio: &Studio, count: usize, state: &str) -> Value {
    loop {
        let jobs = studio.jobs().await;
        if jobs.len() == count {
            let job = studio.until(&jobs[0], state).await;
            if state == "running" {
                told(studio, &job).await;
            }
            return job;
        }
        tokio::task::yield_now().await;
    }
}

/// Waits until it is told of a job. It may run before the request for it is known to wait.
async fn told(studio: &Studio, job: &Value) {
    while studio.read("/progress").await["state"]["job"] != job["id"] {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn progress_is_told_while_a_client_waits_and_nothing_else_is() {
    let (studio, gate) = gated();
    let idle = studio.read("/progress?skip_current_image=false").await;
    assert_eq!(
        (&idle["progress"], &idle["state"]["job_count"]),
        (&json!(0.0), &json!(0))
    );
    let asked = drawing(
        &studio,
        &json!({"batch_size": 2, "steps": 4, "width": 64, "height": 64}),
    );
    only_job(&studio, "running").await;
    let busy = studio.read("/progress").await;
    assert_eq!(busy["state"]["job_count"], 2);
    assert!(busy["state"]["sampling_step"].is_u64() && busy["eta_relative"].is_f64());
    gate.open();
    assert_eq!(pictures(&taken(&asked.await.unwrap())).0.len(), 2);
    let idle = studio.read("/progress").await;
    assert_eq!(
        (&idle["progress"], &idle["state"]["job_count"]),
        (&json!(0.0), &json!(0))
    );
}

#[tokio::test]
async fn interrupted_drawings_are_answered_without_pictures() {
    let (studio, _gate) = gated();
    assert_eq!(studio.tell("/interrupt", &json!({})).await, json!({}));
    for (count, path, answer) in [(1, "/interrupt", json!({})), (2, "/skip", json!(null))] {
        let asked = drawing(&studio, &json!({"width": 64, "height": 64}));
        newest_of(&studio, count, "running").await;
        assert_eq!(studio.tell(path, &json!({})).await, answer);
        let (drawn, info) = pictures(&taken(&asked.await.unwrap()));
        assert!(drawn.is_empty());
        assert_eq!(info["atelier"]["is_cancelled"], true);
        assert_eq!(studio.jobs().await[0]["state"], "cancelled");
    }
}

#[tokio::test]
async fn one_of_several_pictures_is_not_skipped() {
    let (studio, gate) = gated();
    let asked = drawing(&studio, &json!({"n_iter": 2, "width": 64, "height": 64}));
    only_job(&studio, "running").await;
    let refused = studio.post(&format!("{API}/skip"), &json!({})).await;
    assert_eq!(refusal(&refused).0, 501);
    gate.open();
    assert_eq!(pictures(&taken(&asked.await.unwrap())).0.len(), 2);
}

#[tokio::test]
async fn drawings_of_others_are_neither_told_nor_interrupted() {
    let (studio, gate) = gated();
    let job = studio
        .post("/api/v1/drawings", &json!({"steps": 2}))
        .await
        .ok();
    studio.until(&job, "running").await;
    assert_eq!(studio.read("/progress").await["state"]["job_count"], 0);
    studio.tell("/interrupt", &json!({})).await;
    gate.open();
    studio.until(&job, "completed").await;
}

#[tokio::test]
async fn who_goes_away_draws_nothing_more() {
    let (studio, _gate) = gated();
    let asked = drawing(&studio, &json!({"width": 64, "height": 64}));
    only_job(&studio, "running").await;
    asked.abort();
    only_job(&studio, "cancelled").await;
    assert_eq!(studio.read("/progress").await["state"]["job_count"], 0);
}

#[tokio::test]
async fn not_more_requests_wait_than_there_are_places() {
    let (studio, _gate) = gated();
    let small = json!({"width": 64, "height": 64});
    let waiting: Vec<_> = (0..64).map(|_| drawing(&studio, &small)).collect();
    while studio.get("/api/v1/jobs").await.ok()["total"] != 64 {
        tokio::task::yield_now().await;
    }
    let refused = studio.draw(&small).await;
    assert_eq!(refusal(&refused).0, 429);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn requests_whose_bodies_do_not_come_keep_nobody_from_drawing() {
    let studio = Arc::new(Studio::working());
    let begun = Arc::new(AtomicUsize::new(0));
    let waiting: Vec<_> = (0..64)
        .map(|_| {
            let silent = request("POST", &format!("{API}/txt2img"))
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from_stream(Silent(Arc::clone(&begun))));
            let studio = Arc::clone(&studio);
            tokio::spawn(async move { studio.send(silent.unwrap()).await.status })
        })
        .collect();
    while begun.load(Ordering::SeqCst) < waiting.len() {
        tokio::task::yield_now().await;
    }
    taken(&studio.draw(&json!({"width": 64, "height": 64})).await);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A body of which nothing ever comes, and which counts that it is asked for.
struct Silent(Arc<AtomicUsize>);

impl futures_core::Stream for Silent {
    type Item = Result<&'static [u8], std::io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn slow_bodies_are_given_up() {
    let limits = Limits {
        json: Duration::from_millis(20),
        ..Limits::default()
    };
    let studio = Studio::paced(limits, Arc::new(|_| ()));
    let (sender, body) = tokio::sync::mpsc::channel::<Result<&[u8], std::io::Error>>(1);
    let slow = request("POST", &format!("{API}/txt2img"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from_stream(Slow(body)));
    let answer = studio.send(slow.unwrap()).await;
    assert_eq!(refusal(&answer).0, 408);
    drop(sender);
    assert!(studio.jobs().await.is_empty());
    assert!(asked(&json!({})).is_object());
}

/// A body that does not come.
struct Slow(tokio::sync::mpsc::Receiver<Result<&'static [u8], std::io::Error>>);

impl futures_core::Stream for Slow {
    type Item = Result<&'static [u8], std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
