//! Previews on the disk: `previews/epoch-NNN/`, with one PNG for each prompt and `previews.json`, which says what they are.
//!
//! A folder appears under its name only when complete.

use std::path::{Path, PathBuf};

use atelier_core::{GenerateRequest, Picture};
use atelier_data::{RgbPicture, png};
use atelier_failure::boxed;
use atelier_recipe::Ingredients;
use atelier_weights::{atomic, sha256_file};
use serde::Serialize;

use crate::record::write_json;
use crate::{Error, Result};

/// What a folder of previews holds.
const CONTENTS: &str = "previews.json";
/// Version of such a folder's layout.
const VERSION: u32 = 1;

/// What `previews.json` says.
#[derive(Debug, Serialize)]
struct Contents {
    version: u32,
    /// Finished epochs.
    epoch: usize,
    previews: Vec<Preview>,
}

/// One of them.
#[derive(Debug, Serialize)]
struct Preview {
    file: String,
    prompt: String,
    seed: u64,
    width: usize,
    height: usize,
    sha256: String,
    size_bytes: u64,
}

/// The previews in a run's folder.
#[derive(Debug, Clone)]
pub(crate) struct PreviewFiles {
    out: PathBuf,
}

/// Pictures that are about to become the previews of an epoch.
pub(crate) struct Fresh<'a> {
    /// What each was drawn from, with the adapter.
    pub(crate) drawn: &'a [(GenerateRequest, Picture)],
    /// Whether the autoencoder worked tile by tile.
    pub(crate) is_tiled: bool,
    /// The base's name and hash.
    pub(crate) base: (&'a str, &'a str),
}

impl PreviewFiles {
    pub(crate) fn of(out: &Path) -> Self {
        Self {
            out: out.to_owned(),
        }
    }

    /// Whether an epoch has its previews.
    pub(crate) fn has(&self, epoch: usize) -> bool {
        self.folder(epoch).join(CONTENTS).exists()
    }

    /// The folders that are there, with their epochs, in order.
    pub(crate) fn epochs(&self) -> Vec<(usize, PathBuf)> {
        let entries = fs_err::read_dir(self.all()).into_iter().flatten();
        let epochs = entries.flatten().filter_map(|entry| {
            let name = entry.file_name();
            let epoch = name.to_str()?.strip_prefix("epoch-")?.parse().ok()?;
            Some((epoch, entry.path()))
        });
        let mut epochs: Vec<_> = epochs.collect();
        epochs.sort();
        epochs
    }

    /// Writes those of an epoch that has none yet.
    pub(crate) fn save(&self, epoch: usize, fresh: &Fresh<'_>) -> Result<()> {
        let folder = self.folder(epoch);
        let temporary = self.all().join(format!(".epoch-{epoch:03}.partial"));
        for stale in [&temporary, &folder] {
            if stale.exists() {
                fs_err::remove_dir_all(stale)?;
            }
        }
        fs_err::create_dir_all(&temporary)?;
        let written = self
            .write(&temporary, epoch, fresh)
            .and_then(|()| Ok(atomic::publish_folder(&temporary, &folder)?));
        if written.is_err() && temporary.exists() {
            // The cause is reported; a second failure here would only hide it.
            drop(fs_err::remove_dir_all(&temporary));
        }
        written
    }

    fn write(&self, folder: &Path, epoch: usize, fresh: &Fresh<'_>) -> Result<()> {
        let failed = |error: anyhow::Error| Error::Preview(boxed(&error));
        let (name, hash) = fresh.base;
        let mut ingredients = Ingredients::new(name, hash.to_owned(), Some(&self.out));
        let mut previews = Vec::new();
        for (index, (request, picture)) in fresh.drawn.iter().enumerate() {
            ingredients.take_in(request).map_err(failed)?;
            let recipe = ingredients.recipe(request, fresh.is_tiled);
            let texts = recipe.texts(picture).map_err(failed)?;
            let file = format!("{index:02}.png");
            let path = folder.join(&file);
            let pixels = RgbPicture {
                width: picture.width,
                height: picture.height,
                rgb: picture.rgb.clone(),
            };
            png::write(&path, &pixels, &texts)?;
            previews.push(Preview {
                prompt: request.prompt.clone(),
                seed: picture.seed.0,
                width: picture.width,
                height: picture.height,
                sha256: sha256_file(&path)?,
                size_bytes: fs_err::metadata(&path)?.len(),
                file,
            });
        }
        let contents = Contents {
            version: VERSION,
            epoch,
            previews,
        };
        write_json(&folder.join(CONTENTS), &contents)
    }

    fn all(&self) -> PathBuf {
        self.out.join("previews")
    }

    fn folder(&self, epoch: usize) -> PathBuf {
        self.all().join(format!("epoch-{epoch:03}"))
    }
}
