//! A copy of the library from which it can be opened again.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::Serialize;

use crate::blobs::Blobs;
use crate::error::{Error, Result};
use crate::library::{CATALOGUE, Library};

/// What a backup wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackedUp {
    /// The folder.
    pub folder: PathBuf,
    /// Files that were copied.
    pub copied: u64,
    /// Files that an earlier backup in the same folder had.
    pub kept: u64,
    /// The size of all of them.
    pub size_bytes: u64,
}

impl Library {
    /// Copies the catalogue as it is at one moment and every file that it names to a folder, which then is a library of its own.
    /// An earlier backup there is brought up to date: only files that it lacks are copied. Work may go on meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be written, or a file of the library is damaged; the earlier catalogue there is then still whole.
    pub fn back_up(&self, folder: &Path) -> Result<BackedUp> {
        let folder_failed = |error| Error::io("create", folder, error);
        fs_err::create_dir_all(folder).map_err(folder_failed)?;
        let here = self.catalogue();
        let there = folder.join(CATALOGUE);
        let is_same = |path: &Path| fs_err::canonicalize(path).ok();
        if there.exists() && is_same(here) == is_same(&there) {
            return Err(Error::Invalid {
                what: "folder",
                value: folder.display().to_string(),
                problem: "it is the library itself; give another folder".to_owned(),
            });
        }
        // Neither our files nor those of the backup go meanwhile.
        let _hold = self.blobs().hold()?;
        let to = Blobs::open(folder)?;
        let held = to.hold()?;
        let partial = folder.join(format!(".{CATALOGUE}-{}.partial", std::process::id()));
        let snapshot = || -> Result<Vec<(String, u64)>> {
            let _ = fs_err::remove_file(&partial);
            let name = partial.display().to_string();
            Connection::open(here)?.execute("VACUUM INTO ?", [&name])?;
            let copy = Connection::open(&partial)?;
            let mut statement = copy.prepare("SELECT hash, size_bytes FROM blob")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        let copied = snapshot().and_then(|blobs| {
            let mut done = BackedUp {
                folder: folder.to_owned(),
                copied: 0,
                kept: 0,
                size_bytes: 0,
            };
            for (hash, size_bytes) in blobs {
                done.size_bytes += size_bytes;
                if to.problem(&hash, size_bytes).is_none() {
                    done.kept += 1;
                    continue;
                }
                if let Some(problem) = self.blobs().problem(&hash, size_bytes) {
                    return Err(Error::DamagedBlob { hash, problem });
                }
                to.put_file(&held, &self.blobs().path(&hash))?;
                done.copied += 1;
            }
            publish(&partial, &there)?;
            Ok(done)
        });
        copied.map_err(|error| {
            let _ = fs_err::remove_file(&partial);
            error.at("copy", here)
        })
    }
}

/// Brings a complete catalogue to the disk and gives it its name.
fn publish(partial: &Path, path: &Path) -> Result<()> {
    let failed = |error| Error::io("write", path, error);
    let file = fs_err::File::open(partial).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    // What belongs to the catalogue that is replaced would be taken for the new one's.
    for ending in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        let _ = fs_err::remove_file(beside);
    }
    fs_err::rename(partial, path).map_err(failed)
}
