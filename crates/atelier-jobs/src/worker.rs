//! The worker's half: takes an attempt's seat, says how far it is, and how it ended.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use atelier_core::{CancelFlag, Clock, ErrorCode, Phase, Progress, ProgressSink};
use atelier_store::JobId;
#[cfg(unix)]
use rustix::process::{getpriority_process, setpriority_process};

use crate::alive;
use crate::error::{Error, Result};
use crate::files::{
    AttemptFiles, Failed, FencePermit, Manifest, ManifestFile, Order, Report, VERSION, finished,
};

/// Exit status of a worker that was asked to stop and saved what it had: the system's word for a failure that may pass.
pub const EXIT_STOPPED: i32 = 75;
/// Exit status of a worker whose place another attempt took.
pub const EXIT_SUPERSEDED: i32 = 76;

/// How often a worker looks whether it is to stop.
const GLANCE: Duration = Duration::from_millis(200);
/// How long work that is asked to stop may take to its next step.
const PATIENCE: Duration = Duration::from_mins(10);
/// Milliseconds between two reports.
const PAUSE_MS: i64 = 200;
/// The niceness of workers, of 19 at most: enough for short work of others to be let in at once.
#[cfg(unix)]
const NICENESS: i32 = 10;

/// Lets the server answer, and everything else that people wait for go on, while the processors are busy with the work. It is
/// for this thread and those that it begins, so it comes before all of them.
#[cfg(unix)]
pub fn give_way() {
    let now = getpriority_process(None).unwrap_or(0);
    // Without it, others wait a little.
    let _ = setpriority_process(None, now.max(NICENESS));
}

/// Lets nobody in: there is no such word here.
#[cfg(not(unix))]
pub fn give_way() {}

/// An attempt, from within the process that does its work. It is taken for alive as long as this lives.
#[derive(Debug)]
pub struct Worker {
    files: AttemptFiles,
    order: Order,
    permit: FencePermit,
    /// None where it came with the standard input.
    _lock: Option<File>,
}

impl Worker {
    /// Takes the seat of an attempt at the job of a folder.
    ///
    /// # Errors
    /// When another process has it, another attempt may give results, or there is no order.
    pub fn begin(folder: &Path, job: JobId, attempt: u32) -> Result<Self> {
        let files = AttemptFiles::of(folder, attempt);
        let path = files.alive();
        let lock = if alive::is_inherited(&path) {
            None
        } else {
            let lock = alive::take_patiently(&path)?;
            Some(lock.ok_or(Error::InUse { job, attempt })?)
        };
        let order = files.read_order()?;
        if (order.version, order.job, order.attempt) != (VERSION, job, attempt) {
            return Err(Error::Unreadable {
                path: files.folder().join("order.json"),
                problem: "it is another attempt's, or another program's".to_owned(),
            });
        }
        let permit = FencePermit::new(folder, job, attempt);
        permit.check()?;
        Ok(Self {
            files,
            order,
            permit,
            _lock: lock,
        })
    }

    /// What to do.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// The attempt's files.
    pub fn files(&self) -> &AttemptFiles {
        &self.files
    }

    /// Says whether results may be given.
    pub fn permit(&self) -> &FencePermit {
        &self.permit
    }

    /// Pictures that earlier attempts finished, whose files are now this one's, in the order of their names.
    pub fn take_over(&self) -> Vec<ManifestFile> {
        let job = self.files.folder().parent();
        job.map_or_else(Vec::new, |job| finished::take_over(job, self.order.attempt))
    }

    /// Sets the flag when the attempt is asked to stop, or another one took its place; as long as the answer lives. Ends the
    /// process where the work does not stop for many minutes, since it never will then.
    pub fn listen(&self, cancel: CancelFlag) -> Result<Listener> {
        let (files, permit) = (self.files.clone(), self.permit.clone());
        let is_over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&is_over);
        let listen = move || {
            let mut asked: Option<Instant> = None;
            while !ended.load(Ordering::SeqCst) {
                let is_superseded = matches!(permit.check(), Err(Error::Superseded { .. }));
                if files.is_to_stop() || is_superseded {
                    cancel.cancel();
                    let asked = *asked.get_or_insert_with(Instant::now);
                    if asked.elapsed() > PATIENCE {
                        std::process::abort();
                    }
                }
                thread::park_timeout(GLANCE);
            }
        };
        let thread = thread::Builder::new()
            .name("stop".to_owned())
            .spawn(listen)?;
        Ok(Listener {
            is_over,
            thread: Some(thread),
        })
    }

    /// Writes down how far the work is, a few times a second.
    pub fn reports<'a>(&'a self, clock: &'a dyn Clock) -> Reports<'a> {
        Reports {
            files: &self.files,
            clock,
            last: Mutex::default(),
        }
    }

    /// Says that all is done, and what was written.
    ///
    /// # Errors
    /// When another attempt took the place of this one.
    pub fn done(&self, files: Vec<ManifestFile>) -> Result<()> {
        self.permit.check()?;
        let Order { attempt, token, .. } = &self.order;
        let manifest = Manifest::new(*attempt, token.clone(), files);
        self.files.write_manifest(&manifest)
    }

    /// Says why the work cannot be done.
    pub fn failed(&self, code: ErrorCode, message: String) -> Result<()> {
        self.files.write_failed(&Failed {
            code: code.name().to_owned(),
            message,
            hint: code.hint().to_owned(),
        })
    }
}

/// Listens for being asked to stop.
#[derive(Debug)]
pub struct Listener {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Progress that the queue reads.
pub struct Reports<'a> {
    files: &'a AttemptFiles,
    clock: &'a dyn Clock,
    last: Mutex<Option<(Phase, i64, i64)>>,
}

impl std::fmt::Debug for Reports<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reports")
            .field(&self.files.folder())
            .finish()
    }
}

impl ProgressSink for Reports<'_> {
    fn report(&self, progress: Progress) {
        let now_ms = (self.clock.unix_secs() * 1e3) as i64;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let phase_began_ms = match *last {
            Some((phase, began_ms, last_ms)) if phase == progress.phase => {
                if now_ms.abs_diff(last_ms) < PAUSE_MS.unsigned_abs() {
                    return;
                }
                began_ms
            }
            _ => now_ms,
        };
        *last = Some((progress.phase, phase_began_ms, now_ms));
        // Whoever watches sees less then; the work does not end for it.
        let _ = self.files.write_report(&Report {
            version: VERSION,
            process: std::process::id(),
            progress,
            phase_began_ms,
            reported_ms: now_ms,
        });
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_and_its_threads_give_way_and_the_rest_of_a_process_does_not() {
        let niceness = || getpriority_process(None).unwrap();
        let before = niceness();
        let working = thread::spawn(move || {
            give_way();
            let begun = thread::spawn(niceness).join().unwrap();
            [niceness(), begun]
        });
        assert_eq!(working.join().unwrap(), [before.max(NICENESS); 2]);
        assert_eq!(niceness(), before);
    }
}
