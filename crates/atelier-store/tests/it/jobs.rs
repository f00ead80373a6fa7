//! Jobs, their attempts, and the pictures that they draw.

use atelier_core::{JobKind, JobState, JobWish, RunState, Seed, TrainConfig};
use atelier_store::{
    Error, Job, JobId, Lost, NewJob, NewPicture, NewRun, Picture, Run, TRASH_DAYS,
};
use serde_json::json;

use crate::Studio;
use crate::runs::{completed, run_of, write_epoch};

fn new(kind: JobKind) -> NewJob {
    NewJob {
        id: JobId::unused(),
        kind,
        priority: 0,
        request: json!({"prompt": "a blob"}),
    }
}

fn generation(studio: &Studio) -> Job {
    let job = studio.library.create_job(new(JobKind::Generation));
    job.unwrap()
}

/// A job with its run of two epochs.
fn training(studio: &Studio) -> (Job, Run) {
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1, 2]);
    let run = NewRun {
        name: None,
        dataset: dataset.id,
        version: 2,
        base: "atelier-mini".to_owned(),
        base_hash: "b".repeat(64),
        config: TrainConfig {
            trigger: "BlobCharV1".to_owned(),
            epochs: 2,
            ..TrainConfig::default()
        },
        origins: std::collections::BTreeMap::new(),
        total_steps: 4,
    };
    let made = studio.library.create_training(new(JobKind::Training), run);
    made.unwrap()
}

fn lost(has_advanced: bool) -> Lost {
    Lost {
        is_refusal: false,
        has_advanced,
        most: 3,
        code: "internal".to_owned(),
        problem: "it died".to_owned(),
    }
}

/// A picture whose file is among the library's.
pub(crate) fn drawn(studio: &Studio, seed: u64) -> NewPicture {
    let bytes = seed.to_le_bytes();
    let hold = studio.library.blobs().hold().unwrap();
    NewPicture {
        hash: studio.library.blobs().put(&hold, &bytes).unwrap(),
        size_bytes: 8,
        width: 64,
        height: 48,
        seed: Seed(seed),
        recipe: json!({"prompt": "a blob"}),
    }
}

/// What a new job drew.
fn draw(studio: &Studio, seeds: &[u64]) -> Vec<Picture> {
    let library = &studio.library;
    let job = generation(studio);
    library.begin_attempt(job.id, 0, 0).unwrap();
    let pictures = seeds.iter().map(|&seed| drawn(studio, seed)).collect();
    library.complete_generation(job.id, 1, pictures).unwrap()
}

#[test]
fn jobs_get_their_turn_by_priority_and_then_by_age() {
    let studio = Studio::new();
    let library = &studio.library;
    let [first, second, third] = [(); 3].map(|()| {
        studio.clock.forward(1);
        generation(&studio).id
    });
    let order = || -> Vec<_> {
        let open = library.list_open_jobs().unwrap();
        open.into_iter().map(|job| job.id).collect()
    };
    assert_eq!(order(), [first, second, third]);
    library.set_job_priority(third, 5).unwrap();
    assert_eq!(order(), [third, first, second]);
    library.cancel_job(first).unwrap();
    assert_eq!(order(), [third, second]);
    let page = library.page_of_jobs((1, 1)).unwrap();
    assert_eq!((page.jobs[0].id, page.total), (second, 3));
    assert_eq!(library.find_job(&first.to_string()).unwrap().id, first);
    let error = library.find_job("nothing").unwrap_err().to_string();
    assert_eq!(error, "there is no job `nothing`");
}

#[test]
fn an_attempt_is_begun_once_and_only_the_newest_ends_its_job() {
    let studio = Studio::new();
    let library = &studio.library;
    let job = generation(&studio);
    let attempt = library.begin_attempt(job.id, 0, 0).unwrap();
    assert_eq!(attempt.number, 1);
    let again = studio.again().begin_attempt(job.id, 0, 0).unwrap_err();
    assert!(again.to_string().contains("another one took its place"));
    let job = library.lose_attempt(job.id, 1, lost(false)).unwrap();
    assert_eq!((job.state, job.attempt), (JobState::Queued, 1));
    library.begin_attempt(job.id, 1, 0).unwrap();
    let picture = drawn(&studio, 1);
    let late = library.complete_generation(job.id, 1, vec![picture.clone()]);
    assert!(late.is_err() && library.fail_attempt(job.id, 1, "io", "x").is_err());
    let made = library.complete_generation(job.id, 2, vec![picture.clone()]);
    assert_eq!(made.unwrap().len(), 1);
    let twice = library.complete_generation(job.id, 2, vec![picture]);
    assert!(twice.is_err());
    assert_eq!(library.list_pictures_of(job.id).unwrap().len(), 1);
    let outcomes = library.list_attempts(job.id).unwrap().into_iter();
    let outcomes: Vec<_> = outcomes.filter_map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, ["it died", "completed"]);
}

#[test]
fn attempts_that_were_refused_and_those_that_died_are_counted_apart() {
    let studio = Studio::new();
    let library = &studio.library;
    let (job, _) = training(&studio);
    let states = [true, true, false, false, true].into_iter().enumerate();
    let states = states.map(|(number, is_refusal)| {
        let number = number as u32;
        library.begin_attempt(job.id, number, 0).unwrap();
        let ended = Lost {
            is_refusal,
            ..lost(false)
        };
        library
            .lose_attempt(job.id, number + 1, ended)
            .unwrap()
            .state
    });
    let states: Vec<_> = states.collect();
    assert_eq!(states[..4], [JobState::Queued; 4]);
    assert_eq!(states[4], JobState::Failed);
}

#[test]
fn a_job_that_gets_no_further_three_times_has_failed_and_can_be_tried_again() {
    let studio = Studio::new();
    let library = &studio.library;
    let (job, run) = training(&studio);
    let mut states = Vec::new();
    for (number, has_advanced) in [false, false, true, false, false, false]
        .into_iter()
        .enumerate()
    {
        library.begin_attempt(job.id, number as u32, 0).unwrap();
        let number = number as u32 + 1;
        let job = library.lose_attempt(job.id, number, lost(has_advanced));
        states.push(job.unwrap().state);
    }
    assert_eq!(states[..5], [JobState::Queued; 5]);
    assert_eq!(states[5], JobState::Failed);
    let failed = library.get_job(job.id).unwrap();
    assert_eq!(failed.problem.as_deref(), Some("it died"));
    assert_eq!(library.get_run(run.id).unwrap().state, RunState::Failed);
    let job = library.retry_job(job.id).unwrap();
    assert_eq!(
        (job.state, job.problem, job.ended_ms),
        (JobState::Queued, None, None)
    );
    library.begin_attempt(job.id, 6, 0).unwrap();
    let job = library.lose_attempt(job.id, 7, lost(false)).unwrap();
    assert_eq!(job.state, JobState::Queued);
}

#[test]
fn what_is_wanted_of_a_running_job_is_done_when_its_attempt_ends() {
    let studio = Studio::new();
    let library = &studio.library;
    let job = generation(&studio);
    assert_eq!(library.pause_job(job.id).unwrap().state, JobState::Paused);
    assert!(library.begin_attempt(job.id, 0, 0).is_err());
    assert_eq!(library.resume_job(job.id).unwrap().state, JobState::Queued);
    library.begin_attempt(job.id, 0, 0).unwrap();
    let asked = library.pause_job(job.id).unwrap();
    assert_eq!(
        (asked.state, asked.wish),
        (JobState::Running, Some(JobWish::Pause))
    );
    assert_eq!(library.resume_job(job.id).unwrap().wish, None);
    library.pause_job(job.id).unwrap();
    let job = library.stop_attempt(job.id, 1, "stopped").unwrap();
    assert_eq!((job.state, job.wish), (JobState::Paused, None));
    library.resume_job(job.id).unwrap();
    library.begin_attempt(job.id, 1, 0).unwrap();
    // The program is ended, and nobody wishes anything.
    let job = library.stop_attempt(job.id, 2, "stopped").unwrap();
    assert_eq!(job.state, JobState::Queued);
    library.begin_attempt(job.id, 2, 0).unwrap();
    library.cancel_job(job.id).unwrap();
    let error = library.pause_job(job.id).unwrap_err().to_string();
    assert!(
        error.ends_with("is about to be cancelled, so that it cannot be paused"),
        "{error}"
    );
    let job = library.lose_attempt(job.id, 3, lost(false)).unwrap();
    assert_eq!(job.state, JobState::Cancelled);
    assert!(library.resume_job(job.id).is_err());
    assert_eq!(library.cancel_job(job.id).unwrap(), job);
    assert_eq!(library.retry_job(job.id).unwrap().state, JobState::Queued);
}

#[test]
fn the_results_of_a_job_that_is_about_to_be_cancelled_are_refused() {
    let studio = Studio::new();
    let library = &studio.library;
    let drawing = generation(&studio);
    let (job, run) = training(&studio);
    for id in [drawing.id, job.id] {
        library.begin_attempt(id, 0, 0).unwrap();
    }
    let (_, sitting) = library.begin_run_of_job(run.id, job.id).unwrap();
    write_epoch(&run, 1);
    write_epoch(&run, 2);
    library.end_run(sitting, completed()).unwrap();
    for id in [drawing.id, job.id] {
        library.cancel_job(id).unwrap();
    }
    let pictures = vec![drawn(&studio, 7)];
    let refused = library.complete_generation(drawing.id, 1, pictures);
    assert!(matches!(refused, Err(Error::Superseded { .. })));
    let refused = library.complete_training(job.id, 1);
    assert!(matches!(refused, Err(Error::Superseded { .. })));
    for id in [drawing.id, job.id] {
        let ended = library.stop_attempt(id, 1, "stopped").unwrap();
        assert_eq!(ended.state, JobState::Cancelled);
    }
    assert!(library.list_pictures_of(drawing.id).unwrap().is_empty());
    assert!(library.list_models(false).unwrap().is_empty());
}

#[test]
fn a_failed_job_can_be_given_up_and_no_other() {
    let studio = Studio::new();
    let library = &studio.library;
    let job = generation(&studio);
    assert!(library.give_up_job(job.id).is_err());
    library.begin_attempt(job.id, 0, 0).unwrap();
    assert!(library.give_up_job(job.id).is_err());
    let failed = library.fail_attempt(job.id, 1, "io", "no").unwrap();
    let job = library.give_up_job(job.id).unwrap();
    assert_eq!(job.state, JobState::Cancelled);
    assert_eq!(
        (&job.problem, job.ended_ms),
        (&failed.problem, failed.ended_ms)
    );
    assert_eq!(library.give_up_job(job.id).unwrap(), job);
    assert_eq!(library.retry_job(job.id).unwrap().state, JobState::Queued);
}

#[test]
fn a_training_gives_one_model_however_often_its_end_is_noticed() {
    let studio = Studio::new();
    let library = &studio.library;
    let (job, run) = training(&studio);
    assert_eq!(job.run_name.as_deref(), Some("faces-1"));
    assert_eq!(library.find_job("faces-1").unwrap().id, job.id);
    library.begin_attempt(job.id, 0, 0).unwrap();
    assert!(
        library.complete_training(job.id, 1).is_err(),
        "nothing is saved"
    );
    let (_, sitting) = library.begin_run_of_job(run.id, job.id).unwrap();
    write_epoch(&run, 1);
    write_epoch(&run, 2);
    library.end_run(sitting, completed()).unwrap();
    let (done, model) = library.complete_training(job.id, 1).unwrap();
    assert_eq!((done.state, model.epoch), (JobState::Completed, Some(2)));
    assert!(library.complete_training(job.id, 1).is_err());
    assert_eq!(library.model_of_run(run.id).unwrap(), model);
    assert_eq!(library.list_models(false).unwrap(), [model]);
    assert!(library.retry_job(job.id).is_err());
}

#[test]
fn a_run_has_one_place_in_the_queue_and_stays_as_long_as_it_has_it() {
    let studio = Studio::new();
    let library = &studio.library;
    let (job, run) = training(&studio);
    let second = || library.create_training_of(new(JobKind::Training), run.id);
    let error = second().unwrap_err().to_string();
    assert_eq!(error, "there is a job for run `faces-1` already");
    let error = library.delete_run(run.id).unwrap_err().to_string();
    assert!(error.contains("atelier job cancel"), "{error}");
    library.cancel_job(job.id).unwrap();
    let other = second().unwrap();
    assert!(library.retry_job(job.id).is_err());
    library.cancel_job(other.id).unwrap();
    library.delete_run(run.id).unwrap();
    assert!(library.retry_job(job.id).is_err() && second().is_err());
    fs_err::create_dir_all(&job.folder).unwrap();
    let file = std::fs::File::open(&job.folder).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_hours(48);
    file.set_modified(old).unwrap();
    library.empty_trash(0).unwrap();
    assert!(library.get_job(job.id).is_err() && !job.folder.exists());
    assert!(library.list_attempts(job.id).unwrap().is_empty());
}

#[test]
fn a_run_in_the_queue_is_trained_by_its_job_alone() {
    let studio = Studio::new();
    let library = &studio.library;
    let (job, run) = training(&studio);
    let error = library.begin_run(run.id).unwrap_err().to_string();
    assert!(error.contains("atelier job cancel"), "{error}");
    assert!(library.begin_run_of_job(run.id, JobId::unused()).is_err());
    library.begin_run_of_job(run.id, job.id).unwrap();
}

#[test]
fn a_job_that_fails_leaves_the_run_alone_that_somebody_trains() {
    let studio = Studio::new();
    let library = &studio.library;
    let (job, run) = training(&studio);
    library.cancel_job(job.id).unwrap();
    let (_, sitting) = library.begin_run(run.id).unwrap();
    assert!(library.is_run_in_use(run.id));
    library.retry_job(job.id).unwrap();
    library.begin_attempt(job.id, 0, 0).unwrap();
    library.fail_attempt(job.id, 1, "io", "no").unwrap();
    assert_eq!(library.get_run(run.id).unwrap().state, RunState::Running);
    library.stop_run(run.id).unwrap();
    assert!(library.is_run_to_stop(&sitting));
    drop(sitting);
    assert!(!library.is_run_in_use(run.id));
}

#[test]
fn a_training_that_cannot_be_noted_leaves_no_run_behind() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1]);
    let run = run_of(&studio, &dataset);
    let (job, new_run) = (
        new(JobKind::Training),
        NewRun {
            name: None,
            dataset: dataset.id,
            version: 9,
            base: run.base.clone(),
            base_hash: run.base_hash.clone(),
            config: run.config.clone(),
            origins: std::collections::BTreeMap::new(),
            total_steps: 4,
        },
    );
    assert!(
        studio
            .library
            .create_training(job.clone(), new_run)
            .is_err()
    );
    assert!(studio.library.get_job(job.id).is_err());
    assert_eq!(studio.library.list_runs(false).unwrap().len(), 1);
}

#[test]
fn pictures_are_listed_newest_first_and_keep_their_seeds() {
    let studio = Studio::new();
    let library = &studio.library;
    let older = draw(&studio, &[7, u64::MAX]);
    studio.clock.forward(1);
    let newer = draw(&studio, &[3]);
    let page = library.page_of_pictures(false, (0, 2)).unwrap();
    assert_eq!(page.total, 3);
    assert_eq!(page.pictures, [newer[0].clone(), older[0].clone()]);
    let rest = library.page_of_pictures(false, (2, 2)).unwrap();
    assert_eq!(rest.pictures, [older[1].clone()]);
    assert_eq!(older[1].seed, Seed(u64::MAX));
    assert_eq!(
        (older[1].width, older[1].height, older[1].position),
        (64, 48, 1)
    );
}

#[test]
fn files_of_pictures_stay_until_the_trash_is_emptied() {
    let studio = Studio::new();
    let library = &studio.library;
    let [kept, gone] = draw(&studio, &[1, 2]).try_into().unwrap();
    let folder = library.job_folder(kept.job.unwrap());
    fs_err::create_dir_all(&folder).unwrap();
    library.delete_picture(kept.id).unwrap();
    assert!(library.delete_picture(kept.id).is_err());
    library.restore_picture(kept.id).unwrap();
    library.delete_picture(gone.id).unwrap();
    let trash = library.page_of_pictures(true, (0, 10)).unwrap();
    assert_eq!((trash.total, trash.pictures[0].id), (1, gone.id));
    assert_eq!(library.empty_trash(TRASH_DAYS).unwrap().pictures, 0);
    assert!(folder.exists());
    assert!(library.blobs().path(&gone.hash).exists());
    studio.clock.forward(TRASH_DAYS);
    let emptied = library.empty_trash(TRASH_DAYS).unwrap();
    assert_eq!((emptied.pictures, emptied.files), (1, Some(1)));
    assert!(library.get_picture(gone.id).is_err());
    let job = library.get_job(kept.job.unwrap()).unwrap();
    assert!(!job.folder.exists(), "what attempts left goes as well");
    let checked = studio.check();
    assert_eq!((checked.pictures, checked.jobs, checked.files), (1, 1, 1));
    assert!(checked.problems.is_empty() && checked.unnamed.is_empty());
    fs_err::remove_file(library.blobs().path(&kept.hash)).unwrap();
    let problem = format!("the file `{}` of picture `{}` is gone", kept.hash, kept.id);
    assert_eq!(studio.check().problems, [problem]);
}

#[test]
fn what_was_asked_for_goes_with_the_last_of_its_pictures() {
    let studio = Studio::new();
    let library = &studio.library;
    let [first, second] = draw(&studio, &[1, 2]).try_into().unwrap();
    let job = first.job.unwrap();
    let is_there = || {
        library.empty_trash(TRASH_DAYS).unwrap();
        library.get_job(job).is_ok()
    };
    library.delete_picture(first.id).unwrap();
    studio.clock.forward(TRASH_DAYS);
    assert!(is_there());
    library.delete_picture(second.id).unwrap();
    assert!(is_there(), "its picture can come back");
    studio.clock.forward(TRASH_DAYS);
    assert!(!is_there());
    assert!(library.list_attempts(job).unwrap().is_empty());
}

#[test]
fn what_jobs_left_that_failed_or_were_given_up_goes_with_the_trash() {
    let studio = Studio::new();
    let library = &studio.library;
    let job = generation(&studio);
    fs_err::create_dir_all(job.folder.join("inputs")).unwrap();
    library.cancel_job(job.id).unwrap();
    library.empty_trash(TRASH_DAYS).unwrap();
    assert!(job.folder.exists(), "it can be tried again");
    studio.clock.forward(TRASH_DAYS);
    library.empty_trash(TRASH_DAYS).unwrap();
    assert!(!job.folder.exists());
}
