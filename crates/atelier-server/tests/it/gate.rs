//! What pretended work waits at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::pretend::Pace;

/// Steps of pretended work, which a test lets go on.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    is_open: AtomicBool,
    moved: (Mutex<()>, Condvar),
}

impl Gate {
    pub(crate) fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
        self.moved.1.notify_all();
    }

    /// A pace that waits at the closed gate, unless it is to stop.
    pub(crate) fn pace(self: &Arc<Self>) -> Pace {
        let gate = Arc::clone(self);
        Arc::new(move |cancel| {
            let mut guard = gate.moved.0.lock().unwrap();
            while !gate.is_open.load(Ordering::SeqCst) && !cancel.is_cancelled() {
                let waited = gate.moved.1.wait_timeout(guard, Duration::from_millis(2));
                guard = waited.unwrap().0;
            }
        })
    }
}
