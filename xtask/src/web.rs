//! `cargo xtask web`: checks the pages and builds them into `web/dist`, which the program holds. That needs Node; whether
//! `web/dist` is what the sources give is checked everywhere, by hashes of both that the build leaves.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use sha2::{Digest as _, Sha256};

use crate::process;
use crate::workspace::Workspace;

/// What the pages are made of, from the root of the repository.
const SOURCES: &[&str] = &[
    "docs/reference/openapi.json",
    "web/index.html",
    "web/package-lock.json",
    "web/package.json",
    "web/public",
    "web/src",
    "web/svelte.config.js",
    "web/tsconfig.json",
    "web/vite.config.js",
];
const BUILT: &[&str] = &["web/dist"];
/// The hashes of both at the last build.
const HASHES: &str = "web/build.sha256";

/// Types of the API, checks, tests and the build.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let npm = |words: &[&str]| {
        let mut command = process::command("npm");
        process::run(
            command
                .args(words)
                .current_dir(workspace.root().join("web")),
        )
    };
    npm(&["ci", "--no-audit", "--no-fund"])?;
    npm(&["run", "api"])?;
    npm(&["run", "check"])?;
    npm(&["test"])?;
    npm(&["run", "build"])?;
    let path = workspace.root().join(HASHES);
    Ok(fs_err::write(path, hashes(workspace.root())?)?)
}

/// Whether the pages are those that were built last, of what is there now.
pub(crate) fn check(root: &Path) -> Result<()> {
    let built = fs_err::read_to_string(root.join(HASHES))?;
    if built != hashes(root)? {
        bail!(
            "`web/dist` was not built of the sources that are there; run `cargo xtask web`, which needs Node"
        );
    }
    Ok(())
}

fn hashes(root: &Path) -> Result<String> {
    let sources = hash(root, SOURCES)?;
    let built = hash(root, BUILT)?;
    Ok(format!("sources {sources}\nbuilt {built}\n"))
}

/// One hash over the names and contents of files, and of those in folders.
fn hash(root: &Path, places: &[&str]) -> Result<String> {
    let mut files = Vec::new();
    for place in places {
        collect(&root.join(place), &mut files)?;
    }
    let mut names: Vec<_> = files
        .iter()
        .map(|path| {
            let name = path.strip_prefix(root).unwrap_or(path);
            (name.to_string_lossy().replace('\\', "/"), path)
        })
        .collect();
    names.sort();
    let mut whole = Sha256::new();
    for (name, path) in names {
        let content = Sha256::digest(fs_err::read(path)?);
        whole.update(format!("{content:x} {name}\n"));
    }
    Ok(format!("{:x}", whole.finalize()))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs_err::read_dir(path)? {
        collect(&entry?.path(), files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_in_the_program_are_made_of_the_sources_beside_them() {
        let workspace = Workspace::find().unwrap();
        check(workspace.root()).unwrap();
    }

    #[test]
    fn a_change_of_a_name_or_of_a_content_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        let now = || hash(root, &["a", "b.txt"]).unwrap();
        write("a/x/1.txt", "one");
        write("b.txt", "two");
        let first = now();
        assert_eq!(now(), first);
        write("c.txt", "not of it");
        assert_eq!(now(), first);
        write("a/x/1.txt", "One");
        let second = now();
        assert_ne!(second, first);
        fs_err::rename(root.join("a/x/1.txt"), root.join("a/x/2.txt")).unwrap();
        assert!(![first, second].contains(&now()));
    }
}
