//! Nothing half-written stays behind, and what was there before survives a failure.

use std::io;

use atelier_core::{Coded as _, ErrorCode};
use atelier_weights::atomic::{publish_folder, write_file};

use crate::{file_names, written};

#[test]
fn a_writer_that_fails_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, "a.bin", b"old");
    let error = write_file(&path, |out| {
        out.write_all(&vec![1; 1 << 20])?;
        Err(io::ErrorKind::StorageFull.into())
    })
    .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Io);
    assert!(error.to_string().contains("a.bin"), "{error}");
    assert!(!error.to_string().contains(".partial"), "{error}");
    assert_eq!(fs_err::read(&path).unwrap(), b"old");
    assert_eq!(file_names(folder.path()), ["a.bin"]);
}

#[test]
fn the_final_name_appears_only_when_the_writer_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    write_file(&path, |out| {
        out.write_all(b"new")?;
        assert!(!path.exists());
        Ok(())
    })
    .unwrap();
    assert_eq!(fs_err::read(&path).unwrap(), b"new");
    assert_eq!(file_names(folder.path()), ["a.bin"]);
}

#[test]
fn a_missing_folder_or_a_folder_in_the_way_is_an_error_that_names_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let error = write_file(folder.path().join("no/a.bin"), |_| Ok(())).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Io);
    fs_err::create_dir(folder.path().join("taken")).unwrap();
    let error = write_file(folder.path().join("taken"), |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("taken"), "{error}");
    assert_eq!(file_names(folder.path()), ["taken"]);
}

#[test]
fn a_folder_is_published_whole() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    fs_err::create_dir_all(temporary.join("inner")).unwrap();
    fs_err::write(temporary.join("inner/a"), b"1").unwrap();
    publish_folder(&temporary, folder.path().join("epoch-001")).unwrap();
    assert_eq!(
        fs_err::read(folder.path().join("epoch-001/inner/a")).unwrap(),
        b"1"
    );
    assert_eq!(file_names(folder.path()), ["epoch-001"]);
}

#[test]
fn a_folder_is_not_published_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let (temporary, taken) = (folder.path().join("tmp"), folder.path().join("epoch-001"));
    fs_err::create_dir(&temporary).unwrap();
    fs_err::create_dir(&taken).unwrap();
    let error = publish_folder(&temporary, &taken).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(file_names(folder.path()), ["epoch-001"]);
}
