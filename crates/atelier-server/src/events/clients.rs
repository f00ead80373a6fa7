//! How many clients listen, and that they stop when the server does.

use std::sync::Arc;

use atelier_core::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::answer::{Failure, Result};

/// The places of clients.
#[derive(Debug)]
pub(crate) struct Clients {
    places: Arc<Semaphore>,
    most: usize,
    is_over: watch::Sender<bool>,
}

/// A client that listens. Its place is free again when this goes.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) is_over: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Clients {
    /// Places for so many.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(most)),
            most,
            is_over: watch::Sender::new(false),
        }
    }

    /// Takes a place, or says that there is none.
    pub(super) fn take(&self) -> Result<Client> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| {
            let message = format!("{} clients listen to events already", self.most);
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
