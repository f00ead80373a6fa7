//! What everybody who watches the queue sees. It holds jobs that are neither done nor given up and a number of those that ended
//! last, so that its size does not grow.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use atelier_core::JobState;
use atelier_store::{Job, JobId, RunId};
use serde::Serialize;

use crate::files::Report;

/// A job, and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobSnapshot {
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// What its attempt said last, while it is running.
    pub report: Option<Report>,
}

/// What changed since a revision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changes {
    /// To be named in the next question.
    pub revision: u64,
    /// Whether these are all jobs that the queue shows, and not only those that changed.
    pub is_whole: bool,
    /// The jobs, in the order in which they were accepted.
    pub jobs: Vec<JobSnapshot>,
}

/// The board.
#[derive(Debug)]
pub(crate) struct Board {
    state: Mutex<State>,
    changed: Condvar,
    /// Why open jobs wait, where the catalogue may not be able to hold it.
    troubles: Mutex<BTreeMap<JobId, String>>,
    /// Whether it shows a job that is running.
    works: AtomicBool,
    /// Ended jobs that it shows.
    most_ended: usize,
}

#[derive(Debug)]
struct State {
    revision: u64,
    /// Who asks from before this revision may have missed a job.
    whole_before: u64,
    jobs: BTreeMap<JobId, (u64, JobSnapshot)>,
    is_closed: bool,
}

impl Board {
    /// An empty one. Revisions go up from `first`, which no earlier board of the same library reached.
    pub(crate) fn new(first: u64, most_ended: usize) -> Self {
        Self {
            state: Mutex::new(State {
                revision: first,
                whole_before: first,
                jobs: BTreeMap::new(),
                is_closed: false,
            }),
            changed: Condvar::new(),
            troubles: Mutex::default(),
            works: AtomicBool::new(false),
            most_ended,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why open jobs wait, where that is the queue's own doing.
    pub(crate) fn set_troubles(&self, troubles: BTreeMap<JobId, String>) {
        *self.troubles.lock().unwrap_or_else(PoisonError::into_inner) = troubles;
    }

    /// Why the queue cannot go on with a job, where it cannot.
    pub(crate) fn trouble(&self, id: JobId) -> Option<String> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.get(&id).cloned()
    }

    /// Shows a job as it is now.
    pub(crate) fn show(&self, snapshot: JobSnapshot) {
        let mut state = self.lock();
        let id = snapshot.job.id;
        let shown = state.jobs.get(&id);
        if shown.is_some_and(|(_, shown)| *shown == snapshot) {
            return;
        }
        state.revision += 1;
        let revision = state.revision;
        state.jobs.insert(id, (revision, snapshot));
        state.forget(self.most_ended);
        self.note(&state);
    }

    /// Shows a job as it is now, and everybody all of what they may see: some may see it no longer.
    pub(crate) fn replace(&self, snapshot: JobSnapshot) {
        self.show(snapshot);
        let mut state = self.lock();
        state.revision += 1;
        state.whole_before = state.revision;
        self.note(&state);
    }

    /// Says that something changed.
    fn note(&self, state: &State) {
        self.works.store(state.works(), Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Whether a job is running.
    pub(crate) fn works(&self) -> bool {
        self.works.load(Ordering::Relaxed)
    }

    /// The jobs that train a run.
    pub(crate) fn of_run(&self, run: RunId) -> Vec<JobSnapshot> {
        let state = self.lock();
        let shown = state.jobs.values().map(|(_, shown)| shown);
        shown
            .filter(|shown| shown.job.run == Some(run))
            .cloned()
            .collect()
    }

    /// Shows a job no longer.
    pub(crate) fn remove(&self, id: JobId) {
        let mut state = self.lock();
        if state.jobs.remove(&id).is_some() {
            state.revision += 1;
            state.whole_before = state.revision;
            self.note(&state);
        }
    }

    /// The jobs that it shows as neither done nor given up.
    pub(crate) fn open(&self) -> Vec<JobId> {
        let state = self.lock();
        let open = state.jobs.iter();
        open.filter(|(_, (_, shown))| shown.job.state.is_open())
            .map(|(id, _)| *id)
            .collect()
    }

    /// A job as it shows it, where it shows it running.
    pub(crate) fn running(&self, id: JobId) -> Option<JobSnapshot> {
        let state = self.lock();
        let (_, shown) = state.jobs.get(&id)?;
        (shown.job.state == JobState::Running).then(|| shown.clone())
    }

    /// What changed since a revision, once something has, or after `patience`, or when nothing will change any more.
    pub(crate) fn changes(&self, since: u64, patience: Duration) -> Changes {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        while state.revision == since && !state.is_closed {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.since(since)
    }

    /// Says that nothing will change any more.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Whether nothing will change any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }
}

impl State {
    fn works(&self) -> bool {
        let mut shown = self.jobs.values();
        shown.any(|(_, shown)| shown.job.state == JobState::Running)
    }

    fn since(&self, since: u64) -> Changes {
        let is_whole = since < self.whole_before || since > self.revision;
        let jobs = self.jobs.values();
        let jobs = jobs.filter(|(revision, _)| is_whole || *revision > since);
        Changes {
            revision: self.revision,
            is_whole,
            jobs: jobs.map(|(_, snapshot)| snapshot.clone()).collect(),
        }
    }

    fn forget(&mut self, most_ended: usize) {
        let ended = self.jobs.iter();
        let ended = ended.filter(|(_, (_, shown))| !shown.job.state.is_open());
        let mut ended: Vec<_> = ended.map(|(id, (revision, _))| (*revision, *id)).collect();
        ended.sort_unstable();
        let surplus = ended.len().saturating_sub(most_ended);
        for (revision, id) in ended.into_iter().take(surplus) {
            self.jobs.remove(&id);
            self.whole_before = self.whole_before.max(revision);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use atelier_core::JobKind;
    use serde_json::Value;

    use super::*;

    /// Seconds of a day, in each of which the queue changes.
    const DAY: u64 = 24 * 60 * 60;
    /// A job takes so many of them.
    const OF_A_JOB: u64 = 60;

    fn job(state: JobState) -> Job {
        Job {
            id: JobId::unused(),
            kind: JobKind::Generation,
            priority: 0,
            request: Value::Null,
            run: None,
            run_name: None,
            state,
            wish: None,
            attempt: 1,
            waiting: None,
            error_code: None,
            problem: None,
            created_ms: 0,
            started_ms: None,
            ended_ms: None,
            folder: PathBuf::new(),
            owner: None,
            is_shared: false,
        }
    }

    #[test]
    fn it_works_while_it_shows_a_running_job() {
        let board = Board::new(0, 1);
        let show = |job: &Job| {
            let (job, report) = (job.clone(), None);
            board.show(JobSnapshot { job, report });
        };
        let [mut ends, goes] = [job(JobState::Running), job(JobState::Running)];
        show(&job(JobState::Queued));
        assert!(!board.works());
        show(&ends);
        show(&goes);
        ends.state = JobState::Completed;
        show(&ends);
        assert!(board.works());
        board.remove(goes.id);
        assert!(!board.works());
    }

    #[test]
    fn a_day_of_changes_leaves_no_more_than_a_minute_of_them() {
        let most_ended = 20;
        let board = Board::new(0, most_ended);
        let mut current = job(JobState::Running);
        let mut often = 0;
        let mut most = (0, 0);
        for second in 0..DAY {
            let is_end = second % OF_A_JOB == OF_A_JOB - 1;
            current.waiting = Some(second.to_string());
            if is_end {
                current.state = JobState::Completed;
            }
            let shown = current.clone();
            let report = None;
            board.show(JobSnapshot { job: shown, report });
            let news = board.changes(often, Duration::ZERO);
            assert_eq!((news.is_whole, news.jobs.len()), (false, 1));
            often = news.revision;
            let whole = board.changes(u64::MAX, Duration::ZERO);
            most = (most.0.max(whole.jobs.len()), whole.revision);
            if is_end {
                current = job(JobState::Running);
            }
        }
        assert_eq!(most, (most_ended + 1, DAY));
        // Who was away for the whole day hears of what is there, and not of what was.
        let late = board.changes(1, Duration::ZERO);
        assert!(late.is_whole && late.jobs.len() == most_ended);
    }
}
