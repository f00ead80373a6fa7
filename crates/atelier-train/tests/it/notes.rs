//! What a run has to tell a person: when it is told, and what is kept of it.

use std::path::Path;

use atelier_core::{Outcome, Phase, TrainRequest, TrainingPictures};
use atelier_diffusion::stable_diffusion::Base;
use atelier_train::{PreviewPlan, caption_note, plan_notes, saved_steps};
use serde_json::Value;

use crate::fixture::{Watcher, request, train, train_watched};

fn kept(request: &TrainRequest) -> Vec<String> {
    let text = std::fs::read(request.out.join("notes.json")).unwrap();
    let file: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(file["version"], 1);
    serde_json::from_value(file["notes"].clone()).unwrap()
}

/// A run with something to tell: a caption that is not read to its end, one that is not read at all, a picture of a format that is
/// not read, fewer pictures than are right.
fn talkative(folder: &Path) -> TrainRequest {
    let request = request(folder, "out");
    let put = |name: &str, text: &str| std::fs::write(request.dataset.join(name), text).unwrap();
    put("disc0.txt", &"word ".repeat(100));
    std::fs::remove_file(request.dataset.join("disc1.txt")).unwrap();
    put("disc1.caption", "a disc");
    put("photo.heic", "pixels");
    request
}

const PARTS: [&str; 5] = [
    "left out `photo.heic`: its format is not read",
    "1 of 5 pictures has no caption of its own and gets `discs`",
    "are not read: `disc1.caption`",
    "there are 5 pictures, and 15 to 40 are right",
    "the caption of `disc0.png` is longer than the 75 tokens",
];

#[test]
fn everything_known_before_the_first_picture_is_told_then_and_kept_however_the_run_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = talkative(folder.path());
    let watcher = Watcher::new(Some(2));
    let outcome = train_watched(&request, &watcher).unwrap();
    assert_eq!(outcome, Outcome::Cancelled { completed_steps: 2 });
    let told = watcher.told.into_inner().unwrap();
    assert_eq!(told.len(), PARTS.len(), "{told:?}");
    let notes = kept(&request);
    for (part, ((phase, said), note)) in PARTS.iter().zip(told.iter().zip(&notes)) {
        assert_eq!((*phase, said), (Phase::Preparing, note));
        assert!(note.contains(part), "no `{part}` in {note}");
    }
    assert_eq!(saved_steps(&request.out), 2);

    // Each is kept once, and what is new comes behind.
    let newest = request
        .out
        .join("checkpoints/step-000002/factors.safetensors");
    std::fs::write(newest, "damaged").unwrap();
    request.resume = true;
    let Err(error) = train_watched(&request, &Watcher::new(None)) else {
        panic!("there is no other checkpoint");
    };
    assert!(error.to_string().contains("step-000002"), "{error}");
    assert_eq!(kept(&request), notes);
}

#[test]
fn a_checkpoint_that_was_passed_over_is_kept_among_the_notes_without_where_the_run_lies() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    train_watched(&request, &Watcher::new(Some(7))).unwrap();
    let newest = request
        .out
        .join("checkpoints/step-000007/factors.safetensors");
    std::fs::write(newest, "damaged").unwrap();
    request.resume = true;
    let report = train(&request);
    assert_eq!(
        report.trained_steps,
        4 * 3 - 6,
        "those after the epoch before"
    );
    let kept = kept(&request);
    let note = kept
        .iter()
        .find(|note| note.contains("`step-000007` is damaged"));
    let note = note.unwrap();
    assert!(report.notes.contains(note), "{:?}", report.notes);
    assert!(!note.contains(&*folder.path().to_string_lossy()), "{note}");
}

#[test]
fn what_the_device_cannot_draw_is_kept_while_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    request.config.preview_every = Some(2);
    request.config.preview_steps = 3;
    request.config.preview_prompts = vec!["a disc".to_owned(), "DiscV1, at night".to_owned()];
    let watcher = Watcher {
        fail_preview_at: Some(4),
        cancel_after: Some(8),
        ..Watcher::new(None)
    };
    train_watched(&request, &watcher).unwrap();
    let note = "epoch 2 has no previews: the device did not draw them: out of memory";
    assert!(kept(&request).iter().any(|kept| kept == note));
}

#[test]
fn what_followed_from_the_memory_of_a_sitting_before_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    train_watched(&request, &Watcher::new(Some(2))).unwrap();
    let before = kept(&request);
    let short = "no previews: drawing them takes about 9.0 GB of memory, and there are 3.1 GB";
    let notes = [&before[..], &[short.to_owned()]].concat();
    let file = serde_json::json!({"version": 1, "notes": notes});
    std::fs::write(request.out.join("notes.json"), file.to_string()).unwrap();
    request.resume = true;
    train(&request);
    assert_eq!(kept(&request), before);
}

#[test]
fn a_run_that_never_begins_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let request = talkative(folder.path());
    let watcher = Watcher::new(None);
    watcher.cancel.cancel();
    train_watched(&request, &watcher).unwrap();
    assert!(!request.out.exists());
    assert!(!watcher.told.lock().unwrap().is_empty());
    let found = TrainingPictures {
        count: 5,
        largest_pixels: 80 * 64,
    };
    assert_eq!(*watcher.found.lock().unwrap(), Some(found));
}

#[test]
fn a_run_with_nothing_to_tell_has_no_file_of_notes() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    for copy in 0..2 {
        for index in 0..5 {
            let from = |ending: &str| request.dataset.join(format!("disc{index}.{ending}"));
            for ending in ["png", "txt"] {
                let to = request.dataset.join(format!("copy{copy}-{index}.{ending}"));
                std::fs::copy(from(ending), to).unwrap();
            }
        }
    }
    request.config.epochs = 1;
    let report = train(&request);
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert!(!request.out.join("notes.json").exists());
}

#[test]
fn plans_tell_what_the_training_itself_would_tell() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    request.config.warmup_steps = 500;
    request.config.resolution = Some(128);
    let base = Base::open(&request.base).unwrap();
    let notes = plan_notes(&base, &request.config, 120);
    assert_eq!(notes.len(), 3, "{notes:?}");
    for (note, part) in notes.iter().zip([
        "there are 120 pictures",
        "pictures of 128 pixels are more than twice the 32",
        "the learning rate rises over all 240 steps",
    ]) {
        assert!(note.contains(part), "no `{part}` in {note}");
    }
    let long = "word ".repeat(100);
    let rows = [("a.png", "short"), ("b.png", long.as_str())];
    let note = caption_note(&base, &request.config, rows.into_iter()).unwrap();
    assert!(
        note.starts_with("the caption of `b.png` is longer"),
        "{note}"
    );
}

#[test]
fn previews_of_a_training_with_a_small_last_batch_take_no_more_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    request.config.batch_size = 16;
    request.config.epochs = 4000;
    let base = Base::open(&request.base).unwrap();
    let drawn = |pictures| {
        let plan = PreviewPlan::new(&base, &request.config, pictures).unwrap();
        plan.epochs.len() as f64
    };
    // One picture more makes a second step of each epoch, with that one picture.
    let ratio = drawn(17) / drawn(16);
    assert!((0.8..1.4).contains(&ratio), "{ratio}");
}
