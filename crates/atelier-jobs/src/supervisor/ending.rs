//! What becomes of attempts: results are published, failures noted, lost attempts followed by others.

use atelier_core::{Coded as _, ErrorCode, JobKind, JobState, JobWish};
use atelier_store::{Attempt, Job, Library, Lost, NewPicture};

use super::logs::lock;
use super::{Supervisor, newest_attempt, ticket};
use crate::error::{Error, Result};
use crate::executor::{KILLED, Ticket};
use crate::files::{Failed, Manifest, finished, inputs};
use crate::judge::{Verdict, judge};
use crate::settings::Breakpoint;

/// Why a job that is done waits while nothing is published.
const RESTING: &str =
    "done; its results come into the library when the queue goes on, which rests after a failure";

impl Supervisor {
    /// The running ones of these jobs with what is to be done about their attempts.
    pub(super) fn judged<'j>(
        &self,
        jobs: &'j [Job],
    ) -> Result<Vec<(&'j Job, Ticket, Verdict, Attempt)>> {
        let mut running = Vec::new();
        for job in jobs.iter().filter(|job| job.state == JobState::Running) {
            if let Some(attempt) = newest_attempt(&self.library, job)? {
                running.push((ticket(job, &attempt), job, attempt));
            }
        }
        let tickets: Vec<_> = running.iter().map(|(ticket, ..)| ticket.clone()).collect();
        let standings = lock(&self.executor).poll(&tickets);
        let judged = running.into_iter().zip(standings);
        let judged = judged.map(|((ticket, job, attempt), standing)| {
            let verdict = judge(&ticket.files(), &ticket.token, standing);
            (job, ticket, verdict, attempt)
        });
        Ok(judged.collect())
    }

    pub(super) fn carry_out(
        &mut self,
        job: &Job,
        ticket: &Ticket,
        verdict: Verdict,
        attempt: &Attempt,
    ) -> Result<bool> {
        let (id, number) = (job.id, ticket.attempt);
        let ended = match verdict {
            Verdict::Alive => {
                if (job.wish.is_some() || self.is_draining) && !ticket.files().is_to_stop() {
                    lock(&self.executor).cancel(ticket)?;
                }
                return Ok(false);
            }
            // What it made in its last moments is not wanted any more.
            Verdict::Done(_) if job.wish == Some(JobWish::Cancel) => {
                self.library.stop_attempt(id, number, "stopped").map(drop)
            }
            Verdict::Done(_) if self.is_resting() => {
                self.unpublished.note(id, RESTING.to_owned());
                return Ok(false);
            }
            Verdict::Done(_) if self.unpublished.why(id).is_some() => return Ok(false),
            Verdict::Done(manifest) => {
                self.publish(job, ticket, &manifest)?;
                self.breakpoint(Breakpoint::Published)?;
                Ok(())
            }
            Verdict::NotNow(failed) if job.wish.is_none() => {
                self.put_off(job, ticket, &failed, attempt)
            }
            Verdict::Failed(failed) if job.wish != Some(JobWish::Cancel) => {
                let failed = self.library.fail_attempt(
                    id,
                    number,
                    &failed.code,
                    &self.told(&failed.message),
                );
                failed.map(drop)
            }
            Verdict::Failed(_) | Verdict::NotNow(_) | Verdict::Stopped => {
                self.library.stop_attempt(id, number, "stopped").map(drop)
            }
            Verdict::NeverBegun => {
                let stopped = self.library.stop_attempt(id, number, "never begun");
                stopped.map(drop)
            }
            Verdict::Lost(_) if !self.has_looked => {
                let lost = Lost {
                    is_refusal: true,
                    has_advanced: self.saved_steps(job)? > attempt.saved_steps,
                    most: self.limits.most_refused,
                    code: ErrorCode::NotEnoughMemory.name().to_owned(),
                    problem:
                        "its process ended with the server or the machine, as when memory runs out"
                            .to_owned(),
                };
                self.library.lose_attempt(id, number, lost).map(drop)
            }
            Verdict::Lost(status) => {
                let lost = self.lost(job, ticket, status, attempt)?;
                let is_own_doing = status.is_some_and(|status| status != KILLED);
                self.pause(job, &lost, is_own_doing);
                self.library.lose_attempt(id, number, lost).map(drop)
            }
        };
        not_superseded(ended)?;
        self.unpublished.forget(id);
        tidy(&self.library, ticket);
        Ok(true)
    }

    /// A problem as everybody may read it, without the folders around the library and the user's own.
    pub(super) fn told(&self, problem: &str) -> String {
        self.library.told(problem)
    }

    /// Ends an attempt that a matter of the moment kept from its work; the job is tried again later, for some time.
    fn put_off(
        &mut self,
        job: &Job,
        ticket: &Ticket,
        failed: &Failed,
        attempt: &Attempt,
    ) -> Result<(), atelier_store::Error> {
        let (id, number) = (job.id, ticket.attempt);
        if self.is_trained_elsewhere(job) {
            // However long that takes.
            return self
                .library
                .stop_attempt(id, number, &self.told(&failed.message))
                .map(drop);
        }
        let lost = Lost {
            is_refusal: true,
            has_advanced: self.saved_steps(job)? > attempt.saved_steps,
            most: self.limits.most_refused,
            code: failed.code.clone(),
            problem: self.told(&failed.message),
        };
        self.pause(job, &lost, true);
        self.library.lose_attempt(id, number, lost).map(drop)
    }

    /// Lets a job wait after an attempt that got no further. Whoever was killed by others is not to blame.
    pub(super) fn pause(&mut self, job: &Job, lost: &Lost, is_own_doing: bool) {
        if lost.has_advanced {
            self.put_off.forget(job.id);
        }
        if is_own_doing {
            let why = format!("waits, and is tried again: {}", lost.problem);
            self.put_off.put(job.id, self.limits.rest, why);
        }
    }

    /// What is known of an attempt that ended without a word.
    fn lost(
        &self,
        job: &Job,
        ticket: &Ticket,
        status: Option<i32>,
        attempt: &Attempt,
    ) -> Result<Lost> {
        let log = lock(&self.executor).log(ticket, self.limits.problem_bytes)?;
        let is_killed = status == Some(KILLED);
        let ended = match status {
            Some(_) if is_killed => {
                "was killed, as the system does when memory runs out".to_owned()
            }
            Some(status) => format!("ended unexpectedly with status {status}"),
            None => "ended unexpectedly".to_owned(),
        };
        let code = if is_killed {
            ErrorCode::NotEnoughMemory
        } else {
            ErrorCode::Internal
        };
        let said = match log.trim() {
            "" => "; it had said nothing".to_owned(),
            said => format!("; the last that it said: {said}"),
        };
        Ok(Lost {
            is_refusal: false,
            has_advanced: self.saved_steps(job)? > attempt.saved_steps,
            most: self.limits.most_fruitless,
            code: code.name().to_owned(),
            problem: self.told(&format!(
                "the process of attempt {} {ended}{said}",
                ticket.attempt
            )),
        })
    }

    /// Steps that are saved, or pictures.
    pub(super) fn saved_steps(&self, job: &Job) -> Result<u64, atelier_store::Error> {
        match job.run {
            Some(run) => Ok(self.library.losses(run)?.step),
            None => Ok(finished::count(&job.folder, job.attempt)),
        }
    }

    /// Publishes what an attempt made. What the system refuses is tried again later, for some time; the other jobs go on, unless
    /// the disk is full.
    fn publish(&mut self, job: &Job, ticket: &Ticket, manifest: &Manifest) -> Result<()> {
        self.breakpoint(Breakpoint::BeforePublishing)?;
        let published = match job.kind {
            JobKind::Training => {
                let made = self.library.complete_training(job.id, ticket.attempt);
                made.map(drop).map_err(Error::from)
            }
            JobKind::Generation => self.publish_pictures(ticket, manifest),
        };
        match published {
            Ok(()) | Err(Error::Library(atelier_store::Error::Superseded { .. })) => Ok(()),
            Err(error) if error.is_full() => {
                // However long that takes.
                if self.unpublished.times(job.id) == 0 {
                    self.publish_later(job, &error);
                }
                self.rest();
                Err(error)
            }
            Err(error)
                if error.may_pass()
                    && self.unpublished.times(job.id) < self.limits.most_refused =>
            {
                self.publish_later(job, &error);
                Err(error)
            }
            Err(error) => {
                let (code, problem) = (error.code().name(), self.told(&error.to_string()));
                let failed = self
                    .library
                    .fail_attempt(job.id, ticket.attempt, code, &problem);
                not_superseded(failed.map(drop))
            }
        }
    }

    /// Leaves what a job made for another time, and says why.
    fn publish_later(&mut self, job: &Job, error: &Error) {
        let problem = self.told(&error.to_string());
        let why = format!(
            "done, but its results cannot be put into the library yet, which is tried again: {problem}"
        );
        // Where the catalogue cannot be written either, the board alone has it.
        let _ = self.library.note_unpublished(job.id, why.clone());
        self.unpublished.put(job.id, self.limits.rest, why);
    }

    fn publish_pictures(&self, ticket: &Ticket, manifest: &Manifest) -> Result<()> {
        let folder = ticket.files().pictures();
        // Until the rows name the files.
        let hold = self.library.blobs().hold()?;
        let mut pictures = Vec::new();
        for file in &manifest.files {
            file.check_name(&folder)?;
            let path = folder.join(&file.name);
            let other = |problem: String| Error::OtherContent {
                path: path.clone(),
                problem,
            };
            let drawn = file.drawn.clone();
            let drawn = drawn.ok_or_else(|| other("it is no picture".to_owned()))?;
            if !path.exists() {
                return Err(other("it is gone".to_owned()));
            }
            let (hash, size_bytes) = self.library.blobs().put_file(&hold, &path)?;
            if (&hash, size_bytes) != (&file.sha256, file.size_bytes) {
                return Err(other(format!("its hash is `{hash}`")));
            }
            pictures.push(NewPicture {
                hash,
                size_bytes,
                width: drawn.width,
                height: drawn.height,
                seed: drawn.seed,
                recipe: drawn.recipe,
            });
        }
        let (id, attempt) = (ticket.job, ticket.attempt);
        self.library.complete_generation(id, attempt, pictures)?;
        drop(hold);
        Ok(())
    }
}

/// Removes what an attempt left that nobody needs any more, as far as that can be done.
fn tidy(library: &Library, ticket: &Ticket) {
    if let Ok(job) = library.get_job(ticket.job) {
        tidy_job(&job);
    }
}

/// The same for a job. One that goes on needs what was finished.
pub(super) fn tidy_job(job: &Job) {
    if !job.state.is_open() {
        finished::remove(&job.folder, job.attempt);
    }
    if job.state == JobState::Completed {
        let _ = fs_err::remove_dir_all(job.folder.join(inputs::FOLDER));
    }
}

/// The same for attempts whose supervisor was killed before it did that.
pub(super) fn tidy_all(library: &Library) {
    let entries = fs_err::read_dir(library.jobs_folder()).into_iter();
    for entry in entries.flatten().flatten() {
        let job = entry.file_name().to_string_lossy().parse();
        if let Some(job) = job.ok().and_then(|id| library.get_job(id).ok()) {
            tidy_job(&job);
        }
    }
}

/// That somebody else ended an attempt is as good.
pub(super) fn not_superseded(ended: Result<(), atelier_store::Error>) -> Result<()> {
    match ended {
        Err(atelier_store::Error::Superseded { .. }) => Ok(()),
        ended => Ok(ended?),
    }
}
