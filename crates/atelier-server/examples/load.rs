//! Asks a server as many clients do, each at its own pace, and says how long answers took.
//! `cargo run -p atelier-server --example load -- ADDRESS PATH CLIENTS EACH_PER_SECOND SECONDS`
//! asks with the token that `ATELIER_TOKEN` holds, if any.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// What each client does.
#[derive(Clone)]
struct Wish {
    address: String,
    path: String,
    /// The line of the request that says who asks.
    token: String,
    pause: Duration,
    end: Instant,
}

impl Wish {
    /// Asks at its pace until the end; how long each answer took.
    fn ask(&self, first: Duration) -> Result<Vec<Duration>> {
        thread::sleep(first);
        let mut stream = BufReader::new(TcpStream::connect(&self.address)?);
        stream.get_ref().set_nodelay(true)?;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\n{}\r\n",
            self.path, self.address, self.token
        );
        let mut durations = Vec::new();
        let mut next = Instant::now();
        while next < self.end {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            // From when it was due, so that one slow answer is not counted as one alone.
            let start = next;
            stream.get_mut().write_all(request.as_bytes())?;
            take_answer(&mut stream)?;
            durations.push(start.elapsed());
            next += self.pause;
        }
        Ok(durations)
    }
}

fn take_answer(stream: &mut BufReader<TcpStream>) -> Result<()> {
    let mut length = 0;
    let mut line = String::new();
    let mut is_first = true;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        if is_first && !line.contains(" 200 ") {
            return Err(format!("the answer was {line}").into());
        }
        is_first = false;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    io::copy(&mut stream.take(length), &mut io::sink())?;
    Ok(())
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut word = || {
        words
            .next()
            .ok_or("ADDRESS PATH CLIENTS EACH_PER_SECOND SECONDS")
    };
    let (address, path) = (word()?, word()?);
    let clients: u32 = word()?.parse()?;
    let rate: f64 = word()?.parse()?;
    let end = Instant::now() + Duration::from_secs(word()?.parse()?);
    let pause = Duration::from_secs_f64(1.0 / rate);
    let token = std::env::var("ATELIER_TOKEN").ok();
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let wish = Wish {
        address,
        path,
        token: token.unwrap_or_default(),
        pause,
        end,
    };
    let clients = (0..clients).map(|number| {
        let (wish, first) = (wish.clone(), pause * number / clients);
        thread::spawn(move || wish.ask(first))
    });
    let mut durations = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        let asked = client.join().map_err(|_| "a client stopped")?;
        durations.extend(asked?);
    }
    durations.sort();
    let at = |percent: usize| {
        let place = durations.len() * percent / 100;
        let duration = durations.get(place).or(durations.last());
        duration.map_or(0.0, |duration| duration.as_secs_f64() * 1e3)
    };
    let (count, p50, p99, most) = (durations.len(), at(50), at(99), at(100));
    let line = format!("{count} answers; ms: p50 {p50:.1}, p99 {p99:.1}, most {most:.1}");
    Ok(writeln!(io::stdout(), "{line}")?)
}
