//! What attempts made gets into the library, sooner or later or not at all.

use atelier_core::{Coded as _, ErrorCode, JobState};
use atelier_jobs::Supervisor;
use atelier_store::JobId;

use crate::studio::{Studio, settle};
use crate::told::{Told, work};

#[test]
fn what_is_done_is_published_whatever_the_process_says() {
    for status in [Some(0), Some(1), None] {
        let (studio, told) = (Studio::new(), Told::default());
        let job = studio.generation();
        let mut supervisor = studio.supervisor(told.clone());
        settle(&mut supervisor).unwrap();
        let ticket = told.at(job);
        work(&studio, &ticket);
        told.end(&ticket, status);
        settle(&mut supervisor).unwrap();
        assert_eq!(
            studio.lines(),
            ["generation completed, attempt 1, results: 2"]
        );
        assert!(
            !ticket.files().pictures().exists(),
            "nothing is left behind"
        );
    }
}

#[test]
fn what_is_done_is_published_while_its_process_lingers() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.training();
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    work(&studio, &told.at(job));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["training completed, attempt 1, results: 1"]
    );
    assert_eq!(told.begun(), 1);
}

/// A job that is done, with a folder in place of its first picture.
fn unreadable(studio: &Studio, told: &Told, supervisor: &mut Supervisor) -> JobId {
    let job = studio.generation();
    settle(supervisor).unwrap();
    let ticket = told.at(job);
    told.finish(studio, &ticket);
    let picture = ticket.files().pictures().join("00000.png");
    fs_err::remove_file(&picture).unwrap();
    fs_err::create_dir(&picture).unwrap();
    job
}

#[test]
fn results_that_cannot_be_published_hold_up_no_other_job_and_can_be_given_up() {
    let (studio, told) = (Studio::new(), Told::default());
    let mut settings = studio.settings(told.clone());
    settings.limits.rest = std::time::Duration::from_hours(1);
    let mut supervisor = Supervisor::open(settings).unwrap();
    let stuck = unreadable(&studio, &told, &mut supervisor);
    let other = studio.generation();
    let refused = settle(&mut supervisor).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Io);
    settle(&mut supervisor).unwrap();
    told.finish(&studio, &told.at(other));
    settle(&mut supervisor).unwrap();
    let state = |job| studio.job(job).state;
    assert_eq!(
        (state(stuck), state(other)),
        (JobState::Running, JobState::Completed)
    );
    let why = studio.job(stuck).waiting.unwrap();
    assert!(
        why.contains("cannot be put into the library yet") && why.contains("00000.png"),
        "{why}"
    );
    studio.library.cancel_job(stuck).unwrap();
    settle(&mut supervisor).unwrap();
    let stuck = studio.job(stuck);
    assert_eq!((stuck.state, stuck.waiting), (JobState::Cancelled, None));
}

#[test]
fn results_that_can_never_be_published_fail_their_job_in_the_end() {
    let (studio, told) = (Studio::new(), Told::default());
    let mut settings = studio.settings(told.clone());
    settings.limits.rest = std::time::Duration::ZERO;
    let most = settings.limits.most_refused;
    let mut supervisor = Supervisor::open(settings).unwrap();
    let job = unreadable(&studio, &told, &mut supervisor);
    for _ in 0..most {
        settle(&mut supervisor).unwrap_err();
        assert_eq!(studio.job(job).state, JobState::Running);
    }
    settle(&mut supervisor).unwrap();
    let job = studio.job(job);
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(job.error_code.as_deref(), Some("io"));
    assert_eq!(job.waiting, None);
}
