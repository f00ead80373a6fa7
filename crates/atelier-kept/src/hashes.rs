//! Hashes of weights that were read once, so that gigabytes are not read again for each picture. One small file per
//! weights file, in the program's own place; it counts only while size and times of the weights are the same.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use atelier_core::Clock;
use atelier_weights::{FileHashes, HashSource, atomic, hash_file, sha256_hex};
use serde::{Deserialize, Serialize};

/// The version of the records' layout.
const FORMAT: u32 = 1;
/// Largest record that is read.
const MAX_BYTES: u64 = 64 << 10;
/// A file that changed later than this before it was read may change again without a trace in its times, since some file
/// systems count in steps of two seconds.
const SETTLED_SECS: f64 = 2.0;
/// What is no record is left alone for so long, since another process may be writing it.
const UNFINISHED_SECS: f64 = 3600.0;

/// The hashes of weights, from a record where one still holds.
pub struct KeptHashes<'a> {
    folder: Option<PathBuf>,
    clock: &'a dyn Clock,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    format: u32,
    /// The file, without links on the way to it.
    path: String,
    #[serde(flatten)]
    stamp: Stamp,
    sha256: String,
    blake3: String,
}

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size_bytes: u64,
    /// Nanoseconds since the Unix epoch.
    modified_ns: u64,
    /// When content, name or owner last changed, which nobody can set; only on Unix.
    changed_ns: Option<u64>,
}

impl<'a> KeptHashes<'a> {
    /// Keeps records in a folder; without one, every file is read.
    pub fn new(folder: Option<PathBuf>, clock: &'a dyn Clock) -> Self {
        Self { folder, clock }
    }

    /// Removes records of files that are gone, and what an interrupted command left.
    pub fn prune(&self) {
        let entries = self.folder.as_deref().map(fs_err::read_dir);
        for entry in entries.into_iter().flatten().flatten().flatten() {
            let path = entry.path();
            let is_over = if let Some(record) = Record::read(&path) {
                !Path::new(&record.path).exists()
            } else {
                let stamp = Stamp::of(&path);
                stamp.is_some_and(|stamp| self.age_secs(stamp) > UNFINISHED_SECS)
            };
            if is_over {
                let _ = fs_err::remove_file(path);
            }
        }
    }

    /// Where the record of a file lies, and what the file is called in it.
    fn place(&self, path: &Path) -> Option<(PathBuf, String)> {
        let folder = self.folder.as_deref()?;
        let path = fs_err::canonicalize(path).ok()?.to_str()?.to_owned();
        let name = format!("{}.json", &sha256_hex(path.as_bytes())[..32]);
        Some((folder.join(name), path))
    }

    /// The files are small, and nothing is lost without them, so that a full disk is no failure.
    fn keep(&self, place: &Path, record: &Record) {
        let Some(folder) = place.parent() else { return };
        if atelier_weights::private::create_dir_all(folder).is_err() {
            return;
        }
        self.prune();
        let text = serde_json::to_string_pretty(record).unwrap_or_default();
        let _ = atomic::write_file(place, |out| writeln!(out, "{text}"));
    }

    fn age_secs(&self, stamp: Stamp) -> f64 {
        self.clock.unix_secs() - stamp.modified_ns as f64 / 1e9
    }
}

impl fmt::Debug for KeptHashes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptHashes({:?})", self.folder)
    }
}

impl HashSource for KeptHashes<'_> {
    fn hashes(&self, path: &Path) -> atelier_weights::Result<FileHashes> {
        let (Some((place, name)), Some(stamp)) = (self.place(path), Stamp::of(path)) else {
            return hash_file(path);
        };
        let known = Record::read(&place).filter(|record| record.is_of(&name, stamp));
        if let Some(record) = known {
            return Ok(record.hashes(path));
        }
        let is_settled = self.age_secs(stamp) >= SETTLED_SECS;
        let hashes = hash_file(path)?;
        if is_settled && Stamp::of(path) == Some(stamp) {
            let record = Record {
                format: FORMAT,
                path: name,
                stamp,
                sha256: hashes.sha256.clone(),
                blake3: hashes.blake3.clone(),
            };
            self.keep(&place, &record);
        }
        Ok(hashes)
    }
}

impl Record {
    /// None where there is none, or a damaged one.
    fn read(place: &Path) -> Option<Self> {
        let is_small = fs_err::metadata(place).ok()?.len() <= MAX_BYTES;
        let text = is_small.then(|| fs_err::read(place).ok())??;
        let record: Self = serde_json::from_slice(&text).ok()?;
        let is_hash = |hash: &str| {
            hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_sound =
            record.format == FORMAT && is_hash(&record.sha256) && is_hash(&record.blake3);
        is_sound.then_some(record)
    }

    fn is_of(&self, path: &str, stamp: Stamp) -> bool {
        self.path == path && self.stamp == stamp
    }

    fn hashes(self, path: &Path) -> FileHashes {
        FileHashes {
            path: path.to_owned(),
            size_bytes: self.stamp.size_bytes,
            sha256: self.sha256,
            blake3: self.blake3,
        }
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let about = fs_err::metadata(path).ok()?;
        Some(Self {
            size_bytes: about.len(),
            modified_ns: nanoseconds(about.modified().ok()?)?,
            changed_ns: changed_ns(&about),
        })
    }
}

fn nanoseconds(time: SystemTime) -> Option<u64> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

#[cfg(unix)]
fn changed_ns(about: &std::fs::Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let secs = u64::try_from(about.ctime()).ok()?;
    let rest = u64::try_from(about.ctime_nsec()).ok()?;
    secs.checked_mul(1_000_000_000)?.checked_add(rest)
}

#[cfg(not(unix))]
fn changed_ns(_about: &std::fs::Metadata) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fs_err::File;
    use tempfile::TempDir;

    use super::*;

    /// A clock that stands still.
    struct Stopped(f64);

    impl Clock for Stopped {
        fn unix_secs(&self) -> f64 {
            self.0
        }
    }

    /// A file with a content, last changed at `secs`.
    fn file(folder: &TempDir, content: &str, secs: f64) -> PathBuf {
        let path = folder.path().join("weights");
        fs_err::write(&path, content).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs_f64(secs);
        File::open(&path)
            .unwrap()
            .file()
            .set_modified(time)
            .unwrap();
        path
    }

    fn sha256(folder: &TempDir, now: f64, path: &Path) -> String {
        let kept = Some(folder.path().join("hashes"));
        KeptHashes::new(kept, &Stopped(now))
            .hashes(path)
            .unwrap()
            .sha256
    }

    fn records(folder: &TempDir) -> Vec<PathBuf> {
        let entries = fs_err::read_dir(folder.path().join("hashes"));
        let entries = entries.into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Writes other hashes into the only record, so that it is seen whether it is used.
    fn forge(folder: &TempDir) -> String {
        let place = records(folder).remove(0);
        let mut record = Record::read(&place).unwrap();
        record.sha256 = "f".repeat(64);
        fs_err::write(&place, serde_json::to_vec(&record).unwrap()).unwrap();
        record.sha256
    }

    #[test]
    fn a_file_is_read_once_while_it_stays_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "abc", 1000.0);
        assert_eq!(sha256(&folder, 2000.0, &path), sha256_hex(b"abc"));
        let forged = forge(&folder);
        assert_eq!(sha256(&folder, 3000.0, &path), forged);
        let kept = KeptHashes::new(Some(folder.path().join("hashes")), &Stopped(3000.0));
        assert_eq!(kept.hashes(&path).unwrap().path, path);
    }

    #[test]
    fn another_size_or_time_means_reading_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "abc", 1000.0);
        for (content, secs) in [("abcd", 1000.0), ("abcd", 1_000.000_000_5), ("x", 1100.0)] {
            sha256(&folder, 2000.0, &path);
            forge(&folder);
            file(&folder, content, secs);
            let found = sha256(&folder, 2000.0, &path);
            assert_eq!(found, sha256_hex(content.as_bytes()), "{content} {secs}");
            assert_eq!(records(&folder).len(), 1);
        }
    }

    #[cfg(unix)]
    #[test]
    fn another_content_of_the_same_size_under_the_same_time_means_reading_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "abc", 1000.0);
        sha256(&folder, 2000.0, &path);
        let before = Stamp::of(&path);
        // The clock of the file system goes in steps.
        while Stamp::of(&path) == before {
            file(&folder, "abd", 1000.0);
        }
        assert_eq!(sha256(&folder, 2000.0, &path), sha256_hex(b"abd"));
    }

    #[test]
    fn a_file_that_has_just_changed_is_not_recorded() {
        let folder = tempfile::tempdir().unwrap();
        for now in [1000.0, 1001.9, 900.0] {
            let path = file(&folder, "abc", 1000.0);
            assert_eq!(sha256(&folder, now, &path), sha256_hex(b"abc"));
            assert_eq!(records(&folder).len(), 0, "{now}");
        }
    }

    #[test]
    fn a_damaged_record_means_reading_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "abc", 1000.0);
        sha256(&folder, 2000.0, &path);
        let place = records(&folder).remove(0);
        let sound = fs_err::read_to_string(&place).unwrap();
        let short = sound.replace(&sha256_hex(b"abc"), "abc");
        let newer = sound.replace("\"format\": 1", "\"format\": 2");
        let elsewhere = sound.replace("weights", "others");
        for text in ["", "{}", "[1]", &sound[..40], &short, &newer, &elsewhere] {
            fs_err::write(&place, text).unwrap();
            assert_eq!(sha256(&folder, 2000.0, &path), sha256_hex(b"abc"), "{text}");
            assert_eq!(fs_err::read_to_string(&place).unwrap(), sound, "{text}");
        }
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "abc", 1000.0);
        let kept = KeptHashes::new(None, &Stopped(2000.0));
        assert_eq!(kept.hashes(&path).unwrap().sha256, sha256_hex(b"abc"));
        assert_eq!(records(&folder).len(), 0);
    }

    #[test]
    fn records_of_files_that_are_gone_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "abc", 1000.0);
        sha256(&folder, 2000.0, &path);
        let old = folder.path().join("hashes/.atelier-0.partial");
        fs_err::write(&old, "").unwrap();
        let kept = |now| KeptHashes::new(Some(folder.path().join("hashes")), now);
        kept(&Stopped(2000.0)).prune();
        assert_eq!(records(&folder).len(), 2);
        fs_err::remove_file(path).unwrap();
        kept(&Stopped(1e12)).prune();
        assert_eq!(records(&folder).len(), 0);
    }
}
