//! What `atelier train` trains on: a folder, or a version of a dataset of the library.

use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_core::{ErrorCode, TrainConfig};
use atelier_failure::{CodedResult as _, code_of};
use atelier_store::{About, CATALOGUE, Dataset, Library};
use serde::Deserialize;

use crate::context::App;

/// Digits of a version's hash in the name of its folder.
const DIGITS: usize = 12;

/// What a word after `--dataset` means.
pub(super) enum Wanted {
    /// A folder of pictures.
    Folder(PathBuf),
    /// The version that a run began with, which lies in its folder.
    Begun { folder: PathBuf, about: About },
    /// A version of a dataset.
    Version {
        library: Library,
        dataset: Box<Dataset>,
        number: u32,
        hash: String,
    },
}

/// What `run.json` says about the pictures of a run.
#[derive(Deserialize)]
struct Record {
    dataset_version: String,
    config: TrainConfig,
}

impl Wanted {
    /// A folder when there is one, else `NAME` or `NAME@VERSION` of the library. A run that is resumed goes on with the
    /// version that it began with, whatever became of the dataset.
    pub(super) fn find(app: &App, word: &Path, resumed: Option<&Path>) -> Result<Self> {
        let folder = Self::Folder(word.to_owned());
        if word.exists() {
            return Ok(folder);
        }
        if let Some(begun) = resumed.and_then(Self::begun) {
            return Ok(begun);
        }
        let has_library = |home: &PathBuf| home.join(CATALOGUE).exists();
        let may_be = app.settings.home.as_ref().is_some_and(has_library);
        let Some(name) = word.to_str().filter(|_| may_be) else {
            return Ok(folder);
        };
        let library = app.library()?;
        let find = |name: &str, number: Option<u32>| {
            let dataset = library.find_dataset(name).coded()?;
            let version = library.get_version(dataset.id, number).coded()?;
            anyhow::Ok((dataset, version.about))
        };
        let whole = find(name, None);
        let found = match (whole, name.rsplit_once('@')) {
            (Err(_), Some((name, number))) if number.parse::<u32>().is_ok() => {
                find(name, number.parse().ok())
            }
            (whole, _) => whole,
        };
        match found {
            Ok((dataset, version)) => Ok(Self::Version {
                dataset: Box::new(dataset),
                number: version.number,
                hash: version.hash,
                library,
            }),
            // Where the dataset is not there either, what says best what is wrong is that there is no such folder.
            Err(error) => match library.find_dataset(name.split('@').next().unwrap_or(name)) {
                Err(_) if code_of(&error) == ErrorCode::NotFound => Ok(folder),
                _ => Err(error),
            },
        }
    }

    fn begun(out: &Path) -> Option<Self> {
        let text = fs_err::read(out.join("run.json")).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        let folder = folder_of(out, &record.dataset_version);
        let about = About {
            category: record.config.category,
            trigger_word: record.config.trigger,
            ..About::default()
        };
        folder.exists().then_some(Self::Begun { folder, about })
    }

    /// What the dataset is for, where that is known.
    pub(super) fn about(&self) -> Option<&About> {
        match self {
            Self::Folder(_) => None,
            Self::Begun { about, .. } => Some(about),
            Self::Version { dataset, .. } => Some(&dataset.about),
        }
    }

    /// The folder to read: a version is written into the run's own, where a resumed run finds it again.
    pub(super) fn folder(&self, app: &App, out: &Path) -> Result<PathBuf> {
        let (library, dataset, number, hash) = match self {
            Self::Folder(path) | Self::Begun { folder: path, .. } => return Ok(path.clone()),
            Self::Version {
                library,
                dataset,
                number,
                hash,
            } => (library, dataset, *number, hash),
        };
        let folder = folder_of(out, hash);
        let name = &dataset.about.name;
        app.output.note(format_args!(
            "training on version {number} of dataset `{name}`"
        ));
        if !folder.exists() {
            let exported = library.export_version(dataset.id, Some(number), &folder);
            // Another process may have begun the same run, and keeps this one out later.
            if !folder.exists() {
                exported.coded()?;
            }
        }
        Ok(folder)
    }
}

fn folder_of(out: &Path, hash: &str) -> PathBuf {
    out.join(format!("dataset-{}", hash.get(..DIGITS).unwrap_or(hash)))
}
