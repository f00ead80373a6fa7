//! What every executor keeps to.

use atelier_core::JobKind;
use atelier_jobs::{Executor, Fence, KILLED, Order, Standing, Ticket};
use serde_json::json;

use crate::child;
use crate::studio::Studio;
use crate::told::{Told, wait_until};

/// Has the attempts of an executor do things.
trait Stage {
    /// The executor, as a new server opens it.
    fn executor(&self) -> Box<dyn Executor>;
    /// The process of an attempt dies.
    fn kill(&self, ticket: &Ticket);
    /// An attempt does its work.
    fn finish(&self, ticket: &Ticket);
    /// An attempt notices that it was asked to stop.
    fn notice(&self, ticket: &Ticket);
}

struct OfTold<'a>(Told, &'a Studio);

impl Stage for OfTold<'_> {
    fn executor(&self) -> Box<dyn Executor> {
        Box::new(self.0.clone())
    }

    fn kill(&self, ticket: &Ticket) {
        self.0.end(ticket, Some(KILLED));
    }

    fn finish(&self, ticket: &Ticket) {
        self.0.finish(self.1, ticket);
    }

    fn notice(&self, ticket: &Ticket) {
        self.0.stop(self.1, ticket);
    }
}

struct OfProcesses<'a>(&'a Studio);

impl Stage for OfProcesses<'_> {
    fn executor(&self) -> Box<dyn Executor> {
        Box::new(child::executor(self.0.home()))
    }

    fn kill(&self, ticket: &Ticket) {
        fs_err::write(ticket.files().folder().join(child::TOLD), "die").unwrap();
    }

    fn finish(&self, ticket: &Ticket) {
        fs_err::write(ticket.files().folder().join(child::TOLD), "finish").unwrap();
    }

    /// It looks by itself.
    fn notice(&self, _: &Ticket) {}
}

/// An attempt whose order is written.
fn ordered(studio: &Studio) -> Ticket {
    let job = studio.generation_of(json!({"count": 1, "waits": true}));
    let attempt = studio.library.begin_attempt(job, 0, 0).unwrap();
    let ticket = Ticket {
        job,
        attempt: attempt.number,
        token: attempt.token,
        folder: studio.library.job_folder(job),
    };
    Fence::of(&ticket.folder).raise(1).unwrap();
    let order = Order {
        version: 1,
        job,
        attempt: 1,
        token: ticket.token.clone(),
        kind: JobKind::Generation,
        run: None,
        request: studio.job(job).request,
    };
    ticket.files().write_order(&order).unwrap();
    ticket
}

fn standing(executor: &mut dyn Executor, ticket: &Ticket) -> Standing {
    executor.poll(std::slice::from_ref(ticket))[0]
}

fn wait_for_end(executor: &mut dyn Executor, ticket: &Ticket) -> Option<i32> {
    let mut status = None;
    wait_until(|| match standing(executor, ticket) {
        Standing::Ended(ended) => {
            status = ended;
            true
        }
        Standing::Alive => false,
        Standing::Unknown => panic!("the attempt was submitted"),
    });
    status
}

fn conforms(studio: &Studio, stage: &dyn Stage) {
    let mut executor = stage.executor();
    let executor = executor.as_mut();
    let [killed, finished, stopped, adopted, unknown] = [(); 5].map(|()| ordered(studio));
    for ticket in [&killed, &finished, &stopped, &adopted] {
        assert_eq!(standing(executor, ticket), Standing::Unknown);
        executor.submit(ticket).unwrap();
        assert_eq!(standing(executor, ticket), Standing::Alive);
    }
    // Twice is once.
    executor.submit(&finished).unwrap();
    let tickets = [killed, finished, stopped, adopted, unknown];
    let alive = [Standing::Alive; 4];
    assert_eq!(
        executor.poll(&tickets),
        [&alive[..], &[Standing::Unknown]].concat()
    );
    let [killed, finished, stopped, adopted, _] = tickets;
    stage.kill(&killed);
    let ended = wait_for_end(executor, &killed);
    assert!(ended.is_some_and(|status| status > 128), "{ended:?}");
    assert_eq!(standing(executor, &killed), Standing::Ended(ended));
    stage.finish(&finished);
    assert_eq!(wait_for_end(executor, &finished), Some(0));
    let manifest = finished.files().read_manifest().unwrap().unwrap();
    assert_eq!(
        (manifest.token, manifest.files.len()),
        (finished.token.clone(), 1)
    );
    let said = executor.log(&finished, 1 << 20).unwrap();
    assert_eq!(said.matches("begun").count(), 1, "{said}");
    assert!(executor.log(&finished, 3).unwrap().len() <= 3);
    executor.cancel(&stopped).unwrap();
    stage.notice(&stopped);
    assert_eq!(wait_for_end(executor, &stopped), Some(75));
    executor.cancel(&stopped).unwrap();
    // A server that comes later finds those of an earlier one, which are not its children.
    let mut next = stage.executor();
    let next = next.as_mut();
    assert_eq!(standing(next, &adopted), Standing::Alive);
    next.submit(&adopted).unwrap();
    stage.finish(&adopted);
    wait_for_end(next, &adopted);
    assert!(adopted.files().read_manifest().unwrap().is_some());
    let said = next.log(&adopted, 1 << 20).unwrap();
    assert_eq!(said.matches("begun").count(), 1, "{said}");
}

#[test]
fn the_executor_of_tests_keeps_to_what_executors_keep_to() {
    let studio = Studio::new();
    conforms(&studio, &OfTold(Told::default(), &studio));
}

#[test]
fn processes_keep_to_what_executors_keep_to() {
    let studio = Studio::new();
    conforms(&studio, &OfProcesses(&studio));
}
