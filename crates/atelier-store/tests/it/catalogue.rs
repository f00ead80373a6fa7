//! Opening, by several at once, after a kill, and what is no catalogue of ours.

use std::sync::Arc;

use atelier_core::{Coded as _, ErrorCode};
use atelier_store::{CATALOGUE, Library};
use rusqlite::Connection;

use crate::{SetClock, Studio, about};

fn open(folder: &std::path::Path) -> Result<Library, atelier_store::Error> {
    Library::open(folder, Arc::new(SetClock::default()))
}

#[test]
fn many_open_a_new_library_at_once_and_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let folder = folder.path();
            scope.spawn(move || {
                let library = open(folder).unwrap();
                library
                    .create_dataset(about(&format!("set {number}")))
                    .unwrap();
            });
        }
    });
    assert_eq!(
        open(folder.path()).unwrap().list_datasets().unwrap().len(),
        8
    );
}

#[test]
fn no_new_library_begins_among_the_files_of_one() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1]);
    let blob = studio.library.blobs().path(&version.images[0].blob);
    let home = studio.path("home");
    drop(studio.library);
    for name in ["", "-wal", "-shm"] {
        let _ = fs_err::remove_file(home.join(format!("{CATALOGUE}{name}")));
    }
    for is_empty in [false, true] {
        if is_empty {
            fs_err::write(home.join(CATALOGUE), "").unwrap();
        }
        let error = open(&home).unwrap_err();
        assert_eq!(error.code(), ErrorCode::DamagedLibrary);
        assert!(error.to_string().contains("blobs"), "{error}");
        assert!(blob.is_file());
    }
    // Without them, one begins.
    fs_err::remove_dir_all(home.join("blobs")).unwrap();
    assert!(open(&home).unwrap().list_datasets().unwrap().is_empty());
}

#[test]
fn what_was_answered_is_there_although_the_process_never_closed_the_library() {
    let studio = Studio::new();
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1]);
    // As a kill leaves it: the log is not yet in the catalogue.
    let copy = studio.path("copy");
    fs_err::create_dir(&copy).unwrap();
    for name in [CATALOGUE.to_owned(), format!("{CATALOGUE}-wal")] {
        let from = studio.path("home").join(&name);
        assert!(fs_err::metadata(&from).unwrap().len() > 0, "{name}");
        fs_err::copy(from, copy.join(name)).unwrap();
    }
    let library = open(&copy).unwrap();
    assert_eq!(library.get_version(dataset.id, None).unwrap(), version);
}

#[test]
fn another_program_s_catalogue_and_a_newer_one_and_a_damaged_one_are_refused_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(CATALOGUE);
    let refused = |code: ErrorCode, expected: &str| {
        let before = fs_err::read(&path).unwrap();
        let error = open(folder.path()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fs_err::read(&path).unwrap(), before);
        fs_err::remove_file(&path).unwrap();
    };
    let foreign = Connection::open(&path).unwrap();
    foreign.execute("CREATE TABLE theirs (x)", []).unwrap();
    drop(foreign);
    refused(ErrorCode::OtherLibrary, "another program's");
    drop(open(folder.path()).unwrap());
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 9999).unwrap();
    drop(newer);
    refused(ErrorCode::OtherLibrary, "version 9999");
    fs_err::write(&path, vec![7; 8192]).unwrap();
    refused(ErrorCode::DamagedLibrary, "not a database");
}

#[test]
fn opening_what_is_up_to_date_writes_nothing() {
    let studio = Studio::new();
    studio.dataset("faces");
    let wal = studio.path("home").join(format!("{CATALOGUE}-wal"));
    let before = fs_err::read(&wal).unwrap();
    assert_eq!(studio.again().list_datasets().unwrap().len(), 1);
    assert_eq!(fs_err::read(&wal).unwrap(), before);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs_err::write(&file, b"").unwrap();
    let error = open(&file.join("home")).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_new_library_is_its_owner_s_alone_and_a_home_that_exists_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let mode =
        |path: &std::path::Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
    let open = |home: &std::path::Path| {
        let clock = std::sync::Arc::<crate::SetClock>::default();
        atelier_store::Library::open(home, clock).unwrap()
    };
    let new = folder.path().join("above/new");
    let library = open(&new);
    for (path, expected) in [("", 0o700), ("blobs", 0o700), ("atelier.db", 0o600)] {
        assert_eq!(mode(&new.join(path)), expected, "{path}");
    }
    let hold = library.blobs().hold().unwrap();
    let hash = library.blobs().put(&hold, b"abc").unwrap();
    assert_eq!(mode(&library.blobs().path(&hash)), 0o400);
    let shared = folder.path().join("shared");
    fs_err::create_dir(&shared).unwrap();
    fs_err::set_permissions(&shared, PermissionsExt::from_mode(0o755)).unwrap();
    open(&shared);
    assert_eq!(mode(&shared), 0o755);
}
