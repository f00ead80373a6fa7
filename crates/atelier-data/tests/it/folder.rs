//! Folders of pictures: captions, versions, and bad pictures among good ones.

use std::path::PathBuf;

use atelier_core::{Coded as _, ErrorCode};
use atelier_data::{FolderDataset, Limits, read_folder};
use image::ImageFormat;
use tempfile::TempDir;

use crate::{corners, encoded, written};

/// A folder with this name and these files.
fn folder_with(name: &str, files: &[(&str, &[u8])]) -> (TempDir, PathBuf) {
    let keep = tempfile::tempdir().unwrap();
    let folder = keep.path().join(name);
    fs_err::create_dir(&folder).unwrap();
    for (name, bytes) in files {
        written(&folder, name, bytes);
    }
    (keep, folder)
}

fn png(size: u32) -> Vec<u8> {
    encoded(corners(size, size), ImageFormat::Png)
}

fn read(files: &[(&str, &[u8])], skip_bad: bool) -> atelier_data::Result<FolderDataset> {
    let (_keep, folder) = folder_with("10_my-blob_char", files);
    read_folder(folder, skip_bad, &Limits::default())
}

#[test]
fn captions_come_from_text_files_or_the_folder_name() {
    let picture = png(16);
    let dataset = read(
        &[
            ("c.PNG", &picture),
            ("b.jpeg", &encoded(corners(20, 30), ImageFormat::Jpeg)),
            ("b.txt", "\u{feff}a größe cat,\r\non grass\r\n".as_bytes()),
            ("ユニコード 猫.png", &picture),
            ("ユニコード 猫.txt", "猫".as_bytes()),
            ("a.png", &picture),
            ("a.txt", b""),
            ("notes.md", b"not a picture"),
            (".hidden.png", b"not a picture"),
        ],
        false,
    )
    .unwrap();
    let found: Vec<_> = dataset
        .samples
        .iter()
        .map(|sample| {
            (
                sample.path.file_name().unwrap().to_str().unwrap(),
                sample.caption.as_str(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("a.png", ""),
            ("b.jpeg", "a größe cat, on grass"),
            ("c.PNG", "my blob char"),
            ("ユニコード 猫.png", "猫")
        ]
    );
    assert!(dataset.skipped.is_empty());
    assert_eq!(dataset.samples[0].content_hash.len(), 64);
}

#[test]
fn subfolders_are_not_looked_at() {
    let (_keep, folder) = folder_with("d", &[("a.png", &png(16))]);
    fs_err::create_dir(folder.join("more.png")).unwrap();
    let dataset = read_folder(folder, false, &Limits::default()).unwrap();
    assert_eq!(dataset.samples.len(), 1);
}

#[test]
fn the_version_follows_contents_and_captions_and_not_names() {
    let version = |files: &[(&str, &[u8])]| read(files, false).unwrap().version;
    let (one, two) = (png(16), png(17));
    let before = version(&[("a.png", &one), ("b.png", &two)]);
    assert_eq!(before, version(&[("z.png", &one), ("b.png", &two)]));
    assert_ne!(before, version(&[("a.png", &one)]));
    assert_ne!(
        before,
        version(&[("a.png", &one), ("b.png", &two), ("a.txt", b"words")])
    );
    assert_ne!(before, version(&[("a.png", &one), ("b.png", &png(18))]));
}

#[test]
fn a_folder_without_pictures_is_empty() {
    let error = read(&[("a.txt", b"words")], true).unwrap_err();
    assert_eq!(error.code(), ErrorCode::DatasetEmpty);
    assert!(error.to_string().contains("10_my-blob_char"), "{error}");
    let gone = read_folder(
        tempfile::tempdir().unwrap().path().join("gone"),
        false,
        &Limits::default(),
    );
    assert_eq!(gone.unwrap_err().code(), ErrorCode::NotFound);
}

#[test]
fn all_bad_pictures_are_named_at_once() {
    let good = png(16);
    let files: [(&str, &[u8]); 6] = [
        ("good.png", &good),
        ("cut.png", &good[..60]),
        ("words.jpg", b"words"),
        ("tiny.png", &png(1)),
        ("odd.png", &good),
        ("odd.txt", b"caf\xe9"),
    ];
    let error = read(&files, false).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadPicture);
    let message = error.to_string();
    for part in [
        "cannot use 4 of 5 pictures",
        "`cut.png`: it is damaged",
        "`words.jpg`: its content is not PNG",
        "`tiny.png`: it is too small",
        "`odd.png`: its caption `odd.txt` is not UTF-8 text: byte 3",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let dataset = read(&files, true).unwrap();
    assert_eq!((dataset.samples.len(), dataset.skipped.len()), (1, 4));
    assert_eq!(dataset.skipped[0].path.file_name().unwrap(), "cut.png");
}

#[test]
fn nothing_but_bad_pictures_is_an_error_even_when_they_may_be_skipped() {
    let error = read(&[("words.jpg", b"words")], true).unwrap_err();
    assert_eq!(error.code(), ErrorCode::DatasetEmpty);
    assert!(
        error.to_string().contains("none is usable: `words.jpg`"),
        "{error}"
    );
}
