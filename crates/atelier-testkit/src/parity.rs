//! What tests found out about agreement with a reference, as lines of their output that `cargo xtask parity` collects. Of a
//! test that passes they are only seen with `--nocapture`.

use std::panic::Location;

/// In front of every line; the fields behind it are divided by tabs.
pub const MARK: &str = "@parity";

/// Records the largest difference over the largest expected value, and the limit that it is held to.
#[track_caller]
pub fn relative(what: &str, error: f64, limit: f64) {
    record(what, "relative", [1.0, error, limit]);
}

/// Records the largest difference, and the limit that it is held to.
#[track_caller]
pub fn absolute(what: &str, error: f64, limit: f64) {
    record(what, "absolute", [1.0, error, limit]);
}

/// Records that so many things were found equal to the last bit; to be called when they were.
#[track_caller]
pub fn exact(what: &str, count: usize) {
    record(what, "exact", [count as f64, 0.0, 0.0]);
}

#[track_caller]
#[allow(
    clippy::print_stdout,
    reason = "the output of a test is how it speaks to the task that runs it"
)]
fn record(what: &str, measure: &str, [count, error, limit]: [f64; 3]) {
    let line = line(
        Location::caller().file(),
        what,
        measure,
        [count, error, limit],
    );
    println!("{line}");
}

/// The line: source file, test, what is measured, count, error, limit, case.
fn line(file: &str, what: &str, measure: &str, [count, error, limit]: [f64; 3]) -> String {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    let what: String = what
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    format!("{MARK}\t{file}\t{test}\t{measure}\t{count}\t{error:e}\t{limit:e}\t{what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_what_and_how_far() {
        assert_eq!(
            line(
                "tests/it/unet.rs",
                "odd\tname",
                "relative",
                [1.0, 2.5e-7, 1e-4]
            ),
            "@parity\ttests/it/unet.rs\tparity::tests::a_line_says_where_what_and_how_far\trelative\t1\t2.5e-7\t1e-4\todd name"
        );
    }

    #[test]
    fn an_error_that_is_no_number_is_infinite() {
        let line = line("", "", "absolute", [1.0, f64::INFINITY, 1.0]);
        assert!(line.ends_with("\tinf\t1e0\t"), "{line}");
    }
}
