//! What this door remembers of everybody who comes, while the server runs: the options that they set, and which drawings they
//! wait for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use atelier_server::door::{App, Failure};
use atelier_store::{AccountId, JobId};
use axum::http::StatusCode;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::options::Options;
use super::refusal::Result;

/// Requests that wait for drawings at the same time.
const PLACES: usize = 64;

/// The desk. Clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    inside: Arc<Inside>,
}

#[derive(Debug)]
struct Inside {
    /// By account; nothing stands for the user of this machine.
    kept: Mutex<HashMap<Option<AccountId>, Kept>>,
    places: Arc<Semaphore>,
}

/// What is remembered of somebody.
#[derive(Debug, Default)]
struct Kept {
    options: Options,
    /// The first is the oldest.
    drawings: Vec<JobId>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            inside: Arc::new(Inside {
                kept: Mutex::default(),
                places: Arc::new(Semaphore::new(PLACES)),
            }),
        }
    }
}

impl Desk {
    /// Does something with what is remembered of those who ask.
    fn of<T>(&self, app: &App, work: impl FnOnce(&mut Kept) -> T) -> T {
        let kept = self.inside.kept.lock();
        let mut kept = kept.unwrap_or_else(PoisonError::into_inner);
        let account = app.library().viewer().account();
        work(kept.entry(account).or_default())
    }

    /// Their options as they are now.
    pub(super) fn options(&self, app: &App) -> Options {
        self.of(app, |kept| kept.options.clone())
    }

    /// Changes their options.
    pub(super) fn set_options(&self, app: &App, options: Options) {
        self.of(app, |kept| kept.options = options);
    }

    /// The drawings that their requests wait for, the oldest first.
    pub(super) fn drawings(&self, app: &App) -> Vec<JobId> {
        self.of(app, |kept| kept.drawings.clone())
    }

    /// A place for a request that will wait for a drawing.
    pub(super) fn place(&self) -> Result<Place> {
        let place = Arc::clone(&self.inside.places).try_acquire_owned();
        let place = place.map_err(|_| {
            let message = format!("{PLACES} requests wait for drawings already");
            Failure::new(atelier_core::ErrorCode::Busy, message)
                .with_status(StatusCode::TOO_MANY_REQUESTS)
        })?;
        Ok(Place {
            desk: self.clone(),
            _permit: place,
        })
    }
}

/// A place for a request that will wait.
#[derive(Debug)]
pub(super) struct Place {
    desk: Desk,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// With the drawing that is waited for.
    pub(super) fn wait_for(self, app: &App, job: JobId) -> Waiting {
        self.desk.of(app, |kept| kept.drawings.push(job));
        Waiting {
            place: self,
            app: app.clone(),
            job,
            is_over: false,
        }
    }
}

/// A drawing that a request waits for. When the request goes before it is over, since its client went away, the drawing is
/// cancelled.
#[derive(Debug)]
pub(super) struct Waiting {
    place: Place,
    app: App,
    job: JobId,
    is_over: bool,
}

impl Waiting {
    /// Nothing is left to cancel.
    pub(super) fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let job = self.job;
        let desk = &self.place.desk;
        desk.of(&self.app, |kept| kept.drawings.retain(|id| *id != job));
        if self.is_over {
            return;
        }
        // Where the server itself ends, the drawing goes on with the next one.
        if let (Ok(queue), Ok(runtime)) = (self.app.queue(), Handle::try_current()) {
            runtime.spawn_blocking(move || queue.cancel(job));
        }
    }
}
