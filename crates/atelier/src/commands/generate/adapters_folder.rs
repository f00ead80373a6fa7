//! The adapters that prompts name: files of a folder, and the library's models. Found by name, or by content where a recipe asks
//! for a certain file.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;
use atelier_core::{AdapterUse, ErrorCode};
use atelier_diffusion::prompt::LoraTag;
use atelier_failure::failed;

use crate::commands::library_models::LibraryModels;
use atelier_recipe::{AdapterRecord, file_sha256};

/// Folders in folders that are looked into.
const MAX_DEPTH: usize = 8;
/// Files that are looked at.
const MAX_FILES: usize = 100_000;
/// Names that an error lists.
const SHOWN: usize = 8;

/// The adapters below a folder.
#[derive(Debug)]
pub(super) struct AdaptersFolder {
    root: Option<PathBuf>,
    /// Paths below the root, sorted, once they are wanted.
    files: Option<Vec<PathBuf>>,
    models: LibraryModels,
}

impl AdaptersFolder {
    /// The adapters below `root`, if there is such a place. They belong to the user of this machine: for somebody who does not
    /// see all of the library, there are none.
    pub(super) fn new(root: Option<PathBuf>, models: LibraryModels) -> Self {
        Self {
            root: root.filter(|_| models.are_all()),
            files: None,
            models,
        }
    }

    /// The library's models, which are looked at where the folder has none of a name.
    pub(super) fn models(&mut self) -> &mut LibraryModels {
        &mut self.models
    }

    /// The folder.
    pub(super) fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// The adapter that a tag names: the one file of that name, or at that place, below the folder, else the library's model.
    pub(super) fn look_up(&mut self, tag: &LoraTag) -> Result<AdapterUse> {
        check_strengths(tag)?;
        check_name(tag)?;
        let Some(root) = self.root.clone() else {
            let model = self.model_of(tag)?;
            return model.ok_or_else(|| self.nowhere(tag));
        };
        let files = self.files();
        let is_place = tag.name.contains('/');
        let called = if is_place { place_of } else { stem_of };
        let mut found: Vec<_> = files
            .iter()
            .filter(|file| called(file) == tag.name)
            .collect();
        // One in the folder itself has no other name.
        if let Some(here) = found.iter().position(|file| place_of(file) == tag.name) {
            found = vec![found[here]];
        }
        match found.as_slice() {
            [file] => Ok(AdapterUse {
                path: root.join(file),
                strength: tag.unet,
                text_strength: tag.text,
            }),
            [] => {
                let absent = absent(tag, &root, files);
                self.model_of(tag)?.ok_or(absent)
            }
            more => {
                let places = more
                    .iter()
                    .map(|file| format!("`<lora:{}>`", place_of(file)));
                let places = places.take(SHOWN).collect::<Vec<_>>().join(", ");
                let message = format!(
                    "{} adapters in `{}` are called `{}`; write which: {places}",
                    more.len(),
                    root.display(),
                    tag.name
                );
                Err(failed(ErrorCode::InvalidInput, message))
            }
        }
    }

    fn model_of(&mut self, tag: &LoraTag) -> Result<Option<AdapterUse>> {
        let found = self.models.find(&tag.name)?;
        Ok(found.map(|(_, path)| AdapterUse {
            path,
            strength: tag.unet,
            text_strength: tag.text,
        }))
    }

    /// Without a folder, and without a model of that name.
    fn nowhere(&self, tag: &LoraTag) -> anyhow::Error {
        if !self.models.are_all() {
            let message = format!("no model that you can use is called `{}`", tag.name);
            return failed(ErrorCode::NotFound, message);
        }
        let message = format!("no folder to look up `{tag}` in; name one with `--adapters-folder`");
        failed(ErrorCode::InvalidInput, message)
    }

    /// A file with the content that a record describes, under whatever name. Where only a damaged model should have it, that is
    /// refused.
    pub(super) fn with_content(&mut self, record: &AdapterRecord) -> Result<Option<PathBuf>> {
        if let Some(file) = self.models.with_content(&record.sha256)? {
            return Ok(Some(file));
        }
        let found = self.in_folder(record)?;
        if found.is_none() {
            self.models.check_content(&record.sha256)?;
        }
        Ok(found)
    }

    fn in_folder(&mut self, record: &AdapterRecord) -> Result<Option<PathBuf>> {
        let Some(root) = self.root.clone() else {
            return Ok(None);
        };
        let mut files: Vec<_> = self.files().iter().map(|file| root.join(file)).collect();
        // The name first, which spares reading the others.
        files.sort_by_key(|file| stem_of(file) != record.name);
        for file in files {
            if has_content(&file, record)? {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    fn files(&mut self) -> &[PathBuf] {
        let root = self.root.as_deref();
        self.files.get_or_insert_with(|| {
            let mut files = root.map(adapters_below).unwrap_or_default();
            files.sort();
            files
        })
    }
}

/// Whether a file is the one that a record describes.
pub(super) fn has_content(file: &Path, record: &AdapterRecord) -> Result<bool> {
    let Ok(about) = fs_err::metadata(file) else {
        return Ok(false);
    };
    let may_be = about.is_file() && record.size_bytes.is_none_or(|size| size == about.len());
    Ok(may_be && file_sha256(file)? == record.sha256)
}

/// Every weights file below a folder, relative to it. What cannot be read, is hidden, or lies behind a link to a folder is left
/// out, so that the walk ends.
fn adapters_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(PathBuf::new(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let entries = fs_err::read_dir(root.join(&folder)).into_iter().flatten();
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_hidden || found.len() == MAX_FILES {
                continue;
            }
            if is_folder && depth < MAX_DEPTH {
                open.push((path, depth + 1));
            } else if path.extension().is_some_and(|end| end == "safetensors")
                && root.join(&path).is_file()
            {
                found.push(path);
            }
        }
    }
    found
}

fn check_strengths(tag: &LoraTag) -> Result<()> {
    let strengths = [Some(tag.unet), tag.text].into_iter().flatten();
    for strength in strengths {
        if !AdapterUse::STRENGTHS.contains(&strength) {
            let message =
                format!("adapter strength must lie between 0 and 1.5, got {strength} in `{tag}`");
            return Err(failed(ErrorCode::InvalidInput, message));
        }
    }
    Ok(())
}

/// A name stays inside the folder.
fn check_name(tag: &LoraTag) -> Result<()> {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
    if Path::new(&tag.name).components().all(inside) && !tag.name.contains('\\') {
        return Ok(());
    }
    let message = format!(
        "`{tag}` names no adapter: write its file name without `.safetensors`, with its sub-folder as `folder/name` where needed"
    );
    Err(failed(ErrorCode::InvalidInput, message))
}

fn absent(tag: &LoraTag, root: &Path, files: &[PathBuf]) -> anyhow::Error {
    let mut names: Vec<_> = files.iter().map(|file| stem_of(file)).collect();
    names.dedup();
    let near: Vec<_> = names
        .iter()
        .filter(|name| is_near(name, &tag.name))
        .cloned()
        .collect();
    let list = |names: &[String]| {
        let shown = names.iter().take(SHOWN).map(|name| format!("`{name}`"));
        shown.collect::<Vec<_>>().join(", ")
    };
    let known = match (near.as_slice(), names.as_slice()) {
        (_, []) => "it holds none".to_owned(),
        ([], names) if names.len() > SHOWN => {
            format!("it holds {} and {} more", list(names), names.len() - SHOWN)
        }
        ([], names) => format!("it holds {}", list(names)),
        (near, _) => format!("near it are {}", list(near)),
    };
    let (name, root) = (&tag.name, root.display());
    let message = format!("no adapter `{name}` in `{root}`: {known}");
    failed(ErrorCode::NotFound, message)
}

/// The file name without its ending.
fn stem_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// The path below the folder without its ending, with `/` on every system.
fn place_of(file: &Path) -> String {
    let place = file.with_extension("");
    let parts = place.iter().map(std::ffi::OsStr::to_string_lossy);
    parts.collect::<Vec<_>>().join("/")
}

/// Whether a name may be meant by another: one holds the other, or few letters differ.
fn is_near(name: &str, meant: &str) -> bool {
    let (name, meant) = (name.to_lowercase(), meant.to_lowercase());
    let meant = meant.rsplit('/').next().unwrap_or_default();
    name.contains(meant) || meant.contains(&name) || distance(&name, meant) <= meant.len() / 4 + 1
}

/// Letters to insert, delete or replace to get from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (place, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use atelier_accounts::{PasswordHash, Role};
    use atelier_core::Clock;
    use atelier_store::{Library, Viewer};

    use super::*;

    struct Still;

    impl Clock for Still {
        fn unix_secs(&self) -> f64 {
            0.0
        }
    }

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(format!("{name}.safetensors"));
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, name).unwrap();
        }
        folder
    }

    fn look_up(folder: &Path, name: &str) -> Result<PathBuf> {
        let tag = LoraTag {
            name: name.to_owned(),
            unet: 0.8,
            text: None,
        };
        let mut adapters = AdaptersFolder::new(Some(folder.to_owned()), LibraryModels::default());
        adapters.look_up(&tag).map(|used| used.path)
    }

    #[test]
    fn names_are_found_in_sub_folders_too_and_places_tell_them_apart() {
        let folder = folder(&["cat.v1", "people/anna", "people/bert", "old/bert"]);
        let root = folder.path();
        assert_eq!(
            look_up(root, "cat.v1").unwrap(),
            root.join("cat.v1.safetensors")
        );
        let anna = root.join("people/anna.safetensors");
        assert_eq!(look_up(root, "anna").unwrap(), anna);
        assert_eq!(look_up(root, "people/anna").unwrap(), anna);
        let message = look_up(root, "bert").unwrap_err().to_string();
        assert!(
            message.contains("`<lora:old/bert>`, `<lora:people/bert>`"),
            "{message}"
        );
    }

    #[test]
    fn an_absent_name_lists_what_may_be_meant() {
        let folder = folder(&["portrait-anna", "landscape", "sea"]);
        let message = |name: &str| look_up(folder.path(), name).unwrap_err().to_string();
        assert!(message("anna").ends_with(": near it are `portrait-anna`"));
        assert!(message("landscspe").ends_with(": near it are `landscape`"));
        assert!(message("xyzzyx").ends_with(": it holds `landscape`, `portrait-anna`, `sea`"));
        let empty = tempfile::tempdir().unwrap();
        let message = look_up(&empty.path().join("none"), "a")
            .unwrap_err()
            .to_string();
        assert!(message.ends_with("it holds none"), "{message}");
    }

    #[test]
    fn the_folder_of_the_machine_is_nothing_to_those_who_see_a_part_of_the_library() {
        let folder = folder(&["private"]);
        let home = tempfile::tempdir().unwrap();
        let library = Library::open(home.path(), Arc::new(Still)).unwrap();
        let made = |name: &str, role: Role| {
            let password = PasswordHash::kept(String::new());
            library.create_account(name, role, password).unwrap().id
        };
        let tag = LoraTag {
            name: "private".to_owned(),
            unet: 1.0,
            text: None,
        };
        for (name, role, sees) in [("ann", Role::Owner, true), ("ben", Role::Member, false)] {
            let id = made(name, role);
            let models = LibraryModels::of(&library.seen_by(Viewer::Account { id, role }));
            let mut adapters = AdaptersFolder::new(Some(folder.path().to_owned()), models);
            let found = adapters.look_up(&tag);
            assert_eq!(found.is_ok(), sees, "{name}");
            if let Err(error) = found {
                assert_eq!(
                    error.to_string(),
                    "no model that you can use is called `private`"
                );
            }
        }
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let folder = folder(&["in/cat", "secret"]);
        for name in [
            "../secret",
            "/etc/passwd",
            "./cat",
            "..",
            "a/../cat",
            "..\\secret",
        ] {
            let error = look_up(&folder.path().join("in"), name).unwrap_err();
            assert!(error.to_string().contains("file name"), "{name}: {error}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_that_holds_itself_is_walked_once() {
        let folder = folder(&["cat"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
        look_up(folder.path(), "cat").unwrap();
    }

    #[test]
    fn distances_count_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("même", "meme"), 1);
    }
}
