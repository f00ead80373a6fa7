//! What is handed down to work that takes long: cancellation, progress, time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{BoxedError, ProgressSink};

/// Set from a signal handler or another thread, read once per step.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Asks the work to stop at its next step boundary.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the work was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Tells the time, so that compute crates need not ask the system.
pub trait Clock: Send + Sync {
    /// Seconds since the Unix epoch.
    fn unix_secs(&self) -> f64;
}

/// Says whether a piece of work may still give results. One that another took the place of may not.
pub trait Permit: Send + Sync {
    /// Asked before each result gets its final name.
    ///
    /// # Errors
    /// When somebody else does this work now.
    fn may_publish(&self) -> Result<(), BoxedError>;
}

/// The permit of work that nobody can take the place of.
#[derive(Debug, Clone, Copy, Default)]
pub struct AlwaysPermitted;

impl Permit for AlwaysPermitted {
    fn may_publish(&self) -> Result<(), BoxedError> {
        Ok(())
    }
}

/// Everything a long piece of work may use from its surroundings.
#[derive(Clone, Copy)]
pub struct RunContext<'a> {
    /// Whether to stop.
    pub cancel: &'a CancelFlag,
    /// Where to say how far it is.
    pub progress: &'a dyn ProgressSink,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Whether results may be given.
    pub permit: &'a dyn Permit,
}
