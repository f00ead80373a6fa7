//! Checkpoints: `checkpoints/epoch-NNN/` after an epoch, `checkpoints/step-NNNNNN/` after an interruption.
//!
//! A folder appears under its name only when complete. `state.json` carries the hash of every other file, so that a damaged
//! checkpoint is noticed and the one before it is used. Optimizer states are kept for the newest two; adapters for all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use atelier_adapters::{BaseLayers, NamedAdapter, ReadBy};
use atelier_weights::{DType, TensorFile, atomic, sha256_file};
use serde::{Deserialize, Serialize};

use crate::factors::AdapterFactors;
use crate::record::{read_json, write_json};
use crate::{Error, Result};

/// What an adapter is called, in a checkpoint and as the result of a run.
pub(crate) const ADAPTER: &str = "adapter.safetensors";
const FACTORS: &str = "factors.safetensors";
const STATE: &str = "state.json";
/// How the hidden names end of checkpoints that are being written.
const PARTIAL: &str = ".partial";
/// How the names begin of checkpoints after an interruption.
const INTERRUPTED: &str = "step-";
/// So many of the newest epochs keep their factors.
const RESUMABLE_EPOCHS: usize = 2;
/// Version of a checkpoint's layout.
const VERSION: u32 = 1;

/// Where a run stands, and what belongs to the checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Layout of the folder.
    version: u32,
    /// Finished optimizer steps.
    pub(crate) step: u64,
    /// Loss of every finished step.
    pub(crate) losses: Vec<f32>,
    /// SHA-256 of the other files.
    files: BTreeMap<String, String>,
}

/// The checkpoints of a run folder.
pub(crate) struct Checkpoints {
    folder: PathBuf,
}

/// What is saved.
pub(crate) struct Snapshot<'a> {
    pub(crate) factors: &'a AdapterFactors,
    /// The factors as the adapter file has them.
    pub(crate) adapter: NamedAdapter,
    /// The layers of the base, on which every program must be able to use the file.
    pub(crate) base: &'a BaseLayers,
    pub(crate) step: u64,
    pub(crate) losses: &'a [f32],
}

/// Finished steps of the newest checkpoint in the folder of a run; 0 where there is none.
pub fn saved_steps(out: &Path) -> u64 {
    Checkpoints::of(out).newest_step()
}

/// Side in pixels of the pictures that the run in a folder was trained on, as its adapters say; nothing where it has none.
pub fn trained_side(out: &Path) -> Option<usize> {
    let checkpoints = Checkpoints::of(out);
    let names = checkpoints.names().into_iter().rev();
    let adapters = names.map(|name| checkpoints.folder.join(name).join(ADAPTER));
    adapters
        .filter_map(|path| TensorFile::open(path).ok())
        .find_map(|file| side_of(file.metadata().get("ss_resolution")?))
}

impl Checkpoints {
    pub(crate) fn of(out: &Path) -> Self {
        Self {
            folder: out.join("checkpoints"),
        }
    }

    /// Saves after an epoch, counted from 1.
    pub(crate) fn save_epoch(&self, epoch: usize, snapshot: Snapshot<'_>) -> Result<()> {
        self.save(&format!("epoch-{epoch:03}"), snapshot)?;
        self.thin_out(epoch)
    }

    /// Saves in the middle of an epoch.
    pub(crate) fn save_interrupted(&self, snapshot: Snapshot<'_>) -> Result<()> {
        self.save(&format!("{INTERRUPTED}{:06}", snapshot.step), snapshot)
    }

    /// Adapter files of all epochs, with the epoch, in order.
    pub(crate) fn epochs(&self) -> Vec<(usize, PathBuf)> {
        let epochs = self.names().into_iter().filter_map(|name| {
            let epoch = epoch_of(&name)?;
            Some((epoch, self.folder.join(name).join(ADAPTER)))
        });
        let mut epochs: Vec<_> = epochs.collect();
        epochs.sort();
        epochs
    }

    /// The adapter file of an epoch.
    pub(crate) fn adapter_of(&self, epoch: usize) -> PathBuf {
        self.folder.join(format!("epoch-{epoch:03}")).join(ADAPTER)
    }

    /// The newest checkpoint that is whole, with its factors put in place of `factors`; and what was wrong with newer
    /// ones. An error when there are checkpoints but none is whole.
    pub(crate) fn load_newest(
        &self,
        factors: &mut AdapterFactors,
    ) -> Result<(Option<State>, Vec<String>)> {
        let mut damaged = Vec::new();
        let mut candidates = self.resumable();
        let step_of = |folder: &PathBuf| {
            read_json::<State>(&folder.join(STATE)).map_or(u64::MAX, |state| state.step)
        };
        candidates.sort_by_key(|folder| std::cmp::Reverse(step_of(folder)));
        for folder in &candidates {
            let mut loaded = factors.clone();
            match load(folder, &mut loaded) {
                Ok(state) => {
                    *factors = loaded;
                    return Ok((Some(state), damaged));
                }
                Err(error) => damaged.push(damaged_note(folder, &error)),
            }
        }
        if damaged.is_empty() {
            return Ok((None, damaged));
        }
        Err(Error::NoWholeCheckpoint {
            path: self.folder.clone(),
            damaged,
        })
    }

    /// The folders of those from which the run goes on when they are whole: interruptions and the newest epochs, which have their
    /// factors, and whatever else has some.
    fn resumable(&self) -> Vec<PathBuf> {
        let names = self.names();
        let epochs = names.iter().rev().filter(|name| epoch_of(name).is_some());
        let newest: Vec<_> = epochs.take(RESUMABLE_EPOCHS).collect();
        let kept = names.iter().filter(|name| {
            let has_factors = || self.folder.join(name).join(FACTORS).exists();
            name.starts_with(INTERRUPTED) || newest.contains(name) || has_factors()
        });
        kept.map(|name| self.folder.join(name)).collect()
    }

    /// Finished steps of the newest one from which the run can go on; 0 where there is none.
    pub(crate) fn newest_step(&self) -> u64 {
        let folders = self.names().into_iter().map(|name| self.folder.join(name));
        let states = folders
            .filter(|folder| folder.join(FACTORS).exists())
            .filter_map(|folder| read_json::<State>(&folder.join(STATE)).ok());
        states.map(|state| state.step).max().unwrap_or(0)
    }

    /// Whether the state at the end of an epoch is there to go on from.
    pub(crate) fn holds_epoch(&self, epoch: usize) -> bool {
        self.folder
            .join(format!("epoch-{epoch:03}"))
            .join(FACTORS)
            .exists()
    }

    fn save(&self, name: &str, snapshot: Snapshot<'_>) -> Result<()> {
        let path = self.folder.join(name);
        if load_state(&path).is_ok() {
            return Ok(());
        }
        self.remove(name)?;
        let temporary = self.partial(name);
        fs_err::create_dir_all(&temporary)?;
        let written = write(&temporary, snapshot)
            .and_then(|()| Ok(atomic::publish_folder(&temporary, &path)?));
        if written.is_err() && temporary.exists() {
            // The cause is reported; a second failure here would only hide it.
            drop(fs_err::remove_dir_all(&temporary));
        }
        written
    }

    /// Removes a checkpoint, and what was being written of it. A process that is killed meanwhile leaves a hidden folder and no
    /// half checkpoint.
    fn remove(&self, name: &str) -> Result<()> {
        let (path, hidden) = (self.folder.join(name), self.partial(name));
        if hidden.exists() {
            fs_err::remove_dir_all(&hidden)?;
        }
        if path.exists() {
            fs_err::rename(path, &hidden)?;
            fs_err::remove_dir_all(hidden)?;
        }
        Ok(())
    }

    fn partial(&self, name: &str) -> PathBuf {
        self.folder.join(format!(".{name}{PARTIAL}"))
    }

    /// Removes interruption checkpoints, those that a process wrote when it was killed, and the optimizer states of epochs long
    /// before the one that was `saved`. Later ones, which are trained again, are written over.
    fn thin_out(&self, saved: usize) -> Result<()> {
        for entry in fs_err::read_dir(&self.folder)?.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_partial = name.starts_with('.') && name.ends_with(PARTIAL);
            if is_partial && entry.file_type()?.is_dir() {
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        let names = self.names();
        for name in names.iter().filter(|name| name.starts_with(INTERRUPTED)) {
            self.remove(name)?;
        }
        let epochs: Vec<_> = names
            .iter()
            .filter(|name| epoch_of(name).is_some_and(|epoch| epoch <= saved))
            .collect();
        for name in epochs.iter().rev().skip(RESUMABLE_EPOCHS) {
            let factors = self.folder.join(name).join(FACTORS);
            if factors.exists() {
                fs_err::remove_file(factors)?;
            }
        }
        Ok(())
    }

    /// Folder names in the order of their numbers, without hidden ones.
    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs_err::read_dir(&self.folder) else {
            return Vec::new();
        };
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort_by_key(|name| (number_of(name), name.clone()));
        names
    }
}

/// Says what is wrong with a checkpoint, without where the run lies.
fn damaged_note(folder: &Path, error: &Error) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let problem = error.to_string();
    let problem = problem.replace(&*folder.to_string_lossy(), &name);
    format!("checkpoint `{name}` is damaged and was passed over: {problem}")
}

/// The first of two sides such as `(512, 512)`.
fn side_of(sides: &str) -> Option<usize> {
    let (side, _) = sides.strip_prefix('(')?.split_once(',')?;
    side.trim().parse().ok()
}

/// The epoch after which a checkpoint of this name was saved.
fn epoch_of(name: &str) -> Option<usize> {
    name.strip_prefix("epoch-")?.parse().ok()
}

/// The number at the end of a checkpoint's name.
fn number_of(name: &str) -> Option<u64> {
    name.rsplit('-').next()?.parse().ok()
}

fn write(folder: &Path, snapshot: Snapshot<'_>) -> Result<()> {
    let Snapshot {
        factors,
        adapter,
        base,
        step,
        losses,
    } = snapshot;
    adapter.write(folder.join(ADAPTER), DType::F16, base, ReadBy::All)?;
    factors.save(&folder.join(FACTORS))?;
    let mut files = BTreeMap::new();
    for name in [ADAPTER, FACTORS] {
        files.insert(name.to_owned(), sha256_file(folder.join(name))?);
    }
    write_json(
        &folder.join(STATE),
        &State {
            version: VERSION,
            step,
            losses: losses.to_vec(),
            files,
        },
    )
}

fn load(folder: &Path, factors: &mut AdapterFactors) -> Result<State> {
    let state = load_state(folder)?;
    factors.load(&folder.join(FACTORS))?;
    Ok(state)
}

/// Reads `state.json` and checks the files that it lists.
fn load_state(folder: &Path) -> Result<State> {
    let state: State = read_json(&folder.join(STATE))?;
    if state.version != VERSION {
        let problem = format!("layout version {} is not {VERSION}", state.version);
        return Err(Error::Record {
            path: folder.join(STATE),
            problem,
        });
    }
    for (name, expected) in &state.files {
        let path = folder.join(name);
        if sha256_file(&path)? != *expected {
            let problem = "its content is not what was saved".to_owned();
            return Err(Error::Record { path, problem });
        }
    }
    Ok(state)
}
