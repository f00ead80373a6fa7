//! What this door remembers of everybody who comes, while the server runs: the options that they set, and which drawings they
//! wait for.

use std::collections::HashMap;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atelier_core::ErrorCode;
use atelier_server::door::{App, Failure};
use atelier_store::{AccountId, JobId};
use axum::http::StatusCode;
use tokio::runtime::Handle;

use super::options::Options;
use super::refusal::Result;

/// Requests that wait for drawings at the same time, and those of one account. The user of this machine has all of them.
const PLACES: usize = 64;
const PLACES_OF_EACH: usize = 16;

/// The desk. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk {
    /// By account; nothing stands for the user of this machine.
    kept: Arc<Mutex<HashMap<Option<AccountId>, Kept>>>,
}

/// What is remembered of somebody.
#[derive(Debug, Default)]
struct Kept {
    options: Options,
    /// The first is the oldest.
    drawings: Vec<JobId>,
    /// Their requests that wait, or are about to.
    places: usize,
}

fn account_of(app: &App) -> Option<AccountId> {
    app.library().viewer().account()
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, HashMap<Option<AccountId>, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with what is remembered of somebody, while nobody else does.
    fn of<T>(&self, account: Option<AccountId>, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(self.lock().entry(account).or_default())
    }

    /// The options of those who ask, as they are now.
    pub(super) fn options(&self, app: &App) -> Options {
        self.of(account_of(app), |kept| kept.options.clone())
    }

    /// Sets what these options say, and leaves their others as they are by now.
    pub(super) fn set_options(&self, app: &App, said: Options) {
        self.of(account_of(app), |kept| {
            kept.options = said.over(take(&mut kept.options));
        });
    }

    /// The drawings that their requests wait for, the oldest first.
    pub(super) fn drawings(&self, app: &App) -> Vec<JobId> {
        self.of(account_of(app), |kept| kept.drawings.clone())
    }

    /// A place for a request that will wait for a drawing. One is taken when the request is there wholly, so that nobody has
    /// places who sends nothing.
    ///
    /// # Errors
    /// When all are taken, or the account's part of them.
    pub(super) fn place(&self, app: &App) -> Result<Place> {
        self.place_of(account_of(app))
    }

    fn place_of(&self, account: Option<AccountId>) -> Result<Place> {
        let mut kept = self.lock();
        let taken: usize = kept.values().map(|kept| kept.places).sum();
        let own = kept.entry(account).or_default();
        let (whose, count) = if account.is_some() && own.places >= PLACES_OF_EACH {
            ("requests of this account", PLACES_OF_EACH)
        } else if taken >= PLACES {
            ("requests", PLACES)
        } else {
            own.places += 1;
            let desk = self.clone();
            return Ok(Place { desk, account });
        };
        let message = format!(
            "{count} {whose} wait for drawings already, as many as may; ask again when one is done"
        );
        let failure = Failure::new(ErrorCode::Busy, message);
        Err(failure.with_status(StatusCode::TOO_MANY_REQUESTS).into())
    }
}

/// A place for a request that will wait, which is free again when this goes.
#[derive(Debug)]
pub(super) struct Place {
    desk: Desk,
    account: Option<AccountId>,
}

impl Place {
    /// With the drawing that is waited for.
    pub(super) fn wait_for(self, app: &App, job: JobId) -> Waiting {
        let note = |kept: &mut Kept| kept.drawings.push(job);
        self.desk.of(self.account, note);
        Waiting {
            place: self,
            app: app.clone(),
            job,
            is_over: false,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.desk.of(self.account, |kept| kept.places -= 1);
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
        let forget = |kept: &mut Kept| kept.drawings.retain(|id| *id != job);
        self.place.desk.of(self.place.account, forget);
        if self.is_over {
            return;
        }
        // Where the server itself ends, the drawing goes on with the next one.
        if let (Ok(queue), Ok(runtime)) = (self.app.queue(), Handle::try_current()) {
            runtime.spawn_blocking(move || queue.cancel(job));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u32) -> AccountId {
        let id = format!("01900000-0000-7000-8000-{number:012}");
        id.parse().unwrap()
    }

    #[test]
    fn an_account_has_its_part_of_the_places_and_leaves_the_others_theirs() {
        let desk = Desk::default();
        let take = |account, count| -> Vec<Place> {
            let places = (0..count).map(|_| desk.place_of(account).unwrap());
            places.collect()
        };
        let [ana, ben, carl] = [1, 2, 3].map(|number| Some(account(number)));
        let of_ana = take(ana, PLACES_OF_EACH);
        assert!(desk.place_of(ana).is_err());
        let of_ben = take(ben, PLACES_OF_EACH);
        let of_machine = take(None, PLACES - 2 * PLACES_OF_EACH);
        for full in [carl, None] {
            assert!(desk.place_of(full).is_err());
        }
        drop(of_ana);
        let again = take(ana, 1);
        drop((of_ben, of_machine, again));
        assert_eq!(take(None, PLACES).len(), PLACES);
    }
}
