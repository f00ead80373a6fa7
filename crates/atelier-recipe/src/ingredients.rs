//! The files that take part in a batch of pictures, each read once for its hash.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_core::{AdapterUse, ErrorCode, GenerateRequest, StartImage};
use atelier_failure::{CodedResult as _, failed};
use atelier_weights::{TensorFile, hash_file, sha256_file};

use super::reading::check_written;
use super::{AdapterRecord, BaseRecord, FORMAT, PROGRAM, Recipe, StartRecord};
/// The base, and what is known of each file.
pub struct Ingredients {
    base: BaseRecord,
    adapters_folder: Option<PathBuf>,
    adapters: BTreeMap<PathBuf, AdapterFacts>,
    /// What adapters and start pictures are called whose files have other names.
    names: BTreeMap<PathBuf, String>,
    pictures: BTreeMap<PathBuf, String>,
}

/// What a record says about an adapter's file.
struct AdapterFacts {
    sha256: String,
    size_bytes: u64,
    sshs_model_hash: Option<String>,
}

/// The SHA-256 of a regular file; nothing else is opened, since a pipe or a device need not end.
pub fn file_sha256(path: &Path) -> Result<String> {
    if path.is_dir() {
        let message = format!("`{}` is a folder, expected a file", path.display());
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    if path.exists() && !path.is_file() {
        let message = format!("`{}` is not a regular file", path.display());
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    sha256_file(path).coded()
}

impl Ingredients {
    /// A base with its hash. Adapters below `adapters_folder` are recorded relative to it.
    pub fn new(base_name: &str, hash: String, adapters_folder: Option<&Path>) -> Self {
        Self {
            base: BaseRecord {
                name: base_name.to_owned(),
                hash,
            },
            adapters_folder: adapters_folder.map(Path::to_owned),
            adapters: BTreeMap::new(),
            names: BTreeMap::new(),
            pictures: BTreeMap::new(),
        }
    }

    /// Records adapters and start pictures under these names, by their files.
    pub fn call(&mut self, names: impl IntoIterator<Item = (PathBuf, String)>) {
        self.names.extend(names);
    }

    /// Reads the files of a request that are not known yet.
    ///
    /// # Errors
    /// When one cannot be read, or has a name that no recipe can hold.
    pub fn take_in(&mut self, request: &GenerateRequest) -> Result<()> {
        for AdapterUse { path, .. } in &request.adapters {
            if !self.adapters.contains_key(path) {
                self.adapters.insert(path.clone(), AdapterFacts::of(path)?);
            }
        }
        let starts = request.start.iter().flat_map(|start| {
            let picture = std::iter::once(&start.path);
            picture.chain(&start.mask)
        });
        for path in starts {
            if !self.pictures.contains_key(path) {
                self.pictures.insert(path.clone(), file_sha256(path)?);
            }
        }
        // Before anything is drawn that could not be drawn again.
        check_written(&self.recipe(request, false))
    }

    /// The recipe of a request whose files were [taken in](Self::take_in).
    pub fn recipe(&self, request: &GenerateRequest, tiled: bool) -> Recipe {
        let mut request = request.clone();
        let adapters = request.adapters.iter().map(|used| self.adapter(used));
        let adapters = adapters.collect();
        let start = request.start.as_ref().map(|start| self.start(start));
        for adapter in &mut request.adapters {
            if let Some(name) = self.names.get(&adapter.path) {
                adapter.path = PathBuf::from(name);
                continue;
            }
            // Pictures are shown around; where the user keeps things is nobody's business.
            let folder = self.adapters_folder.as_deref();
            let below = folder.and_then(|folder| adapter.path.strip_prefix(folder).ok());
            if let Some(below) = below.map(Path::to_owned) {
                adapter.path = below;
            }
        }
        if let Some(start) = &mut request.start {
            for path in std::iter::once(&mut start.path).chain(&mut start.mask) {
                if let Some(name) = self.names.get(path) {
                    *path = PathBuf::from(name);
                }
            }
        }
        Recipe {
            format: FORMAT,
            program: PROGRAM.to_owned(),
            request,
            base: self.base.clone(),
            adapters,
            start,
            tiled,
        }
    }

    fn adapter(&self, used: &AdapterUse) -> AdapterRecord {
        let facts = self.adapters.get(&used.path);
        let facts = facts.expect("every request was taken in before its recipe");
        let stem = used.path.file_stem().unwrap_or_default();
        let name = self.names.get(&used.path).cloned();
        AdapterRecord {
            name: name.unwrap_or_else(|| stem.to_string_lossy().into_owned()),
            strength: used.strength,
            text_strength: used.text_strength,
            sha256: facts.sha256.clone(),
            size_bytes: Some(facts.size_bytes),
            sshs_model_hash: facts.sshs_model_hash.clone(),
        }
    }

    fn start(&self, start: &StartImage) -> StartRecord {
        let hash = |path: &PathBuf| {
            let hash = self.pictures.get(path);
            hash.expect("every request was taken in before its recipe")
                .clone()
        };
        StartRecord {
            sha256: hash(&start.path),
            mask_sha256: start.mask.as_ref().map(hash),
        }
    }
}

impl AdapterFacts {
    fn of(path: &Path) -> Result<Self> {
        let file = TensorFile::open(path).coded()?;
        let hashes = hash_file(path).coded()?;
        Ok(Self {
            sha256: hashes.sha256,
            size_bytes: hashes.size_bytes,
            sshs_model_hash: file.metadata().get("sshs_model_hash").cloned(),
        })
    }
}
