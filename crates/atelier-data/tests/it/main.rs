//! The public face of the crate, on real files.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod decode;
mod folder;
mod png;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, RgbImage};

/// A picture of which every corner has its own colour.
fn corners(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let (right, below) = (x >= width / 2, y >= height / 2);
        image::Rgb([
            if right { 240 } else { 10 },
            if below { 240 } else { 10 },
            100,
        ])
    })
}

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs_err::write(&path, bytes).unwrap();
    path
}
