//! The one who looks after the queue: begins what has its turn, and ends what has ended. It remembers nothing that matters; a new
//! one goes on where the last one was killed.

mod beginning;
mod ending;
mod logs;
mod put_off;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use atelier_core::JobState;
use atelier_store::{Attempt, Job, JobId, Library};

use crate::alive;
use crate::board::{Board, JobSnapshot};
use crate::error::{Error, Result};
use crate::executor::{Executor, Ticket};
use crate::files::AttemptFiles;
use crate::settings::{Breakpoint, FreeBytes, Limits, Settings};

use ending::{tidy_all, tidy_job};
pub(crate) use logs::Logs;
use put_off::PutOff;

/// The supervisor of a queue. It does nothing by itself: [`Self::pass`] is called again and again.
pub struct Supervisor {
    library: Library,
    executor: Arc<Mutex<Box<dyn Executor>>>,
    free_bytes: FreeBytes,
    limits: Limits,
    stops_at: Option<Box<dyn Fn(Breakpoint) -> bool + Send>>,
    board: Arc<Board>,
    is_draining: bool,
    is_busy: bool,
    /// Until when nothing is begun or published, after something could not be.
    rests_until: Option<Instant>,
    /// How often in a row no attempt could be begun, whosever.
    refusals: u32,
    /// Whether all attempts were looked at once. What is found dead before died with an earlier supervisor, or the machine.
    has_looked: bool,
    /// Jobs that are not begun again at once.
    put_off: PutOff,
    /// Jobs whose results could not be published, and are not tried again at once.
    unpublished: PutOff,
    /// What kept the queue from going on with jobs, where the catalogue may not be able to hold it.
    troubles: BTreeMap<JobId, String>,
    /// As long as it lives no other supervisor has the queue.
    _lock: File,
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Supervisor").field(&self.library).finish()
    }
}

impl Supervisor {
    /// Takes the queue of a library.
    ///
    /// # Errors
    /// When another supervisor has it.
    pub fn open(settings: Settings) -> Result<Self> {
        let home = settings.library.jobs_folder();
        atelier_store::create_private_folder(&home)?;
        let lock = alive::take_patiently(&home.join(".supervisor"))?;
        let lock = lock.ok_or(Error::Supervised { home })?;
        let now_ms = (settings.clock.unix_secs() * 1e3).max(0.0);
        let limits = settings.limits;
        #[expect(clippy::cast_sign_loss, reason = "it is not negative")]
        let board = Board::new(now_ms as u64, limits.most_ended);
        tidy_all(&settings.library);
        Ok(Self {
            library: settings.library,
            executor: Arc::new(Mutex::new(settings.executor)),
            free_bytes: settings.free_bytes,
            limits,
            stops_at: settings.stops_at,
            board: Arc::new(board),
            is_draining: false,
            is_busy: false,
            rests_until: None,
            refusals: 0,
            has_looked: false,
            put_off: PutOff::default(),
            unpublished: PutOff::default(),
            troubles: BTreeMap::new(),
            _lock: lock,
        })
    }

    pub(crate) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    pub(crate) fn logs(&self) -> Logs {
        Logs {
            library: self.library.clone(),
            executor: Arc::clone(&self.executor),
            most_bytes: self.limits.log_bytes,
        }
    }

    /// From now on nothing is begun, and what runs is asked to stop.
    pub fn set_draining(&mut self, is_draining: bool) {
        self.is_draining = is_draining;
    }

    /// Whether something was running after the last pass.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Looks at every job once: ends what has ended, begins what has its turn. Whether anything changed, so that another pass
    /// may find more to do.
    ///
    /// # Errors
    /// The first that went wrong; the other jobs were looked at.
    pub fn pass(&mut self) -> Result<bool> {
        let mut found = Found::default();
        let mut jobs = self.library.list_open_jobs()?;
        self.put_off.keep(&jobs);
        self.unpublished.keep(&jobs);
        if !self.is_resting() {
            self.troubles.clear();
        }
        for (job, ticket, verdict, attempt) in self.judged(&jobs)? {
            let done = self.carry_out(job, &ticket, verdict, &attempt);
            self.note_trouble([job.id], &done);
            found.note(done)?;
        }
        self.has_looked = true;
        if found.has_changed {
            jobs = self.library.list_open_jobs()?;
        }
        let has_begun = self.take_turns(&jobs, &mut found)?;
        if has_begun {
            jobs = self.library.list_open_jobs()?;
        }
        self.show(jobs)?;
        found.trouble.map_or(Ok(found.has_changed), Err)
    }

    /// Remembers why these jobs wait, where that is the queue's own doing.
    fn note_trouble<T>(&mut self, jobs: impl IntoIterator<Item = JobId>, done: &Result<T>) {
        let why = done.as_ref().err().map(|error| {
            let why = self.told(&error.to_string());
            format!("waits for the queue, which cannot go on: {why}")
        });
        for id in jobs {
            match &why {
                Some(why) => self.troubles.insert(id, why.clone()),
                None => self.troubles.remove(&id),
            };
        }
    }

    /// Shows everybody how things are.
    fn show(&mut self, jobs: Vec<Job>) -> Result<()> {
        self.is_busy = jobs.iter().any(|job| job.state == JobState::Running);
        let open: BTreeSet<_> = jobs.iter().map(|job| job.id).collect();
        for id in self.board.open() {
            if open.contains(&id) {
                continue;
            }
            match self.library.get_job(id) {
                Ok(job) => {
                    // One that was paused may have been cancelled.
                    tidy_job(&job);
                    self.board.show(JobSnapshot { job, report: None });
                }
                // It was removed with its run.
                Err(atelier_store::Error::NotFound { .. }) => self.board.remove(id),
                Err(error) => return Err(error.into()),
            }
        }
        let is_open = |id: &JobId| open.contains(id);
        self.troubles.retain(|id, _| is_open(id));
        self.board.set_troubles(self.troubles.clone());
        for mut job in jobs {
            let is_running = job.state == JobState::Running;
            job.waiting = self.troubles.get(&job.id).cloned().or(job.waiting);
            if let Some(why) = self.unpublished.last_why(job.id).filter(|_| is_running) {
                job.waiting = Some(why.to_owned());
            }
            let files = AttemptFiles::of(&job.folder, job.attempt);
            let report = is_running.then(|| files.read_report()).flatten();
            self.board.show(JobSnapshot { job, report });
        }
        Ok(())
    }

    /// Does not try again for a while what the system refused.
    fn rest(&mut self) {
        self.rest_for(self.limits.rest);
    }

    fn rest_for(&mut self, length: Duration) {
        self.rests_until = Some(Instant::now() + length);
    }

    fn is_resting(&self) -> bool {
        self.rests_until.is_some_and(|end| Instant::now() < end)
    }

    fn breakpoint(&self, place: Breakpoint) -> Result<()> {
        match &self.stops_at {
            Some(stops_at) if stops_at(place) => Err(Error::Stopped),
            _ => Ok(()),
        }
    }
}

/// What a pass found.
#[derive(Debug, Default)]
struct Found {
    has_changed: bool,
    trouble: Option<Error>,
}

impl Found {
    /// Takes note of what became of one job. Only a test's breakpoint keeps the others from being looked at.
    fn note(&mut self, done: Result<bool>) -> Result<()> {
        match done {
            Ok(changed) => self.has_changed |= changed,
            Err(Error::Stopped) => return Err(Error::Stopped),
            Err(error) => {
                self.trouble.get_or_insert(error);
            }
        }
        Ok(())
    }
}

fn newest_attempt(library: &Library, job: &Job) -> Result<Option<Attempt>> {
    Ok(library.list_attempts(job.id)?.pop())
}

fn ticket(job: &Job, attempt: &Attempt) -> Ticket {
    Ticket {
        job: job.id,
        attempt: attempt.number,
        token: attempt.token.clone(),
        folder: job.folder.clone(),
    }
}
