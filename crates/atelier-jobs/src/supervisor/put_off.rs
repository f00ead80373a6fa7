//! Jobs that wait for better times after attempts that ended too early: with pauses that double. A new supervisor knows nothing of
//! them, and tries at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use atelier_core::JobState;
use atelier_store::{Job, JobId};

/// The longest pause.
const MOST: Duration = Duration::from_mins(10);

/// Until when jobs wait, and why.
#[derive(Debug, Default)]
pub(super) struct PutOff(BTreeMap<JobId, Pause>);

#[derive(Debug)]
struct Pause {
    /// How often in a row.
    times: u32,
    until: Instant,
    why: String,
}

/// The pause after so many others.
pub(super) fn pause_of(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(MOST)
}

impl PutOff {
    /// Puts a job off for a while, which doubles each time in a row.
    pub(super) fn put(&mut self, id: JobId, first: Duration, why: String) {
        let times = self.0.get(&id).map_or(0, |pause| pause.times);
        let length = pause_of(first, times);
        let pause = Pause {
            times: times + 1,
            until: Instant::now() + length,
            why,
        };
        self.0.insert(id, pause);
    }

    /// Says why a job waits that was not put off itself.
    pub(super) fn note(&mut self, id: JobId, why: String) {
        self.0.entry(id).or_insert_with(|| Pause {
            times: 0,
            until: Instant::now(),
            why,
        });
    }

    /// The next pause of a job is a short one again.
    pub(super) fn forget(&mut self, id: JobId) {
        self.0.remove(&id);
    }

    /// How often in a row a job was put off.
    pub(super) fn times(&self, id: JobId) -> u32 {
        self.0.get(&id).map_or(0, |pause| pause.times)
    }

    /// Why a job is not begun yet, if it waits.
    pub(super) fn why(&self, id: JobId) -> Option<&str> {
        let pause = self.0.get(&id)?;
        (Instant::now() < pause.until).then_some(pause.why.as_str())
    }

    /// Why a job is not done yet, also while it is tried again.
    pub(super) fn last_why(&self, id: JobId) -> Option<&str> {
        self.0.get(&id).map(|pause| pause.why.as_str())
    }

    /// Forgets those that are not among the open ones, or paused.
    pub(super) fn keep(&mut self, open: &[Job]) {
        if !self.0.is_empty() {
            let is_kept = |id: &JobId| {
                let mut open = open.iter();
                open.any(|job| job.id == *id && job.state != JobState::Paused)
            };
            self.0.retain(|id, _| is_kept(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_until_they_are_forgotten() {
        let (mut put_off, id) = (PutOff::default(), JobId::unused());
        let mut lengths = Vec::new();
        for _ in 0..3 {
            let now = Instant::now();
            put_off.put(id, Duration::from_mins(1), "full".to_owned());
            lengths.push((put_off.0[&id].until - now).as_secs() / 60);
        }
        assert_eq!((lengths, put_off.why(id)), (vec![1, 2, 4], Some("full")));
        assert_eq!(put_off.times(id), 3);
        put_off.forget(id);
        assert_eq!((put_off.why(id), put_off.times(id)), (None, 0));
        put_off.put(id, Duration::ZERO, "full".to_owned());
        assert_eq!(put_off.why(id), None);
        assert_eq!(put_off.last_why(id), Some("full"));
        put_off.note(id, "rests".to_owned());
        assert_eq!((put_off.last_why(id), put_off.times(id)), (Some("full"), 1));
        put_off.keep(&[]);
        assert!(put_off.0.is_empty());
        put_off.note(id, "rests".to_owned());
        assert_eq!((put_off.why(id), put_off.times(id)), (None, 0));
        assert_eq!(put_off.last_why(id), Some("rests"));
    }
}
