//! A supervisor that is killed at any place is followed by one that keeps the promise: nothing is lost, nothing is published
//! twice.

use atelier_core::JobState;
use atelier_jobs::{AttemptFiles, Breakpoint, Error};

use crate::studio::{Studio, begun, settle};
use crate::told::Told;

/// Kills a supervisor at a place while it does one job of each kind, and has the next one go on; the queue after each step.
fn killed_at(place: Breakpoint, studio: &Studio, told: &Told) -> Vec<Vec<String>> {
    let mut steps = Vec::new();
    let jobs = [studio.generation(), studio.training()];
    for job in jobs {
        loop {
            let mut doomed = studio.doomed(told.clone(), place);
            let died = settle(&mut doomed);
            drop(doomed);
            steps.push(studio.lines());
            if studio.job(job).state == JobState::Completed {
                break;
            }
            // What is queued waits as long as it is the other's turn.
            if let Err(error) = died {
                assert!(matches!(error, Error::Stopped), "{error}");
            }
            let mut next = studio.supervisor(told.clone());
            settle(&mut next).unwrap();
            steps.push(studio.lines());
            for ticket in told.alive() {
                told.finish(studio, &ticket);
            }
        }
    }
    steps.dedup();
    steps
}

fn check(studio: &Studio, told: &Told) {
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    assert!(told.alive().is_empty());
    let jobs = studio.library.page_of_jobs((0, 10)).unwrap().jobs;
    assert_eq!(jobs.len(), 2);
    for job in jobs {
        assert_eq!(job.state, JobState::Completed);
        assert_eq!(studio.results(&job), if job.run.is_some() { 1 } else { 2 });
        if let Some(run) = job.run {
            let run = studio.library.get_run(run).unwrap();
            assert_eq!(begun(&run), [1, 2, 3], "no epoch is done twice");
        }
        for attempt in 1..=job.attempt {
            let files = AttemptFiles::of(&job.folder, attempt);
            assert!(!files.pictures().exists(), "nothing is left behind");
        }
        let attempts = studio.library.list_attempts(job.id).unwrap();
        assert!(attempts.iter().all(|attempt| attempt.outcome.is_some()));
    }
    let checked = atelier_store::check(studio.home(), &atelier_core::CancelFlag::default());
    assert_eq!(checked.unwrap().problems, [""; 0]);
}

#[test]
fn a_kill_after_the_row_or_the_fence_begins_another_attempt() {
    for place in [Breakpoint::Noted, Breakpoint::Fenced] {
        let (studio, told) = (Studio::new(), Told::default());
        let steps = killed_at(place, &studio, &told);
        let lines = steps.concat();
        assert!(
            lines.contains(&"generation running, attempt 2".to_owned()),
            "{steps:#?}"
        );
        // Nothing of the first attempts was ever begun.
        assert_eq!(told.begun(), 2);
        check(&studio, &told);
    }
}

#[test]
fn a_kill_after_the_submission_loses_no_attempt() {
    let (studio, told) = (Studio::new(), Told::default());
    let steps = killed_at(Breakpoint::Submitted, &studio, &told);
    let lines = steps.concat();
    assert!(
        !lines.iter().any(|line| line.contains("attempt 2")),
        "{steps:#?}"
    );
    assert_eq!(told.begun(), 2);
    check(&studio, &told);
}

#[test]
fn a_kill_around_the_publication_publishes_once() {
    for place in [Breakpoint::BeforePublishing, Breakpoint::Published] {
        let (studio, told) = (Studio::new(), Told::default());
        let steps = killed_at(place, &studio, &told);
        let lines = steps.concat();
        assert!(
            !lines.iter().any(|line| line.contains("attempt 2")),
            "{steps:#?}"
        );
        assert_eq!(told.begun(), 2);
        check(&studio, &told);
    }
}

#[test]
fn the_queue_after_every_step() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let mut steps = Vec::new();
    let mut doomed = |place| {
        let died = settle(&mut studio.doomed(told.clone(), place));
        assert!(matches!(died, Err(Error::Stopped)), "{place:?}");
        steps.extend(studio.lines());
    };
    doomed(Breakpoint::Noted);
    doomed(Breakpoint::Fenced);
    doomed(Breakpoint::Submitted);
    told.finish(&studio, &told.at(job));
    doomed(Breakpoint::BeforePublishing);
    doomed(Breakpoint::Published);
    assert_eq!(
        steps,
        [
            "generation running, attempt 1",
            "generation running, attempt 2",
            "generation running, attempt 3",
            "generation running, attempt 3",
            "generation completed, attempt 3, results: 2",
        ]
    );
}

#[test]
fn two_supervisors_never_have_one_queue() {
    let (studio, told) = (Studio::new(), Told::default());
    let first = studio.supervisor(told.clone());
    let second = atelier_jobs::Supervisor::open(studio.settings(told.clone()));
    let error = second.unwrap_err().to_string();
    assert!(error.contains("another `atelier serve`"), "{error}");
    drop(first);
    studio.supervisor(told);
}
