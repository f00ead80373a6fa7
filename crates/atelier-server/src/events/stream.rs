//! The stream of a client. It holds one piece at a time; a client that takes nothing for too long is let go, and asks again
//! from the revision that it had.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use atelier_http::answer::{FailureBody, Result};
use atelier_jobs::{Changes, Queue};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use utoipa::ToSchema;

use super::clients::Client;
use crate::app::App;
use crate::extract::AppFor;
use crate::jobs::views::JobView;
use crate::session::{By, is_still_admitted};

/// How long a browser waits before it connects again.
const RETRY: Duration = Duration::from_secs(2);

/// How often it is looked whether those who listen may still do so.
const RECHECK: Duration = Duration::from_secs(30);

/// A server-sent event of the stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Event` writes")]
pub(crate) struct JobEvent {
    /// What it is about.
    #[schema(example = "jobs")]
    event: String,
    /// The revision of its changes.
    id: String,
    /// The changes, as `JobChanges`.
    #[schema(content_media_type = "application/json")]
    data: String,
    /// After how many milliseconds a lost connection is made anew; with the first event.
    retry: Option<u64>,
}

/// What became of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobChanges {
    /// As `Last-Event-ID`, it asks for what came after.
    revision: u64,
    /// Whether these are all jobs that the queue shows, and not only those that changed: jobs that are not named are gone.
    is_whole: bool,
    /// In the order in which they were accepted.
    jobs: Vec<JobView>,
}

impl From<Changes> for JobChanges {
    fn from(changes: Changes) -> Self {
        Self {
            revision: changes.revision,
            is_whole: changes.is_whole,
            jobs: changes.jobs.into_iter().map(JobView::from).collect(),
        }
    }
}

/// What becomes of jobs, as it happens: server-sent events called `jobs`, whose `data` is a `JobChanges` and whose `id` is its
/// revision. The first has all jobs, or with `Last-Event-ID` those that changed since.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "jobs",
    params(("last-event-id" = Option<String>, Header, description = "The `id` of the last event that came.")),
    responses((status = 200, description = "Events, without an end.", body = JobEvent, content_type = "text/event-stream"), (status = 503, body = FailureBody, description = "Too many clients listen."))
)]
pub(crate) async fn list_events(
    AppFor(app): AppFor,
    asked: HeaderMap,
) -> Result<Sse<impl futures_core::Stream<Item = Result<Event, Infallible>>>> {
    let (queue, revisions) = (app.queue()?, app.revisions()?);
    let client = app.clients().take(app.viewer().account_id())?;
    let (to_client, events) = channel(1);
    let since = asked.get("last-event-id");
    let since = since.and_then(|value| value.to_str().ok()?.parse().ok());
    let teller = Teller {
        app: app.clone(),
        queue,
        client,
        to_client,
    };
    tokio::spawn(teller.tell(revisions, since.unwrap_or(0)));
    let keep_alive = KeepAlive::new().interval(app.limits().heartbeat);
    Ok(Sse::new(EventStream(events)).keep_alive(keep_alive))
}

/// Tells a client what changes, until it goes or is let go.
struct Teller {
    app: App,
    queue: Queue,
    client: Client,
    to_client: Sender<Event>,
}

impl Teller {
    async fn tell(mut self, mut revisions: watch::Receiver<u64>, mut since: u64) {
        let mut admissions = self.app.admissions();
        let mut is_first = true;
        loop {
            if !is_still_admitted(&self.app).await {
                return;
            }
            let Some(changes) = self.changes(since).await else {
                return;
            };
            // That something became of jobs which they do not see is nothing to them.
            let is_news = is_first || changes.is_whole || !changes.jobs.is_empty();
            since = changes.revision;
            if is_news && !self.send(changes, is_first).await {
                return;
            }
            is_first = false;
            tokio::select! {
                changed = revisions.changed() => if changed.is_err() { return },
                // Somebody may have access no longer; commands of this machine do not say so.
                _ = admissions.changed() => {}
                () = sleep(RECHECK), if !matches!(self.app.viewer().by, By::Place) => {}
                _ = self.client.is_over.wait_for(|is_over| *is_over) => return,
                () = self.to_client.closed() => return,
            }
        }
    }

    async fn changes(&self, since: u64) -> Option<JobChanges> {
        let queue = self.queue.clone();
        let look = move || JobChanges::from(queue.changes(since, Duration::ZERO));
        self.app.work().files(look).await.ok()
    }

    /// Whether the client took it.
    async fn send(&self, changes: JobChanges, is_first: bool) -> bool {
        let event = Event::default()
            .event("jobs")
            .id(changes.revision.to_string());
        let event = if is_first { event.retry(RETRY) } else { event };
        let Ok(json) = serde_json::to_string(&changes) else {
            return false;
        };
        let event = event.data(json);
        let sending = timeout(self.app.limits().pause, self.to_client.send(event));
        matches!(sending.await, Ok(Ok(())))
    }
}

/// Events, as the body of an answer.
struct EventStream(Receiver<Event>);

impl futures_core::Stream for EventStream {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}
