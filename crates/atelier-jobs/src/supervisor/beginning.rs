//! How jobs begin: whose turn it is, and an attempt from its row to its process.

use std::time::Instant;

use atelier_core::{JobState, Phase};
use atelier_store::{Attempt, Job};

use super::ending::not_superseded;
use super::logs::lock;
use super::{Supervisor, ticket};
use crate::attempt_files::AttemptFiles;
use crate::error::{Error, Result};
use crate::fence::Fence;
use crate::order::{Order, VERSION};
use crate::settings::Breakpoint;
use crate::turns::{Candidate, Turn, turns};

impl Supervisor {
    /// Every queued job with what becomes of it.
    pub(super) fn turns(&self) -> Result<Vec<(Job, Turn)>> {
        let is_resting = self.rests_until.is_some_and(|end| Instant::now() < end);
        if self.is_draining || is_resting {
            return Ok(Vec::new());
        }
        let mut jobs = self.library.list_open_jobs()?;
        let candidates = jobs.iter().map(|job| Candidate {
            job,
            has_settled: has_settled(job),
        });
        let candidates: Vec<_> = candidates.collect();
        let has_queued = jobs.iter().any(|job| job.state == JobState::Queued);
        let free_bytes = has_queued.then(|| (self.free_bytes)()).flatten();
        let turns = turns(&candidates, free_bytes);
        let turns = turns.into_iter().filter_map(|(id, turn)| {
            let place = jobs.iter().position(|job| job.id == id)?;
            Some((jobs.swap_remove(place), turn))
        });
        Ok(turns.collect())
    }

    pub(super) fn take_turn(&mut self, job: &Job, turn: Turn) -> Result<bool> {
        match turn {
            Turn::Begin => self.begin(job),
            Turn::Wait(why) if job.waiting.as_ref() == Some(&why) => Ok(false),
            Turn::Wait(why) => {
                self.library.note_waiting(job.id, Some(why))?;
                Ok(false)
            }
        }
    }

    fn begin(&mut self, job: &Job) -> Result<bool> {
        let saved_steps = self.saved_steps(job)?;
        let attempt = match self.library.begin_attempt(job.id, job.attempt, saved_steps) {
            // Somebody cancelled it a moment ago.
            Err(atelier_store::Error::Superseded { .. }) => return Ok(true),
            attempt => attempt?,
        };
        self.breakpoint(Breakpoint::Noted)?;
        match self.submit(job, &attempt) {
            Ok(()) => Ok(true),
            Err(Error::Stopped) => Err(Error::Stopped),
            Err(error) => {
                self.rests_until = Some(Instant::now() + self.limits.rest);
                let stopped = self
                    .library
                    .stop_attempt(job.id, attempt.number, "never begun");
                not_superseded(stopped.map(drop))?;
                let why = format!("waits: it could not be begun: {error}");
                self.library.note_waiting(job.id, Some(why))?;
                Err(error)
            }
        }
    }

    fn submit(&self, job: &Job, attempt: &Attempt) -> Result<()> {
        Fence::of(&job.folder).raise(attempt.number)?;
        self.breakpoint(Breakpoint::Fenced)?;
        let ticket = ticket(job, attempt);
        ticket.files().write_order(&Order {
            version: VERSION,
            job: job.id,
            attempt: attempt.number,
            token: attempt.token.clone(),
            kind: job.kind,
            run: job.run,
            request: job.request.clone(),
        })?;
        lock(&self.executor).submit(&ticket)?;
        self.breakpoint(Breakpoint::Submitted)
    }
}

/// Whether a running job has what it needs of the memory.
fn has_settled(job: &Job) -> bool {
    let number = job.attempt;
    let files = AttemptFiles::of(&job.folder, number);
    let phase = files.read_report().map(|report| report.progress.phase);
    matches!(
        phase,
        Some(Phase::Training | Phase::Generating | Phase::Saving)
    )
}
