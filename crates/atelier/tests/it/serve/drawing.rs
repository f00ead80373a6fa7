//! Drawings that are asked for over HTTP, drawn by workers on the base inside the program.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use atelier_core::JobState;
use image::RgbImage;
use serde_json::{Value, json};

use super::jobs::{LONG, ended, library, stop};
use super::started;
use crate::workbench::Workbench;

/// Sends a body; the status and the JSON of the answer.
pub(super) fn post(address: &str, path: &str, kind: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let json = &answer[answer.find('{').unwrap()..=answer.rfind('}').unwrap()];
    (status, serde_json::from_str(json).unwrap())
}

fn send(address: &str, file: &Path) -> Value {
    let name = file.file_name().unwrap().to_str().unwrap();
    let head = format!(
        "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
    );
    let bytes = std::fs::read(file).unwrap();
    let body = [head.as_bytes(), &bytes, b"\r\n--X--\r\n"].concat();
    let form = "multipart/form-data; boundary=X";
    let (status, start) = post(address, "/api/v1/start-pictures", form, &body);
    assert_eq!(status, 201, "{start}");
    start
}

fn draw(address: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let path = "/api/v1/drawings";
    post(address, path, "application/json", body.as_bytes())
}

fn pixels(path: PathBuf) -> RgbImage {
    let bytes = std::fs::read(path).unwrap();
    image::load_from_memory(&bytes).unwrap().into_rgb8()
}

/// A picture of another shape than the base draws, and a mask that is white on the right.
fn with_pictures() -> Workbench {
    let bench = Workbench::new();
    let slope = |x: u32, y: u32| image::Rgb([(x * 2) as u8, (y * 3) as u8, 90]);
    let picture = RgbImage::from_fn(100, 70, slope);
    picture.save(bench.path("beach.png")).unwrap();
    let half = |x: u32, _| image::Rgb([if x < 50 { 0 } else { 255 }; 3]);
    let mask = RgbImage::from_fn(100, 70, half);
    mask.save(bench.path("mask.png")).unwrap();
    bench
}

#[test]
fn a_drawing_over_a_picture_is_the_one_of_the_command_line_pixel_by_pixel() {
    let bench = with_pictures();
    let (server, address) = started(&bench);
    let start = send(&address, &bench.path("beach.png"));
    let mask = send(&address, &bench.path("mask.png"));
    let of = json!({"picture": start["id"], "mask": mask["id"], "denoise": 0.7});
    let body = json!({"prompt": "a cat", "steps": 6, "seed": "18446744073709551615", "start": of});
    let (status, job) = draw(&address, &body);
    assert_eq!(status, 202, "{job}");
    let library = library(&bench);
    let job = ended(&library, job["id"].as_str().unwrap().parse().unwrap());
    assert_eq!(job.state, JobState::Completed, "{job:?}");
    let drawn = &library.list_pictures_of(job.id).unwrap()[0];
    let file = library.blobs().path(&drawn.hash);
    let words = ["generate", "--prompt", "a cat", "--steps", "6", "--seed"];
    let over = ["18446744073709551615", "--init-image", "beach.png"];
    let part = ["--mask", "mask.png", "--denoise", "0.7"];
    let by_hand = bench.document(&[&words[..], &over, &part, &["--out", "out"]].concat());
    let by_hand = by_hand["files"][0]["path"].as_str().unwrap();
    assert_eq!(pixels(file.clone()), pixels(bench.path(by_hand)));
    // The size of the start picture, in whole latents.
    assert_eq!((drawn.width, drawn.height), (96, 64));
    // The file says what it was drawn over, and not where that lies.
    let recipe = &drawn.recipe;
    assert_eq!(recipe["request"]["start"]["path"], "beach.png");
    assert_eq!(recipe["request"]["start"]["mask"], "mask.png");
    assert_eq!(recipe["start"]["sha256"], start["hash"]);
    assert_eq!(recipe["start"]["mask_sha256"], mask["hash"]);
    let bytes = std::fs::read(&file).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        !text.contains("inputs") && !text.contains("blobs"),
        "{recipe}"
    );
    stop(server);
    // And it is drawn again from the library alone.
    std::fs::copy(&file, bench.path("drawn.png")).unwrap();
    std::fs::remove_file(bench.path("beach.png")).unwrap();
    std::fs::remove_file(bench.path("mask.png")).unwrap();
    let again = bench.document(&["generate", "--from", "drawn.png", "--out", "again"]);
    let again = again["files"][0]["path"].as_str().unwrap();
    assert_eq!(pixels(bench.path(again)), pixels(file));
    let text = std::fs::read(bench.path(again)).unwrap();
    assert!(!String::from_utf8_lossy(&text).contains("blobs"));
    assert_eq!(bench.document(&["db", "check"])["sound"], true);
}

#[test]
fn what_a_worker_would_refuse_is_refused_at_once_and_all_together() {
    let bench = Workbench::new();
    let (server, address) = started(&bench);
    let body = json!({
        "prompt": "a cat <lora:absent:0.5> <lora:other:9>",
        "negative": "<lora:absent:1>",
        "prompt_2": "a dog",
        "steps": 0,
    });
    let (status, refused) = draw(&address, &body);
    assert_eq!(status, 400, "{refused}");
    let problems = refused["error"]["details"]["problems"].to_string();
    for part in [
        "`steps` must lie between",
        "`prompt_2` and `negative_2` are for bases",
    ] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
    let home = bench.path("home").to_string_lossy().into_owned();
    assert!(!problems.contains(&home), "{problems}");
    let (status, refused) = draw(&address, &json!({"prompt": "a <lora:absent:0.5>"}));
    assert_eq!(status, 400);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("no adapter `absent` in"), "{message}");
    for wrong in ["a (cat", "<lora:a:much>", "<lora:../a:1>", "<hypernet:a:1>"] {
        let (status, answer) = draw(&address, &json!({"prompt": wrong, "steps": 1}));
        let is_refused = status == 400;
        // An open bracket is a bracket.
        assert_eq!(is_refused, wrong != "a (cat", "{wrong}: {answer}");
    }
    stop(server);
}
