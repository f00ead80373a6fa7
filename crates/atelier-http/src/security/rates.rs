//! How often who may do what, where a login is needed.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use atelier_accounts::{Buckets, Rate};
use atelier_store::AccountId;

use super::{household, neighbourhood};
use crate::answer::{Failure, Result};

/// Wrong passwords from an address: five at once, then one in twelve seconds.
const LOGINS: Rate = Rate {
    burst: 5,
    every: Duration::from_secs(12),
};
/// Attempts with a name, whoever makes them: more than one address can make, so that no stranger alone locks somebody out.
const LOGINS_AS: Rate = Rate {
    burst: 100,
    every: Duration::from_secs(4),
};
/// Tokens that nobody knows, from an address.
const UNKNOWN_TOKENS: Rate = Rate {
    burst: 20,
    every: Duration::from_secs(6),
};
/// Requests of an account or an address. A page of pictures takes hundreds at once.
const REQUESTS: Rate = Rate {
    burst: 2_000,
    every: Duration::from_millis(10),
};
/// Addresses, names and accounts that are remembered of each.
const MOST: usize = 20_000;

/// Whose request it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asker {
    Account(AccountId),
    Address(Option<IpAddr>),
}

/// How often things were tried.
#[derive(Debug)]
pub struct Rates {
    logins_from: Mutex<Buckets<Option<IpAddr>>>,
    logins_as: Mutex<Buckets<String>>,
    unknown_tokens: Mutex<Buckets<Option<IpAddr>>>,
    requests: Mutex<Buckets<Asker>>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            logins_from: Mutex::new(Buckets::new(LOGINS, MOST)),
            logins_as: Mutex::new(Buckets::new(LOGINS_AS, MOST)),
            unknown_tokens: Mutex::new(Buckets::new(UNKNOWN_TOKENS, MOST)),
            requests: Mutex::new(Buckets::new(REQUESTS, MOST)),
        }
    }
}

impl Rates {
    /// Counts an attempt to log in, unless there were too many. Names are keys of [`atelier_store::login_key`], which are short and
    /// the same for all that one account answers to.
    pub fn login(&self, from: Option<IpAddr>, name: Option<&str>) -> Result<()> {
        let too_often = |wait| Failure::too_often("too many attempts to log in", wait);
        let now = Instant::now();
        take(&self.logins_from, &from.map(household), now).map_err(too_often)?;
        let name = name.map(str::to_owned);
        name.map_or(Ok(()), |name| take(&self.logins_as, &name, now))
            .map_err(too_often)
    }

    /// The password was right: that attempt is no guess of its address.
    pub fn logged_in(&self, from: Option<IpAddr>) {
        lock(&self.logins_from).give_back(&from.map(household));
    }

    /// Counts a token that nobody knows, unless there were too many from its address.
    pub fn unknown_token(&self, from: Option<IpAddr>) -> Result<()> {
        let from = from.map(neighbourhood);
        let taken = take(&self.unknown_tokens, &from, Instant::now());
        taken.map_err(|wait| Failure::too_often("too many unknown tokens", wait))
    }

    /// Counts a request, unless there were too many.
    pub fn request(&self, of: Option<AccountId>, from: Option<IpAddr>) -> Result<()> {
        let from = || Asker::Address(from.map(neighbourhood));
        let asker = of.map_or_else(from, Asker::Account);
        let taken = take(&self.requests, &asker, Instant::now());
        taken.map_err(|wait| Failure::too_often("too many requests", wait))
    }
}

fn lock<K>(buckets: &Mutex<Buckets<K>>) -> std::sync::MutexGuard<'_, Buckets<K>> {
    buckets.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take<K: Eq + std::hash::Hash + Clone>(
    buckets: &Mutex<Buckets<K>>,
    who: &K,
    now: Instant,
) -> std::result::Result<(), Duration> {
    lock(buckets).take(who, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn logins_are_counted_by_address_and_by_name() {
        let rates = Rates::default();
        for number in 0..100 {
            let from = address(&format!("10.0.1.{number}"));
            assert!(rates.login(from, Some("ana")).is_ok());
        }
        assert!(rates.login(address("10.0.0.9"), Some("ana")).is_err());
        assert!(rates.login(address("10.0.0.9"), Some("bob")).is_ok());
        for _ in 0..3 {
            let _ = rates.login(address("10.0.0.9"), None);
        }
        let refused = rates.login(address("10.0.0.9"), Some("dora")).unwrap_err();
        assert!(format!("{refused:?}").contains("RateLimited"));
        rates.logged_in(address("10.0.0.9"));
        assert!(rates.login(address("10.0.0.9"), Some("dora")).is_ok());
        assert!(rates.login(address("10.0.0.9"), Some("dora")).is_err());
    }

    #[test]
    fn one_address_locks_nobody_else_out() {
        let rates = Rates::default();
        let mut guesses = 0;
        while rates.login(address("10.0.0.1"), Some("olga")).is_ok() {
            guesses += 1;
        }
        assert_eq!(guesses, 5);
        assert!(rates.login(address("10.0.0.2"), Some("olga")).is_ok());
        // However many networks its line has.
        let networks = (0..256).map(|number| address(&format!("2001:db8:1:{number:x}::1")));
        let taken = networks.filter(|from| rates.login(*from, Some("olga")).is_ok());
        assert_eq!(taken.count(), 5);
    }

    #[test]
    fn right_passwords_are_counted_too() {
        let rates = Rates::default();
        let from = address("10.0.0.1");
        let mut logins = 0;
        while rates.login(from, Some("vera")).is_ok() {
            rates.logged_in(from);
            logins += 1;
        }
        assert_eq!(logins, 100);
        assert!(rates.login(from, Some("olga")).is_ok());
    }

    #[test]
    fn a_network_of_one_customer_is_one_address() {
        let rates = Rates::default();
        for number in 0..5 {
            let from = address(&format!("2001:db8:1:2::{number}"));
            assert!(rates.login(from, None).is_ok());
        }
        let refused = rates.login(address("2001:db8:1:2:ffff::2"), None);
        assert!(refused.is_err());
        assert!(rates.login(address("2001:db8:1:103::1"), None).is_ok());
    }

    #[test]
    fn unknown_tokens_are_counted_by_address() {
        let rates = Rates::default();
        let from = address("10.0.0.1");
        for _ in 0..20 {
            assert!(rates.unknown_token(from).is_ok());
        }
        assert!(rates.unknown_token(from).is_err());
        assert!(rates.unknown_token(address("10.0.0.2")).is_ok());
    }

    #[test]
    fn hundreds_of_thumbnails_are_no_flood() {
        let rates = Rates::default();
        let asked = |count| {
            (0..count)
                .filter(|_| rates.request(None, None).is_ok())
                .count()
        };
        assert_eq!(asked(2_000), 2_000);
        assert!(asked(10_000) < 5_000);
    }
}
