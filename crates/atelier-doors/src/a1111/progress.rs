//! How far the drawing is that clients of this door wait for, and its end before it is done.

use atelier_core::{JobState, Phase};
use atelier_jobs::{GenerationRequest, JobSnapshot, Queue};
use atelier_server::door::{App, AppFor, Json};
use atelier_store::JobId;
use axum::Extension;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::desk::Desk;
use super::refusal::{Refusal, Result};
use crate::ending::end;

/// What is told while a base is loaded: clients take 0 for the end.
const BEGUN: f64 = 0.01;

/// The drawing that runs, else the next one; nothing where no client waits.
fn current(queue: &Queue, drawings: Vec<JobId>) -> Result<Option<JobSnapshot>> {
    let mut first = None;
    for id in drawings {
        let found = queue.snapshot(id)?;
        if found.job.state == JobState::Running {
            return Ok(Some(found));
        }
        if found.job.state.is_open() {
            first.get_or_insert(found);
        }
    }
    Ok(first)
}

async fn look(app: &App, desk: &Desk) -> Result<Option<JobSnapshot>> {
    let (queue, drawings) = (app.queue()?, desk.drawings(app));
    app.work().files(move || current(&queue, drawings)).await?
}

/// How far it is.
pub(super) async fn get_progress(
    AppFor(app): AppFor,
    Extension(desk): Extension<Desk>,
) -> Result<Json<Value>> {
    let found = look(&app, &desk).await?;
    Ok(Json(view(found.as_ref())))
}

/// Pictures that are drawn and steps of the next one.
#[derive(Debug, Default, PartialEq)]
struct Place {
    pictures: u64,
    step: u64,
    steps: u64,
    share: f64,
    secs_left: f64,
}

impl Place {
    fn of(found: &JobSnapshot, count: u64) -> Self {
        let Some(report) = &found.report else {
            return Self::default();
        };
        let progress = &report.progress;
        let (done, total) = (progress.done, progress.total);
        let steps = total / count.max(1);
        if progress.phase != Phase::Generating || steps == 0 {
            let share = BEGUN;
            return Self {
                share,
                ..Self::default()
            };
        }
        let secs = (report.reported_ms - report.phase_began_ms) as f64 / 1000.0;
        let left = total.saturating_sub(done) as f64;
        Self {
            pictures: done / steps,
            step: done % steps,
            steps,
            share: (done as f64 / total as f64).max(BEGUN),
            secs_left: secs / (done.max(1) as f64) * left,
        }
    }
}

fn view(found: Option<&JobSnapshot>) -> Value {
    let wanted = found.map(|found| GenerationRequest::deserialize(&found.job.request));
    let wanted = wanted.and_then(Result::ok);
    let count = wanted.map_or(0, |wanted| wanted.request.count as u64);
    let place = found.map_or_else(Place::default, |found| Place::of(found, count));
    json!({
        "progress": place.share,
        "eta_relative": place.secs_left,
        "state": {
            "skipped": false,
            "interrupted": false,
            "stopping_generation": false,
            "job": found.map_or_else(String::new, |found| found.job.id.to_string()),
            "job_count": count,
            "job_timestamp": "0",
            "job_no": place.pictures,
            "sampling_step": place.step,
            "sampling_steps": place.steps,
        },
        "current_image": null,
        "textinfo": found.and_then(|found| found.job.waiting.as_deref()),
    })
}

/// Ends it; whoever waits for it is answered without pictures.
pub(super) async fn interrupt(
    AppFor(app): AppFor,
    Extension(desk): Extension<Desk>,
) -> Result<Json<Value>> {
    if let Some(found) = look(&app, &desk).await? {
        cancel(&app, &found).await?;
    }
    Ok(Json(json!({})))
}

/// Passes over the picture that is drawn, which ends a drawing of one picture.
pub(super) async fn skip(
    AppFor(app): AppFor,
    Extension(desk): Extension<Desk>,
) -> Result<Json<Value>> {
    if let Some(found) = look(&app, &desk).await? {
        let wanted = GenerationRequest::deserialize(&found.job.request);
        if wanted.is_ok_and(|wanted| wanted.request.count > 1) {
            let what = "way to pass over one of several pictures; `/interrupt` ends them all";
            return Err(Refusal::not_supported(what));
        }
        cancel(&app, &found).await?;
    }
    Ok(Json(Value::Null))
}

async fn cancel(app: &App, found: &JobSnapshot) -> Result<()> {
    let (queue, id) = (app.queue()?, found.job.id);
    app.work().files(move || end(&queue, id)).await??;
    Ok(())
}
