//! The base model inside the program, and its copy on the disk.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use atelier_core::ErrorCode;
use atelier_failure::{CodedResult as _, failed};
use atelier_store::bases_folder::Work;
use atelier_weights::{atomic, sha256_file, sha256_hex};
use include_dir::{Dir, File, include_dir};

use crate::context::App;

/// The name of the embedded base.
pub const NAME: &str = "atelier-mini";

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../assets/atelier-mini");

/// Whether this build of the program holds the base.
pub fn is_present() -> bool {
    FILES.get_file("model_index.json").is_some()
}

/// Number of bytes of the embedded files.
pub fn size_bytes() -> u64 {
    files(&FILES).iter().map(|file| size(file)).sum()
}

/// The folder with the base, unpacked on first use.
pub(crate) fn unpacked(app: &App) -> Result<PathBuf> {
    if !is_present() {
        return Err(failed(
            ErrorCode::NotFound,
            format!("this build of the program holds no `{NAME}`; name another base with `--base`"),
        ));
    }
    let folder = app.settings.bases_folder()?;
    let path = folder.join(format!("{NAME}-{}", &content_hash()[..12]));
    let tell = || {
        let place = path.display();
        app.output
            .note(format_args!("unpacking `{NAME}` to `{place}`"));
    };
    let ready = ready(&folder, &path, tell);
    ready.with_context(|| format!("cannot unpack `{NAME}`"))?;
    Ok(path)
}

/// Unpacks it unless it is there. The first of several requests does so, and the others wait for it.
fn ready(folder: &Path, path: &Path, tell: impl FnOnce()) -> Result<()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    if is_complete(path) {
        return Ok(());
    }
    tell();
    unpack(folder, path)
}

/// A hash of the names and contents of all files. It was computed when the program was built: to do so at every start would read
/// all of the base.
pub fn content_hash() -> &'static str {
    env!("ATELIER_MINI_HASH")
}

/// Writes everything under a temporary name, reads it back, and renames it.
fn unpack(folder: &Path, path: &Path) -> Result<()> {
    let work = Work::begin(folder)?;
    // Another process was quicker, and others read what it made.
    if is_complete(path) {
        return Ok(());
    }
    if path.exists() {
        fs_err::remove_dir_all(path)?;
    }
    let temporary = work.partial(NAME)?;
    let written = write_all(&temporary);
    if written.is_err() {
        let _ = fs_err::remove_dir_all(&temporary);
    }
    written?;
    match atomic::publish_folder(&temporary, path) {
        // The same.
        Err(_) if is_complete(path) => Ok(()),
        published => published.coded(),
    }
}

fn write_all(temporary: &Path) -> Result<()> {
    for file in files(&FILES) {
        let path = temporary.join(file.path());
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::write(&path, file.contents())?;
        if sha256_file(&path).coded()? != sha256_hex(file.contents()) {
            let message = format!("`{}` reads back with other content", path.display());
            return Err(failed(ErrorCode::Io, message));
        }
    }
    Ok(())
}

/// Sizes suffice: the folder appeared as a whole, after its content was checked.
fn is_complete(path: &Path) -> bool {
    files(&FILES).into_iter().all(|file| {
        let found = fs_err::metadata(path.join(file.path()));
        found.is_ok_and(|about| about.is_file() && about.len() == size(file))
    })
}

/// All files, sorted by path.
fn files(folder: &'static Dir<'static>) -> Vec<&'static File<'static>> {
    let mut all: Vec<_> = folder.files().collect();
    all.extend(folder.dirs().flat_map(files));
    all.sort_by_key(|file| file.path());
    all
}

fn size(file: &File<'_>) -> u64 {
    file.contents().len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_embedded_files() {
        let line = |file: &'static File<'static>| {
            let path = file.path().to_string_lossy().replace('\\', "/");
            format!("{path} {}\n", sha256_hex(file.contents()))
        };
        let lines: String = files(&FILES).into_iter().map(line).collect();
        assert_eq!(content_hash(), sha256_hex(lines.as_bytes()));
    }

    #[test]
    fn the_base_is_small_enough_to_ship() {
        // Weights, tokenizer and card, in decimal megabytes.
        assert!(size_bytes() <= 45_000_000, "{} bytes", size_bytes());
    }

    #[test]
    fn a_damaged_copy_is_unpacked_anew_and_nothing_else_remains() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("copy");
        assert!(!is_complete(&path));
        unpack(home.path(), &path).unwrap();
        assert!(is_complete(&path));
        let merges = path.join("tokenizer/merges.txt");
        let whole = fs_err::read(&merges).unwrap();
        fs_err::write(&merges, &whole[1..]).unwrap();
        assert!(!is_complete(&path));
        unpack(home.path(), &path).unwrap();
        assert_eq!(fs_err::read(&merges).unwrap(), whole);
        // The copy, and the file that is locked while one is made.
        assert_eq!(fs_err::read_dir(home.path()).unwrap().count(), 2);
    }

    #[test]
    fn of_many_who_want_it_at_once_one_unpacks_it_and_none_takes_it_from_another() {
        if !is_present() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mini");
        let told = std::sync::atomic::AtomicUsize::new(0);
        let want = || {
            let tell = || {
                told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            };
            ready(folder.path(), &path, tell).unwrap();
            assert!(is_complete(&path));
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(want);
            }
        });
        assert_eq!(told.into_inner(), 1);
        // As another process that looked too early does.
        let before = fs_err::metadata(&path).unwrap().modified().unwrap();
        unpack(folder.path(), &path).unwrap();
        let after = fs_err::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(before, after);
    }
}
