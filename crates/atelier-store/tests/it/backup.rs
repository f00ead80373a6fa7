//! A backup is a library of its own.

use atelier_store::{CATALOGUE, Library};

use crate::Studio;

#[test]
fn a_backup_opens_as_the_same_library_and_is_brought_up_to_date() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1, 2]);
    let folder = studio.path("backup");
    let done = library.back_up(&folder).unwrap();
    assert_eq!((done.copied, done.kept), (2, 0));
    let newest = studio.add(&dataset, &[3]);
    let open = || Library::open(&folder, studio.clock.clone()).unwrap();
    {
        let copy = open();
        assert_eq!(copy.get_version(dataset.id, None).unwrap(), version);
        assert!(copy.check().unwrap().problems.is_empty());
    }
    let done = library.back_up(&folder).unwrap();
    assert_eq!((done.copied, done.kept), (1, 2));
    let copy = open();
    assert_eq!(copy.get_version(dataset.id, None).unwrap(), newest);
    assert_eq!(copy.check().unwrap().unnamed.len(), 0);
}

#[test]
fn a_backup_mends_its_damaged_files_and_never_takes_over_ours() {
    let studio = Studio::new();
    let library = &studio.library;
    let version = studio.add(&studio.dataset("faces"), &[1, 2]);
    let folder = studio.path("backup");
    library.back_up(&folder).unwrap();
    let hash = &version.pictures[0].blob;
    let there = folder.join("blobs").join(&hash[..2]).join(hash);
    fs_err::remove_file(&there).unwrap();
    fs_err::write(&there, b"half").unwrap();
    assert_eq!(library.back_up(&folder).unwrap().copied, 1);
    let before = fs_err::read(folder.join(CATALOGUE)).unwrap();
    fs_err::remove_file(&there).unwrap();
    fs_err::remove_file(library.blobs().path(hash)).unwrap();
    studio.dataset("second");
    let error = library.back_up(&folder).unwrap_err();
    assert!(error.to_string().contains("is gone"), "{error}");
    assert_eq!(fs_err::read(folder.join(CATALOGUE)).unwrap(), before);
    let names = fs_err::read_dir(&folder).unwrap();
    assert!(names.flatten().all(|entry| {
        let name = entry.file_name();
        !name.to_string_lossy().ends_with(".partial")
    }));
}

#[test]
fn the_library_itself_is_no_place_for_its_backup() {
    let studio = Studio::new();
    let error = studio.library.back_up(&studio.path("home")).unwrap_err();
    assert!(error.to_string().contains("the library itself"), "{error}");
}
