//! What an embedding takes: `embedding_time PICTURE…`, for docs/dev/measurements.md.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use atelier_data::{Limits, decode_picture};
use atelier_eval::Embedder;

const REPEATS: usize = 30;

#[allow(
    clippy::print_stdout,
    reason = "an example is a program, and its figures are what it is for"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let embedder = Embedder::new();
    println!("loading: {:.1?}", start.elapsed());
    let decode = |path: String| decode_picture(Path::new(&path), &Limits::default());
    let pictures: Vec<_> = std::env::args()
        .skip(1)
        .map(decode)
        .collect::<Result<_, _>>()?;
    let Some(first) = pictures.first() else {
        return Err("no picture was named".into());
    };
    report("one picture", 1, || drop(embedder.embed(first)));
    let count = pictures.len();
    report("each of all", count, || drop(embedder.embed_all(&pictures)));
    Ok(())
}

#[allow(
    clippy::print_stdout,
    reason = "an example is a program, and its figures are what it is for"
)]
fn report(what: &str, pictures: usize, work: impl Fn()) {
    let mut times: Vec<Duration> = (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed() / pictures as u32
        })
        .collect();
    times.sort();
    let (least, median) = (times[0], times[REPEATS / 2]);
    println!("{what}: {median:.1?} in the median, {least:.1?} at least");
}
