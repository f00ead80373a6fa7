//! Bases by name: the embedded one, and folders that were added to the program's own place.

mod copy;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use atelier_core::ErrorCode;
use atelier_diffusion::stable_diffusion::{Base, PackedFolder};
use atelier_failure::{CodedResult as _, failed, shell_word};
use atelier_hub::{Fetched, HubSource};
use atelier_store::bases_folder::{self, Work};
use atelier_weights::{ModelFiles, atomic};

use crate::context::App;
use crate::{embedded, target};

use copy::copy;
pub use copy::{about_files, copy_while, files_of, finish};

/// A base that a command names, found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundBase {
    /// What records call it.
    pub name: String,
    /// Its folder, or the single file.
    pub path: PathBuf,
}

impl FoundBase {
    /// The word by which it is found again, from whatever folder, where `asked` found it: of a model hub with the commit, since
    /// what a branch stands for changes.
    pub fn word(&self, asked: &str) -> String {
        if matches!(HubSource::recognise(asked), Ok(Some(_))) {
            return format!("hf:{}", self.name);
        }
        let is_path = self.path == Path::new(asked);
        let whole = is_path.then(|| fs_err::canonicalize(&self.path).ok());
        let whole = whole.flatten();
        whole.map_or_else(
            || asked.to_owned(),
            |path| path.to_string_lossy().into_owned(),
        )
    }
}

/// The hash that the base of a name has now. Nothing is downloaded for it.
pub fn hash_of(app: &App, wanted: &str) -> Result<String> {
    let found = find_here(app, wanted)?;
    let files = ModelFiles::open(&found.path).coded()?;
    files.hash_with(&app.hashes()).coded()
}

/// The folder or file for `--base`: the embedded base, a name from `base list`, a path, or `hf:owner/repo`.
pub fn find(app: &App, wanted: &str) -> Result<FoundBase> {
    find_by(app, wanted, |source| app.fetch(source))
}

/// The same of what is on this machine: for questions, which download nothing.
pub fn find_here(app: &App, wanted: &str) -> Result<FoundBase> {
    find_by(app, wanted, |source| {
        atelier_hub::cached(source).ok_or_else(|| {
            let message = format!(
                "base `{wanted}` is not on this machine; `atelier base show {}` fetches it",
                shell_word(wanted)
            );
            failed(ErrorCode::NotFound, message)
        })
    })
}

fn find_by(
    app: &App,
    wanted: &str,
    hub: impl FnOnce(&HubSource) -> Result<Fetched>,
) -> Result<FoundBase> {
    if wanted == embedded::NAME {
        return Ok(FoundBase {
            name: wanted.to_owned(),
            path: embedded::unpacked(app)?,
        });
    }
    if let Some(path) = added(app, wanted) {
        return Ok(FoundBase {
            name: wanted.to_owned(),
            path,
        });
    }
    if let Some(source) = HubSource::recognise(wanted)? {
        let Fetched { name, path, .. } = hub(&source)?;
        return Ok(FoundBase { name, path });
    }
    let path = PathBuf::from(wanted);
    if !path.exists() {
        let message = format!(
            "no base `{wanted}`: neither a name in `base list`, nor a folder or file, nor `hf:owner/repo`"
        );
        return Err(failed(ErrorCode::NotFound, message));
    }
    Ok(FoundBase {
        name: folder_name(&path),
        path,
    })
}

/// Opens a base, whose packed weights are kept for the next start.
pub fn open(app: &App, path: &Path) -> Result<Base> {
    let mut base = Base::open(path).coded()?;
    if let Some(folder) = app.packed_folder() {
        let hash = base.files().hash_with(&app.hashes()).coded()?;
        base.keep_packed(folder, hash);
    }
    Ok(base)
}

/// Names and folders of all added bases, sorted.
pub fn list(app: &App) -> Result<Vec<FoundBase>> {
    let Some(folder) = app.settings.kept_bases().filter(|folder| folder.exists()) else {
        return Ok(Vec::new());
    };
    bases_folder::sweep(&folder);
    let mut bases = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && name_problem(&name).is_none() {
            let path = entry.path();
            bases.push(FoundBase { name, path });
        }
    }
    bases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(bases)
}

/// Copies a complete base, a folder, a single file or `hf:owner/repo`, into the program's own place. It appears as a
/// whole or not at all.
pub fn add(app: &App, source: &Path, name: Option<&str>) -> Result<FoundBase> {
    let Some(remote) = source
        .to_str()
        .map(HubSource::recognise)
        .transpose()?
        .flatten()
    else {
        let name = name.map_or_else(|| folder_name(source), str::to_owned);
        check_free(app, &name)?;
        return copy_in(app, source, source, name);
    };
    let name = name.map_or_else(|| remote.base_name(embedded::NAME), str::to_owned);
    // Before a long download.
    check_free(app, &name)?;
    let fetched = app.fetch(&remote)?;
    copy_in(app, &fetched.path, &fetched.about, name)
}

/// Refuses a name that no base can have, or that one has already.
fn check_free(app: &App, name: &str) -> Result<()> {
    if let Some(problem) = name_problem(name) {
        let message = format!("cannot call a base `{name}`: {problem}; give another `--name`");
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    if app.settings.bases_folder()?.join(name).exists() {
        let message = format!("a base `{name}` exists already; remove it or give another `--name`");
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    Ok(())
}

fn copy_in(app: &App, source: &Path, about: &Path, name: String) -> Result<FoundBase> {
    let folder = app.settings.bases_folder()?;
    let base = Base::open(source).coded()?;
    check_complete(&base, source)?;
    let files = files_of(&base, about)?;
    let path = folder.join(&name);
    let work = Work::begin(&folder)?;
    let temporary = work.partial(&name)?;
    let copied = copy(&files, &temporary, app).and_then(|()| finish(&base, &temporary));
    if copied.is_err() {
        let _ = fs_err::remove_dir_all(&temporary);
    }
    copied.with_context(|| format!("cannot add base `{name}`"))?;
    target::written(atomic::publish_folder(&temporary, &path))?;
    // While the files are still in memory; who uses the base first would have to read them otherwise.
    let hashed = ModelFiles::open(&path).and_then(|files| files.hashes_with(&app.hashes()));
    if hashed.is_err() {
        let _ = work.remove(&path);
    }
    hashed
        .coded()
        .with_context(|| format!("cannot add base `{name}`"))?;
    Ok(FoundBase { name, path })
}

/// Deletes an added base.
pub fn remove(app: &App, name: &str) -> Result<PathBuf> {
    if name == embedded::NAME {
        let message = format!("`{name}` is part of the program and cannot be removed");
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    let path = added(app, name)
        .ok_or_else(|| failed(ErrorCode::NotFound, format!("no base `{name}` was added")))?;
    // Known since the base was added, so that nothing is read.
    let hash = ModelFiles::open(&path).and_then(|files| files.hash_with(&app.hashes()));
    Work::begin(&app.settings.bases_folder()?)?.remove(&path)?;
    if let Ok(hash) = hash {
        app.packed().remove(PackedFolder::prefix(&hash));
    }
    app.hashes().prune();
    Ok(path)
}

/// What a person should know about a base before it is used. What stands in the way of opening it is said by who opens it.
pub fn notes(path: &Path) -> Vec<String> {
    let files = ModelFiles::open(path).ok();
    files
        .and_then(|files| files.prediction_note())
        .into_iter()
        .collect()
}

/// Refuses a base of which a network lacks tensors.
pub fn check_complete(base: &Base, source: &Path) -> Result<()> {
    if let Some(problem) = base.files().report().coded()?.problem() {
        let message = format!("cannot use base model `{}`: {problem}", source.display());
        return Err(failed(ErrorCode::BadBase, message));
    }
    Ok(())
}

/// The folder of an added base.
fn added(app: &App, name: &str) -> Option<PathBuf> {
    let path = app.settings.kept_bases()?.join(name);
    (name_problem(name).is_none() && path.is_dir()).then_some(path)
}

/// Why a base cannot have this name, if it cannot.
fn name_problem(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Some("a name has letters, digits, `.`, `_` and `-`, and does not start with `.`");
    }
    name.starts_with(embedded::NAME)
        .then_some("names that start with `atelier-mini` belong to the embedded base")
}

/// Resolved first, so that `.` has a name too.
fn folder_name(path: &Path) -> String {
    let resolved = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = resolved.file_name().unwrap_or_default().to_string_lossy();
    name.trim_end_matches(".safetensors").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_folder_or_pass_for_the_embedded_base() {
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a b",
            ".hidden",
            "atelier-mini-1",
        ] {
            assert!(name_problem(bad).is_some(), "{bad}");
        }
        assert_eq!(name_problem("my_model-1.5"), None);
    }

    #[test]
    fn a_base_of_a_hub_is_found_again_by_its_commit() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let found = FoundBase {
            name: format!("someone/tiny@{commit}"),
            path: PathBuf::from("/cache/tiny"),
        };
        let word = found.word("hf:someone/tiny");
        assert_eq!(word, format!("hf:someone/tiny@{commit}"));
        assert_eq!(found.word(&word), word);
        assert_eq!(found.word("mine"), "mine");
    }

    #[test]
    fn the_name_of_a_folder_is_its_last_part() {
        assert_eq!(folder_name(Path::new("does-not-exist/my-base")), "my-base");
        assert!(!folder_name(Path::new(".")).is_empty());
    }
}
