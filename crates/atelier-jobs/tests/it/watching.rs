//! The queue as the rest of the program sees it.

use std::io::ErrorKind;
use std::time::Duration;

use atelier_core::{JobState, Phase, Progress, StartImage};
use atelier_jobs::{
    Changes, Error, GenerationRequest, JobSnapshot, Limits, Queue, Report, StartUse,
    TrainingRequest, retry,
};
use atelier_store::JobId;

use crate::studio::{Studio, draw};
use crate::told::{Told, say_done};

/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(30);

/// Waits until the queue shows a job like that.
fn until(queue: &Queue, id: JobId, is_so: impl Fn(&JobSnapshot) -> bool) -> JobSnapshot {
    let mut revision = 0;
    loop {
        let changes = queue.changes(revision, LONG);
        assert!(changes.revision > revision, "nothing changes any more");
        revision = changes.revision;
        let mut own = changes.jobs.into_iter();
        if let Some(found) = own.find(|shown| shown.job.id == id && is_so(shown)) {
            return found;
        }
    }
}

fn state(state: JobState) -> impl Fn(&JobSnapshot) -> bool {
    move |shown| shown.job.state == state
}

#[test]
fn what_is_submitted_is_done_and_everybody_sees_it() {
    let (studio, told) = (Studio::new(), Told::default());
    let queue = Queue::open(studio.settings(told.clone())).unwrap();
    let request = TrainingRequest::default();
    let (job, run) = queue
        .submit_training(&request, studio.new_run(), 0)
        .unwrap();
    assert_eq!((job.state, job.run), (JobState::Queued, Some(run.id)));
    until(&queue, job.id, state(JobState::Running));
    let ticket = told.at(job.id);
    let report = Report {
        version: 1,
        process: 1,
        progress: Progress {
            phase: Phase::Training,
            done: 1,
            total: 3,
            loss: Some(0.5),
        },
        phase_began_ms: 1,
        reported_ms: 2,
    };
    ticket.files().write_report(&report).unwrap();
    until(&queue, job.id, |shown| {
        shown.report.as_ref() == Some(&report)
    });
    assert_eq!(queue.snapshot(job.id).unwrap().report, Some(report));
    assert_eq!(queue.log(job.id).unwrap(), "begun\n");
    told.finish(&studio, &ticket);
    let done = until(&queue, job.id, state(JobState::Completed));
    assert_eq!(done.report, None);
    assert_eq!(studio.library.list_models(false).unwrap().len(), 1);
    queue.shut_down(LONG);
    let refused = queue.submit_generation(GenerationRequest::default(), 0);
    assert!(matches!(refused, Err(Error::ShutDown)));
}

#[test]
fn whoever_asks_is_told_what_changed_since() {
    let (studio, told) = (Studio::new(), Told::default());
    let [first, second] = [studio.generation(), studio.generation()];
    let mut settings = studio.settings(told.clone());
    settings.limits = Limits {
        most_ended: 1,
        ..settings.limits
    };
    let queue = Queue::open(settings).unwrap();
    until(&queue, first, state(JobState::Running));
    until(&queue, second, |shown| shown.job.waiting.is_some());
    let Changes {
        revision,
        is_whole,
        jobs,
    } = queue.changes(0, Duration::ZERO);
    assert!(is_whole && jobs.len() == 2);
    let nothing = queue.changes(revision, Duration::ZERO);
    assert!(!nothing.is_whole && nothing.jobs.is_empty());
    queue.cancel(second).unwrap();
    let one = queue.changes(revision, LONG);
    assert!(!one.is_whole);
    assert_eq!(one.jobs.len(), 1);
    assert_eq!(one.jobs[0].job.id, second);
    assert_eq!(one.jobs[0].job.state, JobState::Cancelled);
    // Of those that ended one is shown; who has not heard of the other is told everything.
    told.finish(&studio, &told.at(first));
    until(&queue, first, state(JobState::Completed));
    let late = queue.changes(revision, Duration::ZERO);
    assert!(late.is_whole);
    assert_eq!(late.jobs.len(), 1);
    // And who knows another server's revisions as well.
    assert!(queue.changes(u64::MAX, Duration::ZERO).is_whole);
}

#[test]
fn why_results_are_not_in_the_library_yet_is_shown_while_their_job_runs() {
    let (studio, told) = (Studio::new(), Told::default());
    let mut settings = studio.settings(told.clone());
    settings.limits.rest = Duration::from_hours(1);
    let job = studio.generation();
    let queue = Queue::open(settings).unwrap();
    until(&queue, job, state(JobState::Running));
    let ticket = told.at(job);
    let files = draw(&ticket, &studio.job(job).request);
    let picture = ticket.files().pictures().join("00000.png");
    fs_err::remove_file(&picture).unwrap();
    fs_err::create_dir(&picture).unwrap();
    say_done(&ticket, files);
    queue.ring();
    let shown = until(&queue, job, |shown| shown.job.waiting.is_some());
    assert_eq!(shown.job.state, JobState::Running);
    // Also where the catalogue does not have it, as on a full disk.
    queue.pause(job).unwrap();
    assert_eq!(studio.job(job).waiting, None);
    assert_eq!(queue.snapshot(job).unwrap().job.waiting, shown.job.waiting);
}

#[test]
fn why_the_queue_cannot_go_on_is_said_where_the_catalogue_cannot_hold_it() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let queue = Queue::open(studio.settings(told.clone())).unwrap();
    until(&queue, job, state(JobState::Running));
    let catalogue = rusqlite::Connection::open(studio.library.catalogue()).unwrap();
    let refuse =
        "CREATE TRIGGER refuse BEFORE UPDATE ON job BEGIN SELECT RAISE(ABORT, 'no room'); END";
    catalogue.execute_batch(refuse).unwrap();
    told.fail(&told.at(job));
    queue.ring();
    let shown = until(&queue, job, |shown| shown.job.waiting.is_some());
    let why = shown.job.waiting.unwrap();
    assert!(
        why.contains("cannot go on") && why.contains("no room"),
        "{why}"
    );
    assert_eq!(queue.snapshot(job).unwrap().job.waiting, Some(why));
    assert_eq!(studio.job(job).waiting, None);
    catalogue.execute_batch("DROP TRIGGER refuse").unwrap();
    queue.ring();
    let shown = until(&queue, job, state(JobState::Failed));
    assert_eq!(shown.job.waiting, None);
}

#[test]
fn a_job_that_is_done_while_the_queue_rests_says_so() {
    let (studio, told) = (Studio::new(), Told::default());
    let mut settings = studio.settings(told.clone());
    settings.limits.rest = Duration::from_hours(1);
    let done = studio.generation();
    let queue = Queue::open(settings).unwrap();
    until(&queue, done, state(JobState::Running));
    told.refuse(Some(ErrorKind::StorageFull));
    let (refused, _) = studio.training_of(serde_json::json!({"memory_bytes": 0}));
    queue.ring();
    until(&queue, refused, |shown| {
        let why = shown.job.waiting.as_deref();
        why.is_some_and(|why| why.contains("could not be begun"))
    });
    told.finish(&studio, &told.at(done));
    queue.ring();
    let shown = until(&queue, done, |shown| shown.job.waiting.is_some());
    assert!(shown.job.waiting.unwrap().contains("rests after a failure"));
}

#[test]
fn changes_that_other_processes_make_are_seen() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let queue = Queue::open(studio.settings(told.clone())).unwrap();
    until(&queue, job, state(JobState::Running));
    // As `atelier job cancel` does it.
    studio.library.cancel_job(job).unwrap();
    until(&queue, job, |shown| shown.job.wish.is_some());
    queue.ring();
    told.stop_when_asked(&studio, job);
    until(&queue, job, state(JobState::Cancelled));
    let (training, run) = studio.training_of(serde_json::json!({}));
    queue.ring();
    until(&queue, training, state(JobState::Running));
    told.finish(&studio, &told.at(training));
    until(&queue, training, state(JobState::Completed));
    studio.library.delete_run(run).unwrap();
    studio.library.empty_trash(0).unwrap();
    assert!(queue.snapshot(training).is_err());
}

#[test]
fn what_runs_when_the_program_ends_stops_and_is_queued() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.training();
    let queue = Queue::open(studio.settings(told.clone())).unwrap();
    until(&queue, job, state(JobState::Running));
    let ends = std::thread::spawn({
        let queue = queue.clone();
        move || queue.shut_down(LONG)
    });
    told.stop_when_asked(&studio, job);
    ends.join().unwrap();
    assert!(queue.has_ended());
    assert_eq!(studio.job(job).state, JobState::Queued);
    // The next one may have it at once.
    drop(Queue::open(studio.settings(told)).unwrap());
}

#[test]
fn what_does_not_stop_in_time_is_left_to_the_next_supervisor() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.training();
    let queue = Queue::open(studio.settings(told.clone())).unwrap();
    until(&queue, job, state(JobState::Running));
    queue.shut_down(Duration::ZERO);
    let ticket = told.at(job);
    assert_eq!(studio.job(job).state, JobState::Running);
    let queue = Queue::open(studio.settings(told.clone())).unwrap();
    told.finish(&studio, &ticket);
    until(&queue, job, state(JobState::Completed));
    assert_eq!(told.begun(), 1);
}

#[test]
fn a_start_picture_is_copied_and_adapter_files_are_refused() {
    let (studio, told) = (Studio::new(), Told::default());
    let queue = Queue::open(studio.settings(told)).unwrap();
    let file = studio.home().join("start.png");
    fs_err::write(&file, "pixels").unwrap();
    let mut request = GenerationRequest::default();
    request.request.start = Some(StartImage {
        path: file.clone(),
        denoise: 0.5,
        mask: None,
    });
    let job = queue.submit_generation(request.clone(), 0).unwrap();
    fs_err::remove_file(&file).unwrap();
    let kept: GenerationRequest = serde_json::from_value(job.request).unwrap();
    let path = kept.request.start.unwrap().path;
    assert!(path.starts_with(&job.folder));
    assert_eq!(fs_err::read_to_string(path).unwrap(), "pixels");
    let gone = queue.submit_generation(request, 0).unwrap_err().to_string();
    assert!(gone.contains("is no file"), "{gone}");
    let mut request = GenerationRequest::default();
    let adapter = atelier_core::AdapterUse::new("/etc/passwd", 1.0);
    request.request.adapters.push(adapter);
    let refused = queue.submit_generation(request, 0).unwrap_err();
    assert!(refused.to_string().contains("models of the library"));
}

#[test]
fn a_failed_job_that_is_given_up_is_shown_as_cancelled() {
    let (studio, told) = (Studio::new(), Told::default());
    let job = studio.generation();
    let queue = Queue::open(studio.settings(told.clone())).unwrap();
    until(&queue, job, state(JobState::Running));
    assert!(queue.give_up(job).is_err(), "it has not failed");
    told.fail(&told.at(job));
    queue.ring();
    let failed = until(&queue, job, state(JobState::Failed)).job;
    let revision = queue.changes(0, Duration::ZERO).revision;
    let given_up = queue.give_up(job).unwrap();
    assert_eq!(
        (given_up.state, &given_up.problem),
        (JobState::Cancelled, &failed.problem)
    );
    let shown = queue.changes(revision, LONG).jobs;
    assert_eq!(shown[0].job, given_up);
    assert_eq!(studio.job(job), given_up);
}

#[test]
fn a_job_of_a_library_that_was_moved_is_tried_again_while_its_start_is_there() {
    let studio = Studio::new();
    let mut request = GenerationRequest::default();
    request.request.start = Some(StartImage {
        path: "/where/it/was/jobs/1/inputs/start.png".into(),
        denoise: 0.5,
        mask: None,
    });
    let job = studio.generation_of(serde_json::to_value(request).unwrap());
    let inputs = studio.library.job_folder(job).join("inputs");
    fs_err::create_dir_all(&inputs).unwrap();
    fs_err::write(inputs.join("start.png"), "pixels").unwrap();
    let again = || {
        studio.library.cancel_job(job).unwrap();
        retry(&studio.library, job)
    };
    assert_eq!(again().unwrap().state, JobState::Queued);
    fs_err::remove_dir_all(&inputs).unwrap();
    let refused = again().unwrap_err().to_string();
    assert!(refused.contains("ended long ago"), "{refused}");
}

#[test]
fn a_start_picture_of_the_library_is_copied_with_its_name_and_stays_there() {
    let (studio, told) = (Studio::new(), Told::default());
    let queue = Queue::open(studio.settings(told)).unwrap();
    let hold = studio.library.blobs().hold().unwrap();
    let bytes = include_bytes!("grey.png");
    let image = studio.library.keep_image(&hold, "a.png", bytes).unwrap();
    let start = studio
        .library
        .create_start_picture(&hold, "me/beach.png", image);
    let start = start.unwrap();
    drop(hold);
    let mut request = GenerationRequest {
        start: Some(StartUse {
            picture: start.id.into(),
            mask: Some(start.id.into()),
            denoise: 0.25,
        }),
        ..GenerationRequest::default()
    };
    let job = queue.submit_generation(request.clone(), 0).unwrap();
    let mut kept: GenerationRequest = serde_json::from_value(job.request).unwrap();
    assert_eq!(kept.start.as_ref().unwrap().picture.name, "beach.png");
    let copy = kept.request.start.clone().unwrap();
    assert!((copy.denoise - 0.25).abs() < f64::EPSILON);
    for path in std::iter::once(&copy.path).chain(&copy.mask) {
        assert!(path.starts_with(&job.folder));
        assert_eq!(fs_err::read(path).unwrap(), bytes);
    }
    // What the job has is another name of the library's file, which nobody writes to.
    let again = queue.submit_generation(request.clone(), 0).unwrap();
    assert_ne!(again.folder, job.folder);
    assert_eq!(studio.library.blobs().read(&start.hash).unwrap(), bytes);
    // Also where the library was copied to.
    kept.place_inputs(std::path::Path::new("/elsewhere/jobs/1"));
    let placed = kept.request.start.unwrap();
    assert_eq!(
        placed.path,
        std::path::Path::new("/elsewhere/jobs/1/inputs/start")
    );
    assert_eq!(studio.library.empty_trash(0).unwrap().start_pictures, 0);
    let absent = "018f0000-0000-7000-8000-000000000000";
    let absent: atelier_store::StartPictureId = absent.parse().unwrap();
    request.start.as_mut().unwrap().mask = Some(absent.into());
    let refused = queue.submit_generation(request, 0).unwrap_err();
    assert!(
        refused.to_string().contains("no start picture"),
        "{refused}"
    );
}

#[test]
fn a_run_goes_on_as_it_was_asked_for_before() {
    let (studio, told) = (Studio::new(), Told::default());
    told.refuse(Some(ErrorKind::StorageFull));
    let queue = Queue::open(studio.settings(told)).unwrap();
    let request = TrainingRequest {
        memory_bytes: Some(4),
        device: Some("cpu".to_owned()),
        skip_bad: true,
    };
    let submitted = queue.submit_training(&request, studio.new_run(), 0);
    let (first, run) = submitted.unwrap();
    let again = queue.submit_training_again(run.id, 0);
    assert!(again.is_err(), "it has a place in the queue");
    studio.library.cancel_job(first.id).unwrap();
    crate::told::wait_until(|| studio.job(first.id).state == JobState::Cancelled);
    let again = queue.submit_training_again(run.id, 0).unwrap();
    assert_eq!(again.request, first.request);
}
