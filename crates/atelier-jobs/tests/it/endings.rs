//! What becomes of attempts, however they end.

use atelier_core::JobState;
use atelier_jobs::{AttemptFiles, Error, FencePermit, KILLED, Limits, Supervisor, Ticket};

use crate::studio::{Studio, settle};
use crate::told::{Told, say_done, work};

#[test]
fn what_cannot_be_done_is_not_tried_again() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    told.fail(&told.at(job));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["generation failed, attempt 1, cannot use `a.png`"]
    );
    assert_eq!(studio.job(job).error_code.as_deref(), Some("bad_picture"));
    studio.library.retry_job(job).unwrap();
    settle(&mut supervisor).unwrap();
    told.finish(&studio, &told.at(job));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["generation completed, attempt 2, results: 2"]
    );
}

#[test]
fn a_full_disk_is_waited_for_and_fails_a_job_after_many_tries() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let mut settings = studio.settings(told.clone());
    settings.limits.rest = std::time::Duration::from_hours(1);
    let mut supervisor = Supervisor::open(settings).unwrap();
    settle(&mut supervisor).unwrap();
    told.fail_with(&told.at(job), ("io", "no space left"));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["generation queued, attempt 1, waits, and is tried again: no space left"]
    );
    drop(supervisor);
    let mut supervisor = studio.supervisor(told.clone());
    for _ in 1..Limits::default().most_refused {
        settle(&mut supervisor).unwrap();
        told.fail_with(&told.at(job), ("not_enough_memory", "others have it"));
    }
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["generation failed, attempt 8, others have it"]
    );
    let code = studio.job(job).error_code;
    assert_eq!(code.as_deref(), Some("not_enough_memory"));
}

#[test]
fn a_run_that_somebody_else_trains_is_waited_for_and_left_alone() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.training();
    let run = studio.job(job).run.unwrap();
    studio.library.cancel_job(job).unwrap();
    let (_, sitting) = studio.library.begin_run(run).unwrap();
    studio.library.retry_job(job).unwrap();
    let mut supervisor = studio.supervisor(told.clone());
    let waiting = "training queued, attempt 0, waits: its run is being trained outside the queue";
    settle(&mut supervisor).unwrap();
    assert_eq!(
        (studio.lines(), told.begun()),
        (vec![waiting.to_owned()], 0)
    );
    drop(sitting);
    settle(&mut supervisor).unwrap();
    let first = told.at(job);
    // Somebody is quicker than the attempt.
    let (_, sitting) = studio.library.begin_run_of_job(run, job).unwrap();
    told.fail_with(
        &first,
        ("conflict", "run `faces-1` is being trained; stop it first"),
    );
    settle(&mut supervisor).unwrap();
    assert_eq!(studio.job(job).state, JobState::Queued);
    let state = studio.library.get_run(run).unwrap().state;
    assert_eq!(state, atelier_core::RunState::Running);
    drop(sitting);
    settle(&mut supervisor).unwrap();
    told.finish(&studio, &told.at(job));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["training completed, attempt 2, results: 1"]
    );
}

#[test]
fn three_deaths_without_a_step_forward_are_a_failure_with_the_last_words() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.training();
    let mut supervisor = studio.supervisor(told.clone());
    for _ in 0..3 {
        settle(&mut supervisor).unwrap();
        let ticket = told.at(job);
        let words = "x".repeat(100) + "\nkilled by a test\n";
        fs_err::write(ticket.files().log(), words).unwrap();
        told.end(&ticket, Some(101));
    }
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        [
            "training failed, attempt 3, the process of attempt 3 ended unexpectedly with status 101; the last that it said: \
             killed by a test"
        ]
    );
    let run = studio
        .library
        .get_run(studio.job(job).run.unwrap())
        .unwrap();
    assert_eq!(run.state, atelier_core::RunState::Failed);
}

#[test]
fn what_the_system_kills_three_times_is_not_said_to_be_a_defect() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.training();
    let mut supervisor = studio.supervisor(told.clone());
    for _ in 0..3 {
        settle(&mut supervisor).unwrap();
        told.end(&told.at(job), Some(KILLED));
    }
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        [
            "training failed, attempt 3, the process of attempt 3 was killed, as the system does when memory runs out; the last \
             that it said: begun"
        ]
    );
    let code = studio.job(job).error_code;
    assert_eq!(code.as_deref(), Some("not_enough_memory"));
}

#[test]
fn deaths_with_the_machine_count_less_than_those_beside_it() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.training();
    for _ in 0..5 {
        let mut supervisor = studio.supervisor(told.clone());
        settle(&mut supervisor).unwrap();
        let ticket = told.at(job);
        drop(supervisor);
        told.end(&ticket, None);
    }
    settle(&mut studio.supervisor(told.clone())).unwrap();
    assert_eq!(studio.lines(), ["training running, attempt 6"]);
    // One that takes the machine with it each time is given up.
    for _ in 5..Limits::default().most_refused {
        told.end(&told.at(job), None);
        settle(&mut studio.supervisor(told.clone())).unwrap();
    }
    assert_eq!(
        studio.lines(),
        [
            "training failed, attempt 8, its process ended with the server or the machine, as when memory runs out"
        ]
    );
}

#[test]
fn problems_do_not_name_where_the_library_lies() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    let path = studio.home().join("runs/a.png");
    let problem = format!("cannot use `{}`", path.display());
    told.fail_with(&told.at(job), ("bad_picture", &problem));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["generation failed, attempt 1, cannot use `runs/a.png`"]
    );
}

#[test]
fn deaths_between_which_something_is_saved_are_none() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.training();
    let run = studio.job(job).run.unwrap();
    let most = Limits::default().most_fruitless as usize;
    assert_eq!(most, crate::studio::EPOCHS);
    let mut supervisor = studio.supervisor(told.clone());
    let mut deaths = 0;
    for saved in 1..=3 {
        for _ in 0..2 {
            settle(&mut supervisor).unwrap();
            told.end(&told.at(job), None);
            deaths += 1;
        }
        settle(&mut supervisor).unwrap();
        crate::studio::train(&studio.library, run, |epoch| epoch <= saved).unwrap();
        told.end(&told.at(job), None);
    }
    settle(&mut supervisor).unwrap();
    assert_eq!((deaths, studio.job(job).state), (6, JobState::Running));
    told.finish(&studio, &told.at(job));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["training completed, attempt 10, results: 1"]
    );
}

#[test]
fn a_wish_is_done_when_the_attempt_has_stopped() {
    let (studio, told) = (Studio::new(), Told::default());
    let (paused, cancelled) = (studio.training(), studio.generation());
    studio
        .free_bytes
        .store(u64::MAX, std::sync::atomic::Ordering::SeqCst);
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    studio.library.pause_job(paused).unwrap();
    settle(&mut supervisor).unwrap();
    told.stop(&studio, &told.at(paused));
    settle(&mut supervisor).unwrap();
    // Meanwhile it is the other's turn.
    studio.library.cancel_job(cancelled).unwrap();
    settle(&mut supervisor).unwrap();
    told.stop(&studio, &told.at(cancelled));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        [
            "training paused, attempt 1",
            "generation cancelled, attempt 1"
        ]
    );
    studio.library.resume_job(paused).unwrap();
    settle(&mut supervisor).unwrap();
    told.finish(&studio, &told.at(paused));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines()[0],
        "training completed, attempt 2, results: 1"
    );
    let run = studio
        .library
        .get_run(studio.job(paused).run.unwrap())
        .unwrap();
    assert_eq!(crate::studio::begun(&run), [1, 2, 3]);
}

#[test]
fn pictures_that_were_finished_are_taken_over_where_they_are_whole() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    let first = told.at(job);
    let drawn = crate::studio::draw(&first, &serde_json::json!({"count": 3}));
    let damaged = first.files().pictures().join("00001.png");
    fs_err::write(damaged, "other").unwrap();
    studio.library.pause_job(job).unwrap();
    settle(&mut supervisor).unwrap();
    told.stop(&studio, &first);
    settle(&mut supervisor).unwrap();
    studio.library.resume_job(job).unwrap();
    settle(&mut supervisor).unwrap();
    let second = told.at(job);
    let worker = atelier_jobs::Worker::begin(&second.folder, job, 2).unwrap();
    let taken = worker.take_over();
    assert_eq!(taken, [drawn[0].clone(), drawn[2].clone()]);
    assert!(second.files().pictures().join("00002.png").exists());
    worker.done(taken).unwrap();
    told.end(&second, Some(0));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["generation completed, attempt 2, results: 2"]
    );
    assert!(!first.files().pictures().exists() && !second.files().pictures().exists());
}

#[test]
fn pictures_of_a_paused_job_go_when_it_is_cancelled() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    let ticket = told.at(job);
    crate::studio::draw(&ticket, &serde_json::json!({"count": 1}));
    studio.library.pause_job(job).unwrap();
    settle(&mut supervisor).unwrap();
    told.stop(&studio, &ticket);
    settle(&mut supervisor).unwrap();
    assert!(ticket.files().pictures().exists());
    studio.library.cancel_job(job).unwrap();
    settle(&mut supervisor).unwrap();
    assert!(!ticket.files().pictures().exists());
}

#[test]
fn what_a_job_made_in_its_last_moments_does_not_come_back_when_it_is_cancelled() {
    let (studio, told) = (Studio::new(), Told::default());
    let jobs = [studio.generation(), studio.training()];
    let mut supervisor = studio.supervisor(told.clone());
    for job in jobs {
        settle(&mut supervisor).unwrap();
        told.finish(&studio, &told.at(job));
        studio.library.cancel_job(job).unwrap();
        settle(&mut supervisor).unwrap();
    }
    assert_eq!(
        studio.lines(),
        [
            "generation cancelled, attempt 1",
            "training cancelled, attempt 1"
        ]
    );
    assert!(studio.library.list_models(false).unwrap().is_empty());
    // What was saved is still there.
    let run = studio.job(jobs[1]).run.unwrap();
    assert!(!studio.library.list_checkpoints(run).unwrap().is_empty());
}

#[test]
fn a_failure_after_a_cancellation_is_a_cancellation() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    studio.library.cancel_job(job).unwrap();
    told.fail(&told.at(job));
    settle(&mut supervisor).unwrap();
    assert_eq!(studio.lines(), ["generation cancelled, attempt 1"]);
}

#[test]
fn what_stops_since_the_program_ends_is_queued_again() {
    let (studio, told) = (Studio::new(), Told::default());
    let (first, second) = (studio.training(), studio.training());
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    supervisor.set_draining(true);
    settle(&mut supervisor).unwrap();
    told.stop(&studio, &told.at(first));
    settle(&mut supervisor).unwrap();
    assert!(!supervisor.is_busy() && told.alive().is_empty());
    assert_eq!(studio.job(first).state, JobState::Queued);
    drop(supervisor);
    settle(&mut studio.supervisor(told.clone())).unwrap();
    assert_eq!(told.at(first).attempt, 2);
    assert_eq!(studio.job(second).attempt, 0);
}

#[test]
fn pictures_that_are_not_what_was_written_are_a_failure() {
    let (studio, told) = (Studio::new(), Told::default());
    let jobs = [(); 3].map(|()| studio.generation());
    let mut supervisor = studio.supervisor(told.clone());
    for (place, job) in jobs.into_iter().enumerate() {
        settle(&mut supervisor).unwrap();
        let ticket = told.at(job);
        work(&studio, &ticket);
        let folder = ticket.files().pictures();
        match place {
            0 => fs_err::write(folder.join("00001.png"), "other").unwrap(),
            1 => fs_err::remove_file(folder.join("00001.png")).unwrap(),
            _ => {
                let mut files = crate::studio::draw(&ticket, &serde_json::json!({"count": 1}));
                files[0].name = "../../fence".to_owned();
                say_done(&ticket, files);
            }
        }
        told.end(&ticket, Some(0));
    }
    settle(&mut supervisor).unwrap();
    let lines = studio.lines();
    for (line, problem) in lines
        .iter()
        .zip(["its hash is", "it is gone", "no plain name"])
    {
        assert!(
            line.starts_with("generation failed") && line.contains(problem),
            "{line}"
        );
    }
    assert_eq!(
        studio
            .library
            .page_of_pictures(false, (0, 9))
            .unwrap()
            .total,
        0
    );
}

#[test]
fn an_attempt_whose_place_another_took_learns_it_and_gives_nothing() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let mut supervisor = studio.supervisor(told.clone());
    settle(&mut supervisor).unwrap();
    let first = told.at(job);
    let permit = FencePermit::new(&first.folder, job, 1);
    permit.check().unwrap();
    // It only seems to be dead.
    told.end(&first, None);
    settle(&mut supervisor).unwrap();
    let refused = permit.check();
    assert!(
        matches!(refused, Err(Error::Superseded { now: 2, .. })),
        "{refused:?}"
    );
    work(&studio, &first);
    settle(&mut supervisor).unwrap();
    assert_eq!(studio.lines(), ["generation running, attempt 2"]);
    told.finish(&studio, &told.at(job));
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["generation completed, attempt 2, results: 2"]
    );
}

#[test]
fn what_another_attempt_of_the_same_number_left_is_not_taken_for_a_result() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let mut supervisor = studio.supervisor(told.clone());
    // As where a library was taken from a backup.
    let earlier = AttemptFiles::of(&studio.job(job).folder, 1);
    fs_err::create_dir_all(earlier.folder()).unwrap();
    for name in ["failed.json", "stop"] {
        fs_err::write(earlier.folder().join(name), "{}").unwrap();
    }
    settle(&mut supervisor).unwrap();
    assert!(!earlier.is_to_stop() && earlier.read_failed().unwrap().is_none());
    let ticket = told.at(job);
    let other = Ticket {
        token: "another library's".to_owned(),
        ..ticket.clone()
    };
    work(&studio, &other);
    settle(&mut supervisor).unwrap();
    assert_eq!(studio.lines(), ["generation running, attempt 1"]);
    told.finish(&studio, &ticket);
    settle(&mut supervisor).unwrap();
    assert_eq!(
        studio.lines(),
        ["generation completed, attempt 1, results: 2"]
    );
}
