//! Drawings that are waited for.

use std::time::Duration;

use atelier_core::{ErrorCode, JobState};
use atelier_server::door::{App, AppFor, Failure, json_within, start_drawing};
use atelier_store::{Job, JobId};
use axum::Extension;
use axum::extract::Request;
use axum::response::Response;
use tokio::time::sleep;

use super::answer::Answer;
use super::desk::{Desk, Place};
use super::pictures::{How, Sent};
use super::refusal::{Refusal, Result};
use super::said::Said;
use super::wanted::Wanted;
use crate::key::Document;

/// Draws from words.
pub(super) async fn draw_from_text(
    AppFor(app): AppFor,
    Extension(desk): Extension<Desk>,
    request: Request,
) -> Result<Response> {
    let most_bytes = app.limits().json_bytes;
    let Document(said): Document<Said> = json_within(request, &app, most_bytes).await?;
    let place = desk.place(&app)?;
    let asked = wanted(&app, &desk, said).await?;
    draw(app, place, asked).await
}

/// Draws over a picture.
pub(super) async fn draw_from_picture(
    AppFor(app): AppFor,
    Extension(desk): Extension<Desk>,
    request: Request,
) -> Result<Response> {
    // As many at the same time as uploads, since they are in the memory.
    let turn = app.upload_place().await?;
    let most_bytes = app.limits().picture_json_bytes;
    let Document(mut said): Document<Said> = json_within(request, &app, most_bytes).await?;
    let place = desk.place(&app)?;
    let sent = Sent::take(&mut said)?;
    let how = How::of(&said)?;
    let (said, mut wanted) = wanted(&app, &desk, said).await?;
    wanted.drawing.start = Some(sent.keep(&app, how).await?);
    drop(turn);
    draw(app, place, (said, wanted)).await
}

/// What a request wants, and the request; options that it sets for all that comes after are set.
async fn wanted(app: &App, desk: &Desk, said: Said) -> Result<(Said, Wanted)> {
    let (planner, options) = (app.planner()?, desk.options(app));
    let read = move || Wanted::of(&said, options, &*planner).map(|wanted| (said, wanted));
    let (said, wanted) = app.work().files(read).await??;
    if let Some(options) = &wanted.lasting {
        desk.set_options(app, options.clone());
    }
    Ok((said, wanted))
}

/// Gives a drawing its place in the queue, and waits for its end.
async fn draw(app: App, place: Place, (said, wanted): (Said, Wanted)) -> Result<Response> {
    let (starting, drawing) = (app.clone(), wanted.drawing);
    // Apart, so that a client that goes away just now leaves no drawing that nobody waits for.
    let started = tokio::spawn(async move {
        let job = start_drawing(&starting, drawing).await?;
        Ok::<_, Failure>((place.wait_for(&starting, job.id), job.id))
    });
    let (waiting, id) = started.await.map_err(Failure::internal)??;
    let job = finished(&app, id).await?;
    waiting.end();
    if job.state == JobState::Failed {
        return Err(Refusal::of_job(&job));
    }
    let library = app.library();
    let pictures = app.work().catalogue(move || library.list_pictures_of(id));
    let answer = Answer {
        pictures: pictures.await?,
        job,
        said,
        batch_size: wanted.batch_size,
        sends_images: wanted.sends_images,
    };
    Ok(answer.respond(&app))
}

/// Until a busy server is asked again.
const LATER: Duration = Duration::from_secs(1);

/// The job when it is over.
async fn finished(app: &App, id: JobId) -> Result<Job> {
    let mut revisions = app.revisions()?;
    loop {
        // What changes while it is looked at is looked at again.
        revisions.borrow_and_update();
        let library = app.library();
        let job = match app.work().catalogue(move || library.get_job(id)).await {
            // It is drawn whether the server finds time to look or not.
            Err(failure) if failure.about().0 == ErrorCode::Busy => {
                sleep(LATER).await;
                continue;
            }
            found => found?,
        };
        if !job.state.is_open() {
            return Ok(job);
        }
        if revisions.changed().await.is_err() {
            let message = "the server is about to stop; the drawing goes on when it starts again";
            return Err(Failure::new(ErrorCode::Busy, message).into());
        }
    }
}
