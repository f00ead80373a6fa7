//! Jobs: what the queue was asked to do, and how far it is with it. The rows are the truth; processes and files are hints.

mod attempt;
mod wish;

use std::path::PathBuf;

use atelier_core::{JobKind, JobState, JobWish};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, named_params};
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::leftovers;
use crate::library::{AccountId, Ask, DatasetId, JobId, Library, RunId, check_own, name_key};
use crate::runs::{self, NewRun, Run};
use crate::start_pictures::{self, JobStart};
use crate::unnamed::Unnamed;

pub use attempt::{Attempt, Lost};

/// The folder of jobs below the library's.
pub(crate) const FOLDER: &str = "jobs";
/// The folder in that of a job with what was given with it.
pub(crate) const INPUTS: &str = "inputs";

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id, from [`JobId::unused`].
    pub id: JobId,
    /// What kind of work it is.
    pub kind: JobKind,
    /// Higher ones come first.
    pub priority: i32,
    /// What to do; whoever does it knows the form.
    pub request: Value,
}

/// An entry of the queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// Its id, which is the name of its folder.
    pub id: JobId,
    /// What kind of work it is.
    pub kind: JobKind,
    /// Higher ones come first, then older ones.
    pub priority: i32,
    /// What to do.
    pub request: Value,
    /// The run that it trains.
    pub run: Option<RunId>,
    /// What the run is called.
    pub run_name: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// What is wanted of it while it is running.
    pub wish: Option<JobWish>,
    /// The number of its newest attempt, 0 before the first.
    pub attempt: u32,
    /// Why it is not begun yet, or why what it made is not in the library yet, in words.
    pub waiting: Option<String>,
    /// The kind of failure, as a word of [`atelier_core::ErrorCode`].
    pub error_code: Option<String>,
    /// Why it failed, in words.
    pub problem: Option<String>,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When its first attempt began.
    pub started_ms: Option<i64>,
    /// When it was completed, failed or cancelled.
    pub ended_ms: Option<i64>,
    /// Where its files lie.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The account that it belongs to; nothing for what the user of the machine asked for.
    #[serde(skip)]
    pub owner: Option<AccountId>,
    /// Whether every account sees it, as the run that it trains.
    #[serde(skip)]
    pub is_shared: bool,
}

/// Some of the jobs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobPage {
    /// Those of the page.
    pub jobs: Vec<Job>,
    /// How many there are on all pages.
    pub total: u32,
}

const SELECT: &str = "SELECT j.*, r.name AS run_name, j.shared AND r.trashed_ms IS NULL AS is_shown FROM job j LEFT JOIN run r ON r.id = j.run";

impl Library {
    /// Takes note of a job that trains no run.
    pub fn create_job(&self, new: NewJob) -> Result<Job> {
        let (id, now_ms) = (new.id, self.now_ms());
        self.write(move |change| insert(change, &new, None, now_ms))?;
        self.get_job(id)
    }

    /// Takes note of a job that draws over a start picture, both or none.
    ///
    /// # Errors
    /// When there is no such start picture.
    pub fn create_drawing(&self, new: NewJob, start: JobStart) -> Result<Job> {
        let (id, now_ms) = (new.id, self.now_ms());
        self.write(move |change| {
            insert(change, &new, None, now_ms)?;
            start_pictures::note(change, id, start)
        })?;
        self.get_job(id)
    }

    /// Takes note of a run that will be trained and of the job that does it, both or none.
    ///
    /// # Errors
    /// Those of [`Self::create_run`].
    pub fn create_training(&self, job: NewJob, new: NewRun) -> Result<(Job, Run)> {
        let (id, run, now_ms) = (job.id, RunId::new(), self.now_ms());
        let new = runs::Checked::of(new)?;
        self.write(move |change| {
            new.insert(change, run, now_ms)?;
            insert(change, &job, Some(run), now_ms)
        })?;
        Ok((self.get_job(id)?, self.get_run(run)?))
    }

    /// Takes note of a job that trains a run to its end which is there already.
    ///
    /// # Errors
    /// When the run is in the trash, or has a place in the queue.
    pub fn create_training_of(&self, job: NewJob, run: RunId) -> Result<Job> {
        let (id, now_ms) = (job.id, self.now_ms());
        self.write(move |change| {
            let name = runs::get_to_change(change, run)?.name;
            insert(change, &job, Some(run), now_ms).map_err(|error| match error {
                Error::Query(source) => Error::taken("job for run", &name, source),
                error => error,
            })
        })?;
        self.get_job(id)
    }

    /// The job with this id.
    pub fn get_job(&self, id: JobId) -> Result<Job> {
        let job = self.read(|view| get(view, id))?;
        Ok(self.placed(job))
    }

    /// The job with this id, else the newest one of the run with this name.
    pub fn find_job(&self, name: &str) -> Result<Job> {
        let job = self.read(|view| match name.trim().parse() {
            Ok(id) => get(view, id),
            Err(_) => of_run(view, name.trim()),
        })?;
        Ok(self.placed(job))
    }

    /// A page of all jobs, newest first.
    pub fn page_of_jobs(&self, (offset, limit): (u32, u32)) -> Result<JobPage> {
        let query =
            format!("{SELECT} ORDER BY j.created_ms DESC, j.id DESC LIMIT {limit} OFFSET {offset}");
        let (jobs, total) = self.read(|view| {
            let count = "SELECT count(*) FROM job";
            let total = view.ask(count, [], |row| row.get(0))?;
            Ok((rows(view, &query)?, total))
        })?;
        let jobs = jobs.into_iter().map(|job| self.placed(job)).collect();
        Ok(JobPage { jobs, total })
    }

    /// A page of the jobs of whoever asks that draw, newest first, also where they see those of others. Without those that were
    /// cancelled or are about to be, and those whose pictures were all deleted.
    pub fn page_of_drawings(&self, (offset, limit): (u32, u32)) -> Result<JobPage> {
        let condition = "j.kind = 'generation' AND j.owner IS viewer() \
                         AND j.state <> 'cancelled' AND j.wish IS NOT 'cancel' AND (j.state <> 'completed' OR EXISTS \
                         (SELECT 1 FROM picture p WHERE p.job = j.id AND p.trashed_ms IS NULL))";
        let query = format!(
            "{SELECT} WHERE {condition} ORDER BY j.created_ms DESC, j.id DESC LIMIT {limit} OFFSET {offset}"
        );
        let count = format!("SELECT count(*) FROM job j WHERE {condition}");
        let (jobs, total) = self.read(|view| {
            let total = view.ask(&count, [], |row| row.get(0))?;
            Ok((rows(view, &query)?, total))
        })?;
        let jobs = jobs.into_iter().map(|job| self.placed(job)).collect();
        Ok(JobPage { jobs, total })
    }

    /// The job that has a run's place in the queue.
    pub fn find_open_job_of(&self, run: RunId) -> Result<Option<Job>> {
        let job = self.read(|view| {
            let id = open_of_run(view, run)?;
            id.map(|id| get(view, id)).transpose()
        })?;
        Ok(job.map(|job| self.placed(job)))
    }

    /// The job by which a run was trained last, or will be.
    pub fn find_newest_job_of(&self, run: RunId) -> Result<Option<Job>> {
        let query =
            format!("{SELECT} WHERE j.run = ? ORDER BY j.created_ms DESC, j.id DESC LIMIT 1");
        let job = self.read(|view| {
            let job = view.ask(&query, [run], Job::from_row);
            Ok(job.optional()?)
        })?;
        Ok(job.map(|job| self.placed(job)))
    }

    /// How many jobs of the queue train on a dataset, whatever becomes of it.
    pub fn count_open_trainings_on(&self, dataset: DatasetId) -> Result<u32> {
        let query = "SELECT count(*) FROM job j JOIN run r ON r.id = j.run \
                     WHERE r.dataset = ? AND j.state IN ('queued', 'running', 'paused')";
        self.read(|view| Ok(view.ask(query, [dataset], |row| row.get(0))?))
    }

    /// Every job that is neither done nor given up, in the order in which they get their turn.
    pub fn list_open_jobs(&self) -> Result<Vec<Job>> {
        let query = format!(
            "{SELECT} WHERE j.state IN ('queued', 'running', 'paused') \
             ORDER BY j.priority DESC, j.created_ms, j.id"
        );
        let jobs = self.read(|view| rows(view, &query))?;
        Ok(jobs.into_iter().map(|job| self.placed(job)).collect())
    }

    /// Removes the folders of jobs that ended before, and of those that the catalogue does not have, after a while. A young one may be
    /// of a job that is about to be noted; one that cannot be removed is left for the next time.
    pub(crate) fn sweep_job_folders(&self, before_ms: i64, unnamed: &mut Unnamed) -> Result<()> {
        let entries = fs_err::read_dir(self.jobs_folder()).into_iter();
        for entry in entries.flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(id) = name.parse() else {
                continue;
            };
            let is_over = match self.get_job(id) {
                Ok(job) => job.ended_ms.is_some_and(|ended_ms| ended_ms <= before_ms),
                Err(Error::NotFound { .. }) => {
                    unnamed.goes(&name) && leftovers::is_old(&entry.path())
                }
                Err(error) => return Err(error),
            };
            if is_over {
                let _ = leftovers::remove(&entry.path());
            }
        }
        Ok(())
    }

    /// Where the folders of jobs lie.
    pub fn jobs_folder(&self) -> PathBuf {
        self.home().join(FOLDER)
    }

    /// Where the files of a job lie.
    pub fn job_folder(&self, id: JobId) -> PathBuf {
        self.jobs_folder().join(id.to_string())
    }

    fn placed(&self, job: Job) -> Job {
        let folder = self.job_folder(job.id);
        Job { folder, ..job }
    }
}

impl Job {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let word = |name: &str| row.get::<_, String>(name);
        let wish: Option<String> = row.get("wish")?;
        let wish = wish.map(|word| word.parse().map_err(unreadable));
        Ok(Self {
            id: row.get("id")?,
            kind: word("kind")?.parse().map_err(unreadable)?,
            priority: row.get("priority")?,
            request: serde_json::from_str(&word("request")?).map_err(unreadable)?,
            run: row.get("run")?,
            run_name: row.get("run_name")?,
            state: word("state")?.parse().map_err(unreadable)?,
            wish: wish.transpose()?,
            attempt: row.get("attempt")?,
            waiting: row.get("waiting")?,
            error_code: row.get("error_code")?,
            problem: row.get("problem")?,
            created_ms: row.get("created_ms")?,
            started_ms: row.get("started_ms")?,
            ended_ms: row.get("ended_ms")?,
            folder: PathBuf::new(),
            owner: row.get("owner")?,
            is_shared: row.get("is_shown")?,
        })
    }
}

pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error))
}

fn insert(change: &Transaction<'_>, new: &NewJob, run: Option<RunId>, now_ms: i64) -> Result<()> {
    change.execute(
        "INSERT INTO main.job (id, kind, priority, request, run, state, attempt, fruitless, created_ms, owner, shared) \
         SELECT :id, :kind, :priority, :request, :run, :state, 0, 0, :now_ms, \
           CASE WHEN r.id IS NULL THEN viewer() ELSE r.owner END, coalesce(r.shared, 0) \
         FROM (SELECT 1) LEFT JOIN run r ON r.id = :run",
        named_params! {
            ":id": new.id, ":kind": new.kind.name(), ":priority": new.priority,
            ":request": new.request.to_string(), ":run": run, ":state": JobState::Queued.name(),
            ":now_ms": now_ms,
        },
    )?;
    Ok(())
}

fn rows(view: &Transaction<'_>, query: &str) -> Result<Vec<Job>> {
    let mut statement = view.prepare_cached(query)?;
    let rows = statement.query_map([], Job::from_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The job with this id.
fn get(view: &Transaction<'_>, id: JobId) -> Result<Job> {
    let query = format!("{SELECT} WHERE j.id = ?");
    let found = view.ask(&query, [id], Job::from_row).optional()?;
    found.ok_or_else(|| Error::not_found("job", id))
}

/// The same, which whoever asks may change.
fn get_own(view: &Transaction<'_>, id: JobId) -> Result<Job> {
    let job = get(view, id)?;
    check_own(view, ("job", "job"), &id, &id.to_string())?;
    Ok(job)
}

fn of_run(view: &Transaction<'_>, name: &str) -> Result<Job> {
    let query = format!(
        "{SELECT} WHERE r.name_key = ? AND r.trashed_ms IS NULL ORDER BY j.created_ms DESC, j.id DESC LIMIT 1"
    );
    let key = name_key(name.trim());
    let found = view.ask(&query, [key], Job::from_row).optional()?;
    found.ok_or_else(|| Error::not_found("job", name))
}

/// The jobs that are neither done nor given up.
pub(crate) fn open(view: &Connection) -> rusqlite::Result<Vec<JobId>> {
    let query = "SELECT id FROM job WHERE state IN ('queued', 'running', 'paused') ORDER BY id";
    let mut statement = view.prepare_cached(query)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.collect()
}

/// Whether the newest job of a run was cancelled, or is about to be.
pub(crate) fn is_given_up(view: &Transaction<'_>, run: RunId) -> Result<bool> {
    let query = "SELECT state = 'cancelled' OR wish IS 'cancel' FROM job WHERE run = ? \
                 ORDER BY created_ms DESC, id DESC LIMIT 1";
    let newest = view.ask(query, [run], |row| row.get(0)).optional()?;
    Ok(newest.unwrap_or(false))
}

/// The job that has a run's place in the queue.
pub(crate) fn open_of_run(view: &Transaction<'_>, run: RunId) -> Result<Option<JobId>> {
    let query = "SELECT id FROM job WHERE run = ? AND state IN ('queued', 'running', 'paused')";
    Ok(view.ask(query, [run], |row| row.get(0)).optional()?)
}
