//! `--from`: a picture's recipe, with its base and files found again and known by their hashes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_app::bases::{self, FoundBase};
use atelier_app::context::App;
use atelier_core::{ErrorCode, GenerateRequest};
use atelier_failure::{code_of, failed};
use atelier_hub::{Fetched, HubSource};

use super::adapters_folder::{AdaptersFolder, has_content};
use super::flags::GenerateArgs;
use super::problems::Problems;
use crate::commands::library_models::LibraryModels;
use atelier_failure::shell_word;
use atelier_recipe::{AdapterRecord, BaseRecord, Recipe, file_sha256};

/// How far above a picture the folder of its run is looked for: previews lie two folders below it.
const FOLDERS_ABOVE: usize = 4;

/// The recipe of a picture that is drawn again.
pub(super) struct Repeat {
    recipe: Recipe,
    picture: PathBuf,
}

impl Repeat {
    /// Reads the recipe inside a picture.
    pub(super) fn read(picture: &Path) -> Result<Self> {
        Ok(Self {
            recipe: atelier_recipe::read(picture)?,
            picture: picture.to_owned(),
        })
    }

    /// The base that is named on the command line, else the one of the recorded name.
    pub(super) fn base(&self, named: Option<&str>, app: &App) -> Result<FoundBase> {
        if let Some(named) = named {
            return bases::find(app, named);
        }
        let name = &self.recipe.base.name;
        // A recipe comes from anywhere: its base is looked for by name, never by a path or an address.
        if let Some(source) = HubSource::of_record(name) {
            return self.hub_base(&source);
        }
        let is_name =
            !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':']);
        let found = is_name.then(|| bases::find(app, name));
        let is_absent = |found: &Result<FoundBase>| {
            let error = found.as_ref().err();
            error.is_some_and(|error| code_of(error) == ErrorCode::NotFound)
        };
        found
            .filter(|found| !is_absent(found))
            .unwrap_or_else(|| Err(self.absent("say where it is with `--base`")))
    }

    /// A base from a hub that is on this machine. Nothing is fetched, since the recipe may be anybody's.
    fn hub_base(&self, source: &HubSource) -> Result<FoundBase> {
        let Fetched { name, path, .. } = atelier_hub::cached(source).ok_or_else(|| {
            let flag = shell_word(&source.to_string());
            self.absent(&format!("`--base {flag}` fetches it"))
        })?;
        Ok(FoundBase { name, path })
    }

    fn absent(&self, way_out: &str) -> anyhow::Error {
        let BaseRecord { name, hash } = &self.recipe.base;
        let message = format!(
            "the picture was drawn with the base `{name}` (hash {hash}), which is not found here; {way_out}"
        );
        failed(ErrorCode::NotFound, message)
    }

    /// Another base draws another picture.
    pub(super) fn check_base(&self, found: &FoundBase, hash: &str) -> Result<()> {
        let recorded = &self.recipe.base;
        if recorded.hash == hash {
            return Ok(());
        }
        let message = format!(
            "the picture was drawn with the base `{}` of hash {}, but `{}` has hash {hash}; say where the other is with `--base`, \
             or give the settings as flags, without `--from`",
            recorded.name, recorded.hash, found.name
        );
        Err(failed(ErrorCode::InvalidInput, message))
    }

    /// The recorded request, with files where they lie now. Files that flags name in their place are not looked for.
    pub(super) fn request(
        &self,
        args: &GenerateArgs,
        adapters: &mut AdaptersFolder,
    ) -> Result<GenerateRequest> {
        let mut request = self.recipe.request.clone();
        request.count = 1;
        let mut problems = Problems::default();
        if !args.has_adapters() {
            let records = self.recipe.adapters.iter();
            for (used, record) in request.adapters.iter_mut().zip(records) {
                let found = find_adapter(&self.picture, &used.path, record, adapters);
                if let Some(path) = problems.unless(found) {
                    used.path = path;
                }
            }
        }
        let [has_picture, has_mask] = args.has_start();
        if let (Some(start), Some(record)) = (&mut request.start, &self.recipe.start) {
            if !has_picture {
                let found = self.find_picture(
                    ("start picture", &start.path, &record.sha256),
                    adapters.models(),
                );
                start.path = problems.unless(found).unwrap_or_default();
            }
            let mask = start.mask.as_mut().zip(record.mask_sha256.as_ref());
            if let Some((mask, sha256)) = mask.filter(|_| !has_mask) {
                let found = self.find_picture(("mask", mask, sha256), adapters.models());
                *mask = problems.unless(found).unwrap_or_default();
            }
        }
        problems.result()?;
        Ok(request)
    }

    /// What flags changed of the recorded request, if they changed something that decides the picture.
    pub(super) fn note(
        &self,
        recorded: &GenerateRequest,
        asked: &GenerateRequest,
    ) -> Option<String> {
        let values = |request: &GenerateRequest| {
            // The first of several pictures is the one of the recipe.
            let alone = GenerateRequest {
                count: 1,
                ..request.clone()
            };
            serde_json::to_value(alone).unwrap_or_default()
        };
        let (before, after) = (values(recorded), values(asked));
        let keys = before.as_object().into_iter().chain(after.as_object());
        let changed: BTreeSet<_> = keys
            .flat_map(serde_json::Map::keys)
            .filter(|key| before.get(key) != after.get(key))
            .map(|key| format!("`{key}`"))
            .collect();
        (!changed.is_empty()).then(|| {
            let picture = self.picture.display();
            let changed: Vec<_> = changed.into_iter().collect();
            let changed = changed.join(", ");
            format!("this does not repeat the picture of `{picture}`: flags change {changed}")
        })
    }

    /// A picture where it was, else beside the picture that is drawn again, if it is the same file; else the library's copy.
    fn find_picture(
        &self,
        (what, path, sha256): (&str, &Path, &str),
        models: &mut LibraryModels,
    ) -> Result<PathBuf> {
        let beside = self.picture.parent().zip(path.file_name());
        let beside = beside.map(|(folder, name)| folder.join(name));
        let mut different = None;
        for candidate in std::iter::once(path.to_owned()).chain(beside) {
            if candidate.is_file() {
                let got = file_sha256(&candidate)?;
                if got == sha256 {
                    return Ok(candidate);
                }
                different.get_or_insert((candidate, got));
            }
        }
        if let Some(copy) = models.picture_with_content(sha256, path)
            && file_sha256(&copy)? == sha256
        {
            return Ok(copy);
        }
        Err(match different {
            Some((path, got)) => failed(
                ErrorCode::InvalidInput,
                format!(
                    "{what} `{}` has SHA-256 {got}, the recipe says {sha256}: the file is another one now",
                    path.display()
                ),
            ),
            None => failed(
                ErrorCode::NotFound,
                format!(
                    "{what} `{}` (SHA-256 {sha256}) does not exist, neither there nor beside the picture nor in the library",
                    path.display()
                ),
            ),
        })
    }
}

/// An adapter where it was, else below a folder that the picture lies in, as that of its run, else in the adapters folder, there
/// under any name.
fn find_adapter(
    picture: &Path,
    path: &Path,
    record: &AdapterRecord,
    adapters: &mut AdaptersFolder,
) -> Result<PathBuf> {
    let picture = std::path::absolute(picture)?;
    let above = picture.ancestors().skip(1).take(FOLDERS_ABOVE);
    let above = above.filter(|_| path.is_relative());
    let below = above.chain(adapters.root()).map(|folder| folder.join(path));
    for candidate in std::iter::once(path.to_owned()).chain(below) {
        if has_content(&candidate, record)? {
            return Ok(candidate);
        }
    }
    if let Some(found) = adapters.with_content(record)? {
        return Ok(found);
    }
    Err(absent_adapter(path, record, adapters.root()))
}

/// What is said of an adapter that is nowhere.
fn absent_adapter(path: &Path, record: &AdapterRecord, root: Option<&Path>) -> anyhow::Error {
    let (is_there, path, wanted) = (path.is_file(), path.display(), &record.sha256);
    let searched = match root {
        Some(root) => format!("and no file in `{}` has that content", root.display()),
        None => "and there is no adapters folder; name one with `--adapters-folder`".to_owned(),
    };
    if is_there {
        let message = format!(
            "adapter `{path}` is another file now: its SHA-256 differs from that in the recipe, {wanted}, {searched}"
        );
        return failed(ErrorCode::InvalidInput, message);
    }
    let message = format!("adapter `{path}` (SHA-256 {wanted}) does not exist, {searched}");
    failed(ErrorCode::NotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adapter_of_a_preview_is_found_below_the_folder_of_its_run() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let path = Path::new("checkpoints/epoch-001/adapter.safetensors");
        let file = run.join(path);
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(&file, "learned").unwrap();
        let record = serde_json::json!({
            "name": "adapter",
            "strength": 1.0,
            "sha256": file_sha256(&file).unwrap(),
        });
        let record: AdapterRecord = serde_json::from_value(record).unwrap();
        let find = |picture: &str| {
            let mut adapters = AdaptersFolder::new(None, LibraryModels::default());
            find_adapter(&run.join(picture), path, &record, &mut adapters)
        };
        for picture in ["previews/epoch-001/01.png", "01.png"] {
            assert_eq!(find(picture).unwrap(), file, "{picture}");
        }
        let error = find("a/b/c/d/01.png").unwrap_err();
        assert_eq!(code_of(&error), ErrorCode::NotFound);
        fs_err::write(&file, "another").unwrap();
        let error = find("previews/epoch-001/01.png").unwrap_err();
        assert_eq!(code_of(&error), ErrorCode::NotFound);
    }
}
