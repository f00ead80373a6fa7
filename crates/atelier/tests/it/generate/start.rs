//! Drawing from a picture, with and without a mask.

use super::fixtures::{document, paths, pixels, recipe, write_mask, write_picture};
use crate::workbench::Workbench;

fn with_pictures() -> Workbench {
    let bench = Workbench::new();
    write_picture(&bench.path("start.png"), 33, 21);
    write_mask(&bench.path("mask.png"), 33, 21);
    bench
}

fn draw(bench: &Workbench, more: &[&str]) -> (serde_json::Value, String) {
    let words = ["--init-image", "start.png", "--json"];
    let document = document(&bench.generate(&[&words, more].concat()));
    let path = paths(&document).remove(0);
    (document, path)
}

#[test]
fn the_start_picture_decides_the_size_unless_one_is_asked_for() {
    let bench = with_pictures();
    for (more, size) in [
        (&[][..], [32, 20]),
        (&["--width", "16"], [16, 10]),
        (&["--width", "16", "--height", "16"], [16, 16]),
    ] {
        let (_, path) = draw(&bench, more);
        let request = &recipe(&bench, &path)["request"];
        assert_eq!([&request["width"], &request["height"]], size);
        assert_eq!(request["start"]["denoise"], 0.6);
    }
}

#[test]
fn what_is_little_denoised_stays_near_its_start_and_a_mask_keeps_what_is_black() {
    let bench = with_pictures();
    let far = |path: &str, from: usize, to: usize| {
        let start = image::open(bench.path("start.png")).unwrap().to_rgb8();
        let drawn = image::open(bench.path(path)).unwrap().to_rgb8();
        let mut sum = 0_u64;
        for (x, y, pixel) in drawn
            .enumerate_pixels()
            .filter(|(x, ..)| (from..to).contains(&(*x as usize)))
        {
            let there = start.get_pixel(x, y);
            sum += (0..3)
                .map(|c| u64::from(pixel[c].abs_diff(there[c])))
                .sum::<u64>();
        }
        sum
    };
    let size = ["--width", "32", "--height", "20", "--guidance", "1"];
    let (_, little) = draw(&bench, &[&size[..], &["--denoise", "0.25"]].concat());
    let (_, much) = draw(&bench, &[&size[..], &["--denoise", "1"]].concat());
    assert!(far(&little, 0, 32) < far(&much, 0, 32));
    let (_, half) = draw(
        &bench,
        &[&size[..], &["--denoise", "1", "--mask", "mask.png"]].concat(),
    );
    assert!(
        far(&half, 0, 12) < far(&much, 0, 12),
        "the black half was drawn anew"
    );
    assert_ne!(pixels(&bench, &half), pixels(&bench, &much));
}

#[test]
fn odd_masks_and_large_starts_are_remarked_on() {
    let bench = with_pictures();
    image::RgbImage::new(33, 21)
        .save(bench.path("black.png"))
        .unwrap();
    let (document, _) = draw(&bench, &["--mask", "black.png", "--steps", "2"]);
    assert!(
        document["notes"][0]
            .as_str()
            .unwrap()
            .contains("black everywhere")
    );
    write_picture(&bench.path("start.png"), 130, 40);
    let (document, _) = draw(&bench, &["--steps", "2", "--mask", "mask.png"]);
    let notes = document["notes"].to_string();
    assert!(notes.contains("a drawing of 130x40 pixels"), "{notes}");
    assert!(notes.contains("another shape"), "{notes}");
}

#[test]
fn starts_that_cannot_be_used_are_refused_before_drawing() {
    let bench = with_pictures();
    let start = ["--init-image", "start.png"];
    for (words, word) in [
        (&["--denoise", "0.5"][..], "`--denoise` needs"),
        (&["--mask", "mask.png"], "`--mask` needs"),
        (&["--init-image", "none.png"], "`none.png` does not exist"),
        (&["--init-image", "."], "it is a folder"),
        (
            &[&start[..], &["--denoise", "0"]].concat(),
            "`denoise` is 0",
        ),
        (
            &[&start[..], &["--denoise", "nan"]].concat(),
            "`denoise` is NaN",
        ),
        (
            &[&start[..], &["--denoise", "0.1"]].concat(),
            "leaves no step",
        ),
        (
            &[&start[..], &["--width", "9000"]].concat(),
            "`width` is 9000",
        ),
        (&[&start[..], &["--mask", "torn.png"]].concat(), "torn.png"),
    ] {
        std::fs::write(bench.path("torn.png"), b"\x89PNG\r\n\x1a\nnothing").unwrap();
        bench.generate(words).refused(&[word]);
    }
    assert!(!bench.path("drawn").exists());
}
