//! From plain folders into datasets, and back.

use std::path::{Path, PathBuf};

use atelier_data::{CROPS_FILE, Limits, Sample, Skipped, crops_json, read_file, read_folder};
use atelier_weights::atomic;

use super::edit::{Edit, PictureError};
use super::version::{Image, Version};
use crate::error::{Error, Result};
use crate::library::{DatasetId, Library};

/// What came of an import.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The dataset's newest version.
    pub version: Version,
    /// Pictures that came in.
    pub added: usize,
    /// Pictures that were left out, since the dataset has the same file already.
    pub twins: Vec<PathBuf>,
    /// Pictures that cannot be used.
    pub skipped: Vec<Skipped>,
}

/// What was written to a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The folder.
    pub folder: PathBuf,
    /// Of which version.
    pub number: u32,
    /// Pictures in it.
    pub images: usize,
}

impl Library {
    /// Adds the pictures that lie directly in a folder, with their captions and crops, as one version. The folder is only read.
    ///
    /// # Errors
    /// Those of [`read_folder`]; then nothing is added.
    pub fn import_folder(
        &self,
        dataset: DatasetId,
        folder: &Path,
        skip_bad: bool,
    ) -> Result<Imported> {
        let limits = Limits::default();
        let found = read_folder(folder, skip_bad, &limits)?;
        let mut samples = found.samples;
        // As a person sees them in the folder.
        samples.sort_by(|a, b| a.path.cmp(&b.path));
        let present = self.get_version(dataset, None)?.pictures;
        let hold = self.blobs().hold()?;
        let (mut edits, mut twins): (Vec<Edit>, Vec<PathBuf>) = (Vec::new(), Vec::new());
        for sample in samples {
            let Sample {
                path,
                caption,
                content_hash,
                crop,
                ..
            } = sample;
            if present.iter().any(|image| image.blob == content_hash) {
                twins.push(path);
                continue;
            }
            let image = self.keep_picture(&hold, &read_file(&path)?, &limits);
            let image = image.map_err(|error| match error {
                PictureError::Picture(problem) => {
                    let path = path.clone();
                    atelier_data::Error::BadPicture { path, problem }.into()
                }
                PictureError::Library(error) => error,
            })?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            edits.push(Edit::Add {
                image,
                file_name: name.into_owned(),
                caption,
                crop,
            });
        }
        let added = edits.len();
        Ok(Imported {
            version: self.edit_dataset(dataset, None, edits)?,
            added,
            twins,
            skipped: found.skipped,
        })
    }

    /// Writes a version as a folder of pictures with captions, and crops where there are any: what trainings read, here and in
    /// other programs. The folder must not exist, and appears when it is complete.
    ///
    /// # Errors
    /// When it exists, or a picture's file in the library is damaged.
    pub fn export_version(
        &self,
        dataset: DatasetId,
        number: Option<u32>,
        folder: &Path,
    ) -> Result<Exported> {
        let version = self.get_version(dataset, number)?;
        if folder.symlink_metadata().is_ok() {
            return Err(Error::Invalid {
                what: "folder",
                value: folder.display().to_string(),
                problem: "it exists already; give a new one".to_owned(),
            });
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let hidden = format!(".{name}-{}.partial", std::process::id());
        let temporary = folder.with_file_name(hidden);
        let written = self.write_folder(&version, &temporary);
        written.inspect_err(|_| {
            let _ = fs_err::remove_dir_all(&temporary);
        })?;
        atomic::publish_folder(&temporary, folder)?;
        Ok(Exported {
            folder: folder.to_owned(),
            number: version.about.number,
            images: version.pictures.len(),
        })
    }

    fn write_folder(&self, version: &Version, folder: &Path) -> Result<()> {
        fs_err::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))?;
        let write = |name: &Path, bytes: &[u8]| {
            let path = folder.join(name);
            fs_err::write(&path, bytes).map_err(|error| Error::io("write", &path, error))
        };
        for image in &version.pictures {
            let Image {
                file_name,
                blob,
                caption,
                ..
            } = image;
            let name = Path::new(file_name);
            write(name, &self.blobs().read(blob)?)?;
            write(
                &name.with_extension("txt"),
                format!("{caption}\n").as_bytes(),
            )?;
        }
        let crops = version.pictures.iter();
        let crops = crops.filter_map(|image| Some((image.file_name.clone(), image.crop?)));
        let crops: Vec<_> = crops.collect();
        if !crops.is_empty() {
            write(Path::new(CROPS_FILE), crops_json(crops).as_bytes())?;
        }
        Ok(())
    }
}
