//! A drawing takes its place in the queue.

use atelier_jobs::GenerationRequest;
use atelier_store::{Error, Job, Library};
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::json;

use super::request::DrawingRequest;
use crate::answer::{Failure, FailureBody, Json, Result};
use crate::app::App;
use crate::extract::JsonOf;
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
    State(app): State<App>,
    JsonOf(wanted): JsonOf<DrawingRequest>,
) -> Result<(StatusCode, Json<JobView>)> {
    let job = start(&app, wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(job.into())))
}

/// Checks a drawing and gives it a place in the queue.
pub async fn start(app: &App, wanted: DrawingRequest) -> Result<Job> {
    let problems = wanted.problems();
    if !problems.is_empty() {
        let message = format!("this cannot be drawn: {}", problems.join("; "));
        return Err(Failure::invalid(message).with_details(json!({"problems": problems})));
    }
    let app_again = app.clone();
    let submitted = app.work().files(move || submit(&app_again, wanted));
    submitted.await?
}

fn submit(app: &App, mut wanted: DrawingRequest) -> Result<Job> {
    let (library, queue, planner) = (app.library(), app.queue()?, app.planner()?);
    app.check_room(&library)?;
    if wanted.base.is_some() || wanted.models.is_empty() {
        wanted.base = Some(known(&planner, wanted.base.as_deref())?.name);
    }
    let base = check_models(&library, &wanted)?;
    let mut job = GenerationRequest::from(wanted);
    let base = job.base.clone().or(base);
    // Where it is not known, the drawing waits for trainings to end.
    job.memory_bytes = base.and_then(|base| planner.drawing_bytes(&base, &job.request).ok());
    Ok(queue.submit_generation(job, 0)?)
}

/// Models in the trash draw nothing, and epochs that their runs do not have. The base of the first model.
fn check_models(library: &Library, wanted: &DrawingRequest) -> Result<Option<String>> {
    let mut base = None;
    for used in &wanted.models {
        let model = library.get_model(used.model)?;
        if let Some(epoch) = used.epoch {
            library.model_checkpoint(&model, epoch)?;
        }
        if model.trashed_ms.is_some() {
            let (what, name) = ("model", model.about.name);
            return Err(Error::Trashed { what, name }.into());
        }
        base.get_or_insert(model.base);
    }
    Ok(base)
}
