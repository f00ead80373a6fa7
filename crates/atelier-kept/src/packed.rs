//! The folder of packed weights: files of gigabytes that make later starts quick, and that can be made again. The least
//! recently used ones go when together they are more than the user allows, or were not used for a month.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use atelier_core::Clock;
use serde::Serialize;

/// Smaller weights are packed faster than anyone notices.
const LEAST_BYTES: u64 = 256 << 20;
/// What stays free on the disk for everything else.
const SPARE_BYTES: u64 = 5 << 30;
/// How long a file may lie there that nobody uses.
const UNUSED_SECS: f64 = 30.0 * 86400.0;
/// How long a file may be under way.
const UNFINISHED_SECS: f64 = 3600.0;

/// The folder, with what its files may take.
pub struct KeptPacked<'a> {
    folder: Option<PathBuf>,
    most_bytes: u64,
    clock: &'a dyn Clock,
}

/// Where there is room for packed weights, and how much of them is worth a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedRoom {
    /// The folder.
    pub folder: PathBuf,
    /// Smaller files are not worth it.
    pub least_bytes: u64,
    /// For larger ones there is no room.
    pub most_bytes: u64,
}

/// What lies in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackedContents {
    folder: PathBuf,
    files: usize,
    size_bytes: u64,
    most_bytes: u64,
}

impl fmt::Display for PackedContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [size, most] = [self.size_bytes, self.most_bytes].map(|bytes| bytes as f64 / 1e9);
        let files = if self.files == 1 { "file" } else { "files" };
        write!(f, "{} {files}, {size:.1} of at most {most} GB", self.files)
    }
}

struct Entry {
    path: PathBuf,
    size_bytes: u64,
    /// Seconds since the Unix epoch; reading counts, where the file system notes it.
    used_at: f64,
}

impl<'a> KeptPacked<'a> {
    /// Keeps at most so many bytes in a folder; none without one, or with 0.
    pub fn new(folder: Option<PathBuf>, most_bytes: u64, clock: &'a dyn Clock) -> Self {
        Self {
            folder,
            most_bytes,
            clock,
        }
    }

    /// The room in the folder, which is tidied first; nothing where no packed weights are wanted.
    pub fn room(&self) -> Option<PackedRoom> {
        let folder = self.folder.clone()?;
        self.prune(&folder);
        if self.most_bytes == 0 {
            return None;
        }
        let existing = folder.ancestors().find(|folder| folder.is_dir());
        let free_bytes = existing.and_then(|folder| fs4::available_space(folder).ok());
        let free_bytes = free_bytes.unwrap_or(u64::MAX).saturating_sub(SPARE_BYTES);
        Some(PackedRoom {
            folder,
            least_bytes: LEAST_BYTES,
            most_bytes: self.most_bytes.min(free_bytes),
        })
    }

    /// Removes the files whose names begin so.
    pub fn remove(&self, prefix: &str) {
        for entry in self.folder.iter().flat_map(|folder| entries(folder)) {
            if name_of(&entry.path).starts_with(prefix) {
                let _ = fs_err::remove_file(entry.path);
            }
        }
    }

    /// What there is, for people.
    pub fn contents(&self) -> Option<PackedContents> {
        let folder = self.folder.clone()?;
        let entries = entries(&folder);
        Some(PackedContents {
            files: entries.len(),
            size_bytes: entries.iter().map(|entry| entry.size_bytes).sum(),
            most_bytes: self.most_bytes,
            folder,
        })
    }

    fn prune(&self, folder: &Path) {
        let mut entries = entries(folder);
        entries.sort_by(|a, b| b.used_at.total_cmp(&a.used_at));
        let now = self.clock.unix_secs();
        let mut kept_bytes = 0u64;
        for entry in entries {
            let unused_secs = now - entry.used_at;
            let is_partial = name_of(&entry.path).starts_with('.');
            let limit_secs = if is_partial {
                UNFINISHED_SECS
            } else {
                UNUSED_SECS
            };
            let is_over = unused_secs > limit_secs
                || !is_partial && kept_bytes.saturating_add(entry.size_bytes) > self.most_bytes;
            if is_over {
                let _ = fs_err::remove_file(entry.path);
            } else {
                kept_bytes += entry.size_bytes;
            }
        }
    }
}

/// The files of packed weights in a folder, and what became of unfinished ones; nobody else's.
fn entries(folder: &Path) -> Vec<Entry> {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let entries = entries.filter_map(|entry| {
        let path = entry.path();
        let name = name_of(&path);
        let is_packed = name.ends_with(".safetensors") && name.split('-').count() == 5;
        let is_partial = name.starts_with(".atelier-") && name.ends_with(".partial");
        let about = entry.metadata().ok()?;
        let times = [about.accessed(), about.modified()].into_iter().flatten();
        let since = times.filter_map(|time| time.duration_since(UNIX_EPOCH).ok());
        (about.is_file() && (is_packed || is_partial)).then(|| Entry {
            size_bytes: about.len(),
            used_at: since.max().as_ref().map_or(0.0, Duration::as_secs_f64),
            path,
        })
    });
    entries.collect()
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: f64 = 1e9;
    const DAY_SECS: f64 = 86400.0;

    struct Stopped;

    impl Clock for Stopped {
        fn unix_secs(&self) -> f64 {
            NOW
        }
    }

    /// Writes a file that was last used some days before `NOW`.
    fn put(folder: &Path, name: &str, size: usize, days: f64) {
        let path = folder.join(name);
        fs_err::write(&path, vec![0; size]).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs_f64(NOW - days * DAY_SECS);
        let times = std::fs::FileTimes::new()
            .set_accessed(time)
            .set_modified(time);
        let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
        file.file().set_times(times).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs_err::read_dir(folder)
            .unwrap()
            .map(|entry| name_of(&entry.unwrap().path()))
            .collect();
        names.sort();
        names
    }

    fn kept(folder: &Path, most_bytes: u64) -> KeptPacked<'static> {
        KeptPacked::new(Some(folder.to_owned()), most_bytes, &Stopped)
    }

    #[test]
    fn the_least_recently_used_files_go_when_there_are_too_many_bytes() {
        let home = tempfile::tempdir().unwrap();
        for (name, size, days) in [
            ("a-unet-i16-1-16.safetensors", 100, 1.0),
            ("b-unet-f32-1-16.safetensors", 200, 3.0),
            ("c-unet-i8-1-16.safetensors", 50, 2.0),
            ("d-unet-i8-1-16.safetensors", 1, 31.0),
            (".atelier-1.partial", 70, 0.5),
            (".atelier-2.partial", 10, 0.01),
            ("notes-of-the-user.txt", 1000, 90.0),
            ("model.safetensors", 1000, 90.0),
        ] {
            put(home.path(), name, size, days);
        }
        let kept = kept(home.path(), 200);
        assert_eq!(kept.contents().unwrap().files, 6);
        kept.room().unwrap();
        let expected = [
            ".atelier-2.partial",
            "a-unet-i16-1-16.safetensors",
            "c-unet-i8-1-16.safetensors",
            "model.safetensors",
            "notes-of-the-user.txt",
        ];
        assert_eq!(names(home.path()), expected);
        kept.remove("c");
        assert_eq!(names(home.path()).len(), 4);
        assert_eq!(kept.contents().unwrap().size_bytes, 110);
    }

    #[test]
    fn with_no_bytes_allowed_there_is_no_folder_and_what_was_there_goes() {
        let home = tempfile::tempdir().unwrap();
        put(home.path(), "a-unet-i16-1-16.safetensors", 100, 1.0);
        assert!(kept(home.path(), 0).room().is_none());
        assert!(KeptPacked::new(None, 1, &Stopped).room().is_none());
        assert!(names(home.path()).is_empty());
    }
}
