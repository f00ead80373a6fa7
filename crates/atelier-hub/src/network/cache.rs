//! The cache of the hub's own programs: contents by hash, and per commit a folder of links to them. What those programs
//! downloaded is used, and what is downloaded here is there for them.

use std::collections::BTreeSet;
use std::fs::TryLockError;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use fs_err::File;

use crate::network::blob_id::BlobId;
use crate::network::client::Client;
use crate::network::listing::RemoteFile;
use crate::network::trouble::{GLANCE, pause};
use crate::source::{Repo, is_commit, path_problem};

/// Longest name of a commit that a reference file may hold.
const MAX_REF_BYTES: u64 = 256;
/// Waiting for another process is mentioned after this time.
const MENTION_AFTER: Duration = Duration::from_secs(1);

/// The part of the cache that belongs to one repository.
#[derive(Debug)]
pub(crate) struct RepoCache {
    folder: PathBuf,
    locks: PathBuf,
}

impl RepoCache {
    /// Below the cache's folder; creates nothing.
    pub(crate) fn new(cache: &Path, repo: &Repo) -> Self {
        let name = format!("models--{}--{}", repo.owner, repo.name);
        Self {
            folder: cache.join(&name),
            locks: cache.join(".locks").join(name),
        }
    }

    /// The repository's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the content with this hash lies when it is complete.
    pub(crate) fn blob(&self, id: &BlobId) -> PathBuf {
        self.folder.join("blobs").join(id.name())
    }

    /// Where it grows.
    pub(crate) fn partial(&self, id: &BlobId) -> PathBuf {
        let name = format!("{}.incomplete", id.name());
        self.folder.join("blobs").join(name)
    }

    /// The folder of a commit.
    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// Whether the file is there with the size that it must have.
    pub(crate) fn has(&self, commit: &str, file: &RemoteFile) -> bool {
        let paths = [self.snapshot(commit).join(&file.name), self.blob(&file.id)];
        paths.iter().any(|path| has_size(path, file.size_bytes))
    }

    /// The commit that a revision stood for when it was last downloaded.
    pub(crate) fn commit_of(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.to_owned());
        }
        let path = self.folder.join("refs").join(revision);
        let is_short = fs_err::metadata(&path).is_ok_and(|about| about.len() <= MAX_REF_BYTES);
        let text = fs_err::read_to_string(path).ok().filter(|_| is_short)?;
        Some(text.trim().to_owned()).filter(|commit| is_commit(commit))
    }

    /// Notes what a branch or a tag stands for.
    pub(crate) fn remember(&self, revision: &str, commit: &str) -> Result<()> {
        if is_commit(revision) || self.commit_of(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.folder.join("refs").join(revision);
        create_parent(&path)?;
        let temporary = temporary_beside(&path);
        fs_err::write(&temporary, commit)?;
        fs_err::rename(&temporary, &path)?;
        Ok(())
    }

    /// Every file that is there whole in the folder of a commit.
    pub(crate) fn names(&self, commit: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut open = vec![(self.snapshot(commit), String::new())];
        while let Some((folder, prefix)) = open.pop() {
            let entries = fs_err::read_dir(folder).into_iter().flatten();
            for entry in entries.filter_map(io::Result::ok) {
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push((entry.path(), format!("{name}/")));
                } else if entry.path().is_file() && path_problem(&name).is_none() {
                    names.insert(name);
                }
            }
        }
        names
    }

    /// Puts a complete content under its path in the folder of a commit.
    pub(crate) fn link(&self, commit: &str, file: &RemoteFile) -> Result<()> {
        let path = self.snapshot(commit).join(&file.name);
        if has_size(&path, file.size_bytes) {
            return Ok(());
        }
        create_parent(&path)?;
        let temporary = temporary_beside(&path);
        let depth = file.name.matches('/').count() + 2;
        let target = format!("{}blobs/{}", "../".repeat(depth), file.id.name());
        symlink(&target, &temporary)
            .or_else(|_| fs_err::hard_link(self.blob(&file.id), &temporary))
            .or_else(|_| fs_err::copy(self.blob(&file.id), &temporary).map(drop))?;
        fs_err::rename(&temporary, &path)?;
        Ok(())
    }

    /// Waits until no other process downloads this content, and keeps them out until the result is dropped. The system
    /// ends the lock with the process, however that ends.
    pub(crate) fn lock(&self, id: &BlobId, client: &Client<'_>) -> Result<File> {
        let path = self.locks.join(format!("{}.lock", id.name()));
        create_parent(&path)?;
        let mut waited = Duration::ZERO;
        loop {
            let file = File::create(&path)?;
            match file.file().try_lock() {
                // Some programs remove the file when they are done, and a lock on a removed file keeps nobody out.
                Ok(()) if is_still(&file, &path) => return Ok(file),
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("cannot lock `{}`", path.display()));
                }
            }
            if waited < MENTION_AFTER && waited + GLANCE >= MENTION_AFTER {
                (client.notes)(&"waiting for another program that downloads the same file");
            }
            pause(GLANCE, client.run.cancel)?;
            waited += GLANCE;
        }
    }
}

/// Creates the folder for a file.
pub(crate) fn create_parent(path: &Path) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent)?;
    }
    Ok(())
}

/// Whether a file, or what a link leads to, is this long.
pub(crate) fn has_size(path: &Path, size_bytes: u64) -> bool {
    fs_err::metadata(path).is_ok_and(|about| about.is_file() && about.len() == size_bytes)
}

fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Programs in containers that share the cache may have the same process number.
    let number = RandomState::new().build_hasher().finish();
    path.with_file_name(format!(".{name}.{number:016x}.partial"))
}

#[cfg(unix)]
fn symlink(target: &str, path: &Path) -> io::Result<()> {
    fs_err::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn symlink(_target: &str, _path: &Path) -> io::Result<()> {
    // Needs a privilege elsewhere, so the content is linked in another way.
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let there = fs_err::metadata(path).map(|about| (about.dev(), about.ino()));
    let ours = file.metadata().map(|about| (about.dev(), about.ino()));
    matches!((there, ours), (Ok(there), Ok(ours)) if there == ours)
}

#[cfg(not(unix))]
fn is_still(_file: &File, _path: &Path) -> bool {
    // A file that is open cannot be removed there.
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn cache(folder: &Path) -> RepoCache {
        let repo = Repo {
            owner: "a".to_owned(),
            name: "b".to_owned(),
        };
        RepoCache::new(folder, &repo)
    }

    #[test]
    fn the_layout_is_that_of_the_hub() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        let file = RemoteFile {
            name: "unet/deep/x.json".to_owned(),
            size_bytes: 3,
            id: BlobId::git(COMMIT).unwrap(),
        };
        create_parent(&cache.blob(&file.id)).unwrap();
        fs_err::write(cache.blob(&file.id), "abc").unwrap();
        assert!(cache.has(COMMIT, &file));
        cache.link(COMMIT, &file).unwrap();
        let path = folder
            .path()
            .join(format!("models--a--b/snapshots/{COMMIT}/unet/deep/x.json"));
        assert_eq!(fs_err::read(path).unwrap(), b"abc");
        let names: Vec<_> = cache.names(COMMIT).into_iter().collect();
        assert_eq!(names, ["unet/deep/x.json"]);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_no_file_and_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        let file = RemoteFile {
            name: "x".to_owned(),
            size_bytes: 3,
            id: BlobId::git(COMMIT).unwrap(),
        };
        create_parent(&cache.blob(&file.id)).unwrap();
        fs_err::create_dir_all(cache.snapshot(COMMIT)).unwrap();
        let path = cache.snapshot(COMMIT).join("x");
        if symlink("../../blobs/gone", &path).is_err() {
            return;
        }
        assert!(cache.names(COMMIT).is_empty());
        fs_err::write(cache.blob(&file.id), "abc").unwrap();
        cache.link(COMMIT, &file).unwrap();
        assert_eq!(fs_err::read(path).unwrap(), b"abc");
    }

    #[test]
    fn references_are_kept_and_only_commits_are_believed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path());
        assert_eq!(cache.commit_of("main"), None);
        assert_eq!(cache.commit_of(COMMIT).as_deref(), Some(COMMIT));
        cache.remember("refs/pr/1", COMMIT).unwrap();
        assert_eq!(cache.commit_of("refs/pr/1").as_deref(), Some(COMMIT));
        let path = folder.path().join("models--a--b/refs/main");
        fs_err::write(&path, "../../../etc").unwrap();
        assert_eq!(cache.commit_of("main"), None);
        cache.remember("main", COMMIT).unwrap();
        assert_eq!(fs_err::read_to_string(path).unwrap(), COMMIT);
    }
}
