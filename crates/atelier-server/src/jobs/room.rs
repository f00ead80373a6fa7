//! Room in the queue. One account leaves some to the others, and all of them some to owners.

use atelier_accounts::Role;
use atelier_core::ErrorCode;
use atelier_http::answer::{Failure, Result};
use axum::http::StatusCode;

use crate::app::App;

impl App {
    /// Whether the queue takes one more job of whoever asks.
    ///
    /// # Errors
    /// When it has as many as it takes, or as many of theirs.
    pub(crate) fn check_room(&self) -> Result<()> {
        let open = self.own_library().list_open_jobs()?;
        let account = self.viewer().account_id();
        let own = open.iter().filter(|job| job.owner == account).count();
        let is_owner = self.viewer().role() == Some(Role::Owner);
        let room = Room::of(self.limits().open_jobs, is_owner);
        room.refusal(open.len(), own).map_or(Ok(()), |message| {
            let failure = Failure::new(ErrorCode::Busy, message);
            Err(failure.with_status(StatusCode::TOO_MANY_REQUESTS))
        })
    }
}

/// How many jobs there may be for somebody to add one.
struct Room {
    /// Of all.
    all: usize,
    /// Of their own.
    own: usize,
}

impl Room {
    /// That in a queue of so many. Owners, of whom the user of the machine is one, have all of it; another account has a quarter,
    /// and to the last tenth none.
    fn of(most: usize, is_owner: bool) -> Self {
        if is_owner {
            return Self {
                all: most,
                own: most,
            };
        }
        Self {
            all: most - most / 10,
            own: (most / 4).max(1),
        }
    }

    fn refusal(&self, all: usize, own: usize) -> Option<String> {
        if own >= self.own {
            return Some(format!(
                "the queue has {own} jobs of this account, and takes no more of it; wait for some, or cancel them"
            ));
        }
        (all >= self.all).then(|| format!("the queue has {all} jobs already"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_a_quarter_of_the_queue_and_owners_the_last_of_it() {
        let (member, owner) = (Room::of(1_000, false), Room::of(1_000, true));
        assert_eq!(member.refusal(899, 249), None);
        let refused = member.refusal(250, 250).unwrap();
        assert!(refused.contains("250 jobs of this account"), "{refused}");
        assert!(member.refusal(900, 0).is_some());
        assert_eq!(owner.refusal(999, 999), None);
        assert!(owner.refusal(1_000, 0).is_some());
        // However short it is, everybody may have one.
        assert_eq!(Room::of(2, false).refusal(1, 0), None);
    }
}
