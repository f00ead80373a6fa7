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
fn a_picture_that_was_changed_since_is_refused() {
    let (_keep, folder) = folder_with("pictures", &[("a.png", &png(16))]);
    let dataset = read_folder(&folder, false, &Limits::default()).unwrap();
    let sample = &dataset.samples[0];
    let picture = sample.picture(&Limits::default()).unwrap();
    assert_eq!([picture.width, picture.height], [16, 16]);
    written(&folder, "a.png", &png(8));
    let error = sample.picture(&Limits::default()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadPicture);
    assert!(error.to_string().contains("changed"), "{error}");
}

#[test]
fn crops_that_are_no_file_of_sane_size_are_no_bad_picture() {
    let (_keep, folder) = folder_with("pictures", &[("a.png", &png(16))]);
    let code = || {
        let read = read_folder(&folder, false, &Limits::default());
        read.unwrap_err().code()
    };
    fs_err::create_dir(folder.join("crops.json")).unwrap();
    assert_eq!(code(), ErrorCode::InvalidInput);
    fs_err::remove_dir(folder.join("crops.json")).unwrap();
    written(&folder, "crops.json", &vec![b' '; (4 << 20) + 1]);
    assert_eq!(code(), ErrorCode::InvalidInput);
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
    let mut found: Vec<_> = dataset
        .samples
        .iter()
        .map(|sample| {
            (
                sample.path.file_name().unwrap().to_str().unwrap(),
                sample.caption.as_str(),
            )
        })
        .collect();
    found.sort_unstable();
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
fn captions_that_pictures_lack_and_texts_without_a_picture_are_told() {
    let picture = png(16);
    let files: [(&str, &[u8]); 6] = [
        ("a.png", &picture),
        ("a.txt", b"a cat"),
        ("b.png", &png(17)),
        ("b.caption", b"a dog"),
        ("c.png", &png(18)),
        ("d.png", b"damaged"),
    ];
    let gaps = read(&files, true).unwrap().caption_gaps;
    assert_eq!((gaps.pictures, gaps.without_caption), (3, 2));
    let notes = gaps.notes(None);
    for (note, part) in notes.iter().zip([
        "2 of 3 pictures have no caption of their own and get `my blob char`",
        "not read: `b.caption`; the caption of `a.png` stands in `a.txt`",
        "`10_my-blob_char` is not taken for repeats: `atelier train --repeats 10`",
    ]) {
        assert!(note.contains(part), "no `{part}` in {note}");
    }
    assert_eq!(notes.len(), 3);
    let (_keep, folder) = folder_with("d", &files[..2]);
    let whole = read_folder(folder, false, &Limits::default()).unwrap();
    assert!(whole.caption_gaps.notes(None).is_empty());
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
fn the_order_follows_contents_and_captions_and_not_names() {
    let order = |files: &[(&str, &[u8])]| -> Vec<_> {
        let samples = read(files, false).unwrap().samples;
        let parts = samples
            .into_iter()
            .map(|sample| (sample.content_hash, sample.caption));
        parts.collect()
    };
    let pictures: Vec<_> = (16..22).map(png).collect();
    let names = ["a", "b", "c", "d", "e", "f"].map(|name| format!("{name}.png"));
    let named = |pictures: &mut dyn Iterator<Item = &Vec<u8>>| {
        let files: Vec<_> = names
            .iter()
            .zip(pictures)
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        order(&files)
    };
    let forwards = named(&mut pictures.iter());
    assert_eq!(forwards, named(&mut pictures.iter().rev()));
    assert!(forwards.is_sorted());
    let one = png(16);
    let twins = order(&[
        ("a.png", &one),
        ("a.txt", b"z"),
        ("b.png", &one),
        ("b.txt", b"y"),
    ]);
    assert_eq!((&*twins[0].1, &*twins[1].1), ("y", "z"));
}

#[test]
fn a_long_caption_is_refused() {
    let long = vec![b'a'; (64 << 10) + 1];
    let read_with = |text: &[u8]| read(&[("a.png", &png(16)), ("a.txt", text)], false);
    let message = read_with(&long).unwrap_err().to_string();
    assert!(
        message.contains("its caption `a.txt` cannot be read: it has 65537 bytes, at most 65536"),
        "{message}"
    );
    // The library keeps none that is longer than this.
    let message = read_with(&long[..10_001]).unwrap_err().to_string();
    assert!(
        message.contains("its caption `a.txt` has more than 10000 characters"),
        "{message}"
    );
    assert!(read_with(&long[..10_000]).is_ok());
}

#[test]
fn a_caption_with_control_characters_is_refused() {
    let utf_16: Vec<u8> = "a cat".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for text in [&utf_16[..], b"a \x1b[31mcat", b"a\0"] {
        let error = read(&[("a.png", &png(16)), ("a.txt", text)], false).unwrap_err();
        assert_eq!(error.code(), ErrorCode::BadPicture);
        let message = error.to_string();
        let part = "`a.png`: its caption `a.txt` has control characters";
        assert!(message.contains(part), "{message}");
    }
    assert!(read(&[("a.png", &png(16)), ("a.txt", b"a\tb\r\n")], false).is_ok());
}

#[test]
fn a_caption_counts_whatever_the_case_of_its_ending() {
    let files: [(&str, &[u8]); 4] = [
        ("a.png", &png(16)),
        ("a.TXT", b"large"),
        ("b.png", &png(17)),
        ("b.txt", b"small"),
    ];
    let samples = read(&files, false).unwrap().samples;
    let mut captions: Vec<_> = samples.iter().map(|one| one.caption.as_str()).collect();
    captions.sort_unstable();
    assert_eq!(captions, ["large", "small"]);
}

#[test]
fn jpeg_has_four_endings() {
    let jpeg = |size| encoded(corners(size, size), ImageFormat::Jpeg);
    let files: [(&str, &[u8]); 4] = [
        ("a.jpg", &jpeg(16)),
        ("b.JPEG", &jpeg(17)),
        ("c.jfif", &jpeg(18)),
        ("d.jpe", &jpeg(19)),
    ];
    assert_eq!(read(&files, false).unwrap().samples.len(), 4);
}

#[test]
fn pictures_of_other_formats_are_left_out_by_name() {
    let picture = png(16);
    let files: [(&str, &[u8]); 4] = [
        ("a.png", &picture),
        ("b.HEIC", b"photo"),
        ("c.tif", b"scan"),
        ("d.md", b"notes"),
    ];
    let dataset = read(&files, false).unwrap();
    let skipped: Vec<_> = dataset.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(
        skipped,
        [
            "`b.HEIC`: its format is not read; save it as PNG or JPEG",
            "`c.tif`: its format is not read; save it as PNG or JPEG"
        ]
    );
    assert!(
        dataset
            .skipped
            .iter()
            .all(atelier_data::Skipped::is_other_format)
    );
    assert_eq!(dataset.version, read(&files[..1], false).unwrap().version);
    // A bad picture is an error all the same, which names them too.
    let bad = [files.as_slice(), &[("e.png", b"words".as_slice())]].concat();
    let message = read(&bad, false).unwrap_err().to_string();
    for part in [
        "cannot use 3 of 4 pictures",
        "`e.png`: its content",
        "`c.tif`",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let error = read(&files[1..], false).unwrap_err();
    assert_eq!(error.code(), ErrorCode::DatasetEmpty);
    let message = error.to_string();
    assert!(
        message.contains("the formats of `b.HEIC`, `c.tif` are not read"),
        "{message}"
    );
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_in_place_of_files_are_refused() {
    let (_keep, folder) = folder_with("d", &[("a.png", &png(16)), ("c.png", &png(17))]);
    let made = std::process::Command::new("mkfifo")
        .args([folder.join("a.txt"), folder.join("b.png")])
        .status();
    assert!(made.unwrap().success());
    fs_err::os::unix::fs::symlink("/dev/zero", folder.join("c.txt")).unwrap();
    fs_err::os::unix::fs::symlink("/dev/zero", folder.join("d.png")).unwrap();
    let error = read_folder(&folder, false, &Limits::default()).unwrap_err();
    let message = error.to_string();
    for part in [
        "cannot use 4 of 4 pictures",
        "`a.png`: its caption `a.txt` cannot be read: it is not a regular file",
        "`b.png`: it is not a regular file",
        "`c.png`: its caption `c.txt` cannot be read: it is not a regular file",
        "`d.png`: it is not a regular file",
    ] {
        assert!(message.contains(part), "{message}");
    }
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
