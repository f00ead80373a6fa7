//! How jobs look in answers.

use atelier_core::{JobKind, JobState, JobWish, Phase};
use atelier_jobs::{GenerationRequest, JobSnapshot, Report};
use atelier_store::Job;
use serde::{Deserialize as _, Serialize};
use utoipa::ToSchema;

use crate::drawings::views::DrawingView;
use crate::openapi::choices;

/// An entry of the queue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView {
    #[schema(format = "uuid")]
    id: String,
    /// What kind of work it is.
    #[schema(schema_with = choices::job_kind)]
    kind: JobKind,
    /// Higher ones come first, then older ones.
    priority: i32,
    /// Where it stands.
    #[schema(schema_with = choices::job_state)]
    state: JobState,
    /// What is wanted of it while it is running: it stops within a step.
    #[schema(required, schema_with = choices::job_wish)]
    wish: Option<JobWish>,
    /// Why it is not begun yet, in words.
    #[schema(required)]
    waiting: Option<String>,
    /// How far it is, while it is running.
    #[schema(required)]
    progress: Option<ProgressView>,
    /// The number of its newest attempt, 0 before the first.
    attempt: u32,
    /// The kind of failure.
    #[schema(required)]
    error_code: Option<String>,
    /// Why it failed, in words.
    #[schema(required)]
    problem: Option<String>,
    /// The run that it trains.
    #[schema(required, format = "uuid")]
    run: Option<String>,
    /// What the run is called.
    #[schema(required)]
    run_name: Option<String>,
    /// What it draws.
    #[schema(required)]
    drawing: Option<DrawingView>,
    /// When it was accepted, in milliseconds since the Unix epoch.
    created_ms: i64,
    /// When its first attempt began.
    #[schema(required)]
    started_ms: Option<i64>,
    /// When it was completed, failed or cancelled.
    #[schema(required)]
    ended_ms: Option<i64>,
}

/// How far a job is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Progress)]
pub(crate) struct ProgressView {
    /// The current stretch of the work.
    #[schema(schema_with = phase)]
    phase: Phase,
    /// The same for people.
    label: &'static str,
    /// Units finished in this stretch.
    done: u64,
    /// Units in this stretch.
    total: u64,
    /// Loss of the last training step.
    #[schema(required)]
    loss: Option<f32>,
    /// When this stretch began, in milliseconds since the Unix epoch.
    phase_began_ms: i64,
    /// When this was said.
    reported_ms: i64,
}

fn phase() -> utoipa::openapi::schema::Object {
    choices::one_of(&[
        "preparing",
        "downloading",
        "loading-base",
        "caching-latents",
        "training",
        "previewing",
        "generating",
        "saving",
    ])
}

impl From<Report> for ProgressView {
    fn from(report: Report) -> Self {
        let progress = report.progress;
        Self {
            phase: progress.phase,
            label: progress.phase.label(),
            done: progress.done,
            total: progress.total,
            loss: progress.loss,
            phase_began_ms: report.phase_began_ms,
            reported_ms: report.reported_ms,
        }
    }
}

impl From<JobSnapshot> for JobView {
    fn from(JobSnapshot { job, report }: JobSnapshot) -> Self {
        let progress = report.map(ProgressView::from);
        Self {
            progress,
            ..job.into()
        }
    }
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let is_drawing = job.kind == JobKind::Generation;
        let request = is_drawing.then(|| GenerationRequest::deserialize(job.request).ok());
        Self {
            id: job.id.to_string(),
            kind: job.kind,
            priority: job.priority,
            state: job.state,
            wish: job.wish,
            waiting: job.waiting,
            progress: None,
            attempt: job.attempt,
            error_code: job.error_code,
            problem: job.problem,
            run: job.run.map(|id| id.to_string()),
            run_name: job.run_name,
            drawing: request.flatten().map(DrawingView::from),
            created_ms: job.created_ms,
            started_ms: job.started_ms,
            ended_ms: job.ended_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_described_by_the_words_that_are_sent() {
        let described = serde_json::to_value(phase()).unwrap();
        let phases = [
            Phase::Preparing,
            Phase::Downloading,
            Phase::LoadingBase,
            Phase::CachingLatents,
            Phase::Training,
            Phase::Previewing,
            Phase::Generating,
            Phase::Saving,
        ];
        assert_eq!(described["enum"], serde_json::to_value(phases).unwrap());
    }
}
