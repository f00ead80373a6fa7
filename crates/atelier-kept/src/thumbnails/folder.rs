//! The folder of thumbnails. When it is too large, those that were made first go.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use atelier_data::thumbnail::{Part, rounded_up};
use atelier_weights::{Error, Result, atomic, private};

/// How much of the room is left when it was too little.
const KEPT_QUARTERS: u64 = 3;

/// The folder.
#[derive(Debug)]
pub struct Thumbnails {
    folder: PathBuf,
    most_bytes: u64,
    /// What lies there; unknown until the first one is added.
    size_bytes: Mutex<Option<u64>>,
}

/// The name of a thumbnail: what it shows of which picture, and how large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    hash: String,
    rest: String,
    /// Its longer side.
    pub side: u32,
}

impl Name {
    /// That of a part of the picture with this hash; nothing when the side is larger than any that is made.
    pub fn of(hash: &str, part: Part, side: u32) -> Option<Self> {
        let side = rounded_up(side)?;
        let rest = match part {
            Part::Whole => format!("{side}"),
            Part::Square(None) => format!("{side}-middle"),
            Part::Square(Some(crop)) => {
                format!("{side}-{}-{}-{}", crop.left, crop.top, crop.side)
            }
        };
        let hash = hash.to_owned();
        Some(Self { hash, rest, side })
    }

    /// Changes when the thumbnail does.
    pub fn etag(&self) -> String {
        format!("\"{}-{}\"", self.hash, self.rest)
    }
}

impl Thumbnails {
    /// Those in a folder, which may not be there yet.
    pub fn new(folder: PathBuf, most_bytes: u64) -> Self {
        Self {
            folder,
            most_bytes,
            size_bytes: Mutex::default(),
        }
    }

    fn path(&self, name: &Name) -> PathBuf {
        let Name { hash, rest, .. } = name;
        let prefix = hash.get(..2).unwrap_or("xx");
        self.folder.join(prefix).join(format!("{hash}-{rest}.jpg"))
    }

    /// One that was made before.
    pub fn get(&self, name: &Name) -> Option<Vec<u8>> {
        let bytes = fs_err::read(self.path(name)).ok()?;
        // A loss of power can leave a file without its content.
        let is_whole = bytes.starts_with(&[0xff, 0xd8]) && bytes.ends_with(&[0xff, 0xd9]);
        is_whole.then_some(bytes)
    }

    /// Keeps one.
    pub fn put(&self, name: &Name, jpeg: &[u8]) -> Result<()> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.folder);
        private::create_dir_all(folder).map_err(|error| Error::io("write", folder, error))?;
        atomic::write_file_lazily(&path, |to| to.write_all(jpeg))?;
        let size = self.size_bytes.lock();
        let mut size = size.unwrap_or_else(PoisonError::into_inner);
        let now = match *size {
            None => total(&files(&self.folder)),
            Some(before) => before + jpeg.len() as u64,
        };
        *size = Some(if now > self.most_bytes {
            self.shrink()
        } else {
            now
        });
        Ok(())
    }

    /// Removes the oldest, and says what is left.
    fn shrink(&self) -> u64 {
        let mut files = files(&self.folder);
        files.sort_by_key(|file| file.made);
        let mut left = total(&files);
        for file in files {
            if left <= self.most_bytes / 4 * KEPT_QUARTERS {
                break;
            }
            // Whoever has it open keeps it; what cannot be removed is tried again the next time.
            if fs_err::remove_file(&file.path).is_ok() {
                left = left.saturating_sub(file.size_bytes);
            }
        }
        left
    }
}

struct Kept {
    path: PathBuf,
    size_bytes: u64,
    made: SystemTime,
}

fn total(files: &[Kept]) -> u64 {
    files.iter().map(|file| file.size_bytes).sum()
}

/// The files of all folders below; what cannot be read is passed over.
fn files(folder: &Path) -> Vec<Kept> {
    let entries = |folder: &Path| {
        let entries = fs_err::read_dir(folder).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path()))
    };
    let paths = entries(folder).flat_map(|folder| entries(&folder).collect::<Vec<_>>());
    let files = paths.filter_map(|path| {
        let about = fs_err::metadata(&path).ok()?;
        Some(Kept {
            size_bytes: about.len(),
            made: about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            path,
        })
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(length: usize) -> Vec<u8> {
        [&[0xff, 0xd8][..], &vec![0; length - 4], &[0xff, 0xd9]].concat()
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let thumbnails = Thumbnails::new(folder.path().to_owned(), 1000);
        let name = |number: u8| {
            let hash = format!("{number:064x}");
            Name::of(&hash, Part::Whole, 200).unwrap()
        };
        for number in 0..5 {
            thumbnails.put(&name(number), &jpeg(240)).unwrap();
            let made = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number.into());
            if let Ok(file) = fs_err::File::open(thumbnails.path(&name(number))) {
                file.set_modified(made).unwrap();
            }
        }
        let kept = (0..5).filter(|number| thumbnails.get(&name(*number)).is_some());
        // The fifth was one too many; then the two oldest had to go, for there to be room again.
        assert_eq!(kept.collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn a_file_without_its_end_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let thumbnails = Thumbnails::new(folder.path().to_owned(), 1000);
        let name = Name::of(&"a".repeat(64), Part::Square(None), 65).unwrap();
        assert_eq!((name.side, thumbnails.get(&name)), (128, None));
        thumbnails.put(&name, &jpeg(100)).unwrap();
        assert_eq!(thumbnails.get(&name).unwrap().len(), 100);
        fs_err::write(thumbnails.path(&name), b"").unwrap();
        assert_eq!(thumbnails.get(&name), None);
        assert_eq!(Name::of("a", Part::Whole, 1025), None);
    }
}
