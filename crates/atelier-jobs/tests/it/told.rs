//! An executor without processes: tests say what attempts do, and when they end.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard};

use atelier_core::Outcome;
use atelier_jobs::{Error, Executor, Failed, Manifest, ManifestFile, Result, Standing, Ticket};
use atelier_store::JobId;

use crate::studio::{Studio, draw, train};

/// The attempts. Clones are the same, as processes are the same for the next server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    attempts: BTreeMap<String, (Ticket, Standing)>,
    begun: Vec<String>,
    refuses: Option<ErrorKind>,
}

impl Told {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Whether every attempt is refused from now on, and how.
    pub(crate) fn refuse(&self, refuses: Option<ErrorKind>) {
        self.state().refuses = refuses;
    }

    /// How many attempts were begun.
    pub(crate) fn begun(&self) -> usize {
        self.state().begun.len()
    }

    /// The living attempts.
    pub(crate) fn alive(&self) -> Vec<Ticket> {
        let state = self.state();
        let alive = state.attempts.values();
        let alive = alive.filter(|(_, standing)| *standing == Standing::Alive);
        alive.map(|(ticket, _)| ticket.clone()).collect()
    }

    /// The living attempt at a job.
    pub(crate) fn at(&self, job: JobId) -> Ticket {
        let alive = self.alive().into_iter();
        let mut own = alive.filter(|ticket| ticket.job == job);
        let ticket = own.next().expect("an attempt at the job lives");
        assert!(own.next().is_none(), "two attempts at one job live");
        ticket
    }

    /// The process of an attempt ends.
    pub(crate) fn end(&self, ticket: &Ticket, status: Option<i32>) {
        let mut state = self.state();
        let attempt = state.attempts.get_mut(&ticket.token).unwrap();
        attempt.1 = Standing::Ended(status);
    }

    /// An attempt does what it was told, and ends.
    pub(crate) fn finish(&self, studio: &Studio, ticket: &Ticket) {
        work(studio, ticket);
        self.end(ticket, Some(0));
    }

    pub(crate) fn fail(&self, ticket: &Ticket) {
        self.fail_with(ticket, ("bad_picture", "cannot use `a.png`"));
    }

    pub(crate) fn fail_with(&self, ticket: &Ticket, (code, message): (&str, &str)) {
        let failed = Failed {
            code: code.to_owned(),
            message: message.to_owned(),
            hint: String::new(),
        };
        ticket.files().write_failed(&failed).unwrap();
        self.end(ticket, Some(2));
    }

    /// The same as soon as the attempt at a job is asked to.
    pub(crate) fn stop_when_asked(&self, studio: &Studio, job: JobId) {
        let ticket = self.at(job);
        wait_until(|| ticket.files().is_to_stop());
        self.stop(studio, &ticket);
    }

    /// An attempt stops as it was asked to, with what it has trained until then.
    pub(crate) fn stop(&self, studio: &Studio, ticket: &Ticket) {
        assert!(ticket.files().is_to_stop());
        if let Some(run) = ticket.files().read_order().unwrap().run {
            train(&studio.library, run, |epoch| epoch < 2).unwrap();
        }
        self.end(ticket, Some(75));
    }
}

impl Executor for Told {
    fn submit(&mut self, ticket: &Ticket) -> Result<()> {
        let mut state = self.state();
        if let Some(kind) = state.refuses {
            let refused = std::io::Error::new(kind, "no more processes");
            return Err(Error::Io(refused));
        }
        ticket
            .files()
            .read_order()
            .expect("the order is written first");
        let attempts = &mut state.attempts;
        if attempts.contains_key(&ticket.token) {
            return Ok(());
        }
        attempts.insert(ticket.token.clone(), (ticket.clone(), Standing::Alive));
        state.begun.push(ticket.token.clone());
        fs_err::write(ticket.files().log(), "begun\n")?;
        Ok(())
    }

    fn poll(&mut self, tickets: &[Ticket]) -> Vec<Standing> {
        let state = self.state();
        let standing = |ticket: &Ticket| {
            let known = state.attempts.get(&ticket.token);
            known.map_or(Standing::Unknown, |(_, standing)| *standing)
        };
        tickets.iter().map(standing).collect()
    }

    fn cancel(&mut self, ticket: &Ticket) -> Result<()> {
        ticket.files().ask_to_stop()
    }

    fn log(&self, ticket: &Ticket, most_bytes: u64) -> Result<String> {
        ticket.files().log_tail(most_bytes)
    }
}

/// Looks again and again, since nothing else tells.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed().as_secs() < 30, "it never becomes so");
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
}

/// An attempt says that all is done.
pub(crate) fn say_done(ticket: &Ticket, files: Vec<ManifestFile>) {
    let manifest = Manifest::new(ticket.attempt, ticket.token.clone(), files);
    ticket.files().write_manifest(&manifest).unwrap();
}

/// An attempt does what it was told, and says so; it lives on.
pub(crate) fn work(studio: &Studio, ticket: &Ticket) {
    let order = ticket.files().read_order().unwrap();
    let files = match order.run {
        None => draw(ticket, &order.request),
        Some(run) => match train(&studio.library, run, |_| true).unwrap() {
            Outcome::Completed(files) => files,
            Outcome::Cancelled { .. } => unreachable!("nobody stops it"),
        },
    };
    say_done(ticket, files);
}
