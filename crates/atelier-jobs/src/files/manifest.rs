//! What an attempt says last: that all is done, and what it wrote.

use std::path::{Component, Path};

use atelier_core::Seed;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::order::VERSION;
use crate::error::{Error, Result};

/// Everything that an attempt wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the form.
    pub version: u32,
    /// The attempt.
    pub attempt: u32,
    /// Its name outside the library.
    pub token: String,
    /// The files: of a generation in the attempt's `pictures`, of a training in the run's folder.
    pub files: Vec<ManifestFile>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its name.
    pub name: String,
    /// Its length.
    pub size_bytes: u64,
    /// The hash of its content.
    pub sha256: String,
    /// What it shows, where it is a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn: Option<Drawn>,
}

/// What is known of a drawn picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drawn {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The seed that it was drawn from.
    pub seed: Seed,
    /// What it was drawn from.
    pub recipe: Value,
}

impl Manifest {
    /// That of an attempt.
    pub fn new(attempt: u32, token: String, files: Vec<ManifestFile>) -> Self {
        Self {
            version: VERSION,
            attempt,
            token,
            files,
        }
    }
}

impl ManifestFile {
    /// A file as it lies in `folder`.
    pub fn of(folder: &Path, name: &str, drawn: Option<Drawn>) -> Result<Self> {
        let mut file = fs_err::File::open(folder.join(name))?;
        let mut hasher = Sha256::new();
        let size_bytes = std::io::copy(&mut file, &mut hasher)?;
        let digits = hasher
            .finalize()
            .into_iter()
            .map(|byte| format!("{byte:02x}"));
        Ok(Self {
            name: name.to_owned(),
            size_bytes,
            sha256: digits.collect(),
            drawn,
        })
    }

    /// Refuses a name that leads out of a folder.
    pub(crate) fn check_name(&self, folder: &Path) -> Result<()> {
        let mut parts = Path::new(&self.name).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(_)), None) => Ok(()),
            _ => Err(Error::OtherContent {
                path: folder.join(&self.name),
                problem: "it is no plain name of a file".to_owned(),
            }),
        }
    }
}
