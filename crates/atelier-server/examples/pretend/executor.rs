//! An executor whose attempts are threads of this program.

use std::collections::HashMap;
use std::thread::{self, JoinHandle};

use atelier_jobs::{Error, Executor, Standing, Ticket};
use atelier_store::Library;

use super::work::{Pace, work};

/// The executor.
pub(crate) struct PretendExecutor {
    library: Library,
    pace: Pace,
    threads: HashMap<String, JoinHandle<i32>>,
}

impl PretendExecutor {
    /// One that works at this pace.
    pub(crate) fn new(library: Library, pace: Pace) -> Self {
        Self {
            library,
            pace,
            threads: HashMap::new(),
        }
    }

    fn standing(&mut self, token: &str) -> Standing {
        match self.threads.get(token) {
            None => Standing::Unknown,
            Some(thread) if !thread.is_finished() => Standing::Alive,
            Some(_) => {
                let thread = self.threads.remove(token);
                Standing::Ended(thread.and_then(|thread| thread.join().ok()))
            }
        }
    }
}

impl Executor for PretendExecutor {
    fn submit(&mut self, ticket: &Ticket) -> Result<(), Error> {
        let (library, pace, attempt) = (self.library.clone(), self.pace.clone(), ticket.clone());
        let thread = thread::Builder::new().name("pretend".to_owned());
        let thread = thread.spawn(move || work(&library, &attempt, &pace))?;
        self.threads.insert(ticket.token.clone(), thread);
        Ok(())
    }

    fn poll(&mut self, tickets: &[Ticket]) -> Vec<Standing> {
        let standings = tickets.iter().map(|ticket| self.standing(&ticket.token));
        standings.collect()
    }

    fn cancel(&mut self, ticket: &Ticket) -> Result<(), Error> {
        ticket.files().ask_to_stop()
    }

    fn log(&self, ticket: &Ticket, most_bytes: u64) -> Result<String, Error> {
        ticket.files().log_tail(most_bytes)
    }
}
