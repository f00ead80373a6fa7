//! From plain folders into datasets, and back.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use atelier_core::CancelFlag;
use atelier_data::{Limits, Sample, Skipped, read_file, read_folder};
use atelier_weights::{atomic, sha256_file};
use fs_err::OpenOptions;

use super::caption::caption_problem;
use super::edit::{Edit, NewImage, apply};
use super::folder_files::{FolderContent, FolderFile};
use super::version::{Version, version};
use super::{create, get_to_change};
use crate::about::About;
use crate::blobs::Hold;
use crate::error::{Error, Result};
use crate::leftovers;
use crate::library::{DatasetId, Library};

/// What came of an import.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The dataset's version with them.
    pub version: Version,
    /// How many images came in.
    pub added: usize,
    /// Pictures that were left out, since the dataset has the same file already.
    pub twins: Vec<PathBuf>,
    /// Pictures that cannot be used.
    pub skipped: Vec<Skipped>,
    /// What a person should know of the folder's captions, in words.
    pub notes: Vec<String>,
}

/// What was written to a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The folder.
    pub folder: PathBuf,
    /// Of which version.
    pub number: u32,
    /// How many images are in it.
    pub image_count: usize,
}

/// A folder's pictures, kept but not yet in a dataset.
struct Gathered {
    images: Vec<(Sample, NewImage)>,
    skipped: Vec<Skipped>,
    notes: Vec<String>,
    /// Until they are in one.
    _hold: Hold,
}

impl Library {
    /// Makes a dataset of the pictures that lie directly in a folder. The folder is only read.
    ///
    /// # Errors
    /// As [`Self::import_folder`]; then no dataset is made.
    pub fn create_dataset_from(
        &self,
        about: About,
        (folder, skip_bad): (&Path, bool),
        cancel: &CancelFlag,
    ) -> Result<Imported> {
        let about = about.checked()?;
        // Before pictures are read for nothing; what decides is the row.
        if let Ok(found) = self.find_dataset(&about.name)
            && found.trashed_ms.is_none()
        {
            let name = about.name;
            return Err(Error::Exists {
                what: "dataset",
                name,
            });
        }
        let gathered = self.gather(folder, skip_bad, cancel)?;
        self.add(Target::New(about), gathered)
    }

    /// Adds the pictures that lie directly in a folder, with their captions and crops, as one version. The folder is only read.
    /// Files that the dataset has already are left out.
    ///
    /// # Errors
    /// Those of [`read_folder`], and when a caption cannot be kept; unless `skip_bad`, all such pictures are named. Then
    /// nothing is added.
    pub fn import_folder(
        &self,
        dataset: DatasetId,
        (folder, skip_bad): (&Path, bool),
        cancel: &CancelFlag,
    ) -> Result<Imported> {
        let gathered = self.gather(folder, skip_bad, cancel)?;
        self.add(Target::Present(dataset), gathered)
    }

    fn gather(&self, folder: &Path, skip_bad: bool, cancel: &CancelFlag) -> Result<Gathered> {
        let mut found = read_folder(folder, skip_bad, &Limits::default())?;
        let total = found.samples.len() + found.skipped.len();
        let (bad, mut samples): (Vec<_>, Vec<_>) = found
            .samples
            .into_iter()
            .map(|sample| (caption_problem(&sample.caption), sample))
            .partition(|(problem, _)| problem.is_some());
        found
            .skipped
            .extend(bad.into_iter().map(|(problem, sample)| Skipped {
                path: sample.path,
                reason: format!("its caption: {}", problem.unwrap_or_default()),
            }));
        if !skip_bad && found.skipped.iter().any(|one| !one.is_other_format()) {
            let (folder, bad) = (folder.to_owned(), found.skipped);
            return Err(atelier_data::Error::BadPictures { folder, bad, total }.into());
        }
        // As a person sees them in the folder.
        samples.sort_by(|(_, a), (_, b)| a.path.cmp(&b.path));
        let hold = self.blobs().hold()?;
        let mut images = Vec::new();
        for (_, sample) in samples {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let image = self.keep_decoded(&hold, &read_file(&sample.path)?, sample.size)?;
            if image.blob != sample.content_hash {
                let name = sample.path.display().to_string();
                let problem = "it was changed while it was read; try again";
                return Err(Error::invalid("picture", name, problem));
            }
            images.push((sample, image));
        }
        Ok(Gathered {
            images,
            skipped: found.skipped,
            notes: found.caption_gaps.notes(None),
            _hold: hold,
        })
    }

    fn add(&self, into: Target, gathered: Gathered) -> Result<Imported> {
        let Gathered {
            images,
            skipped,
            notes,
            _hold,
        } = gathered;
        let (now_ms, blobs) = (self.now_ms(), self.blobs().clone());
        self.write(move |change| {
            let id = match into {
                Target::New(about) => create(change, &about, now_ms)?,
                Target::Present(id) => id,
            };
            let dataset = get_to_change(change, id)?;
            let before = version(change, id, dataset.version)?;
            let (mut edits, mut twins) = (Vec::new(), Vec::new());
            for (sample, image) in images {
                if before.images.iter().any(|other| other.blob == image.blob) {
                    twins.push(sample.path);
                    continue;
                }
                let name = sample.path.file_name().unwrap_or_default();
                edits.push(Edit::Add {
                    image,
                    file_name: name.to_string_lossy().into_owned(),
                    caption: sample.caption,
                    crop: sample.crop,
                });
            }
            let added = edits.len();
            Ok(Imported {
                version: apply(
                    change,
                    (before, &dataset.about),
                    edits,
                    (&blobs, (None, now_ms)),
                )?,
                added,
                twins,
                skipped,
                notes,
            })
        })
    }

    /// Writes a version as a folder of pictures with captions, and crops where there are any: what trainings read, here and in
    /// other programs. The folder must not exist, and appears when it is complete.
    ///
    /// # Errors
    /// When it exists, or an image's file in the library is damaged.
    pub fn export_version(
        &self,
        dataset: DatasetId,
        number: Option<u32>,
        folder: &Path,
        cancel: &CancelFlag,
    ) -> Result<Exported> {
        let version = self.get_version(dataset, number)?;
        if folder.symlink_metadata().is_ok() {
            let folder = folder.display().to_string();
            return Err(Error::invalid(
                "folder",
                folder,
                "it exists already; give a new one",
            ));
        }
        if let Some(parent) = folder.parent() {
            fs_err::create_dir_all(parent)?;
        }
        leftovers::sweep(folder);
        let temporary = leftovers::partial(folder);
        fs_err::create_dir(&temporary)?;
        let written = self.write_folder(&version, &temporary, cancel);
        written.inspect_err(|_| {
            let _ = leftovers::remove(&temporary);
        })?;
        atomic::publish_folder(&temporary, folder)?;
        Ok(Exported {
            folder: folder.to_owned(),
            number: version.about.number,
            image_count: version.images.len(),
        })
    }

    /// Whether a folder holds exactly what [`Self::export_version`] writes of a version.
    pub fn is_export(
        &self,
        dataset: DatasetId,
        number: Option<u32>,
        folder: &Path,
    ) -> Result<bool> {
        let files = self.get_version(dataset, number)?.folder_files();
        let mut count = 0;
        for FolderFile { name, content } in files {
            let path = folder.join(name);
            let is_same = match content {
                FolderContent::Blob(hash) => path.is_file() && sha256_file(&path)? == hash,
                FolderContent::Text(text) => {
                    fs_err::read(&path).is_ok_and(|found| found == text.as_bytes())
                }
            };
            if !is_same {
                return Ok(false);
            }
            count += 1;
        }
        // What systems leave in folders that somebody looked at is no picture.
        let is_litter =
            |name: &str| name.starts_with('.') || matches!(name, "Thumbs.db" | "desktop.ini");
        let entries = fs_err::read_dir(folder)?.flatten();
        let entries = entries.filter(|entry| !is_litter(&entry.file_name().to_string_lossy()));
        Ok(entries.count() == count)
    }

    fn write_folder(&self, version: &Version, folder: &Path, cancel: &CancelFlag) -> Result<()> {
        let write = |name: &str, bytes: &[u8]| -> Result<()> {
            let mut options = OpenOptions::new();
            // Some systems take two names for the same.
            let mut file = options
                .write(true)
                .create_new(true)
                .open(folder.join(name))?;
            Ok(file.write_all(bytes)?)
        };
        for FolderFile { name, content } in version.folder_files() {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            match content {
                FolderContent::Blob(hash) => write(&name, &self.blobs().read(&hash)?)?,
                FolderContent::Text(text) => write(&name, text.as_bytes())?,
            }
        }
        Ok(())
    }
}

/// Where a folder's pictures go.
enum Target {
    /// A dataset that is made of them.
    New(About),
    /// One that there is.
    Present(DatasetId),
}
