//! The queue of `atelier serve`: trainings and drawings in processes of their own, which may be killed.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use atelier_adapters::AdapterFile;
use atelier_core::{Clock, GenerateRequest, JobKind, JobState, Phase, RunState, TrainConfig};
use atelier_jobs::{
    AttemptFiles, Fence, GenerationRequest, ModelUse, Order, Report, TrainingRequest,
};
use atelier_store::{Job, JobId, Library, Model, NewJob, NewRun, Run};
use serde::Serialize;
use serde_json::json;

use super::{get, started};
use crate::library::{studio, training};
use crate::workbench::{Workbench, program, signal, tiny_base};

/// Longer than anything takes.
pub(super) const LONG: Duration = Duration::from_mins(2);

struct Now;

impl Clock for Now {
    fn unix_secs(&self) -> f64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.unwrap().as_secs_f64()
    }
}

pub(super) fn library(bench: &Workbench) -> Library {
    Library::open(&bench.path("home"), Arc::new(Now)).unwrap()
}

fn new_job(kind: JobKind, request: &impl Serialize) -> NewJob {
    NewJob {
        id: JobId::unused(),
        kind,
        priority: 0,
        request: serde_json::to_value(request).unwrap(),
    }
}

/// Queues the same training again.
fn queue_again(library: &Library, run: &Run) -> (Job, Run) {
    let new = NewRun {
        name: None,
        dataset: run.dataset.unwrap(),
        version: run.dataset_version,
        base: run.base.clone(),
        base_hash: run.base_hash.clone(),
        config: run.config.clone(),
        origins: std::collections::BTreeMap::new(),
        total_steps: run.total_steps,
    };
    let job = new_job(JobKind::Training, &TrainingRequest::default());
    library.create_training(job, new).unwrap()
}

/// The same for longer than anybody waits.
fn long(run: Run) -> Run {
    let config = TrainConfig {
        epochs: 100_000,
        ..run.config
    };
    Run {
        total_steps: config.steps(3).total(),
        config,
        ..run
    }
}

/// Looks again and again, since nothing else tells another process.
fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < LONG, "{what}");
        park_timeout(Duration::from_millis(5));
    }
}

pub(super) fn ended(library: &Library, id: JobId) -> Job {
    wait_until("the job ends", || {
        let job = library.get_job(id).unwrap();
        (!job.state.is_open()).then_some(job)
    })
}

/// What the newest attempt says once it has trained so many steps.
fn trained(library: &Library, id: JobId, attempt: u32, steps: u64) -> Report {
    wait_until("steps are made", || {
        let job = library.get_job(id).unwrap();
        assert!(job.state.is_open(), "{job:?}");
        let report = AttemptFiles::of(&job.folder, attempt).read_report()?;
        let progress = &report.progress;
        let is_far = progress.phase == Phase::Training && progress.done >= steps;
        is_far.then_some(report)
    })
}

fn kill(report: &Report) {
    let process = report.process.to_string();
    let killed = Command::new("kill").args(["-9", &process]).status();
    assert!(killed.unwrap().success());
}

pub(super) fn stop(mut server: Child) {
    signal(&server, "TERM");
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

fn layers(library: &Library, model: &Model) -> AdapterFile {
    AdapterFile::read(library.model_file(model)).unwrap()
}

/// A run of the library that nobody stopped, and its model.
pub(super) fn straight(bench: &Workbench, epochs: &str) -> (Run, Model) {
    bench.succeed(&[&training(&tiny_base())[..], &["--epochs", epochs]].concat());
    let library = library(bench);
    let run = library.find_run("Slopes-1").unwrap();
    let model = library.list_models_of(run.id).unwrap().remove(0);
    (run, model)
}

#[test]
fn a_training_whose_workers_and_server_are_killed_ends_as_one_that_was_not() {
    let bench = studio();
    let (run, model) = straight(&bench, "120");
    let library = library(&bench);
    let (job, run) = queue_again(&library, &run);
    let (mut server, address) = started(&bench);
    kill(&trained(&library, job.id, 1, 30));
    trained(&library, job.id, 2, 60);
    assert!(
        get(&address, "/").starts_with("HTTP/1.1 200"),
        "the server lives"
    );
    // The worker lives on without its server, and the next server finds it.
    server.kill().unwrap();
    server.wait().unwrap();
    let (server, _) = started(&bench);
    kill(&trained(&library, job.id, 2, 90));
    let job = ended(&library, job.id);
    assert_eq!(
        (job.state, job.attempt),
        (JobState::Completed, 3),
        "{job:?}"
    );
    let models = library.list_models_of(run.id).unwrap();
    assert_eq!(models.len(), 1);
    let same = layers(&library, &models[0]).layers == layers(&library, &model).layers;
    assert!(same, "it differs");
    let outcomes = library.list_attempts(job.id).unwrap().into_iter();
    let saved: Vec<_> = outcomes.map(|attempt| attempt.saved_steps).collect();
    assert!(
        saved[0] == 0 && saved[1] >= 27 && saved[2] >= 87,
        "{saved:?}"
    );
    stop(server);
    assert_eq!(bench.document(&["db", "check"])["sound"], true);
}

#[test]
fn a_second_server_of_the_library_says_that_there_is_one() {
    let bench = Workbench::new();
    let (server, _) = started(&bench);
    let second = bench.run(&["serve", "--listen", "127.0.0.1:0"]);
    second.refused_with(1, &["another `atelier serve`"]);
    stop(server);
}

#[test]
fn pictures_are_drawn_with_models_and_come_into_the_library() {
    let bench = studio();
    let (run, model) = straight(&bench, "2");
    let library = library(&bench);
    let request = GenerationRequest {
        models: vec![ModelUse {
            model: model.id,
            epoch: None,
            strength: Some(0.5),
            text_strength: None,
        }],
        request: GenerateRequest {
            prompt: "a slope".to_owned(),
            steps: 2,
            count: 2,
            seed: atelier_core::Seed(u64::MAX),
            ..GenerateRequest::default()
        },
        ..GenerationRequest::default()
    };
    let job = new_job(JobKind::Generation, &request);
    let job = library.create_job(job).unwrap();
    let (server, _) = started(&bench);
    let job = ended(&library, job.id);
    assert_eq!(job.state, JobState::Completed, "{job:?}");
    let pictures = library.list_pictures_of(job.id).unwrap();
    let seeds: Vec<_> = pictures.iter().map(|picture| picture.seed.0).collect();
    assert_eq!(seeds, [u64::MAX, 0]);
    let drawn = library.blobs().path(&pictures[0].hash);
    let mut by_hand = vec![
        "generate",
        "--adapter",
        "Slopes-1:0.5",
        "--prompt",
        "a slope",
    ];
    by_hand.extend(["--steps", "2", "--seed", "-1", "--out", "out"]);
    let by_hand = bench.document(&by_hand);
    let file = by_hand["files"][0]["path"].as_str().unwrap();
    let pixels = |path: PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let picture = image::load_from_memory(&bytes).unwrap();
        picture.into_rgb8()
    };
    assert_eq!(pixels(drawn), pixels(bench.path(file)));
    let recipe = &pictures[0].recipe;
    assert_eq!(recipe["adapters"][0]["name"], "Slopes-1");
    assert_eq!(recipe["base"]["hash"], run.base_hash);
    stop(server);
}

#[test]
fn jobs_are_listed_cancelled_and_tried_again_from_the_command_line() {
    let bench = studio();
    let (run, _) = straight(&bench, "2");
    let library = library(&bench);
    let impossible = json!({"base": "nothing", "request": {"prompt": "a"}});
    let failing = library.create_job(new_job(JobKind::Generation, &impossible));
    let failing = failing.unwrap();
    let (job, _) = queue_again(&library, &long(run));
    let (server, _) = started(&bench);
    let failed = ended(&library, failing.id);
    assert_eq!(failed.error_code.as_deref(), Some("not_found"));
    trained(&library, job.id, 1, 3);
    let listed = bench.document(&["job", "list"]);
    let states = listed["jobs"].as_array().unwrap().iter();
    let states: Vec<_> = states.map(|job| job["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["running", "failed"]);
    let shown = bench.document(&["job", "show", "Slopes-2"]);
    assert_eq!(shown["report"]["progress"]["phase"], "training");
    bench.succeed(&["job", "move", "slopes-2", "--priority", "-3"]);
    assert_eq!(library.get_job(job.id).unwrap().priority, -3);
    let asked = bench.succeed(&["job", "cancel", "slopes-2"]);
    assert!(asked.stdout.contains("next step"), "{}", asked.stdout);
    assert_eq!(ended(&library, job.id).state, JobState::Cancelled);
    bench.succeed(&["job", "retry", "Slopes-2"]);
    trained(&library, job.id, 2, 3);
    // Stopping the run is cancelling the job, or it would begin again.
    bench.succeed(&["run", "cancel", "Slopes-2"]);
    assert_eq!(ended(&library, job.id).state, JobState::Cancelled);
    let refused = bench.run(&["job", "cancel", &failing.id.to_string()]);
    refused.refused_with(1, &["is failed, so that it cannot be cancelled"]);
    bench.succeed(&["job", "retry", "Slopes-2"]);
    trained(&library, job.id, 3, 3);
    // What runs when the server ends is saved, and queued again.
    stop(server);
    let job = library.get_job(job.id).unwrap();
    assert_eq!((job.state, job.attempt), (JobState::Queued, 3));
}

/// The first attempt at a job, begun as a server does it, and its worker, which no server looks after.
fn begun_alone(bench: &Workbench, library: &Library, job: &Job) -> (AttemptFiles, Child) {
    let attempt = library.begin_attempt(job.id, 0, 0).unwrap();
    Fence::of(&job.folder).raise(1).unwrap();
    let files = AttemptFiles::of(&job.folder, 1);
    let order = Order {
        version: 1,
        job: job.id,
        attempt: 1,
        token: attempt.token,
        kind: job.kind,
        run: job.run,
        request: job.request.clone(),
    };
    files.write_order(&order).unwrap();
    let worker = Command::new(program())
        .args(["worker", "--job", &job.id.to_string(), "--attempt", "1"])
        .env("ATELIER_HOME", bench.path("home"))
        .env("ATELIER_DEVICE", "cpu")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    (files, worker.unwrap())
}

#[test]
fn a_worker_that_the_system_asks_to_end_saves_its_last_step_and_says_that_it_can_go_on() {
    let bench = studio();
    let (run, _) = straight(&bench, "2");
    let library = library(&bench);
    let (job, run) = queue_again(&library, &long(run));
    let (files, mut worker) = begun_alone(&bench, &library, &job);
    let seen = trained(&library, job.id, 1, 5).progress.done;
    signal(&worker, "TERM");
    assert_eq!(worker.wait().unwrap().code(), Some(75));
    assert_eq!(files.read_manifest().unwrap(), None);
    assert_eq!(files.read_failed().unwrap(), None);
    let saved = library.losses(run.id).unwrap();
    assert!(
        saved.step >= seen,
        "{seen} were made, {} are saved",
        saved.step
    );
    let run = library.get_run(run.id).unwrap();
    assert_eq!((run.state, run.done_steps), (RunState::Stopped, saved.step));
}

#[test]
fn a_training_that_is_cancelled_after_its_last_step_leaves_no_model() {
    let bench = studio();
    let (run, _) = straight(&bench, "2");
    let library = library(&bench);
    let (job, run) = queue_again(&library, &run);
    let (files, mut worker) = begun_alone(&bench, &library, &job);
    assert_eq!(worker.wait().unwrap().code(), Some(0));
    assert!(files.read_manifest().unwrap().is_some());
    assert_eq!(library.get_run(run.id).unwrap().state, RunState::Completed);
    assert!(library.list_models_of(run.id).unwrap().is_empty());
    library.cancel_job(job.id).unwrap();
    let (server, _) = started(&bench);
    assert_eq!(ended(&library, job.id).state, JobState::Cancelled);
    stop(server);
    assert!(library.list_models_of(run.id).unwrap().is_empty());
    // The run is whole: what is wanted after all comes without another step.
    let resumed = bench.document(&["run", "resume", &run.name]);
    assert_eq!(resumed["model"]["run"], run.id.to_string());
}

#[test]
fn a_worker_whose_place_another_took_ends_and_writes_nothing_more() {
    let bench = studio();
    let (run, _) = straight(&bench, "2");
    let library = library(&bench);
    let (job, run) = queue_again(&library, &long(run));
    let (files, mut first) = begun_alone(&bench, &library, &job);
    trained(&library, job.id, 1, 5);
    // Nobody sits down where somebody sits.
    let words = ["worker", "--job", &job.id.to_string(), "--attempt", "1"];
    let second = bench.run(&words);
    second.refused_with(1, &["another process works on attempt 1"]);
    Fence::of(&job.folder).raise(2).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(76));
    assert_eq!(files.read_manifest().unwrap(), None);
    assert_eq!(files.read_failed().unwrap(), None);
    assert!(!run.folder.join("adapter.safetensors").exists());
    let state = library.get_run(run.id).unwrap().state;
    assert_eq!(state, RunState::Stopped);
    assert_eq!(bench.run(&words).status, 76);
}
