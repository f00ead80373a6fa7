//! PNG files with text.

use atelier_core::{Coded as _, ErrorCode};
use atelier_data::{Error, Limits, RgbPicture, decode_picture, png};

#[test]
fn picture_and_texts_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("größe.png");
    let picture = RgbPicture::filled(20, 16, [1, 128, 255]);
    let texts = [
        ("parameters", "a cat\nSteps: 30, Größe: 1"),
        ("atelier", "{\"prompt\":\"猫 🐈\"}"),
        ("tabs", "a\tb"),
        ("none", ""),
    ];
    png::write(&path, &picture, &texts).unwrap();
    assert_eq!(decode_picture(&path, &Limits::default()).unwrap(), picture);
    let mut read = png::read_text(&path).unwrap();
    read.sort();
    let mut expected = texts.map(|(keyword, text)| (keyword.to_owned(), text.to_owned()));
    expected.sort();
    assert_eq!(read, expected);
    let plain = fs_err::read(&path).unwrap();
    let count = |kind: &[u8]| plain.windows(4).filter(|bytes| *bytes == kind).count();
    assert_eq!((count(b"tEXt"), count(b"iTXt")), (2, 2));
}

#[test]
fn texts_that_cannot_be_stored_are_refused_and_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let picture = RgbPicture::filled(1, 1, [0; 3]);
    let long = "k".repeat(80);
    for (keyword, text) in [("", "a"), (long.as_str(), "a"), ("猫", "a"), ("k", "a\0b")] {
        let error =
            png::write(folder.path().join("a.png"), &picture, &[(keyword, text)]).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
    }
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_taken_name_is_refused_and_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    fs_err::write(&path, b"old").unwrap();
    let picture = RgbPicture::filled(16, 16, [9; 3]);
    let none: [(&str, &str); 0] = [];
    let error = png::write(&path, &picture, &none).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error:?}");
    assert!(error.to_string().contains("a.png"), "{error}");
    assert_eq!(fs_err::read(&path).unwrap(), b"old");
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    png::replace(&path, &picture, &none).unwrap();
    assert_eq!(decode_picture(&path, &Limits::default()).unwrap(), picture);
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn of_many_writers_of_one_name_exactly_one_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let write = |value: u8| {
        let picture = RgbPicture::filled(16, 16, [value; 3]);
        png::write::<&str, &str>(&path, &picture, &[]).map(|()| picture)
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|i| scope.spawn(move || write(i))).collect();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let winners: Vec<_> = results.iter().flatten().collect();
    let decoded = decode_picture(&path, &Limits::default()).unwrap();
    assert_eq!(winners, [&decoded]);
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    fs_err::write(&path, b"old").unwrap();
    let wrong = RgbPicture {
        width: 4,
        height: 4,
        rgb: vec![0; 3],
    };
    let error = png::write::<&str, &str>(&path, &wrong, &[]).unwrap_err();
    assert!(error.to_string().contains("a.png"), "{error}");
    assert_eq!(fs_err::read(&path).unwrap(), b"old");
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_text_of_something_else_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    fs_err::write(&path, b"words, not a picture at all").unwrap();
    assert_eq!(
        png::read_text(&path).unwrap_err().code(),
        ErrorCode::BadPicture
    );
    assert_eq!(
        png::read_text(folder.path().join("b.png"))
            .unwrap_err()
            .code(),
        ErrorCode::NotFound
    );
}

/// A PNG with these texts, compressed: as Latin-1, and as UTF-8.
fn compressed(latin1: &[(&str, &str)], utf8: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(::png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    for (keyword, text) in latin1 {
        let chunk = ::png::text_metadata::ZTXtChunk::new(*keyword, *text);
        writer.write_text_chunk(&chunk).unwrap();
    }
    for (keyword, text) in utf8 {
        let mut chunk = ::png::text_metadata::ITXtChunk::new(*keyword, *text);
        chunk.compressed = true;
        writer.write_text_chunk(&chunk).unwrap();
    }
    writer.write_image_data(&[0; 3]).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn compressed_texts_are_read() {
    let bytes = compressed(&[("parameters", "a café")], &[("atelier", "a 猫")]);
    let texts = png::text_of(&bytes).unwrap();
    let expected = [("parameters", "a café"), ("atelier", "a 猫")];
    let expected = expected.map(|(keyword, text)| (keyword.to_owned(), text.to_owned()));
    assert_eq!(texts, expected);
}

#[test]
fn texts_that_unpack_to_more_than_all_may_have_are_refused() {
    let (most, half) = ("x".repeat((8 << 20) + 1), "y".repeat(5 << 20));
    for (latin1, utf8) in [
        (&[("a", most.as_str())][..], &[][..]),
        (&[], &[("a", most.as_str())]),
        // Each alone would be read.
        (&[("a", half.as_str())], &[("b", half.as_str())]),
    ] {
        let bytes = compressed(latin1, utf8);
        assert!(bytes.len() < 1 << 20, "{}", bytes.len());
        // Not the texts themselves, should there be any.
        let problem = png::text_of(&bytes).err().unwrap();
        assert!(problem.contains("text cannot be read"), "{problem}");
    }
    let bytes = compressed(&[("a", &half)], &[]);
    assert_eq!(png::text_of(&bytes).unwrap()[0].1.len(), half.len());
}
