//! The queue as the rest of the program sees it: a supervisor on a thread of its own, and what can be asked of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use atelier_core::{JobKind, JobState};
use atelier_store::{Job, JobId, JobStart, Library, NewJob, NewRun, Run, RunId, Viewer};
use serde::Serialize;

use crate::bell::{Bell, Ending};
use crate::board::{Board, Changes, JobSnapshot};
use crate::error::{Error, Result};
use crate::files::inputs;
use crate::request::{GenerationRequest, TrainingRequest};
use crate::settings::{Note, Settings};
use crate::supervisor::{Logs, Supervisor};

/// Passes in a row before the supervisor looks whether it is to end.
const MOST_PASSES: usize = 100;

/// The supervisor rests so many times as long as it works, unless something is asked for.
const SHARE: u32 = 5;

/// The queue, as somebody sees it. Clones are the same one; with the last one the supervisor goes, and the workers stay.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
    library: Library,
}

struct Shared {
    board: Arc<Board>,
    bell: Arc<Bell>,
    logs: Logs,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Queue").field(&self.library).finish()
    }
}

impl Queue {
    /// Begins to do what is queued, and takes over what an earlier supervisor left.
    ///
    /// # Errors
    /// When another process has the queue of this library.
    pub fn open(settings: Settings) -> Result<Self> {
        let (library, limits, note) = (
            settings.library.clone(),
            settings.limits,
            settings.note.clone(),
        );
        let supervisor = Supervisor::open(settings)?;
        let (board, logs) = (supervisor.board(), supervisor.logs());
        let bell = Arc::new(Bell::default());
        let keeper = Keeper {
            supervisor,
            bell: Arc::clone(&bell),
            note,
            last_note: String::new(),
        };
        let ticks = (limits.tick, limits.idle_tick);
        let thread = thread::Builder::new().name("queue".to_owned());
        let thread = thread.spawn(move || keeper.keep(ticks))?;
        Ok(Self {
            library,
            shared: Arc::new(Shared {
                board,
                bell,
                logs,
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    /// The same queue as somebody sees it: jobs that they may not see are not there, and what they ask for is theirs.
    #[must_use]
    pub fn seen_by(&self, viewer: Viewer) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            library: self.library.seen_by(viewer),
        }
    }

    /// Accepts a training, with the run that it trains.
    pub fn submit_training(
        &self,
        request: &TrainingRequest,
        run: NewRun,
        priority: i32,
    ) -> Result<(Job, Run)> {
        let job = self.new_job(JobKind::Training, request, priority)?;
        self.rung(self.library.create_training(job, run))
    }

    /// Accepts the training of a run that is there: it goes on from its newest checkpoint.
    pub fn submit_training_of(
        &self,
        request: &TrainingRequest,
        run: RunId,
        priority: i32,
    ) -> Result<Job> {
        let job = self.new_job(JobKind::Training, request, priority)?;
        self.rung(self.library.create_training_of(job, run))
    }

    /// The same as it was asked for the last time: with its memory, device and pictures that are left out.
    pub fn submit_training_again(&self, run: RunId, priority: i32) -> Result<Job> {
        let before = self.library.find_newest_job_of(run)?;
        let request = before.and_then(|job| serde_json::from_value(job.request).ok());
        let request: TrainingRequest = request.unwrap_or_default();
        self.submit_training_of(&request, run, priority)
    }

    /// Accepts a generation. Its start picture is copied, and may go then.
    ///
    /// # Errors
    /// When it names adapter files instead of models, or models and start pictures that there are not.
    pub fn submit_generation(&self, mut request: GenerationRequest, priority: i32) -> Result<Job> {
        if !request.request.adapters.is_empty() {
            return Err(Error::Invalid {
                what: "adapters",
                problem: "a job takes models of the library, and no files".to_owned(),
            });
        }
        for used in &request.models {
            self.library.get_model(used.model)?;
        }
        let mut job = self.new_job(JobKind::Generation, &request, priority)?;
        let folder = self.library.job_folder(job.id);
        if let Some(start) = &mut request.start {
            let copied = inputs::copy_start(&folder, start, &self.library)?;
            let start = JobStart {
                picture: start.picture.id,
                mask: start.mask.as_ref().map(|mask| mask.id),
            };
            request.request.start = Some(copied);
            job.request = as_json(&request)?;
            return self.rung(self.library.create_drawing(job, start));
        }
        if request.request.start.is_some() {
            inputs::copy(&folder, &mut request.request)?;
            job.request = as_json(&request)?;
        }
        self.rung(self.library.create_job(job))
    }

    /// Wants a job to stop for good; a running one stops within a step.
    pub fn cancel(&self, id: JobId) -> Result<Job> {
        self.rung(self.library.cancel_job(id))
    }

    /// Wants a failed job to count as cancelled, so that nobody waits for it to be tried again.
    pub fn give_up(&self, id: JobId) -> Result<Job> {
        let job = self.library.give_up_job(id)?;
        let (shown, report) = (job.clone(), None);
        self.shared.board.show(JobSnapshot { job: shown, report });
        Ok(job)
    }

    /// Wants a job to stop until [`Self::resume`].
    pub fn pause(&self, id: JobId) -> Result<Job> {
        self.rung(self.library.pause_job(id))
    }

    /// Wants a paused job to go on.
    pub fn resume(&self, id: JobId) -> Result<Job> {
        self.rung(self.library.resume_job(id))
    }

    /// Queues a job again that failed or was cancelled.
    ///
    /// # Errors
    /// When it ended so long ago that the picture it starts from was removed.
    pub fn retry(&self, id: JobId) -> Result<Job> {
        let job = retry(&self.library, id)?;
        self.ring();
        Ok(job)
    }

    /// Gives a job another priority.
    pub fn set_priority(&self, id: JobId, priority: i32) -> Result<Job> {
        self.rung(self.library.set_job_priority(id, priority))
    }

    /// A job as it is now, and how far it is.
    pub fn snapshot(&self, id: JobId) -> Result<JobSnapshot> {
        Ok(self.snapshot_of(self.library.get_job(id)?))
    }

    /// A job of the catalogue with what the queue knows beside it.
    pub fn snapshot_of(&self, mut job: Job) -> JobSnapshot {
        let id = job.id;
        if job.state.is_open()
            && let Some(why) = self.shared.board.trouble(id)
        {
            job.waiting = Some(why);
        }
        let is_running = job.state == JobState::Running;
        let shown = is_running.then(|| self.shared.board.running(id)).flatten();
        let Some(JobSnapshot { job: seen, report }) = shown else {
            return JobSnapshot { job, report: None };
        };
        // The catalogue may lack it, such as on a full disk.
        job.waiting = seen.waiting.or(job.waiting);
        JobSnapshot { job, report }
    }

    /// What changed since a revision: at once where something has, else when something does, or after `patience`. With
    /// revision 0, everything that the queue shows.
    pub fn changes(&self, since: u64, patience: Duration) -> Changes {
        let mut changes = self.shared.board.changes(since, patience);
        let viewer = self.library.viewer();
        changes
            .jobs
            .retain(|shown| viewer.sees(shown.job.owner, shown.job.is_shared));
        changes
    }

    /// Whether a job is running.
    pub fn works(&self) -> bool {
        self.shared.board.works()
    }

    /// Whether the supervisor has ended, so that nothing will change any more.
    pub fn has_ended(&self) -> bool {
        self.shared.board.is_closed()
    }

    /// Shows the jobs of a run as they are now to those alone who may see them, when that changed.
    ///
    /// # Errors
    /// When the catalogue cannot be read.
    pub fn review(&self, run: RunId) -> Result<()> {
        for shown in self.shared.board.of_run(run) {
            match self.library.get_job(shown.job.id) {
                Ok(job) => self.shared.board.replace(JobSnapshot { job, ..shown }),
                Err(atelier_store::Error::NotFound { .. }) => {
                    self.shared.board.remove(shown.job.id);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The end of what the newest attempt at a job said.
    pub fn log(&self, id: JobId) -> Result<String> {
        self.shared.logs.of(&self.library.get_job(id)?)
    }

    /// Looks at everything now, in place of at the next tick.
    pub fn ring(&self) {
        self.shared.bell.ring();
    }

    /// Ends the supervisor: nothing is begun any more, what runs is asked to stop and is queued again. What has not stopped
    /// after `grace` stops by itself, and is found by the next supervisor.
    pub fn shut_down(&self, grace: Duration) {
        self.shared.bell.say(Ending::Drain);
        let end = Instant::now() + grace;
        while !self.has_ended() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let now = self.changes(0, Duration::ZERO).revision;
            self.changes(now, left);
        }
        self.shared.end();
    }

    fn new_job(&self, kind: JobKind, request: &impl Serialize, priority: i32) -> Result<NewJob> {
        if self.has_ended() || self.shared.bell.ending() != Ending::None {
            return Err(Error::ShutDown);
        }
        Ok(NewJob {
            id: JobId::unused(),
            kind,
            priority,
            request: as_json(request)?,
        })
    }

    fn rung<T>(&self, done: Result<T, atelier_store::Error>) -> Result<T> {
        let done = done?;
        self.ring();
        Ok(done)
    }
}

/// Queues a job again that failed or was cancelled; whichever process has the queue finds it there.
///
/// # Errors
/// When it is in another state, or ended so long ago that the picture it starts from was removed.
pub fn retry(library: &Library, id: JobId) -> Result<Job> {
    let job = library.get_job(id)?;
    let has_ended = matches!(job.state, JobState::Failed | JobState::Cancelled);
    if has_ended && !inputs::are_there(&job) {
        return Err(Error::Invalid {
            what: "job",
            problem: "it ended long ago, and the picture that it starts from was removed; ask for the drawing anew".to_owned(),
        });
    }
    Ok(library.retry_job(id)?)
}

fn as_json(request: &impl Serialize) -> Result<serde_json::Value> {
    Ok(serde_json::to_value(request).map_err(std::io::Error::other)?)
}

impl Shared {
    fn end(&self) {
        self.bell.say(Ending::Quit);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end();
    }
}

/// The supervisor on its thread.
struct Keeper {
    supervisor: Supervisor,
    bell: Arc<Bell>,
    note: Note,
    last_note: String,
}

impl Keeper {
    fn keep(mut self, (tick, idle_tick): (Duration, Duration)) {
        loop {
            let ending = self.bell.ending();
            if ending == Ending::Quit {
                break;
            }
            self.supervisor.set_draining(ending == Ending::Drain);
            let begun = Instant::now();
            for _ in 0..MOST_PASSES {
                let pass = catch_unwind(AssertUnwindSafe(|| self.supervisor.pass()));
                match pass {
                    Ok(Ok(true)) if self.bell.ending() != Ending::Quit => {}
                    Ok(Ok(_)) => break,
                    Ok(Err(error)) => {
                        self.say(format!("the queue: {error}"));
                        break;
                    }
                    Err(_) => {
                        self.say(
                            "the queue stopped at a condition that it never expects".to_owned(),
                        );
                        break;
                    }
                }
            }
            let is_busy = self.supervisor.is_busy();
            if ending == Ending::Drain && !is_busy {
                break;
            }
            // A queue of thousands takes its time, which is the workers'.
            let pause = (begun.elapsed() * SHARE).clamp(tick, idle_tick);
            self.bell.wait(if is_busy { pause } else { idle_tick });
        }
        self.supervisor.board().close();
    }

    /// The same trouble at every tick is said once.
    fn say(&mut self, text: String) {
        if self.last_note != text {
            (self.note)(&text);
            self.last_note = text;
        }
    }
}
