//! How jobs begin: whose turn it is, and an attempt from its row to its process.

use atelier_core::{Coded as _, JobState, Phase};
use atelier_store::{Attempt, Job, Lost};

use super::ending::not_superseded;
use super::logs::lock;
use super::put_off::pause_of;
use super::{Found, Supervisor, ticket};
use crate::error::{Error, Result};
use crate::executor::Ticket;
use crate::files::{AttemptFiles, Fence, Order, VERSION};
use crate::settings::Breakpoint;
use crate::turns::{Candidate, Turn, turns};

/// Why a job waits whose run somebody else trains.
pub(super) const IN_USE: &str = "waits: its run is being trained outside the queue";

impl Supervisor {
    /// Begins those of the queued jobs that have their turn, and says why the others wait. Whether anything was written.
    pub(super) fn take_turns(&mut self, jobs: &[Job], found: &mut Found) -> Result<bool> {
        let mut waiting = Vec::new();
        let mut has_begun = false;
        for (job, turn) in self.turns(jobs) {
            match turn {
                Turn::Begin if self.is_trained_elsewhere(job) => {
                    waiting.push((job.id, IN_USE.to_owned()));
                }
                Turn::Begin => {
                    let begun = self.begin(job);
                    // Why an attempt could not be begun stands in the catalogue already, where that is not what failed.
                    if matches!(begun, Ok(_) | Err(Error::Library(_))) {
                        self.note_trouble([job.id], &begun);
                    }
                    found.note(begun)?;
                    has_begun = true;
                }
                Turn::Wait(why) => waiting.push((job.id, why)),
            }
        }
        waiting.retain(|(id, why)| {
            let mut jobs = jobs.iter();
            jobs.all(|job| job.id != *id || job.waiting.as_ref() != Some(why))
        });
        if waiting.is_empty() {
            return Ok(has_begun);
        }
        let ids: Vec<_> = waiting.iter().map(|(id, _)| *id).collect();
        let noted = self.library.note_waiting(waiting).map_err(Error::from);
        self.note_trouble(ids, &noted);
        found.note(noted.map(|()| false))?;
        Ok(true)
    }

    fn turns<'j>(&self, jobs: &'j [Job]) -> Vec<(&'j Job, Turn)> {
        let has_queued = jobs.iter().any(|job| job.state == JobState::Queued);
        if self.is_draining || self.is_resting() || !has_queued {
            return Vec::new();
        }
        let (mut candidates, mut turned) = (Vec::new(), Vec::new());
        // Nothing runs any more of one whose results only wait to be published.
        let is_done =
            |job: &Job| job.state == JobState::Running && self.unpublished.times(job.id) > 0;
        for job in jobs.iter().filter(|job| !is_done(job)) {
            match self.put_off.why(job.id) {
                Some(why) if job.state == JobState::Queued => {
                    turned.push((job, Turn::Wait(why.to_owned())));
                }
                _ => candidates.push(Candidate {
                    job,
                    has_settled: has_settled(job),
                }),
            }
        }
        turned.extend(turns(&candidates, (self.free_bytes)()));
        turned
    }

    /// Whether somebody outside the queue trains the run of a job.
    pub(super) fn is_trained_elsewhere(&self, job: &Job) -> bool {
        job.run.is_some_and(|run| self.library.is_run_in_use(run))
    }

    fn begin(&mut self, job: &Job) -> Result<bool> {
        let saved_steps = self.saved_steps(job)?;
        let attempt = match self.library.begin_attempt(job.id, job.attempt, saved_steps) {
            // Somebody cancelled it a moment ago.
            Err(atelier_store::Error::Superseded { .. }) => return Ok(true),
            attempt => attempt?,
        };
        self.breakpoint(Breakpoint::Noted)?;
        let prepared = self.prepare(job, &attempt);
        // What one job's folder refuses is that job's; what the system refuses, no other gets around either.
        let is_own = prepared.as_ref().is_err_and(|error| !error.is_full());
        let begun = prepared.and_then(|ticket| lock(&self.executor).submit(&ticket));
        match begun {
            Ok(()) => {
                self.refusals = 0;
                self.breakpoint(Breakpoint::Submitted)?;
                Ok(true)
            }
            Err(Error::Stopped) => Err(Error::Stopped),
            Err(error) => {
                self.not_begun(job, &attempt, (&error, is_own))?;
                Err(error)
            }
        }
    }

    /// Ends an attempt that could not be begun. Others have their turn meanwhile, where that is a matter of the job alone.
    fn not_begun(
        &mut self,
        job: &Job,
        attempt: &Attempt,
        (error, is_own): (&Error, bool),
    ) -> Result<()> {
        let problem = format!("it could not be begun: {}", self.told(&error.to_string()));
        if !is_own {
            // However long that takes, in pauses that grow.
            self.rest_for(pause_of(self.limits.rest, self.refusals));
            self.refusals = self.refusals.saturating_add(1);
            let stopped = self
                .library
                .stop_attempt(job.id, attempt.number, "never begun");
            not_superseded(stopped.map(drop))?;
            let why = format!("waits: {problem}");
            return Ok(self.library.note_waiting(vec![(job.id, why)])?);
        }
        let why = format!("waits, and is tried again: {problem}");
        let lost = Lost {
            is_refusal: true,
            has_advanced: false,
            most: self.limits.most_refused,
            code: error.code().name().to_owned(),
            problem,
        };
        self.pause(job, &lost, true);
        let lost = self.library.lose_attempt(job.id, attempt.number, lost);
        not_superseded(lost.map(drop))?;
        Ok(self.library.note_waiting(vec![(job.id, why)])?)
    }

    /// Puts down what an attempt needs before its process.
    fn prepare(&self, job: &Job, attempt: &Attempt) -> Result<Ticket> {
        Fence::of(&job.folder).raise(attempt.number)?;
        self.breakpoint(Breakpoint::Fenced)?;
        let ticket = ticket(job, attempt);
        ticket.files().forget_others()?;
        ticket.files().write_order(&Order {
            version: VERSION,
            job: job.id,
            attempt: attempt.number,
            token: attempt.token.clone(),
            kind: job.kind,
            run: job.run,
            request: job.request.clone(),
        })?;
        Ok(ticket)
    }
}

/// Whether a running job has what it needs of the memory.
fn has_settled(job: &Job) -> bool {
    if job.state != JobState::Running {
        return false;
    }
    let number = job.attempt;
    let files = AttemptFiles::of(&job.folder, number);
    let phase = files.read_report().map(|report| report.progress.phase);
    matches!(
        phase,
        Some(Phase::Training | Phase::Previewing | Phase::Generating | Phase::Saving)
    )
}
