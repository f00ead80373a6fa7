//! A backup is a library of its own.

use atelier_core::CancelFlag;
use atelier_store::{CATALOGUE, Library, check};

use crate::Studio;

#[test]
fn a_backup_opens_as_the_same_library_and_is_brought_up_to_date() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1, 2]);
    let folder = studio.path("backup");
    let done = library.back_up(&folder, &CancelFlag::default()).unwrap();
    assert_eq!((done.copied, done.kept), (2, 0));
    let newest = studio.add(&dataset, &[3]);
    let open = || Library::open(&folder, studio.clock.clone()).unwrap();
    {
        let copy = open();
        assert_eq!(copy.get_version(dataset.id, None).unwrap(), version);
        assert!(
            check(&folder, &CancelFlag::default())
                .unwrap()
                .problems
                .is_empty()
        );
    }
    let done = library.back_up(&folder, &CancelFlag::default()).unwrap();
    assert_eq!((done.copied, done.kept), (1, 2));
    let copy = open();
    assert_eq!(copy.get_version(dataset.id, None).unwrap(), newest);
    assert_eq!(
        check(&folder, &CancelFlag::default())
            .unwrap()
            .unnamed
            .len(),
        0
    );
}

#[test]
fn a_backup_mends_its_damaged_files_and_never_takes_over_ours() {
    let studio = Studio::new();
    let library = &studio.library;
    let version = studio.add(&studio.dataset("faces"), &[1, 2]);
    let folder = studio.path("backup");
    library.back_up(&folder, &CancelFlag::default()).unwrap();
    let hash = &version.images[0].blob;
    let there = folder.join("blobs").join(&hash[..2]).join(hash);
    fs_err::remove_file(&there).unwrap();
    fs_err::write(&there, vec![7; version.images[0].size_bytes as usize]).unwrap();
    assert_eq!(
        library
            .back_up(&folder, &CancelFlag::default())
            .unwrap()
            .copied,
        1
    );
    let before = fs_err::read(folder.join(CATALOGUE)).unwrap();
    fs_err::remove_file(&there).unwrap();
    fs_err::remove_file(library.blobs().path(hash)).unwrap();
    studio.dataset("second");
    let error = library
        .back_up(&folder, &CancelFlag::default())
        .unwrap_err();
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
    let error = studio
        .library
        .back_up(&studio.path("home"), &CancelFlag::default())
        .unwrap_err();
    assert!(error.to_string().contains("the library itself"), "{error}");
}

#[test]
fn a_backup_that_was_worked_with_and_another_library_are_not_replaced() {
    let studio = Studio::new();
    let library = &studio.library;
    studio.dataset("faces");
    let folder = studio.path("backup");
    let back_up = |folder| library.back_up(folder, &CancelFlag::default());
    back_up(&folder).unwrap();
    let other = Studio::new();
    let theirs = other.path("home");
    for folder in [&folder, &theirs] {
        let copy = Library::open(folder, studio.clock.clone()).unwrap();
        copy.create_dataset(crate::about("made there")).unwrap();
        let error = back_up(folder).unwrap_err().to_string();
        assert!(error.contains("another library in it"), "{error}");
        assert!(copy.find_dataset("made there").is_ok());
    }
    let none = Library::open_existing(&studio.path("absent"), studio.clock.clone());
    assert!(none.is_err() && !studio.path("absent").exists());
}

#[test]
fn a_backup_that_a_program_has_open_is_left_to_it() {
    let studio = Studio::new();
    studio.dataset("faces");
    let folder = studio.path("backup");
    let back_up = || studio.library.back_up(&folder, &CancelFlag::default());
    back_up().unwrap();
    let open = Library::open(&folder, studio.clock.clone()).unwrap();
    assert_eq!(open.list_datasets().unwrap().len(), 1);
    studio.dataset("second");
    assert!(
        back_up()
            .unwrap_err()
            .to_string()
            .contains("another process")
    );
    assert_eq!(open.list_datasets().unwrap().len(), 1);
    drop(open);
    back_up().unwrap();
}
