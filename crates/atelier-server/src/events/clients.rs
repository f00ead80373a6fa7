//! How many clients listen, and that they stop when the server does.

use atelier_core::ErrorCode;
use atelier_http::answer::{Failure, Result};
use atelier_http::places::{Places, Taken};
use atelier_store::AccountId;
use tokio::sync::watch;

/// The places of clients.
#[derive(Debug)]
pub(crate) struct Clients {
    places: Places,
    most: usize,
    is_over: watch::Sender<bool>,
}

/// A client that listens. Its place is free again when this goes.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) is_over: watch::Receiver<bool>,
    _place: Taken,
}

impl Clients {
    /// Places for so many, of which an account has a quarter.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            places: Places::new(most, most.div_ceil(4)),
            most,
            is_over: watch::Sender::new(false),
        }
    }

    /// Takes a place, or says that there is none.
    pub(super) fn take(&self, account: Option<AccountId>) -> Result<Client> {
        let place = self.places.try_take(account).map_err(|_| {
            let most = self.most;
            let message = format!(
                "too many clients listen to events already: {most} may, a quarter of them from one account"
            );
            Failure::new(ErrorCode::Busy, message)
        })?;
        Ok(Client {
            is_over: self.is_over.subscribe(),
            _place: place,
        })
    }

    /// Says to all of them that the server stops.
    pub(crate) fn dismiss(&self) {
        self.is_over.send_replace(true);
    }
}
