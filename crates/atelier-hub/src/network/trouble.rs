//! What goes wrong with a request: for good, or in a way that may pass. Patience decides how often to try again.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use atelier_core::{CancelFlag, ErrorCode};
use atelier_failure::{Cancelled, failed};

use crate::Notes;

/// Attempts in a row that bring nothing before the work is given up.
const MAX_ATTEMPTS: u32 = 5;
/// The longest wait between two attempts that we choose ourselves.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait that a hub may ask for.
const LONGEST_ASKED: Duration = Duration::from_mins(2);
/// How often a wait looks for Ctrl-C.
pub(crate) const GLANCE: Duration = Duration::from_millis(50);

/// A failed request.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It fails the same way each time.
    Final(anyhow::Error),
    /// It may work later; after `wait`, where the hub says so.
    Passing {
        error: anyhow::Error,
        wait: Option<Duration>,
    },
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Final(error)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Final(error.into())
    }
}

impl Trouble {
    /// It fails the same way each time.
    pub(crate) fn lasting(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Final(failed(code, message))
    }

    /// It may work when tried again.
    pub(crate) fn passing(message: impl Into<String>) -> Self {
        Self::Passing {
            error: failed(ErrorCode::Network, message),
            wait: None,
        }
    }

    /// The command was asked to stop.
    pub(crate) fn cancelled() -> Self {
        Self::Final(Cancelled.into())
    }
}

/// Counts attempts that brought nothing, and waits between them.
#[derive(Debug)]
pub(crate) struct Patience {
    first_wait: Duration,
    attempts: u32,
}

impl Patience {
    /// With this wait before the second attempt.
    pub(crate) fn new(first_wait: Duration) -> Self {
        Self {
            first_wait,
            attempts: 0,
        }
    }

    /// More was received than ever before, so the count starts again.
    pub(crate) fn renew(&mut self) {
        self.attempts = 0;
    }

    /// Returns when it is time to try again, or fails with the error that is left.
    pub(crate) fn after(
        &mut self,
        trouble: Trouble,
        cancel: &CancelFlag,
        notes: Notes<'_>,
    ) -> Result<()> {
        let (error, asked) = match trouble {
            Trouble::Final(error) => return Err(error),
            Trouble::Passing { error, wait } => (error, wait),
        };
        self.attempts += 1;
        if asked.is_some_and(|wait| wait > LONGEST_ASKED) {
            return Err(error);
        }
        if self.attempts >= MAX_ATTEMPTS {
            return Err(error.context(format!("gave up after {MAX_ATTEMPTS} attempts")));
        }
        let wait = asked.unwrap_or_else(|| self.own_wait());
        notes(&Retry {
            error: &error,
            wait,
        });
        pause(wait, cancel)
    }

    fn own_wait(&self) -> Duration {
        let factor = 1 << (self.attempts - 1).min(16);
        self.first_wait.saturating_mul(factor).min(LONGEST_WAIT)
    }
}

/// What is said before another attempt.
struct Retry<'a> {
    error: &'a anyhow::Error,
    wait: Duration,
}

impl Display for Retry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let secs = self.wait.as_secs_f64();
        write!(f, "{}; trying again in {secs:.0} s", self.error)
    }
}

/// Waits, unless Ctrl-C comes first.
pub(crate) fn pause(wait: Duration, cancel: &CancelFlag) -> Result<()> {
    let start = Instant::now();
    loop {
        if cancel.is_cancelled() {
            return Err(Cancelled.into());
        }
        let left = wait.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(GLANCE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience() -> Patience {
        Patience::new(Duration::from_secs(1))
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        let mut patience = patience();
        let waits = [1, 2, 3, 4, 9, 40].map(|attempts| {
            patience.attempts = attempts;
            patience.own_wait().as_secs()
        });
        assert_eq!(waits, [1, 2, 4, 8, 30, 30]);
    }

    #[test]
    fn a_hub_that_asks_for_a_long_wait_is_not_waited_for() {
        let error = failed(ErrorCode::Network, "limited");
        let wait = Some(LONGEST_ASKED + GLANCE);
        let trouble = Trouble::Passing { error, wait };
        let result = patience().after(trouble, &CancelFlag::default(), &|_| ());
        assert_eq!(result.unwrap_err().to_string(), "limited");
    }

    #[test]
    fn a_wait_ends_with_a_request_to_stop() {
        let cancel = CancelFlag::default();
        cancel.cancel();
        let error = pause(Duration::from_hours(1), &cancel).unwrap_err();
        assert!(atelier_failure::is_cancelled(&error));
    }
}
