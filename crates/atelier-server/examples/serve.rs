//! Serves the library in a folder, without the rest of the program: for work on the web pages.
//! `cargo run -p atelier-server --example serve -- FOLDER [ADDRESS]`

use std::error::Error;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use atelier_core::{CancelFlag, Clock};
use atelier_server::{Limits, Server, Settings};
use atelier_store::Library;

struct SystemClock;

impl Clock for SystemClock {
    fn unix_secs(&self) -> f64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0.0, |since| since.as_secs_f64())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let home = PathBuf::from(words.next().ok_or("give the folder of a library")?);
    let address = words.next();
    let address = address.as_deref().unwrap_or("127.0.0.1:7860").parse()?;
    let settings = Settings {
        library: Library::open(&home, Arc::new(SystemClock))?,
        home,
        limits: Limits::default(),
        note: Arc::new(|text| drop(writeln!(io::stderr(), "{text}"))),
    };
    let server = Server::bind(address, settings)?;
    writeln!(io::stdout(), "http://{}", server.address())?;
    Ok(server.run(&CancelFlag::default())?)
}
