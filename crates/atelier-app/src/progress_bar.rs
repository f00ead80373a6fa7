//! How far the work is: a bar on a terminal, plain lines elsewhere. Both on stderr.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use atelier_core::{Phase, Progress, ProgressSink};
use indicatif::ProgressStyle;

use crate::output::to_stderr;

/// Time between plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Lines per phase that are printed however quick it is.
const LINES_PER_PHASE: u64 = 10;

/// Shows progress on stderr.
#[derive(Debug)]
pub struct ProgressBar {
    terminal: bool,
    state: Mutex<Option<Shown>>,
}

/// The phase that is shown now.
#[derive(Debug)]
struct Shown {
    phase: Phase,
    bar: Option<indicatif::ProgressBar>,
    start: Instant,
    first_done: u64,
    last_line: Instant,
    last_tenth: u64,
}

impl ProgressBar {
    /// A bar when stderr is a terminal.
    pub(crate) fn new() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            state: Mutex::new(None),
        }
    }
}

impl ProgressSink for ProgressBar {
    fn report(&self, progress: Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = state
            .as_ref()
            .is_none_or(|shown| shown.phase != progress.phase);
        if is_new {
            finish(state.take());
            *state = Some(Shown::start(&progress, self.terminal));
        }
        if let Some(shown) = state.as_mut() {
            shown.update(&progress, is_new);
        }
    }

    fn note(&self, note: &str) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let say = || to_stderr(&format_args!("note: {note}"));
        match state.as_ref().and_then(|shown| shown.bar.as_ref()) {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        finish(
            self.state
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }
}

/// Leaves the finished bar on the screen.
fn finish(shown: Option<Shown>) {
    if let Some(bar) = shown.and_then(|shown| shown.bar) {
        bar.abandon();
    }
}

impl Shown {
    fn start(progress: &Progress, terminal: bool) -> Self {
        let now = Instant::now();
        Self {
            phase: progress.phase,
            bar: terminal.then(|| bar(progress)),
            start: now,
            first_done: progress.done,
            last_line: now,
            last_tenth: 0,
        }
    }

    fn update(&mut self, progress: &Progress, is_new: bool) {
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            if let Some(loss) = progress.loss {
                bar.set_message(format!("loss {loss:.4}"));
            }
            return;
        }
        let tenth = (progress.done * LINES_PER_PHASE)
            .checked_div(progress.total)
            .unwrap_or_default();
        if is_new || tenth > self.last_tenth || self.last_line.elapsed() >= LINE_INTERVAL {
            self.last_line = Instant::now();
            self.last_tenth = tenth;
            to_stderr(&self.line(progress));
        }
    }

    fn line(&self, progress: &Progress) -> String {
        let mut line = progress.phase.label().to_owned();
        let mut add = |text: std::fmt::Arguments<'_>| {
            let _ = line.write_fmt(text);
        };
        let is_bytes = progress.phase == Phase::Downloading;
        if is_bytes {
            let (done, total) = (megabytes(progress.done), megabytes(progress.total));
            add(format_args!(" {done:.1}/{total:.1} MB"));
        } else if progress.total > 1 {
            add(format_args!(" {}/{}", progress.done, progress.total));
        }
        if let Some(loss) = progress.loss {
            add(format_args!(", loss {loss:.4}"));
        }
        let done = progress.done.saturating_sub(self.first_done);
        let elapsed = self.start.elapsed().as_secs_f64();
        if done > 0 && elapsed > 0.0 && progress.total > 1 {
            let per_sec = done as f64 / elapsed;
            if is_bytes {
                add(format_args!(", {:.1} MB/s", per_sec / 1e6));
            } else if let Some(unit) = unit(self.phase) {
                add(format_args!(", {per_sec:.2} {unit}/s"));
            }
            let left = progress.total.saturating_sub(progress.done) as f64 / per_sec;
            add(format_args!(", {} left", minutes(left)));
        }
        line
    }
}

fn bar(progress: &Progress) -> indicatif::ProgressBar {
    let template = match progress.phase {
        Phase::Training => {
            "{prefix} [{bar:32}] {pos}/{len} {msg} {per_sec} {elapsed} spent, {eta} left"
        }
        Phase::Downloading => {
            "{prefix} [{bar:32}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}, {eta} left"
        }
        _ => "{prefix} [{bar:32}] {pos}/{len} {eta} left",
    };
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    let bar = indicatif::ProgressBar::new(progress.total).with_style(style);
    bar.set_prefix(progress.phase.label());
    // What an earlier call did counts neither as speed nor as time.
    bar.set_position(progress.done);
    bar.reset_eta();
    bar
}

/// What a phase counts, where its speed says something.
fn unit(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Training | Phase::Previewing | Phase::Generating => Some("steps"),
        Phase::CachingLatents => Some("pictures"),
        Phase::Preparing | Phase::Downloading | Phase::LoadingBase | Phase::Saving => None,
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn minutes(secs: f64) -> String {
    let secs = Duration::from_secs_f64(secs.clamp(0.0, 1e9)).as_secs();
    match secs / 3600 {
        0 => format!("{}:{:02}", secs / 60, secs % 60),
        hours => format!("{hours}:{:02}:{:02}", secs / 60 % 60, secs % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_on_a_clock() {
        assert_eq!(minutes(59.9), "0:59");
        assert_eq!(minutes(61.0), "1:01");
        assert_eq!(minutes(3725.0), "1:02:05");
        assert_eq!(minutes(f64::INFINITY), minutes(1e9));
    }

    #[test]
    fn a_line_names_phase_count_and_loss() {
        let progress = Progress {
            phase: Phase::Training,
            done: 3,
            total: 20,
            loss: Some(0.125),
        };
        let shown = Shown::start(&progress, false);
        assert_eq!(shown.line(&progress), "training 3/20, loss 0.1250");
    }

    #[test]
    fn a_line_counts_in_the_unit_of_its_phase_from_where_it_began() {
        for (phase, unit) in [
            (Phase::Training, Some("steps/s")),
            (Phase::CachingLatents, Some("pictures/s")),
            (Phase::Saving, None),
        ] {
            let mut progress = Progress {
                phase,
                done: 12,
                total: 20,
                loss: None,
            };
            let shown = Shown::start(&progress, false);
            assert!(!shown.line(&progress).contains("left"));
            progress.done = 13;
            let line = shown.line(&progress);
            assert!(
                line.contains(" 13/20, ") && line.ends_with(" left"),
                "{line}"
            );
            assert_eq!(line.contains("/s"), unit.is_some(), "{line}");
            assert!(unit.is_none_or(|unit| line.contains(unit)), "{line}");
        }
    }

    #[test]
    fn a_download_is_counted_in_megabytes() {
        let mut progress = Progress {
            phase: Phase::Downloading,
            done: 1_000_000,
            total: 4_265_100_000,
            loss: None,
        };
        let shown = Shown::start(&progress, false);
        assert_eq!(shown.line(&progress), "downloading 1.0/4265.1 MB");
        progress.done = 21_000_000;
        let line = shown.line(&progress);
        assert!(line.starts_with("downloading 21.0/4265.1 MB, "), "{line}");
        assert!(
            line.contains(" MB/s, ") && line.ends_with(" left"),
            "{line}"
        );
    }

    #[test]
    fn the_bar_of_a_continued_phase_starts_where_the_phase_does() {
        let progress = Progress {
            phase: Phase::Training,
            done: 12,
            total: 20,
            loss: None,
        };
        let bar = bar(&progress);
        assert_eq!((bar.position(), bar.length()), (12, Some(20)));
        assert!(bar.per_sec() < 1.0);
    }
}
