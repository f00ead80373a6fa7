//! What wakes the supervisor, and tells it to end.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How the supervisor is to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd)]
pub(crate) enum Ending {
    /// Not at all.
    #[default]
    None,
    /// When nothing runs any more.
    Drain,
    /// At once.
    Quit,
}

/// Wakes the supervisor.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    state: Mutex<(bool, Ending)>,
    rung: Condvar,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, (bool, Ending)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ring(&self) {
        self.lock().0 = true;
        self.rung.notify_all();
    }

    pub(crate) fn say(&self, ending: Ending) {
        let mut state = self.lock();
        if ending > state.1 {
            *state = (true, ending);
        }
        self.rung.notify_all();
    }

    pub(crate) fn ending(&self) -> Ending {
        self.lock().1
    }

    /// Waits until it is rung, or for a tick.
    pub(crate) fn wait(&self, tick: Duration) -> Ending {
        let mut state = self.lock();
        if !state.0 {
            let waited = self.rung.wait_timeout(state, tick);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.0 = false;
        state.1
    }
}
