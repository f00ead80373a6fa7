//! Pictures of every format and of no format.

use atelier_core::{Coded as _, ErrorCode};
use atelier_data::{Limits, RgbPicture, decode_mask, decode_picture};
use image::{
    DynamicImage, GrayImage, ImageBuffer, ImageEncoder as _, ImageFormat, Luma, Rgba, RgbaImage,
};
use proptest::prelude::*;

use crate::{corners, encoded, written};

fn decode(bytes: &[u8]) -> Result<RgbPicture, atelier_data::Error> {
    let folder = tempfile::tempdir().unwrap();
    decode_picture(
        written(folder.path(), "picture.png", bytes),
        &Limits::default(),
    )
}

fn refusal(bytes: &[u8]) -> String {
    let error = decode(bytes).unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadPicture);
    let message = error.to_string();
    assert!(message.contains("picture.png"), "{message}");
    message
}

#[test]
fn every_format_decodes_whatever_the_name_says() {
    for format in [
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Gif,
        ImageFormat::Jpeg,
    ] {
        let picture = decode(&encoded(corners(32, 24), format)).unwrap();
        assert_eq!((picture.width, picture.height), (32, 24));
        let expected = corners(32, 24).into_raw();
        let worst = picture
            .rgb
            .iter()
            .zip(&expected)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        let lossy = format == ImageFormat::Jpeg || format == ImageFormat::Gif;
        assert!(
            worst <= Some(if lossy { 60 } else { 0 }),
            "{format:?} {worst:?}"
        );
    }
}

#[test]
fn a_picture_of_one_pixel_is_too_small() {
    let message = refusal(&encoded(corners(1, 1), ImageFormat::Png));
    assert!(
        message.contains("too small: 1×1 pixels, each side needs at least 16"),
        "{message}"
    );
}

/// A sound PNG up to its first data, claiming a size.
fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(::png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer
        .write_chunk(::png::chunk::IDAT, &[0x78, 0x9c, 0x03, 0x00])
        .unwrap();
    drop(writer);
    bytes
}

#[test]
fn a_huge_picture_is_refused_by_its_header() {
    let message = refusal(&png_claiming(30_000, 30_000));
    assert!(
        message.contains("too large: 30000×30000 pixels, a side may have at most 16384"),
        "{message}"
    );
    let message = refusal(&png_claiming(16_000, 16_000));
    assert!(
        message.contains("at most 100000000 altogether"),
        "{message}"
    );
    let mut bitmap = encoded(corners(16, 16), ImageFormat::Bmp);
    bitmap[18..22].copy_from_slice(&30_000i32.to_le_bytes());
    bitmap[22..26].copy_from_slice(&30_000i32.to_le_bytes());
    assert!(refusal(&bitmap).contains("too large: 30000×30000"));
}

#[test]
fn truncated_pictures_are_damaged() {
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Gif,
    ] {
        let bytes = encoded(corners(64, 64), format);
        for kept in [bytes.len() / 2, bytes.len() - bytes.len() / 8] {
            let message = refusal(&bytes[..kept]);
            assert!(message.contains("damaged"), "{format:?} {message}");
        }
    }
}

#[test]
fn files_that_are_no_pictures_are_refused() {
    assert!(refusal(b"just some words").contains("not PNG, JPEG, WebP, GIF or BMP"));
    assert!(refusal(b"").contains("the file is empty"));
    assert!(refusal(b"\x89PNG\r\n\x1a\n").contains("damaged"));
}

#[test]
fn a_missing_file_is_not_found_and_a_folder_is_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let error = decode_picture(folder.path().join("gone.png"), &Limits::default()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound);
    let error = decode_picture(folder.path(), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("it is a folder"), "{error}");
}

#[test]
fn a_file_beyond_every_picture_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.png");
    let file = fs_err::File::create(&path).unwrap();
    file.file().set_len((1 << 30) + 1).unwrap();
    let error = decode_picture(&path, &Limits::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("it has 1073741825 bytes, at most 1073741824 are read"),
        "{error}"
    );
}

#[test]
fn fill_bytes_before_markers_are_no_damage() {
    let jpeg = encoded(corners(64, 64), ImageFormat::Jpeg);
    let last = jpeg.len() - 2;
    let filled = [
        &jpeg[..2],
        &[0xff, 0xff, 0xff],
        &jpeg[2..last],
        &[0xff, 0xff],
        &jpeg[last..],
    ]
    .concat();
    assert_eq!(decode(&filled).unwrap(), decode(&jpeg).unwrap());
    let message = refusal(&filled[..last]);
    assert!(message.contains("damaged"), "{message}");
}

/// A JPEG with an EXIF block that holds the orientation alone.
fn jpeg_with_orientation(orientation: u8) -> Vec<u8> {
    let jpeg = encoded(corners(64, 32), ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = (exif.len() + 2) as u16;
    [
        &jpeg[..2],
        &[0xff, 0xe1],
        &length.to_be_bytes(),
        &exif,
        &jpeg[2..],
    ]
    .concat()
}

#[test]
fn the_end_of_a_preview_is_not_the_end_of_the_picture() {
    let jpeg = encoded(corners(64, 64), ImageFormat::Jpeg);
    let preview = [
        &jpeg[..2],
        &[0xff, 0xe5, 0, 6, 1, 2, 0xff, 0xd9],
        &jpeg[2..],
    ]
    .concat();
    assert!(decode(&preview).is_ok());
    let message = refusal(&preview[..preview.len() - 2]);
    assert!(message.contains("damaged"), "{message}");
    assert!(decode(&[&preview[..], b"more"].concat()).is_ok());
}

#[test]
fn the_orientation_is_applied() {
    for (orientation, width, red, green) in [
        (1, 64, false, false),
        (3, 64, true, true),
        (6, 32, false, true),
        (8, 32, true, false),
    ] {
        let picture = decode(&jpeg_with_orientation(orientation)).unwrap();
        assert_eq!(picture.width, width, "{orientation}");
        let corner = [picture.rgb[0] > 128, picture.rgb[1] > 128];
        assert_eq!(corner, [red, green], "{orientation}");
    }
}

/// EXIF that holds the orientation alone.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif
}

/// A PNG with an `eXIf` chunk, before its pixels or behind them.
fn png_with_exif(exif: &[u8], is_late: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, 64, 32);
    encoder.set_color(::png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    if !is_late {
        writer.write_chunk(::png::chunk::eXIf, exif).unwrap();
    }
    writer
        .write_image_data(&corners(64, 32).into_raw())
        .unwrap();
    if is_late {
        writer.write_chunk(::png::chunk::eXIf, exif).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

/// A WebP with an `EXIF` chunk.
fn webp_with_exif(exif: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut bytes);
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    let picture = corners(64, 32);
    let colour = image::ExtendedColorType::Rgb8;
    encoder.write_image(&picture, 64, 32, colour).unwrap();
    bytes
}

#[test]
fn the_orientation_counts_with_and_without_the_words_that_some_programs_put_in_front() {
    for (orientation, width, corner) in [(1, 64, [10, 10]), (3, 64, [240, 240]), (6, 32, [10, 240])]
    {
        let plain = exif(orientation);
        let prefixed = [b"Exif\0\0", &plain[..]].concat();
        for exif in [&plain, &prefixed] {
            for bytes in [
                png_with_exif(exif, false),
                png_with_exif(exif, true),
                webp_with_exif(exif),
            ] {
                let picture = decode(&bytes).unwrap();
                assert_eq!(picture.width, width, "{orientation}");
                assert_eq!(picture.rgb[..2], corner, "{orientation}");
            }
        }
    }
}

#[test]
fn a_grey_profile_counts_for_a_grey_picture() {
    let profile = moxcms::ColorProfile::new_gray_with_gamma(1.0);
    let profile = profile.encode().unwrap();
    let with_profile = |colour, data: &[u8]| {
        let mut bytes = Vec::new();
        let mut info = ::png::Info::with_size(16, 16);
        info.icc_profile = Some((&profile).into());
        (info.color_type, info.bit_depth) = (colour, ::png::BitDepth::Eight);
        let encoder = ::png::Encoder::with_info(&mut bytes, info).unwrap();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        drop(writer);
        decode(&bytes).unwrap().rgb[0]
    };
    let grey = with_profile(::png::ColorType::Grayscale, &[53; 256]);
    assert_eq!(grey, 126, "as lcms has it");
    let colour = with_profile(::png::ColorType::Rgb, &[53; 768]);
    assert_eq!(colour, 53, "a profile for other inks is none");
}

#[test]
fn a_mask_is_what_its_colours_say_whatever_is_transparent() {
    let mask = RgbaImage::from_fn(16, 16, |x, _| match x {
        0..8 => Rgba([255, 255, 255, 255]),
        8..12 => Rgba([0, 0, 0, 0]),
        _ => Rgba([200, 200, 200, 0]),
    });
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "m.png", &encoded(mask, ImageFormat::Png));
    let mask = decode_mask(&path, &Limits::default()).unwrap();
    assert_eq!((mask.width, mask.height), (16, 16));
    let row: Vec<_> = mask.rgb[..48].iter().step_by(3).copied().collect();
    assert_eq!(row, [vec![255; 8], vec![0; 4], vec![200; 4]].concat());
    let gone = decode_mask(folder.path().join("gone.png"), &Limits::default());
    assert_eq!(gone.unwrap_err().code(), ErrorCode::NotFound);
}

#[test]
fn transparency_lies_on_white() {
    let picture = RgbaImage::from_pixel(16, 16, Rgba([0, 0, 0, 64]));
    assert_eq!(
        decode(&encoded(picture, ImageFormat::Png)).unwrap(),
        RgbPicture::filled(16, 16, [191; 3])
    );
}

#[test]
fn grey_and_16_bit_pictures_become_rgb() {
    let grey = GrayImage::from_pixel(16, 16, Luma([77]));
    assert_eq!(
        decode(&encoded(grey, ImageFormat::Png)).unwrap(),
        RgbPicture::filled(16, 16, [77; 3])
    );
    let deep = DynamicImage::ImageRgb16(ImageBuffer::from_pixel(
        16,
        16,
        image::Rgb([0xffff, 0x8080, 0]),
    ));
    assert_eq!(
        decode(&encoded(deep, ImageFormat::Png)).unwrap(),
        RgbPicture::filled(16, 16, [255, 128, 0])
    );
}

#[test]
fn a_palette_becomes_rgb() {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, 16, 16);
    encoder.set_color(::png::ColorType::Indexed);
    encoder.set_palette(vec![1, 2, 3, 200, 100, 50]);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&[1; 256])
        .unwrap();
    assert_eq!(
        decode(&bytes).unwrap(),
        RgbPicture::filled(16, 16, [200, 100, 50])
    );
}

#[test]
fn of_an_animation_the_first_frame_is_taken() {
    let mut bytes = Vec::new();
    let frame = |value| image::Frame::new(RgbaImage::from_pixel(16, 16, Rgba([value, 0, 0, 255])));
    image::codecs::gif::GifEncoder::new(&mut bytes)
        .encode_frames([frame(255), frame(0)])
        .unwrap();
    assert_eq!(decode(&bytes).unwrap().rgb[0], 255);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_pictures_never_panic(format in 0usize..5, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let format = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp][format];
        let mut bytes = encoded(corners(16, 16), format);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode(&bytes);
    }
}
