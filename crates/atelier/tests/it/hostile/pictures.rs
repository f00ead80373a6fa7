//! Folders of pictures that cannot be trained on.

use crate::workbench::Workbench;

/// A PNG that claims a size and holds no pixels.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    file.extend(&chunk);
    file.extend(crc32(&chunk).to_be_bytes());
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[test]
fn a_folder_without_pictures_is_refused() {
    let bench = Workbench::new();
    std::fs::create_dir(bench.path("pictures")).unwrap();
    std::fs::write(bench.path("pictures/a.txt"), "a caption alone").unwrap();
    let ended = bench.train(&[]);
    assert_eq!(ended.status, 2);
    insta::assert_snapshot!(ended.stderr, @r"
    preparing
    error: no pictures in `pictures`: looked for .png, .jpg, .jpeg, .webp, .gif and .bmp files directly in it
    hint: put PNG, JPEG, WebP, GIF or BMP pictures directly into the folder
    ");
    assert!(!bench.path("run").exists());
}

#[test]
fn a_missing_folder_is_refused() {
    Workbench::new()
        .train(&[])
        .refused(&["`pictures` is neither a folder of pictures nor a dataset"]);
}

#[test]
fn one_damaged_picture_is_named_and_left_out_only_when_asked() {
    let bench = Workbench::new();
    bench.dataset("pictures", 2);
    let whole = std::fs::read(bench.path("pictures/1.png")).unwrap();
    std::fs::write(bench.path("pictures/torn.png"), &whole[..whole.len() / 2]).unwrap();
    let refused = bench.train(&[]);
    refused.refused(&[
        "cannot use 1 of 3 pictures in `pictures`",
        "`torn.png`",
        "--skip-bad",
    ]);
    assert!(!bench.path("run").exists());
    let ended = bench.train(&["--skip-bad", "--epochs", "1", "--json"]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["pictures"], 2);
    assert!(ended.stderr.contains("left out `torn.png`"));
    let skipped = document["skipped"][0].as_str().unwrap();
    assert!(skipped.contains("torn.png"), "{skipped}");
}

#[test]
fn a_picture_of_one_pixel_is_refused() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    image::RgbImage::new(1, 1)
        .save(bench.path("pictures/dot.png"))
        .unwrap();
    bench.train(&[]).refused(&["`dot.png`", "1×1"]);
}

#[test]
fn a_picture_that_claims_a_huge_size_is_refused_by_its_header() {
    let bench = Workbench::new();
    bench.dataset("pictures", 1);
    std::fs::write(bench.path("pictures/huge.png"), png_header(30_000, 30_000)).unwrap();
    bench.train(&[]).refused(&["`huge.png`", "30000×30000"]);
}
