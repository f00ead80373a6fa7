//! What `atelier train` trains on: a folder, or a version of a dataset of the library.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;
use atelier_app::context::{App, finished};
use atelier_core::{Coded as _, ErrorCode, TrainConfig, TrainingPictures};
use atelier_data::{Limits, read_folder};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, failed, shell_word};
use atelier_runs::FoundPictures;
use atelier_store::{About, Dataset, DatasetId, Library};
use atelier_train::caption_note;
use serde::Deserialize;

/// Digits of a version's hash in the name of its folder.
const DIGITS: usize = 12;

/// What a word after `--dataset` means.
pub(super) enum Wanted {
    /// A folder of pictures.
    Folder(PathBuf),
    /// The version that a run began with, which lies in its folder.
    Begun(Begun),
    /// A version of a dataset.
    Version {
        library: Library,
        dataset: Box<Dataset>,
        number: u32,
        hash: String,
    },
}

/// The version that a run began with.
pub(super) struct Begun {
    folder: PathBuf,
    /// The dataset, where it is still there.
    dataset: Option<DatasetId>,
    hash: String,
    about: About,
}

/// Whether a word may be a name as well as a place: it is one plain part.
fn is_plain(word: &Path) -> bool {
    let mut parts = word.components();
    let is_name = matches!(parts.next(), Some(Component::Normal(name)) if name == word.as_os_str());
    is_name && parts.next().is_none()
}

/// What `run.json` says about the pictures of a run.
#[derive(Deserialize)]
struct Record {
    dataset_version: String,
    config: TrainConfig,
}

impl Wanted {
    /// A folder when there is one, else `NAME`, `NAME@VERSION` or `NAME@latest` of the library; a word that may mean either is
    /// refused. A run that is resumed goes on with the
    /// version that it began with, also when the dataset was changed or deleted since.
    ///
    /// # Errors
    /// When the word means two things, the dataset has no such version, or never was what the resumed run began with.
    pub(super) fn find(app: &App, word: &Path, resumed: Option<&Path>) -> Result<Self> {
        let begun = resumed.and_then(Begun::read);
        let is_there = word.exists();
        let word_text = word.to_str().filter(|_| !is_there || is_plain(word));
        let found = word_text.map(|word| Self::in_library(app, word));
        let mut found = found.transpose()?;
        if is_there && let Some(Some((_, dataset, number))) = found.take() {
            let version = number.map_or("latest".to_owned(), |number| number.to_string());
            let (name, place) = (&dataset.about.name, Path::new(".").join(word));
            let message = format!(
                "`{name}` is a dataset of the library, and `{}` is there too; write `{}` for the one, or `{}` for the other",
                place.display(),
                shell_word(&format!("{name}@{version}")),
                place.display(),
            );
            return Err(failed(ErrorCode::InvalidInput, message));
        }
        match (found.flatten(), begun) {
            (None, Some(begun)) if !word.exists() => {
                app.output.note(format_args!(
                    "there is no dataset `{}` any more; going on with the run's own copy",
                    word.display()
                ));
                Ok(Self::Begun(begun))
            }
            (None, _) if !word.exists() => {
                let name = word.display();
                let message = format!(
                    "`{name}` is neither a folder of pictures nor a dataset of the library; `atelier dataset list` shows these"
                );
                Err(failed(ErrorCode::NotFound, message))
            }
            (None, _) => Ok(Self::Folder(word.to_owned())),
            (Some((library, dataset, number)), begun) => {
                let version = library.get_version(dataset.id, number).coded()?.about;
                if let Some(begun) = begun {
                    let known = library.list_versions(dataset.id).coded()?;
                    let was = |hash: &String| *hash == begun.hash;
                    let is_same = match number {
                        Some(_) => was(&version.hash),
                        None => known.iter().any(|version| was(&version.hash)),
                    };
                    if is_same {
                        return Ok(Self::Begun(Begun {
                            dataset: Some(dataset.id),
                            ..begun
                        }));
                    }
                    let name = &dataset.about.name;
                    let message = format!(
                        "the run began with other pictures than dataset `{name}` has or had"
                    );
                    return Err(failed(ErrorCode::CannotResume, message));
                }
                Ok(Self::Version {
                    dataset: Box::new(dataset),
                    number: version.number,
                    hash: version.hash,
                    library,
                })
            }
        }
    }

    /// The dataset that a word names, and the version in it, if there is such a dataset.
    fn in_library(app: &App, word: &str) -> Result<Option<(Library, Dataset, Option<u32>)>> {
        let Some(library) = app.library_if_any()? else {
            return Ok(None);
        };
        let parts = word.rsplit_once('@');
        let parts = parts.and_then(|(name, number)| match number {
            "latest" => Some((name, None)),
            number => Some((name, Some(number.parse().ok()?))),
        });
        for (name, number) in [Some((word, None)), parts].into_iter().flatten() {
            match library.find_dataset(name) {
                Ok(dataset) => return Ok(Some((library, dataset, number))),
                Err(error) if error.code() == ErrorCode::NotFound => {}
                Err(error) => return Err(error).coded(),
            }
        }
        Ok(None)
    }

    /// What the dataset is for, where that is known.
    pub(super) fn about(&self) -> Option<&About> {
        match self {
            Self::Folder(_) => None,
            Self::Begun(begun) => Some(&begun.about),
            Self::Version { dataset, .. } => Some(&dataset.about),
        }
    }

    /// The library's dataset, where it is one.
    pub(super) fn id(&self) -> Option<DatasetId> {
        match self {
            Self::Folder(_) => None,
            Self::Begun(begun) => begun.dataset,
            Self::Version { dataset, .. } => Some(dataset.id),
        }
    }

    /// Whether it is a version of one of the library's datasets.
    pub(super) fn is_in_library(&self) -> bool {
        matches!(self, Self::Version { .. })
    }

    /// What a training would find; nothing is written.
    pub(super) fn found(
        &self,
        skip_bad: bool,
        (base, config): (&Base, &TrainConfig),
    ) -> Result<FoundPictures> {
        let folder = match self {
            Self::Folder(folder) => folder,
            Self::Begun(begun) => &begun.folder,
            Self::Version {
                library,
                dataset,
                number,
                ..
            } => {
                let images = library
                    .get_version(dataset.id, Some(*number))
                    .coded()?
                    .images;
                let sides = images
                    .iter()
                    .map(|one| [one.width, one.height].map(u64::from));
                let rows = images
                    .iter()
                    .map(|one| (one.file_name.as_str(), one.caption.as_str()));
                return Ok(FoundPictures {
                    pictures: TrainingPictures::of_sides(sides),
                    skipped: Vec::new(),
                    notes: caption_note(base, config, rows).into_iter().collect(),
                });
            }
        };
        let found = read_folder(folder, skip_bad, &Limits::default()).coded()?;
        let samples = || found.samples.iter();
        let rows = samples().map(|sample| {
            let name = sample.path.file_name().and_then(|name| name.to_str());
            (name.unwrap_or_default(), sample.caption.as_str())
        });
        let mut notes = found.caption_gaps.notes(Some(config.repeats));
        notes.extend(caption_note(base, config, rows));
        let sides = samples().map(|sample| sample.size.map(|side| side as u64));
        Ok(FoundPictures {
            pictures: TrainingPictures::of_sides(sides),
            skipped: found.skipped.iter().map(ToString::to_string).collect(),
            notes,
        })
    }

    /// The folder to read: a version is written into the run's own, where a resumed run finds it again.
    pub(super) fn folder(&self, app: &App, out: &Path) -> Result<PathBuf> {
        let (library, dataset, number, hash) = match self {
            Self::Folder(path) => return Ok(path.clone()),
            Self::Begun(begun) => return Ok(begun.folder.clone()),
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
        if folder.exists()
            && !library
                .is_export(dataset.id, Some(number), &folder)
                .coded()?
        {
            let message = format!(
                "`{}` is not version {number} of dataset `{name}`: something in it was changed; move it away, and it is written anew",
                folder.display()
            );
            return Err(failed(ErrorCode::InvalidInput, message));
        }
        if !folder.exists() {
            let exported = library.export_version(dataset.id, Some(number), &folder, &app.cancel);
            // Another process may have begun the same run, and keeps this one out later.
            if !folder.exists() {
                finished(exported)?;
            }
        }
        Ok(folder)
    }
}

impl Begun {
    /// That of a run, where it lies in the run's folder.
    fn read(out: &Path) -> Option<Self> {
        let text = fs_err::read(out.join("run.json")).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        let folder = folder_of(out, &record.dataset_version);
        folder.exists().then(|| Self {
            folder,
            dataset: None,
            hash: record.dataset_version,
            about: About {
                category: record.config.category,
                trigger_word: record.config.trigger,
                ..About::default()
            },
        })
    }
}

fn folder_of(out: &Path, hash: &str) -> PathBuf {
    out.join(format!("dataset-{}", hash.get(..DIGITS).unwrap_or(hash)))
}
