//! What the user wants of a job. Of one that is not running it is done at once; a running one is asked, and whoever ends its
//! attempt does it then.

use atelier_core::{JobState, JobWish};
use rusqlite::{Transaction, params};

use super::{Job, get_own};
use crate::error::{Error, Result};
use crate::library::{JobId, Library};

impl Library {
    /// Wants a job to stop for good.
    ///
    /// # Errors
    /// When it is completed or failed.
    pub fn cancel_job(&self, id: JobId) -> Result<Job> {
        self.change_job(id, "cancelled", |job| match job.state {
            JobState::Queued | JobState::Paused | JobState::Cancelled => {
                Some((JobState::Cancelled, None))
            }
            JobState::Running => Some((JobState::Running, Some(JobWish::Cancel))),
            JobState::Completed | JobState::Failed => None,
        })
    }

    /// Wants a failed job to count as cancelled, so that nobody waits for it to be tried again. Why it failed stays.
    ///
    /// # Errors
    /// When it is neither failed nor cancelled.
    pub fn give_up_job(&self, id: JobId) -> Result<Job> {
        self.change_job(id, "given up", |job| match job.state {
            JobState::Failed | JobState::Cancelled => Some((JobState::Cancelled, None)),
            _ => None,
        })
    }

    /// Wants a job to stop until [`Self::resume_job`].
    ///
    /// # Errors
    /// When it is completed, failed or cancelled, or is to be cancelled.
    pub fn pause_job(&self, id: JobId) -> Result<Job> {
        self.change_job(id, "paused", |job| match (job.state, job.wish) {
            (JobState::Queued | JobState::Paused, _) => Some((JobState::Paused, None)),
            (JobState::Running, None | Some(JobWish::Pause)) => {
                Some((JobState::Running, Some(JobWish::Pause)))
            }
            _ => None,
        })
    }

    /// Wants a job to go on that was paused, or is about to be.
    ///
    /// # Errors
    /// When it is completed, failed or cancelled, or is to be cancelled.
    pub fn resume_job(&self, id: JobId) -> Result<Job> {
        self.change_job(id, "resumed", |job| match (job.state, job.wish) {
            (JobState::Queued | JobState::Paused, _) => Some((JobState::Queued, None)),
            (JobState::Running, None | Some(JobWish::Pause)) => Some((JobState::Running, None)),
            _ => None,
        })
    }

    /// Queues a job again that failed or was cancelled. A training goes on from its newest checkpoint.
    ///
    /// # Errors
    /// When it is in another state, its run is in the trash, or another job has the run's place in the queue.
    pub fn retry_job(&self, id: JobId) -> Result<Job> {
        self.change_job(id, "tried again", |job| match job.state {
            JobState::Failed | JobState::Cancelled => Some((JobState::Queued, None)),
            _ => None,
        })
    }

    /// Says why jobs are not begun yet.
    pub fn note_waiting(&self, whys: Vec<(JobId, String)>) -> Result<()> {
        self.write(move |change| {
            let note = "UPDATE job SET waiting = ? WHERE id = ? AND state = 'queued'";
            let mut note = change.prepare_cached(note)?;
            for (id, why) in whys {
                note.execute(params![why, id])?;
            }
            Ok(())
        })
    }

    /// Says why what a running job made is not in the library yet.
    pub fn note_unpublished(&self, id: JobId, why: String) -> Result<()> {
        self.write(move |change| {
            let note = "UPDATE job SET waiting = ? WHERE id = ? AND state = 'running'";
            change.execute(note, params![why, id])?;
            Ok(())
        })
    }

    /// Gives a job another priority.
    pub fn set_job_priority(&self, id: JobId, priority: i32) -> Result<Job> {
        self.write(move |change| {
            get_own(change, id)?;
            let set = "UPDATE main.job SET priority = ? WHERE id = ?";
            Ok(change.execute(set, params![priority, id])?)
        })?;
        self.get_job(id)
    }

    fn change_job(
        &self,
        id: JobId,
        what: &'static str,
        to: impl FnOnce(&Job) -> Option<(JobState, Option<JobWish>)> + Send + 'static,
    ) -> Result<Job> {
        let now_ms = self.now_ms();
        self.write(move |change| {
            let job = get_own(change, id)?;
            let Some((state, wish)) = to(&job) else {
                let state = job
                    .wish
                    .map_or(job.state.name(), |_| "about to be cancelled");
                return Err(Error::JobNotSo {
                    id: id.to_string(),
                    state,
                    what,
                });
            };
            if state == JobState::Queued {
                check_run(change, &job)?;
            }
            set(change, id, (state, wish), now_ms)
        })?;
        self.get_job(id)
    }
}

/// A run in the trash is not trained.
fn check_run(change: &Transaction<'_>, job: &Job) -> Result<()> {
    let Some(run) = job.run else {
        return Ok(());
    };
    let name = crate::runs::get_to_change(change, run)?.name;
    match super::open_of_run(change, run)? {
        Some(other) if other != job.id => {
            let what = "job for run";
            Err(Error::Exists { what, name })
        }
        _ => Ok(()),
    }
}

fn set(
    change: &Transaction<'_>,
    id: JobId,
    (state, wish): (JobState, Option<JobWish>),
    now_ms: i64,
) -> Result<()> {
    let ended_ms = (!state.is_open()).then_some(now_ms);
    change.execute(
        "UPDATE main.job SET state = ?1, wish = ?2, waiting = NULL, ended_ms = CASE WHEN ?3 IS NULL THEN NULL \
           ELSE coalesce(ended_ms, ?3) END, \
           fruitless = CASE WHEN ?1 = 'queued' THEN 0 ELSE fruitless END, \
           refused = CASE WHEN ?1 = 'queued' THEN 0 ELSE refused END, \
           error_code = CASE WHEN ?1 = 'queued' THEN NULL ELSE error_code END, \
           problem = CASE WHEN ?1 = 'queued' THEN NULL ELSE problem END \
         WHERE id = ?4",
        params![state.name(), wish.map(JobWish::name), ended_ms, id],
    )?;
    Ok(())
}
