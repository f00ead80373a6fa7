//! The checkpoints in the folder of a run, as `docs/reference/on-disk.md` describes them, and what the catalogue recorded of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::library::{Ask, Library, RunId};

/// The folder of checkpoints in that of a run.
pub(crate) const FOLDER: &str = "checkpoints";
/// The file in a checkpoint that says what it is.
pub(crate) const STATE: &str = "state.json";
/// The adapter in a checkpoint.
const ADAPTER: &str = "adapter.safetensors";

/// The adapter after an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// Finished epochs.
    pub epoch: usize,
    /// Finished steps.
    pub step: u64,
    /// SHA-256 of the adapter file, as it was written.
    pub hash: String,
    /// Its length.
    pub size_bytes: u64,
    /// The adapter file.
    #[serde(skip)]
    pub path: PathBuf,
}

/// The loss of every step that is saved.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Losses {
    /// Saved steps.
    pub step: u64,
    /// Their losses, in order.
    pub losses: Vec<f32>,
}

/// What is read of `state.json`.
#[derive(Debug, Deserialize)]
struct State {
    step: u64,
    losses: Vec<f32>,
    files: BTreeMap<String, String>,
}

impl State {
    fn read(folder: &Path) -> Option<Self> {
        let text = fs_err::read(folder.join(STATE)).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

impl Losses {
    /// Those of the newest checkpoint below a run's folder; none where there is no checkpoint yet.
    pub(super) fn read(run: &Path) -> Self {
        let states = folders(run).into_iter();
        let states = states.filter_map(|(_, folder)| State::read(&folder));
        let newest = states.max_by_key(|state| state.step);
        newest.map_or_else(Self::default, |State { step, losses, .. }| Self {
            step,
            losses,
        })
    }
}

impl Library {
    /// The checkpoints of a run that are there, in order.
    pub fn list_checkpoints(&self, run: RunId) -> Result<Vec<Checkpoint>> {
        Ok(read(&self.get_run(run)?.folder))
    }

    /// The loss of every saved step of a run.
    pub fn losses(&self, run: RunId) -> Result<Losses> {
        Ok(Losses::read(&self.get_run(run)?.folder))
    }
}

/// How many steps the newest checkpoint below a run's folder has.
pub(super) fn newest_step(run: &Path) -> Option<u64> {
    let states = folders(run).into_iter();
    let steps = states.filter_map(|(_, folder)| Some(State::read(&folder)?.step));
    steps.max()
}

/// The checkpoint of an epoch.
pub(crate) fn checkpoint_at(run: &super::Run, epoch: usize) -> Result<Checkpoint> {
    let all = read(&run.folder);
    let has = all.iter().map(|checkpoint| checkpoint.epoch).collect();
    let found = all.into_iter().find(|checkpoint| checkpoint.epoch == epoch);
    found.ok_or_else(|| Error::NoCheckpoint {
        run: run.name.clone(),
        epoch,
        has,
    })
}

/// The checkpoints of whole epochs below a run's folder, in order. What cannot be read is left out.
pub(super) fn read(run: &Path) -> Vec<Checkpoint> {
    let epochs = folders(run).into_iter().filter_map(|(name, folder)| {
        let epoch = name.strip_prefix("epoch-")?.parse().ok()?;
        let mut state = State::read(&folder)?;
        let path = folder.join(ADAPTER);
        Some(Checkpoint {
            epoch,
            step: state.step,
            hash: state.files.remove(ADAPTER)?,
            size_bytes: fs_err::metadata(&path).ok()?.len(),
            path,
        })
    });
    let mut epochs: Vec<_> = epochs.collect();
    epochs.sort_by_key(|checkpoint| checkpoint.epoch);
    epochs
}

/// The files of a complete checkpoint, with the SHA-256 that they were written with.
pub(crate) fn written_files(checkpoint: &Path) -> Option<BTreeMap<String, String>> {
    Some(State::read(checkpoint)?.files)
}

/// A checkpoint that the catalogue has noted.
pub(crate) struct Noted {
    /// Of which run and epoch it is, in words.
    pub(crate) what: String,
    /// Where the adapter lies.
    pub(crate) path: PathBuf,
    /// Hash and length of what the run wrote there: of one file, or of several one after the other.
    pub(crate) written: Vec<(String, u64)>,
    /// Whether its run is in the trash.
    pub(crate) is_trashed: bool,
}

/// Every checkpoint that the catalogue has noted, with its place below the folder of runs.
pub(crate) fn noted(view: &Transaction<'_>, runs: &Path) -> Result<Vec<Noted>> {
    let mut statement = view.prepare_cached(
        "SELECT r.id, r.name, r.trashed_ms IS NOT NULL AS is_trashed, c.epoch, c.hash, c.size_bytes \
         FROM checkpoint c JOIN run r ON r.id = c.run ORDER BY r.name, r.id, c.epoch",
    )?;
    let rows = statement.query_map([], |row| {
        let (name, epoch): (String, u64) = (row.get("name")?, row.get("epoch")?);
        let folder = runs.join(row.get::<_, String>("id")?).join(FOLDER);
        Ok(Noted {
            what: format!("epoch {epoch} of run `{name}`"),
            path: folder.join(format!("epoch-{epoch:03}")).join(ADAPTER),
            written: vec![(row.get("hash")?, row.get("size_bytes")?)],
            is_trashed: row.get("is_trashed")?,
        })
    })?;
    let mut all: Vec<Noted> = Vec::new();
    for noted in rows {
        let noted = noted?;
        match all.last_mut() {
            Some(last) if last.path == noted.path => last.written.extend(noted.written),
            _ => all.push(noted),
        }
    }
    Ok(all)
}

/// Complete checkpoints with their names; hidden ones are being written.
fn folders(run: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs_err::read_dir(run.join(FOLDER)).into_iter().flatten();
    let named = entries.flatten().map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, entry.path())
    });
    named.filter(|(name, _)| !name.starts_with('.')).collect()
}

/// Takes note of checkpoints. What was noted before stays: models may come from what is written over by now.
pub(crate) fn record(change: &Transaction<'_>, run: RunId, found: &[Checkpoint]) -> Result<()> {
    let mut insert = change.prepare_cached(
        "INSERT INTO main.checkpoint (run, epoch, step, hash, size_bytes) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )?;
    for checkpoint in found {
        let Checkpoint {
            epoch,
            step,
            hash,
            size_bytes,
            ..
        } = checkpoint;
        insert.execute(params![run, *epoch as u64, step, hash, size_bytes])?;
    }
    Ok(())
}

/// The hashes that were noted of an epoch's adapter: more than one, where the epoch was trained again.
pub(crate) fn recorded(view: &Transaction<'_>, run: RunId, epoch: usize) -> Result<Vec<String>> {
    let query = "SELECT hash FROM checkpoint WHERE run = ? AND epoch = ?";
    let mut statement = view.prepare_cached(query)?;
    let found = statement.query_map(params![run, epoch as u64], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The run that wrote an adapter file, and after which epoch, where one has noted it.
pub(crate) fn written_by(view: &Transaction<'_>, hash: &str) -> Result<Option<(RunId, usize)>> {
    let query = "SELECT run, epoch FROM checkpoint WHERE hash = ? ORDER BY run DESC LIMIT 1";
    let found = view.ask(query, [hash], |row| {
        Ok((row.get(0)?, row.get::<_, u64>(1)? as usize))
    });
    Ok(found.optional()?)
}
