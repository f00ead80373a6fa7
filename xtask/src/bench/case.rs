//! One thing to time, and the flags that say so to each program.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use atelier_core::Precision;

use super::{Bench, Subject};

/// One thing to time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    pub(super) what: Subject,
    pub(super) base: PathBuf,
    pub(super) side: Side,
    pub(super) batch: usize,
    pub(super) rank: usize,
    pub(super) steps: usize,
    pub(super) prompt: String,
    pub(super) recompute: bool,
    /// Of our program.
    pub(super) precision: Precision,
    pub(super) threads: usize,
}

/// How large the pictures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// As the base was trained.
    Own,
    Pixels(usize),
    Latents(usize),
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("own size"),
            Self::Pixels(side) => write!(f, "{side} px"),
            Self::Latents(side) => write!(f, "{side} latents"),
        }
    }
}

/// Every combination of what the flags list, in their order.
pub(super) fn all(bench: &Bench) -> Vec<Case> {
    let mut cases = Vec::new();
    for base in &bench.base {
        for side in sides(bench) {
            for batch in batches(bench) {
                for threads in bench.threads() {
                    for &precision in &bench.precision {
                        cases.push(Case {
                            base: base.clone(),
                            side,
                            batch,
                            precision,
                            threads,
                            ..first(bench)
                        });
                    }
                }
            }
        }
    }
    cases
}

/// The case of the first value of each flag.
pub(super) fn first(bench: &Bench) -> Case {
    Case {
        what: bench.what,
        base: bench.base[0].clone(),
        side: sides(bench)[0],
        batch: batches(bench)[0],
        rank: bench.rank,
        steps: bench.steps,
        prompt: bench.prompt.clone(),
        recompute: bench.recompute,
        precision: bench.precision[0],
        threads: bench.threads()[0],
    }
}

/// The sizes that were asked for.
pub(super) fn sides(bench: &Bench) -> Vec<Side> {
    let pixels = bench.size.iter().copied().map(Side::Pixels);
    let latents = bench.latent.iter().copied().map(Side::Latents);
    let sides: Vec<_> = pixels.chain(latents).collect();
    if sides.is_empty() {
        vec![Side::Own]
    } else {
        sides
    }
}

fn batches(bench: &Bench) -> Vec<usize> {
    if bench.batch.is_empty() {
        vec![1]
    } else {
        bench.batch.clone()
    }
}

impl Case {
    /// The name of the base's folder.
    pub(super) fn base_name(&self) -> String {
        let name = self.base.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The words after `atelier`.
    pub(super) fn our_words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = ["bench", self.what.name()].map(Into::into).into();
        words.extend(self.shared_words());
        words.extend(["--precision", self.precision.name(), "--json"].map(Into::into));
        if self.recompute {
            words.push("--recompute".into());
        }
        words
    }

    /// The words after the peer's script.
    pub(super) fn peer_words(&self, precision: Precision) -> Vec<OsString> {
        let mut words = self.shared_words();
        words.extend(["--threads".into(), self.threads.to_string().into()]);
        if precision == Precision::Bf16 {
            words.push("--bf16".into());
        }
        if self.recompute {
            words.push("--checkpointing".into());
        }
        words
    }

    /// What both programs are told in the same words.
    fn shared_words(&self) -> Vec<OsString> {
        let mut words = vec![self.base.clone().into_os_string()];
        let mut add = |name: &str, value: String| words.extend([name.into(), value.into()]);
        add("--steps", self.steps.to_string());
        match self.side {
            Side::Own => {}
            Side::Pixels(side) => add("--size", side.to_string()),
            Side::Latents(side) => add("--latent", side.to_string()),
        }
        match self.what {
            Subject::Step => {
                add("--batch", self.batch.to_string());
                add("--rank", self.rank.to_string());
            }
            Subject::Generate => {
                add("--prompt", self.prompt.clone());
                add("--guidance", "7".to_owned());
            }
        }
        words
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, ", self.base_name(), self.side)?;
        match self.what {
            Subject::Step => write!(f, "batch {}, rank {}", self.batch, self.rank)?,
            Subject::Generate => write!(f, "{} steps", self.steps)?,
        }
        if self.recompute {
            f.write_str(", recomputed")?;
        }
        let plural = if self.threads == 1 { "" } else { "s" };
        write!(f, ", {} thread{plural}", self.threads)?;
        write!(f, ", ours in {}", self.precision.name())
    }
}
