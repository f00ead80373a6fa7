//! What in a folder a quickstart made. All else is somebody's own, and is neither replaced nor removed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{draw, place, sample};

/// What a quickstart makes directly in its folder, beside the pictures.
const NAMES: [&str; 7] = [
    "run",
    "adapter.safetensors",
    "report.html",
    "report.json",
    "sheet.png",
    "loss.svg",
    place::MARKER_FILE,
];
/// What systems leave in folders that somebody looked at.
const LITTER: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];

/// Files and empty folders, by their paths below a folder with `/` between the parts.
pub(crate) type Paths = BTreeSet<String>;

/// What lies in a folder: what a quickstart made there, and what others did.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) made: Paths,
    pub(crate) foreign: Paths,
}

impl Contents {
    /// Those of a folder; `known` are the paths that the quickstart itself says it made. Of one that says nothing, it is what
    /// has a name that quickstarts give.
    pub(crate) fn of(folder: &Path, known: Option<&Paths>) -> Result<Self> {
        let mut contents = Self::default();
        for path in paths_below(folder)? {
            let is_made = match known {
                _ if is_passing(&path) || is_empty_folder(folder, &path) => true,
                Some(known) => known.contains(&path),
                None => has_made_name(&path),
            };
            let side = if is_made {
                &mut contents.made
            } else {
                &mut contents.foreign
            };
            side.insert(path);
        }
        Ok(contents)
    }
}

/// Whether a name is one of a file that a killed process had begun to write.
pub(crate) fn is_begun(name: &str) -> bool {
    name.starts_with(".atelier-") && name.ends_with(".partial")
}

/// Whether nothing is in it that somebody could keep.
fn is_empty_folder(root: &Path, path: &str) -> bool {
    let about = place_of(root, path).symlink_metadata();
    about.is_ok_and(|about| about.is_dir())
}

/// What nobody keeps.
fn is_passing(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    is_begun(name) || LITTER.contains(&name)
}

fn has_made_name(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or(path);
    let begun = first.strip_suffix(sample::UNPACKING);
    let folder = begun.and_then(|name| name.strip_suffix('.'));
    let folder = folder.unwrap_or(first);
    NAMES.contains(&first) || first == draw::FOLDER || sample::FOLDERS.contains(&folder)
}

/// Links are not followed.
fn paths_below(root: &Path) -> Result<Paths> {
    let mut paths = Paths::new();
    let mut open = vec![(root.to_owned(), String::new())];
    while let Some((folder, name)) = open.pop() {
        let mut is_empty = true;
        for entry in fs_err::read_dir(&folder)? {
            let entry = entry?;
            is_empty = false;
            let own = entry.file_name();
            let own = own.to_string_lossy();
            let below = match name.as_str() {
                "" => own.into_owned(),
                name => format!("{name}/{own}"),
            };
            if entry.file_type()?.is_dir() {
                open.push((entry.path(), below));
            } else {
                paths.insert(below);
            }
        }
        if is_empty && !name.is_empty() {
            paths.insert(name);
        }
    }
    Ok(paths)
}

/// Removes these below a folder, and the folders that become empty by it.
pub(crate) fn remove(root: &Path, paths: &Paths) -> Result<()> {
    for path in paths {
        let whole = place_of(root, path);
        if whole.symlink_metadata().is_ok_and(|about| !about.is_dir()) {
            fs_err::remove_file(&whole)?;
        } else if whole.exists() {
            // An empty one, unless somebody put something into it since.
            drop(fs_err::remove_dir(&whole));
        }
        remove_empty(root, &whole);
    }
    Ok(())
}

/// Removes the folders between a root and a path that are empty.
fn remove_empty(root: &Path, path: &Path) {
    let above = path.ancestors().skip(1);
    for folder in above.take_while(|folder| *folder != root) {
        if fs_err::remove_dir(folder).is_err() {
            return;
        }
    }
}

/// Moves these from below one folder to the same places below another, where these are free.
pub(crate) fn carry(from: &Path, to: &Path, paths: &Paths) -> Result<()> {
    for path in paths {
        let target = place_of(to, path);
        if target.symlink_metadata().is_ok() {
            continue;
        }
        if let Some(parent) = target.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let source = place_of(from, path);
        fs_err::rename(&source, target)?;
        remove_empty(from, &source);
    }
    Ok(())
}

fn place_of(root: &Path, path: &str) -> PathBuf {
    path.split('/')
        .fold(root.to_owned(), |place, part| place.join(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(paths: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in paths {
            let path = folder.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "x").unwrap();
        }
        folder
    }

    #[test]
    fn what_is_not_listed_or_named_so_is_somebodys_own() {
        let folder = folder_with(&[
            "report.json",
            "run/a/b.safetensors",
            "pictures/mine.png",
            "dataset.unpacking/a.png",
            "mine/deep/er.png",
            "mine.safetensors",
            ".DS_Store",
            "run/.atelier-1.partial",
        ]);
        fs_err::create_dir(folder.path().join("empty")).unwrap();
        let named = Contents::of(folder.path(), None).unwrap();
        let foreign: Vec<_> = named.foreign.iter().collect();
        assert_eq!(foreign, ["mine.safetensors", "mine/deep/er.png"]);
        let known = Paths::from(["report.json", "run/a/b.safetensors"].map(str::to_owned));
        let listed = Contents::of(folder.path(), Some(&known)).unwrap();
        let made: Vec<_> = listed.made.iter().collect();
        assert_eq!(
            made,
            [
                ".DS_Store",
                "empty",
                "report.json",
                "run/.atelier-1.partial",
                "run/a/b.safetensors"
            ]
        );
        remove(folder.path(), &listed.made).unwrap();
        let left = paths_below(folder.path()).unwrap();
        assert_eq!(left, listed.foreign);
        assert!(!folder.path().join("run").exists());
    }

    #[test]
    fn what_is_carried_replaces_nothing() {
        let (from, to) = (folder_with(&["a/b", "c"]), folder_with(&["c"]));
        fs_err::write(from.path().join("c"), "mine").unwrap();
        let paths = paths_below(from.path()).unwrap();
        carry(from.path(), to.path(), &paths).unwrap();
        assert!(to.path().join("a/b").is_file());
        assert!(!from.path().join("a").exists());
        assert_eq!(fs_err::read_to_string(to.path().join("c")).unwrap(), "x");
        assert_eq!(
            fs_err::read_to_string(from.path().join("c")).unwrap(),
            "mine"
        );
    }
}
