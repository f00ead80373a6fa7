//! The time in which a process trains a run. The system ends it with the process, however that ends, so that no run looks
//! trained that nobody trains.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use atelier_core::{JobState, JobWish, RunState};
use fs_err::File;
use rusqlite::params;

use super::checkpoint::record;
use super::{Run, get_to_change};
use crate::error::{Error, Result};
use crate::jobs;
use crate::library::{JobId, Library, RunId};
use crate::{leftovers, lock};

/// The file in a run's folder that is locked meanwhile.
const LOCK: &str = ".sitting";
/// How often a lock is tried that somebody may only look at, and the time between.
const GLANCES: u32 = 10;
const GLANCE: Duration = Duration::from_millis(10);
/// The file in a run's folder by which it is asked to stop.
const STOP: &str = ".stop";

/// A process trains the run as long as this lives.
#[derive(Debug)]
pub struct Sitting {
    run: RunId,
    stop: PathBuf,
    /// What sittings before it took.
    before: Spent,
    /// None where the file system has no locks.
    _lock: Option<File>,
}

/// What a sitting took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// Seconds in training steps.
    pub training_secs: f64,
    /// Steps that were made in them.
    pub trained_steps: u64,
    /// Seconds of drawing previews.
    pub preview_secs: f64,
    /// Pictures that were drawn in them.
    pub preview_pictures: u64,
}

impl Spent {
    fn and(self, more: Self) -> Self {
        Self {
            training_secs: self.training_secs + more.training_secs,
            trained_steps: self.trained_steps + more.trained_steps,
            preview_secs: self.preview_secs + more.preview_secs,
            preview_pictures: self.preview_pictures + more.preview_pictures,
        }
    }
}

/// How a sitting ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    /// Stopped, completed or failed.
    pub state: RunState,
    /// Why it failed.
    pub problem: Option<String>,
    /// What this sitting took.
    pub spent: Spent,
    /// Pictures that a completed training left out on purpose, in words.
    pub skipped: Vec<String>,
}

impl Default for RunEnd {
    /// Stopped, with nothing to say.
    fn default() -> Self {
        Self {
            state: RunState::Stopped,
            problem: None,
            spent: Spent::default(),
            skipped: Vec::new(),
        }
    }
}

impl Library {
    /// Begins to train a run, in its folder.
    ///
    /// # Errors
    /// When another process trains it, a job of it is in the queue, or it is in the trash.
    pub fn begin_run(&self, id: RunId) -> Result<(Run, Sitting)> {
        self.begin(id, None)
    }

    /// The same for the job that has the run's place in the queue.
    ///
    /// # Errors
    /// When another process trains it, another job of it is in the queue, or it is in the trash.
    pub fn begin_run_of_job(&self, id: RunId, job: JobId) -> Result<(Run, Sitting)> {
        self.begin(id, Some(job))
    }

    /// Whether a process trains a run at this moment. Where the file system has no locks, nobody is seen.
    pub fn is_run_in_use(&self, id: RunId) -> bool {
        is_in_use(&self.run_folder(id))
    }

    fn begin(&self, id: RunId, own: Option<JobId>) -> Result<(Run, Sitting)> {
        let run = self.get_run(id)?;
        atelier_weights::private::create_dir_all(&run.folder)?;
        let lock = seat(&run)?;
        if lock.is_some() {
            leftovers::sweep_within(&run.folder);
        }
        let stop = run.folder.join(STOP);
        if stop.exists() {
            fs_err::remove_file(&stop)?;
        }
        // Those of a sitting whose process was killed before it could say so.
        let checkpoints = super::checkpoint::read(&run.folder);
        let now_ms = self.now_ms();
        self.write(move |change| {
            let name = get_to_change(change, id)?.name;
            if let Some(job) = jobs::open_of_run(change, id)?.filter(|job| own != Some(*job)) {
                let job = job.to_string();
                return Err(Error::RunQueued { name, job });
            }
            record(change, id, &checkpoints)?;
            let begin = "UPDATE run SET state = ?, problem = NULL, changed_ms = ? WHERE id = ?";
            Ok(change.execute(begin, params![RunState::Running.name(), now_ms, id])?)
        })?;
        let sitting = Sitting {
            run: id,
            stop,
            before: Spent {
                training_secs: run.training_secs,
                trained_steps: run.trained_steps,
                preview_secs: run.preview_secs,
                preview_pictures: run.preview_pictures,
            },
            _lock: lock,
        };
        Ok((self.get_run(id)?, sitting))
    }

    /// Asks whatever process trains a run to stop at its next step, and to save what it has. Where that is a job of the queue,
    /// it is cancelled, since the queue would begin it again.
    ///
    /// # Errors
    /// When no process trains it.
    pub fn stop_run(&self, id: RunId) -> Result<Run> {
        let run = self.get_run(id)?;
        if run.state != RunState::Running {
            return Err(Error::RunNotInUse { name: run.name });
        }
        self.write(move |change| {
            super::get_own(change, id)?;
            let wish = "UPDATE main.job SET wish = ? WHERE run = ? AND state = ?";
            let (cancel, running) = (JobWish::Cancel.name(), JobState::Running.name());
            Ok(change.execute(wish, params![cancel, id, running])?)
        })?;
        fs_err::write(run.folder.join(STOP), "")?;
        Ok(run)
    }

    /// Whether somebody asked the run to stop.
    pub fn is_run_to_stop(&self, sitting: &Sitting) -> bool {
        sitting.stop.exists()
    }

    /// Takes note of how far a run is, and of what the sitting took so far: a process that is killed says nothing at its end.
    pub fn advance_run(
        &self,
        sitting: &Sitting,
        done_steps: u64,
        loss: Option<f32>,
        spent: Spent,
    ) -> Result<()> {
        let (id, now_ms) = (sitting.run, self.now_ms());
        let all = sitting.before.and(spent);
        self.write(move |change| {
            change.execute(
                "UPDATE main.run SET done_steps = ?, loss = ?, changed_ms = ?, training_secs = ?, trained_steps = ?, \
                 preview_secs = ?, preview_pictures = ? WHERE id = ?",
                params![
                    done_steps,
                    loss,
                    now_ms,
                    all.training_secs,
                    all.trained_steps,
                    all.preview_secs,
                    all.preview_pictures,
                    id
                ],
            )?;
            Ok(())
        })
    }

    /// Ends a sitting, and takes note of the checkpoints that the run has.
    pub fn end_run(&self, sitting: Sitting, end: RunEnd) -> Result<Run> {
        let (id, now_ms) = (sitting.run, self.now_ms());
        let all = sitting.before.and(end.spent);
        let problem = end.problem.map(|problem| self.told(&problem));
        let folder = self.run_folder(id);
        let skipped = serde_json::to_string(&end.skipped).map_err(std::io::Error::other)?;
        let (checkpoints, newest) = (
            super::checkpoint::read(&folder),
            super::Losses::read(&folder),
        );
        self.write(move |change| {
            record(change, id, &checkpoints)?;
            change.execute(
                "UPDATE run SET state = ?, problem = ?, training_secs = ?, trained_steps = ?, preview_secs = ?, \
                 preview_pictures = ?, done_steps = ?, loss = ?, changed_ms = ?, skipped = ? WHERE id = ?",
                params![
                    end.state.name(),
                    problem,
                    all.training_secs,
                    all.trained_steps,
                    all.preview_secs,
                    all.preview_pictures,
                    newest.step,
                    newest.losses.last(),
                    now_ms,
                    skipped,
                    id
                ],
            )?;
            Ok(())
        })?;
        drop(sitting);
        self.get_run(id)
    }
}

/// The lock of a run for as long as the file is open; none where the file system has no locks. The run's folder is there.
///
/// # Errors
/// When a process trains it.
pub(super) fn seat(run: &Run) -> Result<Option<File>> {
    let lock = lock::open_file(&run.folder.join(LOCK))?;
    for _ in 0..GLANCES {
        match lock.file().try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(TryLockError::Error(_)) => return Ok(None),
            // Somebody trains it, or only looks whether somebody does.
            Err(TryLockError::WouldBlock) => thread::sleep(GLANCE),
        }
    }
    let name = run.name.clone();
    Err(Error::RunInUse { name })
}

/// Whether a process is seen to train the run of a folder.
pub(crate) fn is_in_use(folder: &Path) -> bool {
    let path = folder.join(LOCK);
    let is_locked = |lock: File| {
        let tried = lock.file().try_lock_shared();
        matches!(tried, Err(TryLockError::WouldBlock))
    };
    path.exists() && lock::open_file(&path).is_ok_and(is_locked)
}

/// Whether a process trains the run of a folder. Where the file system has no locks, it is taken for true.
pub(super) fn is_held(folder: &Path) -> bool {
    let path = folder.join(LOCK);
    if !path.exists() {
        return false;
    }
    let Ok(lock) = lock::open_file(&path) else {
        return true;
    };
    // Shared, so that two that look do not take each other for one that trains.
    lock.file().try_lock_shared().is_err()
}
