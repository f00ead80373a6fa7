//! Comparisons of full-size models, which no test can make: a person measured them and wrote them into a file.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::record::exceeds;

/// Where they stand.
pub(super) const FILE: &str = "docs/reference/parity-full-size.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Measurements {
    #[serde(default)]
    row: Vec<FullSize>,
}

/// One comparison of a full-size model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FullSize {
    pub(super) what: String,
    /// Package and version.
    pub(super) reference: String,
    /// The largest difference over the largest expected value.
    pub(super) error: f64,
    /// Absent where nothing is promised.
    pub(super) limit: Option<f64>,
    /// What was timed took this long.
    pub(super) secs: f64,
    pub(super) peak_memory_gb: f64,
    /// What to run to measure it again.
    pub(super) command: String,
    /// When it was measured, as `YYYY-MM-DD`.
    pub(super) date: String,
}

pub(super) fn read(path: &Path) -> Result<Vec<FullSize>> {
    let text = fs_err::read_to_string(path)?;
    rows(&text).with_context(|| format!("cannot read {FILE}"))
}

fn rows(text: &str) -> Result<Vec<FullSize>> {
    Ok(toml::from_str::<Measurements>(text)?.row)
}

/// Errors above their limit.
pub(super) fn problems(rows: &[FullSize]) -> Vec<String> {
    let is_off = |row: &&FullSize| row.limit.is_some_and(|limit| exceeds(row.error, limit));
    let text = |row: &FullSize| format!("`{}` is off by {:.1e}", row.what, row.error);
    rows.iter().filter(is_off).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    const ROW: &str = "[[row]]\nwhat = \"SDXL\"\nreference = \"diffusers 1.0\"\nerror = 1e-3\nlimit = 2e-2\nsecs = 10.0\n\
        peak_memory_gb = 11.0\ncommand = \"run\"\ndate = \"2000-01-01\"\n";

    #[test]
    fn rows_are_read_and_checked() {
        let rows = rows(ROW).unwrap();
        assert!(problems(&rows).is_empty());
        let worse = ROW.replace("1e-3", "3e-2");
        assert_eq!(
            problems(&super::rows(&worse).unwrap()),
            ["`SDXL` is off by 3.0e-2"]
        );
        let silent = worse.replace("limit = 2e-2\n", "");
        assert!(problems(&super::rows(&silent).unwrap()).is_empty());
    }

    #[test]
    fn unknown_fields_and_missing_ones_are_refused() {
        assert!(rows(&ROW.replace("secs", "minutes")).is_err());
        assert!(rows(&format!("{ROW}note = \"x\"\n")).is_err());
    }

    #[test]
    fn the_committed_file_is_sound() {
        let rows = read(&Workspace::find().unwrap().root().join(FILE)).unwrap();
        assert!(problems(&rows).is_empty());
    }
}
