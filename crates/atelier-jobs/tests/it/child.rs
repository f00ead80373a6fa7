//! Workers and servers as processes of this test program: entries that do nothing unless a test starts them.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atelier_core::{CancelFlag, Clock, ErrorCode, Outcome, Phase, Progress, ProgressSink as _};
use atelier_jobs::{
    ChildProcess, EXIT_STOPPED, EXIT_SUPERSEDED, Error, Limits, ManifestFile, Queue, Settings,
    Worker,
};
use atelier_store::{JobId, Library};

use crate::studio::{draw, train};

/// Names the library's folder to a worker or a server.
const HOME: &str = "ATELIER_JOBS_TEST_HOME";
/// A file in the folder of an attempt: what its worker is to do.
pub(crate) const TOLD: &str = "told";

/// The clock of the system.
#[derive(Debug)]
pub(crate) struct Now;

impl Clock for Now {
    fn unix_secs(&self) -> f64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap().as_secs_f64()
    }
}

/// What starts this program at an entry.
fn arguments(entry: &str) -> Vec<std::ffi::OsString> {
    let words = [entry, "--exact", "--nocapture", "--test-threads=1", "--"];
    words.map(Into::into).into()
}

/// An executor whose workers are processes of this program.
pub(crate) fn executor(home: &Path) -> ChildProcess {
    let variable = (HOME.into(), home.into());
    let program = env::current_exe().unwrap();
    ChildProcess::new(program, arguments("child::worker_entry"), vec![variable])
}

/// A server as a process of this program.
pub(crate) fn server(home: &Path) -> std::process::Child {
    let mut command = std::process::Command::new(env::current_exe().unwrap());
    command
        .args(arguments("child::server_entry"))
        .env(HOME, home);
    command.stdout(std::process::Stdio::null());
    command.stderr(std::process::Stdio::null());
    command.spawn().unwrap()
}

fn home() -> Option<PathBuf> {
    env::var_os(HOME).map(PathBuf::from)
}

#[test]
fn server_entry() {
    let Some(home) = home() else { return };
    let library = Library::open(&home, Arc::new(Now)).unwrap();
    let settings = Settings {
        library,
        executor: Box::new(executor(&home)),
        clock: Arc::new(Now),
        free_bytes: Arc::new(|| Some(u64::MAX)),
        note: Arc::new(|_| {}),
        limits: Limits {
            // Whoever kills at random kills the same job often.
            most_fruitless: 1000,
            tick: Duration::from_millis(10),
            idle_tick: Duration::from_millis(20),
            ..Limits::default()
        },
        stops_at: None,
    };
    let _queue = Queue::open(settings).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
#[expect(clippy::exit, reason = "the exit status is what the queue reads")]
fn worker_entry() {
    let Some(home) = home() else { return };
    let words: Vec<_> = env::args().collect();
    let after = |name: &str| {
        let place = words.iter().position(|word| word == name);
        words[place.unwrap() + 1].clone()
    };
    let job: JobId = after("--job").parse().unwrap();
    let attempt = after("--attempt").parse().unwrap();
    let library = Library::open(&home, Arc::new(Now)).unwrap();
    let worker = match Worker::begin(&library.job_folder(job), job, attempt) {
        Err(Error::Superseded { .. }) => std::process::exit(EXIT_SUPERSEDED),
        worker => worker.unwrap(),
    };
    std::process::exit(work(&worker, &library));
}

fn work(worker: &Worker, library: &Library) -> i32 {
    let order = worker.order().clone();
    eprintln!("begun {}", order.token);
    let cancel = CancelFlag::default();
    let _listener = worker.listen(cancel.clone()).unwrap();
    let reports = worker.reports(&Now);
    let say = |phase, done| {
        reports.report(Progress {
            phase,
            done,
            total: 3,
            loss: None,
        });
    };
    say(Phase::Preparing, 0);
    if order.request["waits"] == true {
        return obey(worker, &cancel);
    }
    let done = match order.run {
        None => Ok(Outcome::Completed(drawn(worker))),
        Some(run) => train(library, run, |epoch| {
            say(Phase::Training, epoch as u64);
            !cancel.is_cancelled()
        }),
    };
    match done {
        Ok(Outcome::Completed(files)) => match worker.done(files) {
            Err(Error::Superseded { .. }) => EXIT_SUPERSEDED,
            done => {
                done.unwrap();
                0
            }
        },
        Ok(Outcome::Cancelled { .. }) => EXIT_STOPPED,
        Err(error) => {
            let message = error.to_string();
            worker.failed(ErrorCode::Internal, message).unwrap();
            1
        }
    }
}

fn drawn(worker: &Worker) -> Vec<ManifestFile> {
    let order = worker.order();
    let ticket = atelier_jobs::Ticket {
        job: order.job,
        attempt: order.attempt,
        token: order.token.clone(),
        folder: worker.files().folder().parent().unwrap().to_owned(),
    };
    draw(&ticket, &order.request)
}

/// Waits for being told what to do.
fn obey(worker: &Worker, cancel: &CancelFlag) -> i32 {
    let told = worker.files().folder().join(TOLD);
    loop {
        if cancel.is_cancelled() {
            return EXIT_STOPPED;
        }
        match fs_err::read_to_string(&told).unwrap_or_default().as_str() {
            "die" => std::process::abort(),
            "finish" => {
                worker.done(drawn(worker)).unwrap();
                return 0;
            }
            _ => std::thread::park_timeout(Duration::from_millis(1)),
        }
    }
}
