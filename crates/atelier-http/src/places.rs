//! Places for what lasts: there are only so many, and one account has no more than its part of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use atelier_store::AccountId;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// The places of a kind.
#[derive(Debug)]
pub struct Places {
    all: Arc<Semaphore>,
    own: Parts<AccountId>,
}

/// As much for each of those who ask, whoever they are.
#[derive(Debug)]
pub struct Parts<K> {
    of_each: usize,
    /// Those of whoever has something at the moment.
    taken: Mutex<HashMap<K, Weak<Semaphore>>>,
}

/// A place, which is free again when this goes.
#[derive(Debug)]
pub struct Taken {
    _own: Option<OwnedSemaphorePermit>,
    _one: OwnedSemaphorePermit,
}

impl Places {
    /// So many, of which an account has a part. The user of the machine has all of them.
    pub fn new(count: usize, of_each: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(count)),
            own: Parts::new(of_each),
        }
    }

    /// Waits for a place.
    pub async fn take(&self, account: Option<AccountId>) -> Result<Taken, AcquireError> {
        let own = match account.map(|account| self.own.of(account)) {
            Some(own) => Some(own.acquire_owned().await?),
            None => None,
        };
        Ok(Taken {
            _own: own,
            _one: Arc::clone(&self.all).acquire_owned().await?,
        })
    }

    /// Takes a place where one is free.
    pub fn try_take(&self, account: Option<AccountId>) -> Result<Taken, TryAcquireError> {
        let own = account.map(|account| self.own.try_take(account));
        Ok(Taken {
            _own: own.transpose()?,
            _one: Arc::clone(&self.all).try_acquire_owned()?,
        })
    }
}

impl<K: Eq + Hash> Parts<K> {
    /// So much for each.
    pub fn new(of_each: usize) -> Self {
        Self {
            of_each,
            taken: Mutex::default(),
        }
    }

    /// Takes one of somebody's own, where one is left.
    pub fn try_take(&self, who: K) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.of(who).try_acquire_owned()
    }

    fn of(&self, who: K) -> Arc<Semaphore> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = taken.get(&who).and_then(Weak::upgrade) {
            return known;
        }
        taken.retain(|_, part| part.strong_count() > 0);
        let new = Arc::new(Semaphore::new(self.of_each));
        taken.insert(who, Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u32) -> AccountId {
        let id = format!("01900000-0000-7000-8000-{number:012}").parse();
        id.unwrap()
    }

    #[test]
    fn an_account_has_its_part_and_leaves_the_others_theirs() {
        let places = Places::new(5, 2);
        let [ana, ben] = [1, 2].map(|number| Some(account(number)));
        let of_ana = [places.try_take(ana).unwrap(), places.try_take(ana).unwrap()];
        assert!(places.try_take(ana).is_err());
        let of_ben = places.try_take(ben).unwrap();
        let of_machine = [
            places.try_take(None).unwrap(),
            places.try_take(None).unwrap(),
        ];
        assert!(places.try_take(ben).is_err());
        drop(of_machine);
        let _more = places.try_take(ben).unwrap();
        assert!(places.try_take(ana).is_err());
        drop((of_ana, of_ben));
        let _again = places.try_take(ana).unwrap();
    }

    #[test]
    fn accounts_without_places_are_forgotten() {
        let places = Places::new(100, 1);
        for number in 0..50 {
            places.try_take(Some(account(number))).unwrap();
        }
        let kept = places.try_take(Some(account(50))).unwrap();
        assert_eq!(places.own.taken.lock().unwrap().len(), 1);
        drop(kept);
    }
}
