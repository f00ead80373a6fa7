//! The files of an attempt, by which a worker and the queue speak with each other. Each appears under its name when it is
//! complete. `docs/reference/on-disk.md` describes them.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use fs_err::File;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::manifest::Manifest;
use super::order::{Failed, Order, Report};
use crate::error::{Error, Result};

/// The longest file of ours that is read.
const MOST_BYTES: u64 = 64 << 20;

/// The folder of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFiles {
    folder: PathBuf,
}

impl AttemptFiles {
    /// Those of an attempt in the folder of its job.
    pub fn of(job: &Path, attempt: u32) -> Self {
        let folder = job.join(format!("attempt-{attempt}"));
        Self { folder }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Locked as long as the attempt's worker lives.
    pub fn alive(&self) -> PathBuf {
        self.folder.join(".alive")
    }

    /// There when the attempt is to stop at its next step.
    pub fn stop(&self) -> PathBuf {
        self.folder.join("stop")
    }

    /// What the worker said.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Where drawn pictures lie until they are published.
    pub fn pictures(&self) -> PathBuf {
        self.folder.join("pictures")
    }

    /// Asks the attempt to stop.
    pub fn ask_to_stop(&self) -> Result<()> {
        Ok(fs_err::write(self.stop(), "")?)
    }

    /// Whether it was asked to stop.
    pub fn is_to_stop(&self) -> bool {
        self.stop().exists()
    }

    /// Removes what another attempt of the same number said, as one may have whose catalogue was lost.
    pub(crate) fn forget_others(&self) -> Result<()> {
        for name in ["stop", "done.json", "failed.json", "progress.json"] {
            match fs_err::remove_file(self.folder.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Says what to do.
    pub fn write_order(&self, order: &Order) -> Result<()> {
        self.write("order.json", order)
    }

    /// What to do.
    pub fn read_order(&self) -> Result<Order> {
        let path = self.folder.join("order.json");
        self.read("order.json")?.ok_or_else(|| Error::Unreadable {
            path,
            problem: "there is no such file".to_owned(),
        })
    }

    /// Says how far the work is. Not brought to the disk at once: it tells of a living worker only.
    pub fn write_report(&self, report: &Report) -> Result<()> {
        let text = serde_json::to_vec(report).map_err(std::io::Error::other)?;
        let partial = self.folder.join(".progress.json.partial");
        fs_err::write(&partial, text)?;
        Ok(fs_err::rename(partial, self.folder.join("progress.json"))?)
    }

    /// How far the work is, if that was said.
    pub fn read_report(&self) -> Option<Report> {
        self.read("progress.json").ok().flatten()
    }

    /// Says that all is done.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<()> {
        self.write("done.json", manifest)
    }

    /// What was done, where all is.
    pub fn read_manifest(&self) -> Result<Option<Manifest>> {
        self.read("done.json")
    }

    /// Says why it cannot be done.
    pub fn write_failed(&self, failed: &Failed) -> Result<()> {
        self.write("failed.json", failed)
    }

    /// Why it cannot be done.
    pub fn read_failed(&self) -> Result<Option<Failed>> {
        self.read("failed.json")
    }

    /// The end of the log, from the beginning of a line.
    pub fn log_tail(&self, most_bytes: u64) -> Result<String> {
        let Ok(mut file) = File::open(self.log()) else {
            return Ok(String::new());
        };
        let skipped = file.metadata()?.len().saturating_sub(most_bytes);
        file.seek(SeekFrom::Start(skipped))?;
        let mut bytes = Vec::new();
        file.take(most_bytes).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(match text.split_once('\n') {
            Some((_, rest)) if skipped > 0 => rest.to_owned(),
            _ => text.into_owned(),
        })
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<()> {
        fs_err::create_dir_all(&self.folder)?;
        write_json(&self.folder.join(name), value)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let path = self.folder.join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let read = serde_json::from_reader(std::io::BufReader::new(file.take(MOST_BYTES)));
        read.map(Some).map_err(|error| Error::Unreadable {
            path,
            problem: error.to_string(),
        })
    }
}

/// Writes a file that appears under its name when it is complete, and stays after a loss of power.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.partial"));
    let mut file = File::create(&partial)?;
    serde_json::to_writer(&mut file, value).map_err(std::io::Error::other)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs_err::rename(&partial, path)?;
    sync_folder(path)
}

/// Brings a new name to the disk, where the system can.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(unix)
        && let Some(folder) = path.parent()
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
