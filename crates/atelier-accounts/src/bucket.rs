//! How often something may be done: each one who does it has a bucket of drops, which fills again by itself.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How many drops a bucket holds, and how long one takes to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Drops of a full bucket: how much may be done at once.
    pub burst: u32,
    /// The time after which one more may be done.
    pub every: Duration,
}

/// The buckets of everybody. Only so many are kept; full ones are nobody's loss, and those of one who comes when all places are
/// taken by emptier ones push out the one that is nearest to full.
#[derive(Debug)]
pub struct Buckets<K> {
    rate: Rate,
    most: usize,
    /// When each bucket will be full again.
    full_at: HashMap<K, Instant>,
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    /// No more than `most` buckets of a kind.
    pub fn new(rate: Rate, most: usize) -> Self {
        Self {
            rate,
            most,
            full_at: HashMap::new(),
        }
    }

    /// Takes a drop; with none left, how long it takes until there is one.
    pub fn take(&mut self, who: &K, now: Instant) -> Result<(), Duration> {
        self.wait(who, now).map_or(Ok(()), Err)?;
        let from = self.full_at.get(who).copied();
        let from = from.filter(|full_at| *full_at > now).unwrap_or(now);
        if !self.full_at.contains_key(who) {
            self.make_room(now);
        }
        self.full_at.insert(who.clone(), from + self.rate.every);
        Ok(())
    }

    /// How long it takes until there is a drop; nothing when there is one.
    pub fn wait(&self, who: &K, now: Instant) -> Option<Duration> {
        let missing = self.full_at.get(who)?.saturating_duration_since(now);
        let room = self.rate.every * self.rate.burst;
        let wait = (missing + self.rate.every).saturating_sub(room);
        (!wait.is_zero()).then_some(wait)
    }

    /// Gives a drop back, such as to somebody who did it right.
    pub fn give_back(&mut self, who: &K) {
        if let Some(full_at) = self.full_at.get_mut(who) {
            *full_at = full_at.checked_sub(self.rate.every).unwrap_or(*full_at);
        }
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.full_at.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.full_at.is_empty()
    }

    fn make_room(&mut self, now: Instant) {
        if self.full_at.len() < self.most {
            return;
        }
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() < self.most {
            return;
        }
        let fullest = self.full_at.iter().min_by_key(|(_, full_at)| **full_at);
        if let Some(who) = fullest.map(|(who, _)| who.clone()) {
            self.full_at.remove(&who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn buckets(most: usize) -> Buckets<u32> {
        let (burst, every) = (3, 10 * SECOND);
        Buckets::new(Rate { burst, every }, most)
    }

    #[test]
    fn a_bucket_holds_its_drops_and_says_when_the_next_one_comes() {
        let (mut buckets, now) = (buckets(10), Instant::now());
        for _ in 0..3 {
            assert_eq!(buckets.take(&1, now), Ok(()));
        }
        assert_eq!(buckets.take(&1, now), Err(10 * SECOND));
        assert_eq!(buckets.take(&1, now + 4 * SECOND), Err(6 * SECOND));
        assert_eq!(buckets.take(&1, now + 10 * SECOND), Ok(()));
        assert_eq!(buckets.take(&1, now + 10 * SECOND), Err(10 * SECOND));
        assert_eq!(buckets.take(&2, now), Ok(()));
        buckets.give_back(&1);
        assert_eq!(buckets.take(&1, now + 10 * SECOND), Ok(()));
        assert_eq!(buckets.take(&1, now + 10 * SECOND), Err(10 * SECOND));
        buckets.give_back(&7);
        assert_eq!(buckets.wait(&7, now), None);
    }

    #[test]
    fn there_are_never_more_buckets_than_there_is_room_for() {
        let (mut buckets, now) = (buckets(4), Instant::now());
        for _ in 0..3 {
            buckets.take(&0, now).unwrap();
        }
        for who in 1..1000 {
            buckets.take(&who, now).unwrap();
            assert!(buckets.len() <= 4);
        }
        // The one who did the most is remembered.
        assert!(buckets.take(&0, now).is_err());
        assert!(buckets.take(&2000, now + 3600 * SECOND).is_ok());
        assert_eq!(buckets.len(), 1);
    }
}
