//! Nothing half-written stays behind, and what was there before survives a failure.

use std::io;

use atelier_core::{Coded as _, ErrorCode};
use atelier_weights::Error;
use atelier_weights::atomic::{PartialFolder, publish_folder, write_file, write_new_file};

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

#[test]
fn a_new_file_is_not_written_over_what_came_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    let error = write_new_file(&path, |temporary| {
        write_file(temporary, |out| out.write_all(b"ours"))?;
        fs_err::write(&path, b"mine").unwrap();
        Ok(())
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("a.bin") && !error.contains(".partial"));
    assert!(
        error.contains("exists already; nothing was overwritten"),
        "{error}"
    );
    assert_eq!(fs_err::read(&path).unwrap(), b"mine");
    assert_eq!(file_names(folder.path()), ["a.bin"]);
}

#[test]
fn a_new_file_appears_when_it_is_complete_and_not_when_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    let error = write_new_file(&path, |temporary| -> Result<(), _> {
        Err(Error::Unwritable {
            path: temporary.to_owned(),
            tensor: "t".to_owned(),
            problem: "is bad".to_owned(),
        })
    });
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("a.bin`") && error.contains("is bad"),
        "{error}"
    );
    assert!(file_names(folder.path()).is_empty());
    let written = write_new_file(&path, |temporary| {
        write_file(temporary, |out| out.write_all(b"ours"))?;
        assert!(!path.exists());
        Ok(3)
    });
    assert_eq!(written.unwrap(), 3);
    assert_eq!(fs_err::read(&path).unwrap(), b"ours");
    assert_eq!(file_names(folder.path()), ["a.bin"]);
}

#[test]
fn partial_folders_are_each_their_own_and_become_what_they_were_made_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let [one, other] = [(); 2].map(|()| PartialFolder::beside(&path).unwrap());
    assert_ne!(one.path(), other.path());
    fs_err::write(one.path().join("a"), b"1").unwrap();
    drop(other);
    one.publish(&path).unwrap();
    assert_eq!(file_names(folder.path()), ["out"]);
    assert_eq!(file_names(&path), ["a"]);
}
