//! A drawing takes its place in the queue.

use atelier_http::answer::{Failure, FailureBody, Json, Result};
use atelier_jobs::GenerationRequest;
use atelier_store::{Job, Library};
use axum::http::StatusCode;
use serde_json::json;

use super::check::Checked;
use super::request::DrawingRequest;
use crate::app::App;
use crate::extract::{AppFor, JsonOf};
use crate::jobs::views::JobView;
use crate::trainings::bases::known;

/// Draws pictures, in the queue. They are in `/api/v1/pictures` with `job` when the job is completed.
#[utoipa::path(
    post, path = "/api/v1/drawings", tag = "jobs", request_body = DrawingRequest,
    responses(
        (status = 202, description = "The job that draws them.", body = JobView),
        (status = 400, body = FailureBody, description = "Values cannot be used; `details.problems` has each."),
        (status = 404, body = FailureBody, description = "There is no such base or model."),
        (status = 429, body = FailureBody, description = "There are too many jobs in the queue.")
    )
)]
pub(crate) async fn start_drawing(
    AppFor(app): AppFor,
    JsonOf(wanted): JsonOf<DrawingRequest>,
) -> Result<(StatusCode, Json<JobView>)> {
    let job = start(&app, wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}

/// Checks a drawing and gives it a place in the queue.
pub async fn start(app: &App, wanted: DrawingRequest) -> Result<Job> {
    let app_again = app.clone();
    let submitted = app.work().files(move || submit(&app_again, wanted));
    submitted.await?
}

fn submit(app: &App, mut wanted: DrawingRequest) -> Result<Job> {
    let (library, queue, planner) = (app.library(), app.queue()?, app.planner()?);
    let (base, found) = check(app, &library, &wanted)?;
    app.check_room()?;
    if wanted.base.is_some() || wanted.models.is_empty() {
        wanted.base = Some(base.clone());
    }
    wanted.models = found.models;
    let mut job = GenerationRequest::from(wanted);
    // Where it is not known, the drawing waits for trainings to end.
    job.memory_bytes = planner.drawing_bytes(&base, &found.request).ok();
    Ok(queue.submit_generation(job, 0)?)
}

/// Refuses a drawing with everything that is wrong with it; the base that draws it, and what it comes to.
fn check(app: &App, library: &Library, wanted: &DrawingRequest) -> Result<(String, Checked)> {
    let planner = app.planner()?;
    let mut problems = wanted.problems();
    let mut look = || -> Result<(String, Checked)> {
        let found = Checked::look_up(library, wanted)?;
        problems.extend(found.size_problem(wanted));
        let base = match (&wanted.base, &found.base) {
            // That of a model may have gone since; the planner says so.
            (None, Some(base)) => base.clone(),
            (named, _) => known(&planner, named.as_deref())?.name,
        };
        problems.extend(found.problems(app, &base)?);
        Ok((base, found))
    };
    let found = look();
    if problems.is_empty() {
        return found;
    }
    problems.extend(found.err().map(|failure| failure.about().2.to_owned()));
    let problems: Vec<_> = problems.iter().map(|problem| app.told(problem)).collect();
    let message = format!("this cannot be drawn: {}", problems.join("; "));
    Err(Failure::invalid(message).with_details(json!({"problems": problems})))
}
