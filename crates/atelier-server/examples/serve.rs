//! Serves the library in a folder, without the rest of the program: for work on the web pages. Trainings and drawings are
//! pretended: they take a while, show progress, and leave files without meaning.
//! `cargo run -p atelier-server --example serve -- FOLDER [ADDRESS]`

mod pretend;

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atelier_core::{CancelFlag, Clock};
use atelier_jobs::Queue;
use atelier_server::{Limits, Server, Services, Settings};
use atelier_store::Library;

use pretend::{Pace, PretendExecutor, PretendPlanner, adapter_writer};

/// What a step takes.
const STEP: Duration = Duration::from_millis(40);

struct SystemClock;

impl Clock for SystemClock {
    fn unix_secs(&self) -> f64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0.0, |since| since.as_secs_f64())
    }
}

fn note(text: &dyn Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn queue(library: &Library) -> Result<Queue, atelier_jobs::Error> {
    let pace: Pace = Arc::new(|_| std::thread::sleep(STEP));
    Queue::open(atelier_jobs::Settings {
        library: library.clone(),
        executor: Box::new(PretendExecutor::new(library.clone(), pace)),
        clock: Arc::new(SystemClock),
        free_bytes: Arc::new(|| Some(8 << 30)),
        note: Arc::new(note),
        limits: atelier_jobs::Limits::default(),
        stops_at: None,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let home = PathBuf::from(words.next().ok_or("give the folder of a library")?);
    let address = words.next();
    let address = address.as_deref().unwrap_or("127.0.0.1:7860").parse()?;
    let library = Library::open(&home, Arc::new(SystemClock))?;
    let settings = Settings {
        library: library.clone(),
        home,
        limits: Limits::default(),
        note: Arc::new(note),
    };
    let server = Server::bind(address, settings)?;
    let queue = queue(&library)?;
    let services = Services {
        planner: Some(Arc::new(PretendPlanner)),
        queue: Some(queue.clone()),
        adapter_writer: Some(adapter_writer()),
        ..Services::default()
    };
    writeln!(io::stdout(), "http://{}", server.address())?;
    let served = server.with(services).run(&CancelFlag::default());
    queue.shut_down(Duration::from_secs(5));
    Ok(served?)
}
