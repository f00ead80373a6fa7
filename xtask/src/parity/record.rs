//! The lines that tests print, as `atelier_testkit::parity` writes them.

use anyhow::{Context, Result};

const MARK: &str = "@parity\t";

/// Something that a test compared with a reference.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// The source file of the test.
    pub(super) file: String,
    /// The test's path.
    pub(super) test: String,
    pub(super) measure: Measure,
    /// How many comparisons the line stands for.
    pub(super) count: usize,
    pub(super) error: f64,
    pub(super) limit: f64,
    /// The case, where the test names it.
    pub(super) what: String,
}

/// What an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// The largest difference over the largest expected value.
    Relative,
    /// The largest difference.
    Absolute,
    /// None: everything is equal.
    Exact,
}

/// Whether an error is larger than its limit; one that is no number exceeds every limit.
pub(super) fn exceeds(error: f64, limit: f64) -> bool {
    error.is_nan() || error > limit
}

/// The lines in the output of a test program. Other output may stand in front of a mark, never behind a line.
pub(super) fn records(output: &str) -> Result<Vec<Record>> {
    let lines = output.lines();
    let marked = lines.filter_map(|line| Some(line.split_once(MARK)?.1));
    let read = |line: &str| {
        record(line).with_context(|| format!("a test printed a line that is no record: `{line}`"))
    };
    marked.map(read).collect()
}

fn record(line: &str) -> Option<Record> {
    let fields: Vec<_> = line.splitn(7, '\t').collect();
    let [file, test, measure, count, error, limit, what] = fields[..] else {
        return None;
    };
    let (error, limit): (f64, f64) = (error.parse().ok()?, limit.parse().ok()?);
    let measure = match measure {
        // Whatever the measure, nothing may differ.
        "relative" | "absolute" if limit == 0.0 => Measure::Exact,
        "relative" => Measure::Relative,
        "absolute" => Measure::Absolute,
        "exact" => Measure::Exact,
        _ => return None,
    };
    Some(Record {
        file: file.replace('\\', "/"),
        test: test.to_owned(),
        measure,
        count: count.parse().ok()?,
        error,
        limit,
        what: what.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_behind_other_output() {
        let output = "running 2 tests\n\
            test a ... @parity\tcrates/x/tests/it/unet.rs\tunet::odd\trelative\t1\t2.5e-7\t1e-4\todd.output\n\
            ok\n@parity\ta.rs\tb\texact\t12\t0e0\t0e0\t\n";
        let records = records(output).unwrap();
        assert_eq!(
            records[0],
            Record {
                file: "crates/x/tests/it/unet.rs".to_owned(),
                test: "unet::odd".to_owned(),
                measure: Measure::Relative,
                count: 1,
                error: 2.5e-7,
                limit: 1e-4,
                what: "odd.output".to_owned(),
            }
        );
        assert_eq!((records[1].measure, records[1].count), (Measure::Exact, 12));
    }

    #[test]
    fn a_damaged_line_is_named() {
        for line in [
            "a.rs\tb\trelative\t1\tx\t1\t",
            "a.rs\tb\tabout\t1\t1\t1\t",
            "a.rs",
        ] {
            let error = records(&format!("@parity\t{line}")).unwrap_err();
            assert!(error.to_string().contains(line), "{error}");
        }
    }

    #[test]
    fn what_may_not_differ_is_exact_and_infinite_errors_are_read() {
        let read = |line: &str| records(line).unwrap().remove(0);
        let record = read("@parity\ta.rs\tb\trelative\t1\t0e0\t0e0\tx");
        assert_eq!(record.measure, Measure::Exact);
        let record = read("@parity\ta.rs\tb\tabsolute\t1\tinf\t1e-5\tx");
        assert!(record.error.is_infinite());
    }
}
