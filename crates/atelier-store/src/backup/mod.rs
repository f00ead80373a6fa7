//! A copy of the library from which it can be opened again.

mod folders;

use std::path::{Path, PathBuf};

use atelier_core::CancelFlag;
use atelier_weights::atomic;
use rusqlite::{Connection, ErrorCode};
use serde::Serialize;

use crate::blobs::Blobs;
use crate::check::{self, NamedFile, Opened, named_files};
use crate::error::{Error, Result};
use crate::leftovers;
use crate::library::{CATALOGUE, JobId, Layout, Library, RunId, layout, open_to_read};
use crate::{jobs, path_text, runs};
use folders::FolderCopy;

/// What a backup wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackedUp {
    /// The folder.
    #[serde(serialize_with = "path_text::one")]
    pub folder: PathBuf,
    /// Files that were copied.
    pub copied: u64,
    /// Files that an earlier backup in the same folder had.
    pub kept: u64,
    /// The size of all of them.
    pub size_bytes: u64,
    /// Damaged files of checkpoints, which are not in the backup, in words.
    pub left_out: Vec<String>,
}

/// What a catalogue names.
struct Named {
    files: Vec<NamedFile>,
    runs: Vec<RunId>,
    /// Those that are neither done nor given up.
    jobs: Vec<JobId>,
}

impl Library {
    /// Copies the catalogue as it is at one moment, every file that it names, the folders of its runs, and what open jobs were
    /// given, to a folder, which then is a library of its own. An earlier backup there is brought up to date: only files that it lacks are copied. Work may go on meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be written, or there is another library in the folder or a backup that was worked with since. Then
    /// what is in the folder is still whole. [`Error::Incomplete`] when files of the library are damaged that no earlier backup
    /// there has: everything else is in the backup then, which can be opened. [`Error::Busy`] when the library is on a disk where
    /// nothing can be written, and is changed meanwhile all the same.
    pub fn back_up(&self, folder: &Path, cancel: &CancelFlag) -> Result<BackedUp> {
        atelier_weights::private::create_dir_all(folder)?;
        let there = folder.join(CATALOGUE);
        let refused = |problem: &str| {
            let folder = folder.display().to_string();
            Err(Error::invalid("folder", folder, problem))
        };
        let resolved = |path: &Path| fs_err::canonicalize(path).ok();
        if there.exists() && resolved(self.catalogue()) == resolved(&there) {
            return refused("it is the library itself; give another folder");
        }
        if there.exists() && !self.is_own_copy(&there)? {
            return refused(
                "there is another library in it, or a backup that was changed since; give a new folder",
            );
        }
        // Neither our files nor those of the backup go meanwhile.
        let Opened { connection, guard } = check::open(self.catalogue(), self.blobs())?;
        leftovers::sweep(&there);
        let partial = leftovers::partial(&there);
        atelier_weights::private::create_file(&partial)?;
        let copied = Self::snapshot(&connection, &partial)
            .and_then(|named| {
                let (mut done, damaged) = self.copy_files(&named.files, folder, cancel)?;
                let mut copy = FolderCopy {
                    cancel,
                    done: &mut done,
                };
                self.copy_folders((&named.runs, &named.jobs), folder, &mut copy)?;
                guard.check(self.catalogue())?;
                Ok((done, damaged))
            })
            .and_then(|copied| replace(&partial, &there).map(|()| copied));
        let (mut done, mut damaged) = copied.map_err(|error| {
            let _ = leftovers::remove(&partial);
            error.at("write", &there)
        })?;
        if damaged.is_empty() {
            return Ok(done);
        }
        damaged.append(&mut done.left_out);
        let folder = done.folder;
        Err(Error::Incomplete { folder, damaged })
    }

    /// Whether a catalogue is a backup of this library that nobody changed since.
    fn is_own_copy(&self, path: &Path) -> Result<bool> {
        let read = |connection: &Connection| -> rusqlite::Result<(String, bool)> {
            let query = "SELECT id, is_copy FROM library";
            connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?)))
        };
        let (own, _) = self.read(|view| Ok(read(view)?))?;
        let at = |error: Error| error.at("read", path);
        let connection = open_to_read(path).map_err(at)?;
        if layout(&connection, path).map_err(at)? == Layout::Empty {
            return Ok(false);
        }
        let (id, is_copy) = read(&connection).map_err(|error| at(error.into()))?;
        Ok(id == own && is_copy)
    }

    /// Writes the catalogue as it is now to a file, and returns what it names.
    fn snapshot(from: &Connection, to: &Path) -> Result<Named> {
        let Some(name) = to.to_str() else {
            let name = to.display().to_string();
            return Err(Error::invalid("folder", name, "its name is not Unicode"));
        };
        // The copy is a file that is written, which counts as a change.
        from.pragma_update(None, "query_only", false)?;
        from.execute("VACUUM INTO ?", [name])?;
        let copy = Connection::open(to)?;
        copy.execute("UPDATE library SET is_copy = 1", [])?;
        let mut files = Vec::new();
        named_files(&copy, &mut files)?;
        let mut statement = copy.prepare("SELECT id FROM run ORDER BY id")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(Named {
            files,
            runs: rows.collect::<rusqlite::Result<_>>()?,
            jobs: jobs::open(&copy)?,
        })
    }

    /// Copies these files, and names those that are damaged.
    fn copy_files(
        &self,
        files: &[NamedFile],
        folder: &Path,
        cancel: &CancelFlag,
    ) -> Result<(BackedUp, Vec<String>)> {
        let to = Blobs::open(folder)?;
        let hold = to.hold()?;
        let mut done = BackedUp {
            folder: folder.to_owned(),
            copied: 0,
            kept: 0,
            size_bytes: 0,
            left_out: Vec::new(),
        };
        let mut damaged = Vec::new();
        for file in files {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if to.problem(&file.hash, file.size_bytes).is_none() {
                done.kept += 1;
            } else if let Some(problem) = file.problem_in(self.blobs()) {
                damaged.push(problem);
                continue;
            } else {
                to.put_file(&hold, &self.blobs().path(&file.hash))?;
                done.copied += 1;
            }
            done.size_bytes += file.size_bytes;
        }
        Ok((done, damaged))
    }

    /// Copies the folders of these runs, and what these jobs were given.
    fn copy_folders(
        &self,
        (of_runs, of_jobs): (&[RunId], &[JobId]),
        folder: &Path,
        copy: &mut FolderCopy<'_>,
    ) -> Result<()> {
        for run in of_runs {
            let below = Path::new(runs::FOLDER).join(run.to_string());
            copy.run(&self.home().join(&below), &folder.join(&below))?;
        }
        for job in of_jobs {
            let job = Path::new(jobs::FOLDER).join(job.to_string());
            let below = job.join(jobs::INPUTS);
            copy.tree(&self.home().join(&below), &folder.join(&below))?;
        }
        Ok(())
    }
}

/// Brings a complete catalogue to the disk and puts it in the place of an earlier one.
fn replace(partial: &Path, path: &Path) -> Result<()> {
    if path.exists() {
        // What a crash left in its log goes into it, and the log goes. That needs the file for ourselves.
        let earlier = Connection::open(path)?;
        let mode = earlier.pragma_update_and_check(None, "journal_mode", "DELETE", |row| {
            row.get::<_, String>(0)
        });
        match mode {
            Ok(mode) if mode == "delete" => {}
            Err(error) if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) => {
                return Err(error.into());
            }
            Ok(_) | Err(_) => {
                let path = path.to_owned();
                return Err(Error::Busy { path });
            }
        }
    }
    fs_err::File::open(partial)?.sync_all()?;
    fs_err::rename(partial, path)?;
    Ok(atomic::sync_folder(
        path.parent().unwrap_or(Path::new(".")),
    )?)
}
