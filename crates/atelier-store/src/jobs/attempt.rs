//! Attempts at a job. Each has a number that goes up; it may change the job only while it is the newest one and the job is
//! running, so that of several processes that believe to have the job at most one gives it a result.

use std::path::{Path, PathBuf};

use atelier_core::{JobState, JobWish, RunState};
use rusqlite::{Row, Transaction, params};
use serde::Serialize;
use uuid::Uuid;

use super::{Job, get};
use crate::error::{Error, Result};
use crate::library::{Ask, JobId, Library};
use crate::models::Model;
use crate::pictures::{self, NewPicture, Picture};
use crate::runs;

/// One try at a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The job.
    pub job: JobId,
    /// Its number, from 1.
    pub number: u32,
    /// Its name outside the library, which no other attempt has.
    pub token: String,
    /// Steps that were saved when it began, or pictures that were drawn.
    pub saved_steps: u64,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// How it ended, in words.
    pub outcome: Option<String>,
}

/// An attempt that ended without a word, or that a matter of the moment kept from its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Whether it is the latter; both are counted, each by itself.
    pub is_refusal: bool,
    /// Whether more steps are saved than when it began, or more pictures drawn.
    pub has_advanced: bool,
    /// After so many of its kind in a row that got no further, the job has failed.
    pub most: u32,
    /// The kind of failure then, as a word of [`atelier_core::ErrorCode`].
    pub code: String,
    /// What is known of its end, in words.
    pub problem: String,
}

impl Library {
    /// Takes note of the next attempt at a queued job, before anything is begun.
    ///
    /// # Errors
    /// When the job is not queued, or somebody else began an attempt after `newest`.
    pub fn begin_attempt(&self, id: JobId, newest: u32, saved_steps: u64) -> Result<Attempt> {
        let now_ms = self.now_ms();
        let attempt = Attempt {
            job: id,
            number: newest + 1,
            token: format!("{id}-{}-{}", newest + 1, Uuid::new_v4().simple()),
            saved_steps,
            started_ms: now_ms,
            ended_ms: None,
            outcome: None,
        };
        self.write(move |change| {
            let begin = "UPDATE job SET attempt = ?1 + 1, state = 'running', waiting = NULL, \
                         started_ms = coalesce(started_ms, ?2) WHERE id = ?3 AND state = 'queued' AND attempt = ?1";
            if change.execute(begin, params![newest, now_ms, id])? == 0 {
                return Err(superseded(id, newest + 1));
            }
            change.execute(
                "INSERT INTO attempt (job, number, token, saved_steps, started_ms) VALUES (?, ?, ?, ?, ?)",
                params![id, attempt.number, attempt.token, saved_steps, now_ms],
            )?;
            Ok(attempt)
        })
    }

    /// The attempts at a job, in order.
    pub fn list_attempts(&self, id: JobId) -> Result<Vec<Attempt>> {
        self.read(|view| {
            let query = "SELECT * FROM attempt WHERE job = ? ORDER BY number";
            let mut statement = view.prepare_cached(query)?;
            let rows = statement.query_map([id], Attempt::from_row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// An attempt trained its run to the end: the run's newest adapter becomes a model, unless one was made of the run before.
    ///
    /// # Errors
    /// When the attempt is not the newest, the job not running or about to be cancelled, and when the run has no checkpoint.
    pub fn complete_training(&self, id: JobId, attempt: u32) -> Result<(Job, Model)> {
        let run = self.get_job(id)?.run;
        let run = run.ok_or_else(|| Error::not_found("run of job", id))?;
        let hold = self.blobs().hold()?;
        let prepared = self.prepare_model(&hold, run)?;
        let now_ms = self.now_ms();
        let made = self.write(move |change| {
            let end = End::of(change, id, attempt, now_ms)?.unless_cancelled()?;
            let model = prepared.publish(change, now_ms)?;
            end.with(JobState::Completed, "completed")?;
            Ok((get(change, id)?, model))
        });
        drop(hold);
        made
    }

    /// An attempt drew its pictures, which come into the library. Their files were put before, under a hold that still lasts.
    ///
    /// # Errors
    /// When the attempt is not the newest, the job not running or about to be cancelled.
    pub fn complete_generation(
        &self,
        id: JobId,
        attempt: u32,
        new: Vec<NewPicture>,
    ) -> Result<Vec<Picture>> {
        let now_ms = self.now_ms();
        self.write(move |change| {
            let end = End::of(change, id, attempt, now_ms)?.unless_cancelled()?;
            for (position, picture) in new.iter().enumerate() {
                pictures::insert(change, picture, (id, position as u32), now_ms)?;
            }
            end.with(JobState::Completed, "completed")?;
            pictures::of_job(change, id)
        })
    }

    /// An attempt said why the job cannot be done.
    ///
    /// # Errors
    /// When the attempt is not the newest or the job not running.
    pub fn fail_attempt(&self, id: JobId, attempt: u32, code: &str, problem: &str) -> Result<Job> {
        let (code, problem, now_ms) = (code.to_owned(), problem.to_owned(), self.now_ms());
        let run = self.folder_of_run(id)?;
        self.write(move |change| {
            let end = End::of(change, id, attempt, now_ms)?;
            end.fail((&code, &problem), run.as_deref())
        })?;
        self.get_job(id)
    }

    /// An attempt ended too early: the job is queued again, or as the user wished meanwhile; it has failed when that
    /// happened too often.
    ///
    /// # Errors
    /// When the attempt is not the newest or the job not running.
    pub fn lose_attempt(&self, id: JobId, attempt: u32, lost: Lost) -> Result<Job> {
        let now_ms = self.now_ms();
        let run = self.folder_of_run(id)?;
        self.write(move |change| {
            let end = End::of(change, id, attempt, now_ms)?;
            let count = match (lost.has_advanced, lost.is_refusal) {
                (true, _) => {
                    "UPDATE main.job SET fruitless = 0, refused = 0 WHERE id = ? RETURNING 0"
                }
                (false, true) => {
                    "UPDATE main.job SET refused = refused + 1 WHERE id = ? RETURNING refused"
                }
                (false, false) => {
                    "UPDATE main.job SET fruitless = fruitless + 1 WHERE id = ? RETURNING fruitless"
                }
            };
            let count: u32 = change.ask(count, [id], |row| row.get(0))?;
            if end.wish.is_none() && count >= lost.most {
                return end.fail((&lost.code, &lost.problem), run.as_deref());
            }
            end.spare_run()?;
            end.as_wished(&lost.problem)
        })?;
        self.get_job(id)
    }

    /// An attempt stopped since it was asked to, or was never begun: the job is as the user wished meanwhile, else queued.
    ///
    /// # Errors
    /// When the attempt is not the newest or the job not running.
    pub fn stop_attempt(&self, id: JobId, attempt: u32, outcome: &str) -> Result<Job> {
        let (outcome, now_ms) = (outcome.to_owned(), self.now_ms());
        self.write(move |change| End::of(change, id, attempt, now_ms)?.as_wished(&outcome))?;
        self.get_job(id)
    }

    fn folder_of_run(&self, id: JobId) -> Result<Option<PathBuf>> {
        let run = self.get_job(id)?.run;
        Ok(run.map(|run| self.run_folder(run)))
    }
}

impl Attempt {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            job: row.get("job")?,
            number: row.get("number")?,
            token: row.get("token")?,
            saved_steps: row.get("saved_steps")?,
            started_ms: row.get("started_ms")?,
            ended_ms: row.get("ended_ms")?,
            outcome: row.get("outcome")?,
        })
    }
}

fn superseded(job: JobId, attempt: u32) -> Error {
    let job = job.to_string();
    Error::Superseded { job, attempt }
}

/// The end of an attempt that may end its job.
struct End<'a> {
    change: &'a Transaction<'a>,
    id: JobId,
    attempt: u32,
    wish: Option<JobWish>,
    now_ms: i64,
}

impl<'a> End<'a> {
    fn of(change: &'a Transaction<'a>, id: JobId, attempt: u32, now_ms: i64) -> Result<Self> {
        let job = get(change, id)?;
        if job.state != JobState::Running || job.attempt != attempt {
            return Err(superseded(id, attempt));
        }
        Ok(Self {
            change,
            id,
            attempt,
            wish: job.wish,
            now_ms,
        })
    }

    /// Refuses the results of a job that somebody cancelled meanwhile.
    fn unless_cancelled(self) -> Result<Self> {
        match self.wish {
            Some(JobWish::Cancel) => Err(superseded(self.id, self.attempt)),
            _ => Ok(self),
        }
    }

    fn as_wished(&self, outcome: &str) -> Result<()> {
        match self.wish {
            Some(JobWish::Pause) => self.with(JobState::Paused, outcome),
            Some(JobWish::Cancel) => self.with(JobState::Cancelled, outcome),
            None => self.with(JobState::Queued, outcome),
        }
    }

    fn fail(&self, (code, problem): (&str, &str), run: Option<&Path>) -> Result<()> {
        let note = "UPDATE job SET error_code = ?, problem = ? WHERE id = ?";
        self.change.execute(note, params![code, problem, self.id])?;
        // A run whose process is gone does not know that it failed; one that somebody else trains did not.
        if run.is_none_or(runs::is_in_use) {
            return self.with(JobState::Failed, problem);
        }
        let run = "UPDATE run SET state = ?, problem = ?, changed_ms = ? \
                   WHERE id = (SELECT run FROM job WHERE id = ?) AND state <> ?";
        let (failed, completed) = (RunState::Failed.name(), RunState::Completed.name());
        self.change.execute(
            run,
            params![failed, problem, self.now_ms, self.id, completed],
        )?;
        self.with(JobState::Failed, problem)
    }

    /// The run may have noted that it failed, and goes on.
    fn spare_run(&self) -> Result<()> {
        let run = "UPDATE run SET state = ?, problem = NULL WHERE id = (SELECT run FROM job WHERE id = ?) AND state = ?";
        let (stopped, failed) = (RunState::Stopped.name(), RunState::Failed.name());
        self.change
            .execute(run, params![stopped, self.id, failed])?;
        Ok(())
    }

    fn with(&self, state: JobState, outcome: &str) -> Result<()> {
        let ended_ms = (!state.is_open()).then_some(self.now_ms);
        let job =
            "UPDATE job SET state = ?, wish = NULL, waiting = NULL, ended_ms = ? WHERE id = ?";
        self.change
            .execute(job, params![state.name(), ended_ms, self.id])?;
        let attempt = "UPDATE attempt SET ended_ms = ?, outcome = ? WHERE job = ? AND number = ?";
        self.change.execute(
            attempt,
            params![self.now_ms, outcome, self.id, self.attempt],
        )?;
        Ok(())
    }
}
