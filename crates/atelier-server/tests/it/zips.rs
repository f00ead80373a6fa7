//! Archives come in, and not all of them are meant well.

use std::io::{Cursor, Write as _};
use std::time::{Duration, Instant};

use atelier_server::Limits;
use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::studio::{Studio, picture};

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

async fn added(studio: &Studio, archive: &[u8]) -> (String, Value) {
    let name = format!("Dataset {:?}", std::time::Instant::now());
    let dataset = studio.dataset(&name[..name.len().min(150)]).await;
    let added = studio.upload(&dataset, &[("x.zip", archive)]).await.ok();
    (dataset, added)
}

fn told(added: &Value) -> Vec<String> {
    let files = added["files"].as_array().unwrap().iter();
    let told = files.map(|file| {
        let text = |field: &str| file[field].as_str().unwrap_or("-").to_owned();
        let archive = text("archive");
        format!(
            "{archive} {}: {} {}",
            text("file_name"),
            text("outcome"),
            text("reason")
        )
    });
    told.collect()
}

#[tokio::test]
async fn folders_are_flattened_and_captions_stay_with_their_folder() {
    let studio = Studio::new();
    let bytes = archive(&[
        ("one/a.png", &picture(1)),
        ("one/a.txt", b"first"),
        ("two/deep/a.png", &picture(2)),
        ("two/deep/a.txt", b"second"),
        ("__MACOSX/one/._a.png", b"x"),
        ("one/.DS_Store", b"x"),
        ("notes.md", b"# notes"),
    ]);
    let (dataset, added) = added(&studio, &bytes).await;
    assert_eq!(
        told(&added),
        [
            "x.zip a.png: added -",
            "x.zip a.txt: caption -",
            "x.zip a.png: added -",
            "x.zip a.txt: caption -",
            "x.zip ._a.png: ignored systems leave such files behind",
            "x.zip .DS_Store: ignored systems leave such files behind",
            "x.zip notes.md: refused its content is not PNG, JPEG, WebP, GIF or BMP",
        ]
    );
    let path = format!("/api/v1/datasets/{dataset}/versions/latest");
    let version = studio.get(&path).await.ok();
    let images = version["images"].as_array().unwrap().iter();
    let images: Vec<_> = images
        .map(|image| format!("{} {}", image["file_name"], image["caption"]))
        .collect();
    assert_eq!(images, ["\"a.png\" \"first\"", "\"a-2.png\" \"second\""]);
}

#[tokio::test]
async fn no_name_leads_out_of_the_folder() {
    let studio = Studio::new();
    let names = [
        "../../../evil.png",
        "/etc/evil2.png",
        r"..\..\evil3.png",
        "C:\\evil4.png",
        "a/../../evil5.png",
    ];
    let pictures: Vec<_> = (0..5).map(picture).collect();
    let files: Vec<_> = names
        .into_iter()
        .zip(pictures.iter().map(Vec::as_slice))
        .collect();
    let (_, added) = added(&studio, &archive(&files)).await;
    assert_eq!(added["added"], 5);
    let mut found = Vec::new();
    let mut folders = vec![studio.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    assert!(found.iter().all(|name| !name.contains("evil")), "{found:?}");
}

fn small() -> Limits {
    Limits {
        picture_bytes: 50_000,
        upload_bytes: 100_000,
        upload_files: 10,
        ..Limits::default()
    }
}

#[tokio::test]
async fn what_unpacks_to_more_than_is_accepted_is_refused() {
    let studio = Studio::with_limits(small());
    let zeros = vec![0; 50_001];
    let (_, one) = added(
        &studio,
        &archive(&[("bomb.png", &zeros), ("a.png", &picture(1))]),
    )
    .await;
    assert_eq!(
        told(&one),
        [
            "x.zip bomb.png: refused it has more than 50000 bytes",
            "x.zip a.png: added -",
        ]
    );
    let half = vec![0; 40_000];
    let bytes = archive(&[("a.png", &half), ("b.png", &half), ("c.png", &half)]);
    let (_, all) = added(&studio, &bytes).await;
    assert_eq!(
        told(&all),
        ["- x.zip: refused the archives unpack to more than 100000 bytes"]
    );
}

#[tokio::test]
async fn sizes_that_are_lies_are_found_out() {
    let studio = Studio::with_limits(small());
    let mut bytes = archive(&[("bomb.png", &vec![0; 90_000])]);
    // It says that it has 100 bytes, in both places where that stands.
    let said = 90_000_u32.to_le_bytes();
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] == said {
            bytes[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
        }
    }
    let (dataset, added) = added(&studio, &bytes).await;
    let told = told(&added);
    assert!(told[0].starts_with("x.zip bomb.png: refused"), "{told:?}");
    let half = vec![0; 40_000];
    let mut bytes = archive(&[("a.png", &half), ("b.png", &half), ("c.png", &half)]);
    let said = 40_000_u32.to_le_bytes();
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] == said {
            bytes[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
        }
    }
    let answer = studio.upload(&dataset, &[("x.zip", &bytes)]).await.ok();
    assert_eq!(answer["added"], 0, "{answer}");
}

#[tokio::test]
async fn too_many_entries_are_refused_before_they_are_read() {
    let studio = Studio::with_limits(small());
    let dataset = studio.dataset("Blob faces").await;
    let names: Vec<_> = (0..11).map(|number| format!("{number}.png")).collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), &b"x"[..]))
        .collect();
    let refused = studio
        .upload(&dataset, &[("x.zip", &archive(&files))])
        .await;
    let (status, code, message) = refused.failure();
    assert_eq!((status, code.as_str()), (413, "too_large"));
    assert_eq!(message, "the upload has more than 10 files");
}

/// An archive whose end leads to another one, as very large archives have.
fn large(files: &[(&str, &[u8])], end: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut bytes = archive(files);
    let at = bytes.len() - 22;
    let mut old_end = bytes.split_off(at);
    let list: [u8; 4] = old_end[16..20].try_into().unwrap();
    let list_bytes: [u8; 4] = old_end[12..16].try_into().unwrap();
    let count = files.len() as u64;
    bytes.extend_from_slice(b"PK\x06\x06");
    bytes.extend_from_slice(&44_u64.to_le_bytes());
    bytes.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for number in [count, count] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for number in [list_bytes, list] {
        bytes.extend_from_slice(&u64::from(u32::from_le_bytes(number)).to_le_bytes());
    }
    bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    bytes.extend_from_slice(&(at as u64).to_le_bytes());
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    end(&mut old_end);
    bytes.extend_from_slice(&old_end);
    bytes
}

#[tokio::test]
async fn an_end_that_leads_to_larger_numbers_is_not_followed() {
    let studio = Studio::with_limits(small());
    let names: Vec<_> = (0..11).map(|number| format!("{number}.png")).collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), &b"x"[..]))
        .collect();
    let says_one = |end: &mut [u8]| {
        end[8..12].copy_from_slice(&[1, 0, 1, 0]);
        end[12..16].copy_from_slice(&50_u32.to_le_bytes());
        end[16..20].copy_from_slice(&[0xff; 4]);
    };
    // The longest remark, behind which an end is still found.
    let remark = vec![b' '; 65_535];
    let with_remark = |mut bytes: Vec<u8>| {
        let at = bytes.len() - 2;
        bytes[at..].copy_from_slice(&65_535_u16.to_le_bytes());
        bytes.extend_from_slice(&remark);
        bytes
    };
    for bytes in [
        large(&files, says_one),
        large(&files[..1], |_| ()),
        with_remark(large(&files, says_one)),
    ] {
        let (_, added) = added(&studio, &bytes).await;
        assert_eq!(
            told(&added),
            ["- x.zip: refused it is in the form for very large archives (ZIP64)"]
        );
    }
}

#[tokio::test]
async fn damaged_archives_are_refused_as_a_whole_and_damaged_entries_alone() {
    let studio = Studio::new();
    let good = archive(&[("a.png", &picture(1)), ("b.png", &picture(2))]);
    let (_, cut) = added(&studio, &good[..good.len() - 30]).await;
    assert_eq!(
        told(&cut),
        ["- x.zip: refused it is no zip archive, or its end is missing"]
    );
    let (_, head) = added(&studio, b"PK\x03\x04 and nothing").await;
    assert_eq!(
        told(&head),
        ["- x.zip: refused it is no zip archive, or its end is missing"]
    );
    let mut broken = good.clone();
    for byte in &mut broken[60..80] {
        *byte ^= 0xff;
    }
    let (_, one) = added(&studio, &broken).await;
    let told = told(&one);
    assert!(
        told[0].starts_with("x.zip a.png: refused it is damaged"),
        "{told:?}"
    );
    assert_eq!(told[1], "x.zip b.png: added -");
}

#[tokio::test]
async fn no_change_of_a_byte_makes_the_server_fail() {
    let studio = Studio::with_limits(small());
    let dataset = studio.dataset("Blob faces").await;
    let good = archive(&[("a.png", &picture(1)), ("a.txt", b"words")]);
    for at in (0..good.len()).step_by(3) {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        let answer = studio.upload(&dataset, &[("x.zip", &bytes)]).await;
        assert!(!answer.status.is_server_error(), "byte {at}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_stays_of_an_upload_whose_client_goes_away_while_it_is_unpacked() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let zeros = vec![0; 32 << 20];
    let names: Vec<_> = (0..5).map(|number| format!("{number}.png")).collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), &zeros[..]))
        .collect();
    let bytes = archive(&files);
    let uploads = studio.settings.home.join("uploads");
    let start = Instant::now();
    let is_soon = || start.elapsed() < Duration::from_mins(1);
    let unpacking = async {
        loop {
            let begun = studio.uploads().into_iter().next();
            let begun = begun.map(|name| uploads.join(name).join("0-unpacked/0"));
            if begun.is_some_and(|path| path.exists()) || !is_soon() {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let files: [(&str, &[u8]); 1] = [("x.zip", &bytes)];
    tokio::select! {
        answer = studio.upload(&dataset, &files) => panic!("{answer:?}"),
        () = unpacking => {}
    }
    while !studio.uploads().is_empty() && is_soon() {
        tokio::task::yield_now().await;
    }
    assert_eq!(studio.uploads(), [""; 0]);
}

#[tokio::test]
async fn archives_inside_archives_are_not_opened() {
    let studio = Studio::new();
    let inner = archive(&[("a.png", &picture(1))]);
    let (_, added) = added(&studio, &archive(&[("inner.zip", &inner)])).await;
    assert!(
        told(&added)[0].starts_with("x.zip inner.zip: refused"),
        "{added}"
    );
}

/// Whatever is read of an entry before its damage counts, and does not stay.
#[tokio::test]
async fn entries_that_are_damaged_at_their_end_are_no_way_around_the_limit() {
    let studio = Studio::with_limits(Limits {
        upload_bytes: 3 << 20,
        ..Limits::default()
    });
    let zeros = vec![0; 1 << 20];
    let names: Vec<_> = (0..10).map(|number| format!("{number}.png")).collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), &zeros[..]))
        .collect();
    let mut bytes = archive(&files);
    // The last bytes of each stream, which come right before the next head.
    let heads: Vec<_> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, mark)| *mark == b"PK\x03\x04" || *mark == b"PK\x01\x02")
        .map(|(at, _)| at)
        .collect();
    for head in heads.iter().skip(1).take(10) {
        bytes[head - 3..*head].fill(0xff);
    }
    let dataset = studio.dataset("damaged").await;
    let added = studio.upload(&dataset, &[("x.zip", &bytes)]).await.ok();
    let told = told(&added);
    assert!(
        told[0].contains("the archives unpack to more than 3145728 bytes"),
        "{told:?}"
    );
}
