//! The two programs, and what they report.

use std::path::PathBuf;

use anyhow::{Context, Result};
use atelier_core::Precision;
use serde_json::Value;

use super::Figure;
use super::case::Case;
use crate::process;

/// Our program.
pub(super) struct Program(pub(super) PathBuf);

/// PyTorch with diffusers.
pub(super) struct Peer {
    pub(super) python: PathBuf,
    /// The folder with `peer_step.py` and `peer_generate.py`.
    pub(super) scripts: PathBuf,
}

/// What one run reported.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report(Value);

impl Program {
    pub(super) fn run(&self, case: &Case) -> Result<Report> {
        let mut command = process::command(&self.0);
        command.args(case.our_words());
        command.env("RAYON_NUM_THREADS", case.threads.to_string());
        Report::read(&process::output(&mut command)?)
    }
}

impl Peer {
    pub(super) fn run(&self, case: &Case, precision: Precision) -> Result<Report> {
        let script = self.scripts.join(format!("peer_{}.py", case.what.name()));
        let mut command = process::command(&self.python);
        command.arg(script).args(case.peer_words(precision));
        Report::read(&process::output(&mut command)?)
    }
}

impl Report {
    /// The document at the end of what a program printed; it begins a line.
    pub(super) fn read(output: &str) -> Result<Self> {
        let start = match output.rfind("\n{") {
            Some(before) => before + 1,
            None => 0,
        };
        let document = &output[start..];
        let value = serde_json::from_str(document);
        value
            .map(Self)
            .with_context(|| format!("not a report: `{document}`"))
    }

    pub(super) fn secs(&self, figure: Figure) -> Result<f64> {
        let secs = self.0[figure.field].as_f64();
        secs.with_context(|| format!("a report lacks `{}`", figure.field))
    }

    pub(super) fn peak_bytes(&self) -> Option<u64> {
        self.0["peak_bytes"].as_u64()
    }

    /// A field that says what was done, where the program reports it.
    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The program's version.
    pub(super) fn version(&self) -> &str {
        let version = self.field("torch").or(self.field("version"));
        version.and_then(Value::as_str).unwrap_or("unknown")
    }
}
