//! Damage is found and named.

use atelier_core::{CancelFlag, Coded as _, ErrorCode};
use atelier_store::{CATALOGUE, Library, check};
use rusqlite::Connection;

use crate::Studio;
use crate::runs::{completed, run_of, write_epoch};

#[test]
fn a_sound_library_has_no_problems() {
    let studio = Studio::new();
    studio.add(&studio.dataset("a"), &[1, 2]);
    studio.add(&studio.dataset("b"), &[2, 3]);
    let checked = studio.check();
    assert_eq!(
        (checked.datasets, checked.versions, checked.files),
        (2, 4, 3)
    );
    assert!(checked.size_bytes > 100);
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
}

#[test]
fn an_earlier_layout_is_no_damage() {
    let studio = Studio::new();
    let folder = studio.path("earlier");
    let library = studio.library.back_up(&folder, &CancelFlag::default());
    library.unwrap();
    let catalogue = Connection::open(folder.join(CATALOGUE)).unwrap();
    catalogue.pragma_update(None, "user_version", 3).unwrap();
    drop(catalogue);
    let error = check(&folder, &CancelFlag::default()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Conflict);
    assert!(error.to_string().contains("version 3"), "{error}");
}

#[test]
fn a_copy_where_nothing_can_be_written_is_checked_as_it_lies_there() {
    let studio = Studio::new();
    let version = studio.add(&studio.dataset("faces"), &[1, 2]);
    let folder = studio.path("copy");
    let cancel = CancelFlag::default();
    studio.library.back_up(&folder, &cancel).unwrap();
    // A lock that cannot be opened to be written, whoever asks.
    let lock = folder.join("blobs/.lock");
    fs_err::remove_file(&lock).ok();
    fs_err::create_dir(&lock).unwrap();
    let names = || {
        let entries = fs_err::read_dir(&folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let checked = check(&folder, &cancel).unwrap();
    assert_eq!((checked.datasets, checked.files), (1, 2));
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    assert!(
        checked
            .obstacle
            .is_some_and(|obstacle| obstacle.contains(".lock"))
    );
    assert_eq!(names(), before);
    assert_eq!(studio.check().obstacle, None);
    // From such a disk too, everything is saved.
    let saved = studio.path("saved");
    let there = Library::open_to_look(&folder, studio.clock.clone()).unwrap();
    assert_eq!(there.back_up(&saved, &cancel).unwrap().copied, 2);
    drop(there);
    let checked = check(&saved, &cancel).unwrap();
    assert_eq!((checked.datasets, checked.files), (1, 2));
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    let hash = &version.images[0].blob;
    let file = folder.join("blobs").join(&hash[..2]).join(hash);
    fs_err::remove_file(file).unwrap();
    let checked = check(&folder, &cancel).unwrap();
    assert_eq!(checked.problems.len(), 1, "{:?}", checked.problems);
    // Changes that lie in the log only would be missed.
    fs_err::write(folder.join(format!("{CATALOGUE}-wal")), b"a change").unwrap();
    let error = check(&folder, &cancel).unwrap_err();
    assert!(error.to_string().contains(".lock"), "{error}");
}

#[test]
fn files_that_are_gone_or_changed_and_rows_that_were_forged_are_named() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    let version = studio.add(&dataset, &[1, 2]);
    let blob = |index: usize| library.blobs().path(&version.images[index].blob);
    fs_err::remove_file(blob(0)).unwrap();
    fs_err::remove_file(blob(1)).unwrap();
    fs_err::write(blob(1), vec![0; version.images[1].size_bytes as usize]).unwrap();
    fs_err::write(blob(1).with_file_name("stray"), b"").unwrap();
    let forged = Connection::open(library.catalogue()).unwrap();
    forged
        .execute(
            "UPDATE image SET caption = 'forged' WHERE caption = 'grey 1'",
            [],
        )
        .unwrap();
    let checked = studio.check();
    let found = |words: &str| {
        checked
            .problems
            .iter()
            .any(|problem| problem.contains(words))
    };
    assert_eq!(checked.problems.len(), 3, "{:?}", checked.problems);
    assert!(found("is gone") && found("another content"));
    assert!(found(
        "version 2 of dataset `faces` is not what its hash says"
    ));
    assert_eq!(checked.unnamed.len(), 1);
}

#[test]
fn checkpoints_that_are_damaged_are_named_and_those_that_are_gone_until_their_run_is_deleted() {
    let studio = Studio::new();
    let library = &studio.library;
    let dataset = studio.dataset("faces");
    studio.add(&dataset, &[1]);
    let run = run_of(&studio, &dataset);
    let (_, sitting) = library.begin_run(run.id).unwrap();
    write_epoch(&run, 1);
    write_epoch(&run, 2);
    library.end_run(sitting, completed()).unwrap();
    assert_eq!(studio.check().problems, [""; 0]);
    let checkpoints = library.list_checkpoints(run.id).unwrap();
    fs_err::remove_dir_all(run.folder.join("checkpoints/epoch-001")).unwrap();
    let length = checkpoints[1].size_bytes as usize;
    fs_err::write(&checkpoints[1].path, vec![7; length]).unwrap();
    let gone = "the checkpoint of epoch 1 of run `faces-1` is gone";
    let other = "the checkpoint of epoch 2 of run `faces-1` has another content than the run wrote";
    assert_eq!(studio.check().problems, [gone, other]);
    library.delete_run(run.id).unwrap();
    assert_eq!(studio.check().problems, [other]);
}

#[test]
fn a_catalogue_that_is_no_database_any_more_is_a_problem_and_no_failure_of_the_check() {
    let studio = Studio::new();
    studio.dataset("faces");
    let home = studio.path("copy");
    fs_err::create_dir(&home).unwrap();
    fs_err::write(home.join(atelier_store::CATALOGUE), vec![7; 8192]).unwrap();
    let check = |home| atelier_store::check(home, &atelier_core::CancelFlag::default());
    let checked = check(&home).unwrap();
    assert_eq!(checked.problems.len(), 1, "{:?}", checked.problems);
    assert!(check(&studio.path("absent")).is_err());
}
