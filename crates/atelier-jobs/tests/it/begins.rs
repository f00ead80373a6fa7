//! Whose turn it is, and why others wait.

use std::io::ErrorKind;
use std::sync::atomic::Ordering;

use atelier_core::JobState;
use atelier_jobs::{Limits, Supervisor};
use serde_json::json;

use crate::studio::{Studio, settle};
use crate::told::Told;

const GB: u64 = 1_000_000_000;

#[test]
fn one_run_is_trained_at_a_time_and_the_others_say_why_they_wait() {
    let (studio, told) = (Studio::new(), Told::default());
    let [first, second, urgent] = [(); 3].map(|()| studio.training());
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        [
            "training running, attempt 1",
            "training queued, attempt 0, waits: run `faces-1` is being trained",
            "training queued, attempt 0, waits: run `faces-1` is being trained",
        ]
    );
    studio.library.set_job_priority(urgent, 1).unwrap();
    told.finish(&studio, &told.at(first));
    settle(&mut supervisor).unwrap();
    told.finish(&studio, &told.at(urgent));
    settle(&mut supervisor).unwrap();
    assert_eq!(studio.job(urgent).state, JobState::Completed);
    assert_eq!(told.at(second).attempt, 1);
}

#[test]
fn runs_on_devices_of_their_own_are_trained_together() {
    let (studio, told) = (Studio::new(), Told::default());
    for device in ["vulkan:0", "vulkan:1", "vulkan:0", "auto"] {
        studio.training_of(json!({"device": device}));
    }
    settle(&mut studio.supervisor(told.clone())).unwrap();
    let states = studio
        .lines()
        .into_iter()
        .map(|line| line.contains("running"));
    assert_eq!(states.collect::<Vec<_>>(), [true, true, false, false]);
}

#[test]
fn pictures_are_drawn_beside_a_training_when_there_is_room() {
    let (studio, told) = (Studio::new(), Told::default());
    studio.training_of(json!({"memory_bytes": 4 * GB}));
    studio.generation_of(json!({"count": 1, "memory_bytes": 3 * GB}));
    studio.generation_of(json!({"count": 1}));
    let mut supervisor = studio.supervisor(told.clone());
    // The training has not taken its 4 GB yet.
    studio.free_bytes.store(6 * GB, Ordering::SeqCst);
    settle(&mut supervisor).unwrap();
    let trained = "waits: run `faces-1` is being trained, and";
    assert_eq!(
        studio.lines()[1..],
        [
            format!(
                "generation queued, attempt 0, {trained} the 3.0 GB that this takes are not free"
            ),
            format!(
                "generation queued, attempt 0, {trained} how much memory this takes is not known"
            ),
        ]
    );
    studio.free_bytes.store(7 * GB, Ordering::SeqCst);
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines()[1..],
        [
            "generation running, attempt 1",
            "generation queued, attempt 0, waits: other pictures are being drawn",
        ]
    );
}

#[test]
fn drawings_do_not_keep_a_training_from_its_turn() {
    let (studio, told) = (Studio::new(), Told::default());
    let drawing = studio.generation();
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    studio.training_of(json!({"memory_bytes": 4 * GB}));
    studio.generation();
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines()[1..],
        [
            "training queued, attempt 0, waits: pictures are being drawn, and the 4.0 GB that this takes are not free",
            "generation queued, attempt 0, waits: other pictures are being drawn",
        ]
    );
    told.finish(&studio, &told.at(drawing));
    settle(&mut supervisor).unwrap();
    assert_eq!(studio.lines()[1], "training running, attempt 1");
}

#[test]
fn what_cannot_be_begun_waits_and_says_so() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    told.refuse(Some(ErrorKind::Other));
    let mut supervisor = studio.supervisor(told.clone());
    for _ in 0..9 {
        let error = supervisor.pass().unwrap_err().to_string();
        assert_eq!(error, "no more processes");
    }
    assert_eq!(
        studio.lines(),
        ["generation queued, attempt 9, waits: it could not be begun: no more processes"]
    );
    told.refuse(None);
    settle(&mut supervisor).unwrap();
    told.finish(&studio, &told.at(job));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["generation completed, attempt 10, results: 2"]
    );
}

#[test]
fn one_that_can_never_be_begun_fails_and_others_have_their_turn() {
    let (studio, told) = (Studio::new(), Told::default());
    let [first, second] = [(); 2].map(|()| studio.generation());
    // Its fence cannot be raised.
    let folder = studio.job(first).folder;
    fs_err::create_dir_all(folder.parent().unwrap()).unwrap();
    fs_err::write(&folder, "a file").unwrap();
    let mut settings = studio.settings(told.clone());
    settings.limits.rest = std::time::Duration::from_hours(1);
    let mut supervisor = Supervisor::open(settings).unwrap();
    assert!(supervisor.pass().is_err());
    settle(&mut supervisor).unwrap();
    let lines = studio.lines();
    assert!(
        lines[0].starts_with(
            "generation queued, attempt 1, waits, and is tried again: it could not be begun:"
        ),
        "{}",
        lines[0]
    );
    assert_eq!(lines[1], "generation running, attempt 1");
    told.finish(&studio, &told.at(second));
    settle(&mut supervisor).unwrap();
    drop(supervisor);
    let mut supervisor = studio.supervisor(told.clone());
    for _ in 1..Limits::default().most_refused {
        assert!(supervisor.pass().is_err());
    }
    settle(&mut supervisor).unwrap();
    let job = studio.job(first);
    assert_eq!((job.state, job.attempt), (JobState::Failed, 8));
    assert_eq!(studio.library.list_attempts(first).unwrap().len(), 8);
}
