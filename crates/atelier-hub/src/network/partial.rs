//! A file that grows: what an earlier call left is kept and hashed first, so that the end can be checked as a whole.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_core::CancelFlag;
use atelier_failure::Cancelled;
use fs_err::{File, OpenOptions};

use crate::network::blob_id::{BlobId, ContentHasher};
use crate::network::cache::create_parent;

/// Bytes that are hashed between two looks for Ctrl-C.
const PIECE_BYTES: usize = 1 << 20;

/// The content so far.
#[derive(Debug)]
pub(crate) struct Partial {
    path: PathBuf,
    file: File,
    hasher: ContentHasher,
    id: BlobId,
    size_bytes: u64,
    /// Bytes that are there.
    pub(crate) done_bytes: u64,
    /// The most that ever were, also of what was thrown away since.
    furthest_bytes: u64,
    /// Whether some of them are from an earlier call.
    pub(crate) is_resumed: bool,
}

impl Partial {
    /// Opens what is there, or begins. What is longer than the whole is thrown away.
    pub(crate) fn open(
        path: &Path,
        id: &BlobId,
        size_bytes: u64,
        cancel: &CancelFlag,
    ) -> Result<Self> {
        create_parent(path)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut partial = Self {
            path: path.to_owned(),
            file,
            hasher: id.hasher(size_bytes),
            id: id.clone(),
            size_bytes,
            done_bytes: 0,
            furthest_bytes: 0,
            is_resumed: false,
        };
        if partial.file.metadata()?.len() > size_bytes {
            partial.restart()?;
        } else {
            partial.read_what_is_there(cancel)?;
        }
        Ok(partial)
    }

    /// Throws away what is there.
    pub(crate) fn restart(&mut self) -> Result<()> {
        use std::io::Seek as _;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hasher = self.id.hasher(self.size_bytes);
        self.done_bytes = 0;
        self.is_resumed = false;
        Ok(())
    }

    /// Whether nothing is missing.
    pub(crate) fn is_complete(&self) -> bool {
        self.done_bytes == self.size_bytes
    }

    /// Adds a piece, which goes to the system at once. Whether it reaches further than anything before it.
    pub(crate) fn add(&mut self, piece: &[u8]) -> Result<bool> {
        self.file.write_all(piece)?;
        self.hasher.update(piece);
        self.done_bytes += piece.len() as u64;
        let is_further = self.done_bytes > self.furthest_bytes;
        self.furthest_bytes = self.furthest_bytes.max(self.done_bytes);
        Ok(is_further)
    }

    /// Throws away what an earlier call left, whose end was reached and is wrong: there is everything to gain again.
    pub(crate) fn disown(&mut self) -> Result<()> {
        self.restart()?;
        self.furthest_bytes = 0;
        Ok(())
    }

    /// Whether the content is what was announced.
    pub(crate) fn is_right(&self) -> bool {
        self.is_complete() && self.hasher.clone().agrees_with(&self.id)
    }

    /// Gives it its final name, once it is on the disk.
    pub(crate) fn publish(self, path: &Path) -> Result<()> {
        self.file.sync_all()?;
        fs_err::rename(&self.path, path)?;
        if let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
            // Not every file system can do this for a folder; one that cannot is no failure.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }

    fn read_what_is_there(&mut self, cancel: &CancelFlag) -> Result<()> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            if cancel.is_cancelled() {
                return Err(Cancelled.into());
            }
            let count = self.file.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            self.hasher.update(&piece[..count]);
            self.done_bytes += count as u64;
            self.furthest_bytes = self.done_bytes;
            self.is_resumed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path, size_bytes: u64) -> Partial {
        let id = BlobId::git("ce013625030ba8dba906f756967f9e9ca394464a").unwrap();
        Partial::open(path, &id, size_bytes, &CancelFlag::default()).unwrap()
    }

    #[test]
    fn a_content_in_two_calls_is_checked_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blobs/x.incomplete");
        let mut first = open(&path, 6);
        first.add(b"hel").unwrap();
        assert!(!first.is_complete() && !first.is_right());
        drop(first);
        let mut second = open(&path, 6);
        assert_eq!((second.done_bytes, second.is_resumed), (3, true));
        second.add(b"lo\n").unwrap();
        assert!(second.is_right());
        let done = folder.path().join("blobs/x");
        second.publish(&done).unwrap();
        assert_eq!(fs_err::read(done).unwrap(), b"hello\n");
        assert!(!path.exists());
    }

    #[test]
    fn damage_from_an_earlier_call_is_seen_and_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.incomplete");
        fs_err::write(&path, "hex").unwrap();
        let mut partial = open(&path, 6);
        partial.add(b"lo\n").unwrap();
        assert!(partial.is_complete() && !partial.is_right());
        partial.restart().unwrap();
        partial.add(b"hello\n").unwrap();
        assert!(partial.is_right());
        assert_eq!(fs_err::read(&path).unwrap(), b"hello\n");
    }

    #[test]
    fn what_comes_again_after_it_was_thrown_away_is_no_progress() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.incomplete");
        fs_err::write(&path, "he").unwrap();
        let mut partial = open(&path, 6);
        assert!(partial.add(b"l").unwrap());
        partial.restart().unwrap();
        assert!(!partial.add(b"hel").unwrap());
        assert!(partial.add(b"l").unwrap());
        partial.disown().unwrap();
        assert!(partial.add(b"h").unwrap());
    }

    #[test]
    fn more_than_the_whole_is_thrown_away_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.incomplete");
        fs_err::write(&path, "hello\nhello").unwrap();
        assert_eq!(open(&path, 6).done_bytes, 0);
        assert_eq!(fs_err::metadata(path).unwrap().len(), 0);
    }
}
