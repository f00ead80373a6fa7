//! Whether the catalogue is sound, and every file is what it says. Works on a damaged catalogue too, and changes nothing.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use atelier_core::CancelFlag;
use rusqlite::{Connection, Transaction};
use serde::Serialize;

use crate::blobs::{Blobs, FileProblem, Hold, file_problem};
use crate::datasets::hash_problems;
use crate::error::{Error, Result};
use crate::library::still::{self, Still};
use crate::library::{CATALOGUE, Layout, layout, newest_layout, open_to_read, refuse_lost};
use crate::models::lineage_problems;
use crate::path_text;
use crate::runs::{self, Noted, is_run, noted, unnamed_folders};
use crate::trash::named;

/// Problems of the database itself that are listed.
const MOST_DATABASE_PROBLEMS: usize = 20;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The catalogue.
    #[serde(serialize_with = "path_text::one")]
    pub catalogue: PathBuf,
    /// Datasets, those in the trash too.
    pub datasets: u64,
    /// Versions of them.
    pub versions: u64,
    /// Runs, those in the trash too.
    pub runs: u64,
    /// Models, those in the trash too.
    pub models: u64,
    /// Jobs.
    pub jobs: u64,
    /// Drawn pictures, those in the trash too.
    pub pictures: u64,
    /// Why it was read as it lies there, with nobody kept from changing it; nothing where others were.
    pub obstacle: Option<String>,
    /// Files that the catalogue names.
    pub files: u64,
    /// Their size together.
    pub size_bytes: u64,
    /// What is wrong, in words; empty when all is well.
    pub problems: Vec<String>,
    /// Files that nothing names, and folders of runs. They take room and do no harm; emptying the trash removes those of ours.
    #[serde(serialize_with = "path_text::all")]
    pub unnamed: Vec<PathBuf>,
}

/// A file that the catalogue names, and who has it.
pub(crate) struct NamedFile {
    pub(crate) hash: String,
    pub(crate) size_bytes: u64,
    owner: Option<String>,
}

impl NamedFile {
    /// What is wrong with the file, in words.
    pub(crate) fn problem_in(&self, blobs: &Blobs) -> Option<String> {
        let problem = blobs.problem(&self.hash, self.size_bytes)?;
        let owner = self.owner.as_ref();
        let owner = owner.map_or_else(String::new, |owner| format!(" of {owner}"));
        Some(format!("the file `{}`{owner} {problem}", self.hash))
    }
}

/// Reads the whole catalogue of the library in a folder and every file, which takes as long as reading them takes. Where nothing
/// can be written, such as in a copy on a disk that is only read, it is read as it lies there.
///
/// # Errors
/// When there is no library, or one that this program does not know, or it is read as it lies there and is changed meanwhile; what
/// is damaged is no error but a problem.
pub fn check(home: &Path, cancel: &CancelFlag) -> Result<Checked> {
    let path = home.join(CATALOGUE);
    if !path.exists() {
        refuse_lost(home, &path)?;
        let home = home.to_owned();
        return Err(Error::NoLibrary { home });
    }
    let blobs = Blobs::open(home)?;
    let mut checked = Checked {
        catalogue: path.clone(),
        ..Checked::default()
    };
    let Opened {
        mut connection,
        guard,
    } = match open(&path, &blobs) {
        Ok(opened) => opened,
        Err(Error::DamagedCatalogue { problem, .. }) => {
            checked.problems.push(format!("the catalogue: {problem}"));
            return Ok(checked);
        }
        Err(error) => return Err(error),
    };
    if let Guard::None { obstacle, .. } = &guard {
        checked.obstacle = Some(obstacle.to_string());
    }
    let view = connection.transaction()?;
    let (mut files, mut checkpoints) = (Vec::new(), Vec::new());
    let parts: [(&str, Result<()>); 11] = [
        ("the database", of_database(&view, &mut checked.problems)),
        ("datasets", count(&view, "dataset", &mut checked.datasets)),
        (
            "versions",
            count(&view, "dataset_version", &mut checked.versions),
        ),
        (
            "hashes of versions",
            hash_problems(&view, &mut checked.problems),
        ),
        ("runs", count(&view, "run", &mut checked.runs)),
        ("models", count(&view, "model", &mut checked.models)),
        ("jobs", count(&view, "job", &mut checked.jobs)),
        ("pictures", count(&view, "picture", &mut checked.pictures)),
        (
            "lineage of models",
            lineage_problems(&view, &mut checked.problems),
        ),
        ("files", named_files(&view, &mut files)),
        (
            "checkpoints",
            noted(&view, &home.join(runs::FOLDER)).map(|found| checkpoints = found),
        ),
    ];
    for (what, found) in parts {
        if let Err(error) = found {
            checked
                .problems
                .push(format!("{what} cannot be read: {error}"));
        }
    }
    let names: HashSet<String> = named(&view).unwrap_or_default();
    checked.unnamed = blobs.unnamed(&names)?;
    let unnamed = unnamed_folders(home, |id| is_run(&view, id));
    checked.unnamed.extend(unnamed.unwrap_or_default());
    for file in files {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        checked.files += 1;
        checked.size_bytes += file.size_bytes;
        checked.problems.extend(file.problem_in(&blobs));
    }
    of_checkpoints(&checkpoints, cancel, &mut checked.problems)?;
    guard.check(&path)?;
    Ok(checked)
}

/// Names the adapters in the folders of runs that are not what was noted. Those that are gone are missed where their run is
/// not in the trash.
fn of_checkpoints(
    checkpoints: &[Noted],
    cancel: &CancelFlag,
    problems: &mut Vec<String>,
) -> Result<()> {
    for noted in checkpoints {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let written = noted.written.iter();
        let found = written.map(|(hash, size_bytes)| file_problem(&noted.path, hash, *size_bytes));
        // It is one of these; else what is wrong is told by the last.
        let found = found.reduce(Option::and);
        let found = match found.flatten() {
            None => continue,
            Some(FileProblem::Gone) if noted.is_trashed => continue,
            Some(FileProblem::Content) => "has another content than the run wrote".to_owned(),
            Some(problem) => problem.to_string(),
        };
        problems.push(format!("the checkpoint of {} {found}", noted.what));
    }
    Ok(())
}

/// A catalogue that is read.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) guard: Guard,
}

/// What keeps files from being removed between their rows and the look at them.
pub(crate) enum Guard {
    /// Others wait until the end.
    Held { _hold: Hold },
    /// Nothing could be locked; the file of the catalogue was this.
    None { still: Still, obstacle: Error },
}

impl Guard {
    /// Refuses what was read while others changed it.
    pub(crate) fn check(&self, path: &Path) -> Result<()> {
        match self {
            Self::None { still, .. } if !still.holds(path) => Err(Error::Busy {
                path: path.to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// Opens a catalogue to read it with the files that it names. Where nothing can be written, it is read as it lies there.
pub(crate) fn open(path: &Path, blobs: &Blobs) -> Result<Opened> {
    let as_others = || {
        let hold = blobs.hold()?;
        Ok(Opened {
            connection: todays(open_to_read(path)?, path)?,
            guard: Guard::Held { _hold: hold },
        })
    };
    let opened = as_others().map_err(|error: Error| error.at("read", path));
    match opened {
        Err(obstacle) if obstacle.keeps_from_writing() => {
            let Some(still) = Still::of(path) else {
                return Err(obstacle);
            };
            let guard = Guard::None { still, obstacle };
            let connection = still::open(path).and_then(|connection| todays(connection, path));
            // what looks damaged may be half of a change
            guard.check(path)?;
            Ok(Opened {
                connection: connection.map_err(|error| error.at("read", path))?,
                guard,
            })
        }
        opened => opened,
    }
}

/// The connection, where its catalogue has today's layout.
fn todays(connection: Connection, path: &Path) -> Result<Connection> {
    match layout(&connection, path)? {
        Layout::Done(layout) if layout < newest_layout() => Err(Error::OldCatalogue {
            path: path.to_owned(),
            layout,
            newest: newest_layout(),
        }),
        _ => Ok(connection),
    }
}

fn count(view: &Transaction<'_>, table: &str, to: &mut u64) -> Result<()> {
    let query = format!("SELECT count(*) FROM {table}");
    *to = view.query_row(&query, [], |row| row.get(0))?;
    Ok(())
}

/// The files that a catalogue names, in the order of their hashes; of a damaged one those that come before the damage.
pub(crate) fn named_files(view: &Connection, files: &mut Vec<NamedFile>) -> Result<()> {
    let mut statement = view.prepare(
        "SELECT b.hash, b.size_bytes, \
           coalesce((SELECT '`' || i.file_name || '` in dataset `' || d.name || '`' FROM image i JOIN dataset d \
              ON d.id = i.dataset WHERE i.blob = b.hash LIMIT 1), \
             (SELECT 'model `' || m.name || '`' FROM model m WHERE m.blob = b.hash LIMIT 1), \
             (SELECT 'picture `' || p.id || '`' FROM picture p WHERE p.blob = b.hash LIMIT 1), \
             (SELECT 'start picture `' || s.name || '`' FROM start_picture s WHERE s.blob = b.hash LIMIT 1)) \
         FROM blob b ORDER BY b.hash",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(NamedFile {
            hash: row.get(0)?,
            size_bytes: row.get(1)?,
            owner: row.get(2)?,
        })
    })?;
    for row in rows {
        files.push(row?);
    }
    Ok(())
}

fn of_database(view: &Transaction<'_>, problems: &mut Vec<String>) -> Result<()> {
    let check = format!("PRAGMA integrity_check({MOST_DATABASE_PROBLEMS})");
    let mut statement = view.prepare(&check)?;
    for row in statement.query_map([], |row| row.get::<_, String>(0))? {
        let words = row?;
        if words != "ok" {
            problems.push(format!("the database: {words}"));
        }
    }
    let mut statement = view.prepare("PRAGMA foreign_key_check")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(2)?))
    })?;
    for row in rows.take(MOST_DATABASE_PROBLEMS) {
        let (table, other) = row?;
        problems.push(format!(
            "a row of `{table}` names one of `{other}` that is not there"
        ));
    }
    Ok(())
}
