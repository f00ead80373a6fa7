//! `run.json`: what a run was made from, so that it is continued only with the same.

use std::path::{Path, PathBuf};

use atelier_core::{Recompute, TrainConfig, TrainRequest};
use atelier_data::FolderDataset;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result};

/// Settings that may change when a run goes on.
const FREE: [&str; 5] = [
    "recompute",
    "strength",
    "preview_prompts",
    "preview_every",
    "preview_steps",
];
/// Version of the run folder's layout.
const VERSION: u32 = 1;
/// Version of [`Recomputed`].
const RECOMPUTED_VERSION: u32 = 1;

/// The inputs of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunRecord {
    /// Layout of the folder.
    pub(crate) version: u32,
    /// Name of the base's folder.
    pub(crate) base_name: String,
    /// Hash of the base.
    pub(crate) base_hash: String,
    /// Hash over pictures and captions.
    pub(crate) dataset_version: String,
    /// Pictures trained on.
    pub(crate) pictures: usize,
    /// The settings.
    pub(crate) config: TrainConfig,
}

impl RunRecord {
    /// The record of a request on a base and a dataset that have been read.
    pub(crate) fn of(request: &TrainRequest, base_hash: String, dataset: &FolderDataset) -> Self {
        Self {
            version: VERSION,
            base_name: request.base_name.clone(),
            base_hash,
            dataset_version: dataset.version.clone(),
            pictures: dataset.samples.len(),
            config: request.config.clone(),
        }
    }

    pub(crate) fn path(out: &Path) -> PathBuf {
        out.join("run.json")
    }

    pub(crate) fn write(&self, out: &Path) -> Result<()> {
        write_json(&Self::path(out), self)
    }

    /// This record after writing and reading, so that numbers are rounded alike on both sides of a comparison.
    fn as_read(&self, out: &Path) -> Result<Self> {
        let problem = |error: serde_json::Error| Error::Record {
            path: Self::path(out),
            problem: error.to_string(),
        };
        serde_json::to_string(self)
            .and_then(|text| serde_json::from_str(&text))
            .map_err(problem)
    }

    /// Compares with the record in `out`; the base may have moved, everything else must agree.
    pub(crate) fn check_same(&self, out: &Path) -> Result<()> {
        let recorded: Self = read_json(&Self::path(out))?;
        let given = self.as_read(out)?;
        let rows = [
            (
                "layout version",
                recorded.version.to_string(),
                given.version.to_string(),
            ),
            ("base", recorded.base_hash, given.base_hash.clone()),
            (
                "dataset",
                recorded.dataset_version,
                given.dataset_version.clone(),
            ),
        ];
        let settings = |config: &TrainConfig| match serde_json::to_value(config) {
            Ok(Value::Object(map)) => map
                .into_iter()
                // The numbers do not depend on these: what a strength decides is compared by itself.
                .filter(|(key, _)| !FREE.contains(&key.as_str()))
                .map(|(key, value)| (key, value.to_string()))
                .collect(),
            _ => Vec::new(),
        };
        let pairs = settings(&recorded.config)
            .into_iter()
            .zip(settings(&given.config));
        let changed = pairs.map(|((key, old), (_, new))| (format!("`{key}`"), old, new));
        let rows = rows
            .into_iter()
            .map(|(what, old, new)| (what.to_owned(), old, new))
            .chain(changed);
        match rows.into_iter().find(|(_, old, new)| old != new) {
            Some((what, recorded, given)) => Err(Error::OtherRun {
                path: out.to_owned(),
                what,
                recorded,
                given,
            }),
            None => Ok(()),
        }
    }
}

/// How many pictures the run in a folder trains on, where its record says so.
pub fn recorded_pictures(out: &Path) -> Option<usize> {
    let record: RunRecord = read_json(&RunRecord::path(out)).ok()?;
    Some(record.pictures)
}

/// `recompute.json`: what backward passes computed again in all sittings of a run. The numbers do not depend on it, but the
/// time does.
#[derive(Debug, Serialize, Deserialize)]
struct Recomputed {
    version: u32,
    /// Each choice once.
    chosen: Vec<Recompute>,
}

impl Recomputed {
    fn path(out: &Path) -> PathBuf {
        out.join("recompute.json")
    }
}

/// Takes note that a run in a folder computes so much again from now on. A run that made steps before and says nothing of them
/// was begun before there was this file, and goes on to say nothing.
pub(crate) fn note_recompute(out: &Path, recompute: Recompute, made_steps: bool) -> Result<()> {
    let mut chosen = match recorded_recompute(out) {
        None if made_steps => return Ok(()),
        known => known.unwrap_or_default(),
    };
    if chosen.contains(&recompute) {
        return Ok(());
    }
    chosen.push(recompute);
    let noted = Recomputed {
        version: RECOMPUTED_VERSION,
        chosen,
    };
    write_json(&Recomputed::path(out), &noted)
}

/// What all steps of the run in a folder computed again, each choice once, where it says so.
pub fn recorded_recompute(out: &Path) -> Option<Vec<Recompute>> {
    let noted: Recomputed = read_json(&Recomputed::path(out)).ok()?;
    (noted.version == RECOMPUTED_VERSION).then_some(noted.chosen)
}

/// Writes a value as JSON; the file appears only when complete.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    Ok(atelier_weights::atomic::write_file(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })?)
}

/// Reads a value that [`write_json`] wrote.
pub(crate) fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    let text = fs_err::read_to_string(path).map_err(|error| Error::Record {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    serde_json::from_str(&text).map_err(|error| Error::Record {
        path: path.to_owned(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_says_what_every_sitting_computed_again_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let note = |recompute, made_steps| note_recompute(folder.path(), recompute, made_steps);
        let noted = || recorded_recompute(folder.path());
        let (none, block) = (Recompute::None, Recompute::Block);
        note(block, true).unwrap();
        assert_eq!(noted(), None, "of steps before there was the file");
        note(block, false).unwrap();
        note(block, true).unwrap();
        assert_eq!(noted().unwrap(), [block]);
        note(none, true).unwrap();
        assert_eq!(noted().unwrap(), [block, none]);
        let path = folder.path().join("recompute.json");
        for other in [
            "{",
            r#"{"version": 2, "chosen": []}"#,
            r#"{"version": 1, "chosen": ["all"]}"#,
        ] {
            fs_err::write(&path, other).unwrap();
            note(none, true).unwrap();
            assert_eq!(noted(), None);
            assert_eq!(
                fs_err::read_to_string(&path).unwrap(),
                other,
                "is left as it is"
            );
        }
    }
}
