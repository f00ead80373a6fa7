//! `atelier grid`: epochs and strengths on one sheet.

use image::RgbImage;
use serde_json::{Value, json};

use crate::library::{studio, training};
use crate::workbench::{Workbench, tiny_base};

fn with_model() -> Workbench {
    let bench = studio();
    bench.succeed(&training(&tiny_base()));
    bench
}

fn cell(sheet: &RgbImage, cell: &Value) -> RgbImage {
    let number = |name: &str| cell[name].as_u64().unwrap() as u32;
    let view = image::imageops::crop_imm(
        sheet,
        number("left"),
        number("top"),
        number("width"),
        number("height"),
    );
    view.to_image()
}

#[test]
fn each_cell_is_the_picture_of_its_epoch_and_strength() {
    let bench = with_model();
    let words = [
        "grid", "--model", "Slopes-1", "--epochs", "1,2", "--steps", "2",
    ];
    let more = ["--strengths", "0.5,1.1", "--out", "sheet.png"];
    let told = bench.document(&[&words[..], &more].concat());
    assert_eq!(
        (&told["outcome"], &told["path"], &told["seed"]),
        (&json!("completed"), &json!("sheet.png"), &json!(7))
    );
    // As the page of the model draws it.
    assert!(
        told["prompt"].as_str().unwrap().contains("SlopeV1 style"),
        "{told}"
    );
    let cells = told["cells"].as_array().unwrap();
    let about: Vec<_> = cells
        .iter()
        .map(|cell| (&cell["epoch"], &cell["strength"]))
        .collect();
    let expected = [(1, 0.5), (1, 1.1), (2, 0.5), (2, 1.1)].map(|(e, s)| (json!(e), json!(s)));
    let expected: Vec<_> = expected.iter().map(|(e, s)| (e, s)).collect();
    assert_eq!(about, expected);
    let sheet = image::open(bench.path("sheet.png")).unwrap().into_rgb8();
    let size = [
        told["width"].as_u64().unwrap(),
        told["height"].as_u64().unwrap(),
    ];
    assert_eq!(size, [sheet.width(), sheet.height()].map(u64::from));
    // The last epoch is the model's own.
    let prompt = told["prompt"].as_str().unwrap();
    let draw = ["generate", "--adapter", "Slopes-1:1.1", "--prompt", prompt];
    let settings = ["--steps", "2", "--seed", "7", "--out", "drawn"];
    let drawn = bench.document(&[&draw[..], &settings].concat());
    let drawn = drawn["files"][0]["path"].as_str().unwrap();
    let drawn = image::open(bench.path(drawn)).unwrap().into_rgb8();
    assert_eq!(cell(&sheet, &cells[3]), drawn);
    assert_ne!(cell(&sheet, &cells[1]), drawn);
    // The file knows what each was drawn from.
    let texts = atelier_data::png::read_text(bench.path("sheet.png")).unwrap();
    let (keyword, text) = &texts[0];
    assert_eq!(keyword, "atelier-grid");
    let inside: Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        inside["cells"][0]["recipe"]["adapters"][0]["name"],
        "Slopes-1 epoch 1"
    );
    assert_eq!(
        inside["cells"][3]["recipe"]["adapters"][0]["name"],
        "Slopes-1"
    );
    assert!(!text.contains("blobs") && !text.contains("runs"), "{text}");
    let again = bench.run(&[&words[..], &more].concat());
    again.refused(&["`sheet.png` exists already", "`--out`"]);
}

#[test]
fn what_is_not_said_is_as_on_the_page_of_the_model() {
    let bench = with_model();
    let told = bench.document(&["grid", "--model", "slopes-1", "--steps", "1"]);
    assert_eq!(told["path"], "grid-Slopes-1.png");
    let cells = told["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 2 * 4);
    assert_eq!(
        (&cells[7]["epoch"], &cells[7]["strength"]),
        (&json!(2), &json!(1.1))
    );
    for (words, reason) in [
        (&["--epochs", "3"][..], "epoch 3"),
        (&["--strengths", "1.6"], "between 0 and 1.5"),
        (&["--epochs", "x"], "invalid value"),
        (&["--steps", "0"], "`steps`"),
        (&["--prompt", "a <lora:nobody:1>"], "nobody"),
    ] {
        let grid = ["grid", "--model", "slopes-1", "--out", "other.png"];
        let ended = bench.run(&[&grid[..], words].concat());
        assert_ne!(ended.status, 0, "{words:?}");
        assert!(ended.stderr.contains(reason), "{words:?}: {}", ended.stderr);
    }
    assert!(!bench.path("other.png").exists());
    bench
        .run(&["grid", "--model", "nobody"])
        .refused(&["no model `nobody`"]);
}
