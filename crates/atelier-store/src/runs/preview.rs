//! The previews in the folder of a run, as `docs/reference/on-disk.md` describes them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::library::{Library, RunId};

/// The folder of previews in that of a run.
const FOLDER: &str = "previews";
/// The file that says what is in the folder of an epoch.
const CONTENTS: &str = "previews.json";

/// The previews of an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EpochPreviews {
    /// Finished epochs.
    pub epoch: usize,
    /// One for each prompt, in their order.
    pub previews: Vec<Preview>,
}

/// A picture that the adapter after an epoch drew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// Which of the epoch's it is, from 0.
    pub number: usize,
    /// What it was drawn from.
    pub prompt: String,
    /// Its seed.
    pub seed: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// SHA-256 of the file, as it was written.
    pub hash: String,
    /// Its length.
    pub size_bytes: u64,
    /// The file.
    #[serde(skip)]
    pub path: PathBuf,
}

/// What is read of `previews.json`.
#[derive(Debug, Deserialize)]
struct Contents {
    epoch: usize,
    previews: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    file: String,
    prompt: String,
    seed: u64,
    width: u32,
    height: u32,
    sha256: String,
    size_bytes: u64,
}

impl Library {
    /// The previews of a run that are there, by epoch, in order. What cannot be read is left out.
    pub fn list_previews(&self, run: RunId) -> Result<Vec<EpochPreviews>> {
        Ok(read(&self.get_run(run)?.folder))
    }

    /// One of them.
    ///
    /// # Errors
    /// When there is none.
    pub fn get_preview(&self, run: RunId, epoch: usize, number: usize) -> Result<Preview> {
        let folder = self.get_run(run)?.folder.join(FOLDER);
        let of_epoch = read_epoch(&folder.join(format!("epoch-{epoch:03}")));
        let mut previews = of_epoch.into_iter().flat_map(|epoch| epoch.previews);
        let found = previews.find(|preview| preview.number == number);
        found.ok_or_else(|| Error::not_found("preview", format!("{number} of epoch {epoch}")))
    }
}

fn read(run: &Path) -> Vec<EpochPreviews> {
    let entries = fs_err::read_dir(run.join(FOLDER)).into_iter().flatten();
    let folders = entries.flatten().filter(|entry| {
        // Hidden ones are being written.
        !entry.file_name().to_string_lossy().starts_with('.')
    });
    let mut epochs: Vec<_> = folders
        .filter_map(|entry| read_epoch(&entry.path()))
        .collect();
    epochs.sort_by_key(|epoch| epoch.epoch);
    epochs
}

fn read_epoch(folder: &Path) -> Option<EpochPreviews> {
    let text = fs_err::read(folder.join(CONTENTS)).ok()?;
    let contents: Contents = serde_json::from_slice(&text).ok()?;
    let rows = contents.previews.into_iter().enumerate();
    // A name that leads elsewhere is none of ours.
    let own = rows.filter(|(_, row)| Path::new(&row.file).file_name() == Some(row.file.as_ref()));
    let previews = own.map(|(number, row)| Preview {
        number,
        path: folder.join(&row.file),
        prompt: row.prompt,
        seed: row.seed,
        width: row.width,
        height: row.height,
        hash: row.sha256,
        size_bytes: row.size_bytes,
    });
    Some(EpochPreviews {
        epoch: contents.epoch,
        previews: previews.collect(),
    })
}
