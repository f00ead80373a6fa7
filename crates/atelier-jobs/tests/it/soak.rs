//! A hundred jobs, or some more, while workers and servers are killed at random.

use std::process::{Child, Command};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use atelier_core::{CancelFlag, JobState};
use atelier_jobs::{AttemptFiles, Executor as _, Standing, Ticket};
use atelier_store::{Job, Library};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::child;
use crate::studio::{EPOCHS, Studio, begun};

const JOBS: usize = 100;
/// Those that train; the others draw.
const TRAININGS: usize = 30;
const KILLS_OF_SERVERS: u32 = 25;
const KILLS_OF_WORKERS: u32 = 60;
/// Kills of either kind that the test is about.
const LEAST_KILLS: u32 = 10;
/// Usually a quarter of it is needed; machines differ.
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn a_hundred_jobs_survive_kills_of_workers_and_servers() {
    let studio = Studio::new();
    for index in 0..JOBS {
        if index < TRAININGS {
            studio.training();
        } else {
            studio.generation_of(json!({"count": 1 + index % 3, "memory_bytes": 1}));
        }
    }
    let mut chaos = Chaos {
        random: ChaCha8Rng::seed_from_u64(7),
        library: studio.library.clone(),
        executor: child::executor(studio.home()),
        workers: 0,
        servers: 0,
    };
    let mut server = child::server(studio.home());
    let begun_at = Instant::now();
    loop {
        if studio.library.list_open_jobs().unwrap().is_empty() {
            if chaos.workers.min(chaos.servers) >= LEAST_KILLS {
                break;
            }
            // a fast machine is done before that: more drawings
            studio.generation_of(json!({"count": 3, "memory_bytes": 1}));
        }
        assert!(begun_at.elapsed() < PATIENCE, "{:#?}", studio.lines());
        park_timeout(Duration::from_millis(chaos.random.random_range(0..25)));
        if chaos.random.random_bool(0.7) {
            chaos.kill_a_worker();
        } else if chaos.servers < KILLS_OF_SERVERS {
            chaos.servers += 1;
            end(&mut server);
            server = child::server(studio.home());
        }
    }
    end(&mut server);
    check(&studio);
}

struct Chaos {
    random: ChaCha8Rng,
    library: Library,
    executor: atelier_jobs::ChildProcess,
    workers: u32,
    servers: u32,
}

impl Chaos {
    /// Kills the worker of a running job, if one has said which process it is and lives.
    fn kill_a_worker(&mut self) {
        let jobs = self.library.list_open_jobs().unwrap();
        let running = jobs.iter().filter(|job| job.state == JobState::Running);
        for job in running {
            let Some(ticket) = self.ticket(job) else {
                continue;
            };
            let report = AttemptFiles::of(&job.folder, job.attempt).read_report();
            let is_alive = self.executor.poll(&[ticket]) == [Standing::Alive];
            if let Some(report) = report.filter(|_| is_alive)
                && self.workers < KILLS_OF_WORKERS
                && self.random.random_bool(0.5)
            {
                self.workers += 1;
                let process = report.process.to_string();
                let _ = Command::new("kill").args(["-9", &process]).output();
            }
        }
    }

    fn ticket(&self, job: &Job) -> Option<Ticket> {
        let attempt = self.library.list_attempts(job.id).unwrap().pop()?;
        Some(Ticket {
            job: job.id,
            attempt: attempt.number,
            token: attempt.token,
            folder: job.folder.clone(),
        })
    }
}

fn end(server: &mut Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

fn check(studio: &Studio) {
    let jobs = studio.library.page_of_jobs((0, 1000)).unwrap().jobs;
    assert!(jobs.len() >= JOBS, "{}", jobs.len());
    for job in &jobs {
        assert_eq!(job.state, JobState::Completed, "{job:?}");
        let attempts = studio.library.list_attempts(job.id).unwrap();
        assert!(attempts.iter().all(|attempt| attempt.ended_ms.is_some()));
        let Some(run) = job.run else {
            let expected = job.request["count"].as_u64().unwrap();
            assert_eq!(studio.results(job) as u64, expected);
            continue;
        };
        assert_eq!(studio.results(job), 1);
        let epochs = begun(&studio.library.get_run(run).unwrap());
        assert_eq!((epochs[0], *epochs.last().unwrap()), (1, EPOCHS));
        for pair in epochs.windows(2) {
            assert!(pair[1] == pair[0] || pair[1] == pair[0] + 1, "{epochs:?}");
        }
        assert!(epochs.len() < EPOCHS + attempts.len(), "{epochs:?}");
    }
    let checked = atelier_store::check(studio.home(), &CancelFlag::default()).unwrap();
    assert_eq!(checked.problems, [""; 0]);
    assert_eq!(checked.models, TRAININGS as u64);
}
