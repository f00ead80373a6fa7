//! How our training step grows with batch and size, and shrinks with threads. What does not fit into memory is a row that says
//! so.

use super::case::{self, Case, Side};
use super::programs::{Program, Report};
use super::{Bench, STEP, gigabytes, median, processors, row, seconds};

const BATCHES: [usize; 4] = [1, 2, 4, 8];
const SIZES: [usize; 4] = [256, 512, 768, 1024];
/// The size at which batches grow, in pixels and in latents of the usual autoencoders.
const PIVOTS: [Side; 2] = [Side::Pixels(512), Side::Latents(64)];

/// Runs the program over all points and threads; the table.
pub(super) fn measure(bench: &Bench, program: &Program) -> String {
    let bench = with_defaults(bench);
    let threads = bench.threads();
    let mut table = head(&threads);
    for case in points(&bench) {
        let mut cells = vec![Cell::default(); threads.len()];
        for _ in 0..bench.pairs {
            for (cell, &threads) in cells.iter_mut().zip(&threads) {
                let case = Case {
                    threads,
                    ..case.clone()
                };
                cell.run(&case, program);
            }
        }
        table += &line(&case, &cells);
    }
    table
}

/// What is run where flags say nothing.
fn with_defaults(bench: &Bench) -> Bench {
    let mut bench = bench.clone();
    if bench.batch.is_empty() {
        bench.batch = BATCHES.into();
    }
    if bench.size.is_empty() && bench.latent.is_empty() {
        bench.size = SIZES.into();
    }
    if bench.threads.is_empty() {
        bench.threads = (1..=processors().min(2)).collect();
    }
    bench
}

/// Every batch at the middle size, and every size at the first batch.
fn points(bench: &Bench) -> Vec<Case> {
    let sides = case::sides(bench);
    let pivot = sides.iter().find(|side| PIVOTS.contains(side));
    let pivot = *pivot.unwrap_or(&sides[0]);
    let mut points = Vec::new();
    for base in &bench.base {
        for &precision in &bench.precision {
            let point = |side, batch| Case {
                base: base.clone(),
                precision,
                side,
                batch,
                ..case::first(bench)
            };
            points.extend(bench.batch.iter().map(|&batch| point(pivot, batch)));
            let others = sides.iter().filter(|&&side| side != pivot);
            points.extend(others.map(|&side| point(side, bench.batch[0])));
        }
    }
    points
}

/// All runs of one point with one number of threads.
#[derive(Debug, Clone, Default)]
struct Cell {
    secs: Vec<f64>,
    peak_bytes: Option<u64>,
    failed: bool,
}

impl Cell {
    /// One more run, unless one failed before.
    fn run(&mut self, case: &Case, program: &Program) {
        if self.failed {
            return;
        }
        let report = program.run(case);
        let secs = report.as_ref().map(|report| report.secs(STEP[0]));
        match secs {
            Ok(Ok(secs)) => {
                println!("{case}: {} s", seconds(secs));
                self.secs.push(secs);
                let peak = report.ok().and_then(|report: Report| report.peak_bytes());
                self.peak_bytes = self.peak_bytes.max(peak);
            }
            Err(error) => self.fail(case, error),
            Ok(Err(error)) => self.fail(case, &error),
        }
    }

    fn fail(&mut self, case: &Case, error: &anyhow::Error) {
        println!("{case}: {error:#}");
        self.failed = true;
    }

    fn median(&self) -> Option<f64> {
        (!self.failed && !self.secs.is_empty()).then(|| median(&self.secs))
    }
}

fn head(threads: &[usize]) -> String {
    let mut names = ["base", "size", "batch", "ours in"]
        .map(str::to_owned)
        .to_vec();
    names.extend(threads.iter().map(|threads| match threads {
        1 => "1 thread, s".to_owned(),
        threads => format!("{threads} threads, s"),
    }));
    names.extend(["speed-up", "s per picture", "peak memory"].map(str::to_owned));
    let rule = names.iter().map(|_| "---");
    row(&names) + &row(rule)
}

fn line(case: &Case, cells: &[Cell]) -> String {
    let mut texts = vec![
        case.base_name(),
        case.side.to_string(),
        case.batch.to_string(),
        case.precision.name().to_owned(),
    ];
    let text = |secs: Option<f64>| secs.map_or_else(|| "failed".to_owned(), seconds);
    texts.extend(cells.iter().map(|cell| text(cell.median())));
    let first = cells.first().and_then(Cell::median);
    let last = cells.last().and_then(Cell::median);
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let speed_up = first
        .zip(last)
        .map(|(first, last)| format!("{:.2}", first / last));
    texts.push(or_dash(speed_up));
    texts.push(or_dash(last.map(|last| seconds(last / case.batch as f64))));
    let peaks = cells.iter().filter_map(|cell| cell.peak_bytes);
    texts.push(gigabytes(peaks.max()));
    row(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tests::bench;

    #[test]
    fn batches_grow_at_the_middle_size_and_sizes_at_the_first_batch() {
        let points = |words: &[&str]| {
            let bench = with_defaults(&bench(&[&["--scaling"], words].concat()));
            let points = points(&bench).into_iter();
            let short = |case: Case| format!("{} x{}", case.side, case.batch);
            points.map(short).collect::<Vec<_>>()
        };
        assert_eq!(
            points(&[]),
            [
                "512 px x1",
                "512 px x2",
                "512 px x4",
                "512 px x8",
                "256 px x1",
                "768 px x1",
                "1024 px x1"
            ]
        );
        assert_eq!(
            points(&["--latent", "8,16", "--batch", "2"]),
            ["8 latents x2", "16 latents x2"]
        );
    }

    #[test]
    fn a_row_has_times_speed_up_and_what_a_picture_takes() {
        let case = Case {
            batch: 4,
            ..case::first(&bench(&[]))
        };
        let cell = |secs: &[f64]| Cell {
            secs: secs.to_vec(),
            peak_bytes: Some(1_500_000_000),
            failed: false,
        };
        assert_eq!(
            line(&case, &[cell(&[3.0, 4.0, 5.0]), cell(&[2.0])]),
            "| sd15 | own size | 4 | f32 | 4.000 | 2.000 | 2.00 | 0.5000 | 1.50 GB |\n"
        );
        let failed = Cell {
            failed: true,
            ..Cell::default()
        };
        let row = line(&case, &[cell(&[1.0]), failed]);
        assert!(
            row.contains("| 1.000 | failed | – | – | 1.50 GB |"),
            "{row}"
        );
        assert_eq!(
            head(&[1, 2]).matches('|').count(),
            2 * row.matches('|').count()
        );
    }
}
