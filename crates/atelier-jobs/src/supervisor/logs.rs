//! What attempts said, also for others than the supervisor.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atelier_store::{Job, Library};

use super::{newest_attempt, ticket};
use crate::error::Result;
use crate::executor::Executor;

/// What attempts said.
#[derive(Clone)]
pub(crate) struct Logs {
    pub(super) library: Library,
    pub(super) executor: Arc<Mutex<Box<dyn Executor>>>,
    pub(super) most_bytes: u64,
}

impl Logs {
    /// The end of what the newest attempt at a job said.
    pub(crate) fn of(&self, job: &Job) -> Result<String> {
        match newest_attempt(&self.library, job)? {
            Some(attempt) => lock(&self.executor).log(&ticket(job, &attempt), self.most_bytes),
            None => Ok(String::new()),
        }
    }
}

/// The executor, for as long as the answer lives.
pub(super) fn lock(executor: &Mutex<Box<dyn Executor>>) -> MutexGuard<'_, Box<dyn Executor>> {
    executor.lock().unwrap_or_else(PoisonError::into_inner)
}
