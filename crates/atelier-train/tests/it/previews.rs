//! Pictures of checkpoints between the epochs, of which nothing of the training depends.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;

use atelier_core::{
    AlwaysPermitted, ErrorCode, GenerateRequest, Generator as _, Outcome, Phase, Precision,
    Recompute, RunContext, TrainReport, TrainRequest, Trainer as _,
};
use atelier_data::{Limits, decode_picture, png};
use atelier_diffusion::prompt::expand;
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_nn::Engine;
use burn::tensor::Device;
use serde_json::Value;

use crate::fixture::{FixedClock, Watcher, copy_folder, request, train, train_watched, trainer};
use crate::resume::TakenAway;

/// A run with previews after epochs 2 and 4.
fn with_previews(folder: &Path, out: &str) -> TrainRequest {
    let mut request = request(folder, out);
    request.config.preview_every = Some(2);
    request.config.preview_steps = 3;
    request.config.preview_prompts = vec!["a disc".to_owned(), "DiscV1, at night".to_owned()];
    request
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// The names of what lies in a folder, in order; hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// The first preview of an epoch.
fn preview(out: &Path, epoch: usize) -> PathBuf {
    out.join(format!("previews/epoch-{epoch:03}/00.png"))
}

#[test]
fn previews_change_no_bit_of_a_training_whatever_it_computes_again() {
    let folder = tempfile::tempdir().unwrap();
    for recompute in [Recompute::None, Recompute::Block, Recompute::Layer] {
        for precision in Precision::ALL {
            let name = |what: &str| format!("{what}-{recompute}-{precision}");
            let mut plain = request(folder.path(), &name("plain"));
            let mut shown = with_previews(folder.path(), &name("shown"));
            for one in [&mut plain, &mut shown] {
                one.config.recompute = recompute;
                one.config.precision = *precision;
                one.config.epochs = 3;
            }
            plain.config.preview_every = Some(0);
            shown.config.preview_every = Some(1);
            let (plain, shown) = (train(&plain), train(&shown));
            assert_eq!(plain.losses, shown.losses);
            assert!(plain.previews.is_empty());
            assert_eq!(shown.previews.len(), 3);
            for ((_, plain), (_, shown)) in plain.checkpoints.iter().zip(&shown.checkpoints) {
                let factors =
                    |adapter: &Path| bytes(&adapter.with_file_name("factors.safetensors"));
                if plain.with_file_name("factors.safetensors").exists() {
                    assert_eq!(factors(plain), factors(shown), "{recompute}, {precision}");
                }
            }
        }
    }
}

#[test]
fn a_preview_is_the_picture_that_the_checkpoint_draws_at_strength_1() {
    let folder = tempfile::tempdir().unwrap();
    for precision in Precision::ALL {
        let mut request = with_previews(folder.path(), &format!("out-{precision}"));
        request.config.precision = *precision;
        request.config.recompute = Recompute::Layer;
        train(&request);
        assert_eq!(
            names(&request.out.join("previews")),
            ["epoch-002", "epoch-004"]
        );
        for (epoch, file) in [(2, "00.png"), (4, "01.png")] {
            let path = preview(&request.out, epoch).with_file_name(file);
            let texts = png::read_text(&path).unwrap();
            let own = texts.iter().find(|(keyword, _)| keyword == "atelier");
            let recipe: Value = serde_json::from_str(&own.unwrap().1).unwrap();
            let mut asked: GenerateRequest =
                serde_json::from_value(recipe["request"].clone()).unwrap();
            assert_eq!(asked.precision, *precision);
            // Where the run lies is nobody's business.
            let adapter = format!("checkpoints/epoch-{epoch:03}/adapter.safetensors");
            assert_eq!(asked.adapters[0].path, Path::new(&adapter));
            asked.adapters[0].path = request.out.join(adapter);
            let engine = Engine::from(*precision);
            let mut pipeline = Pipeline::open(&request.base, &Device::flex(), engine).unwrap();
            let watcher = Watcher::new(None);
            let drawn = pipeline.generate(&asked, None, context(&watcher)).unwrap();
            let Outcome::Completed(drawn) = drawn else {
                panic!("nobody stopped it");
            };
            let shown = decode_picture(&path, &Limits::default()).unwrap();
            assert!(shown.rgb == drawn[0].rgb, "{precision}, epoch {epoch}");
        }
    }
}

fn context(watcher: &Watcher) -> RunContext<'_> {
    RunContext {
        cancel: &watcher.cancel,
        progress: watcher,
        clock: &FixedClock,
        permit: &AlwaysPermitted,
    }
}

#[test]
fn what_previews_show_is_written_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let request = with_previews(folder.path(), "out");
    let report = train(&request);
    let epochs: Vec<_> = report.previews.iter().map(|(epoch, _)| *epoch).collect();
    assert_eq!(epochs, [2, 4]);
    let (_, second) = &report.previews[0];
    assert_eq!(names(second), ["00.png", "01.png", "previews.json"]);
    let contents: Value = serde_json::from_slice(&bytes(&second.join("previews.json"))).unwrap();
    assert_eq!(contents["epoch"], 2);
    let preview = &contents["previews"][1];
    assert_eq!(preview["prompt"], "DiscV1, at night");
    assert_eq!(
        (&preview["seed"], &preview["width"]),
        (&1.into(), &32.into())
    );
    let hash = atelier_weights::sha256_file(second.join("01.png")).unwrap();
    assert_eq!(preview["sha256"], hash);
}

#[test]
fn a_training_that_stops_while_it_draws_goes_on_with_the_drawing() {
    let folder = tempfile::tempdir().unwrap();
    let straight = with_previews(folder.path(), "straight");
    let straight_report = train(&straight);
    let mut stopped = with_previews(folder.path(), "stopped");
    let watcher = Watcher {
        cancel_preview_at: Some(4),
        ..Watcher::new(None)
    };
    let outcome = train_watched(&stopped, &watcher).unwrap();
    let per_epoch = 3;
    let completed_steps = 2 * per_epoch;
    assert_eq!(outcome, Outcome::Cancelled { completed_steps });
    assert_eq!(watcher.seen.lock().unwrap().last().unwrap().done, 4);
    assert!(names(&stopped.out.join("previews")).is_empty());
    stopped.resume = true;
    let resumed = train(&stopped);
    assert_eq!(straight_report.losses, resumed.losses);
    assert_eq!(bytes(&straight_report.adapter), bytes(&resumed.adapter));
    for epoch in [2, 4] {
        assert_eq!(
            bytes(&preview(&straight.out, epoch)),
            bytes(&preview(&stopped.out, epoch))
        );
    }
}

#[test]
fn a_device_that_cannot_draw_them_is_told_of_and_the_training_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let plain = train(&request(folder.path(), "plain"));
    let request = with_previews(folder.path(), "shown");
    let watcher = Watcher {
        fail_preview_at: Some(4),
        ..Watcher::new(None)
    };
    let outcome = train_watched(&request, &watcher).unwrap();
    let Outcome::Completed(report) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(plain.losses, report.losses);
    let factors = |report: &TrainReport| {
        let (_, last) = report.checkpoints.last().unwrap();
        bytes(&last.with_file_name("factors.safetensors"))
    };
    assert_eq!(factors(&plain), factors(&report));
    assert!(report.previews.is_empty() && names(&request.out.join("previews")).is_empty());
    for epoch in [2, 4] {
        let note =
            format!("epoch {epoch} has no previews: the device did not draw them: out of memory");
        assert!(report.notes.contains(&note), "{:?}", report.notes);
    }
}

#[test]
fn one_that_another_took_the_place_of_publishes_no_previews() {
    let folder = tempfile::tempdir().unwrap();
    let request = with_previews(folder.path(), "out");
    let watcher = Watcher::new(None);
    // The record and two epochs.
    let permit = TakenAway(AtomicU32::new(3));
    let context = RunContext {
        permit: &permit,
        ..context(&watcher)
    };
    let error = trainer().train(&request, context).unwrap_err();
    assert!(error.to_string().contains("another attempt"), "{error}");
    let last = watcher.seen.lock().unwrap().last().unwrap().clone();
    assert_eq!((last.phase, last.done), (Phase::Previewing, last.total - 1));
    assert!(names(&request.out.join("previews")).is_empty());
}

#[test]
fn other_previews_are_no_other_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = with_previews(folder.path(), "out");
    first.config.preview_every = Some(0);
    let outcome = train_watched(&first, &Watcher::new(Some(4))).unwrap();
    assert_eq!(outcome, Outcome::Cancelled { completed_steps: 4 });
    let mut again = with_previews(folder.path(), "out");
    again.resume = true;
    again.config.preview_prompts = vec!["a square".to_owned()];
    train(&again);
    let shown = names(&again.out.join("previews/epoch-002"));
    assert_eq!(shown, ["00.png", "previews.json"]);
}

#[test]
fn records_of_before_there_were_previews_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut old = request(folder.path(), "out");
    let outcome = train_watched(&old, &Watcher::new(Some(4))).unwrap();
    assert_eq!(outcome, Outcome::Cancelled { completed_steps: 4 });
    let path = old.out.join("run.json");
    let mut record: Value = serde_json::from_slice(&bytes(&path)).unwrap();
    let config = record["config"].as_object_mut().unwrap();
    for name in ["preview_prompts", "preview_every", "preview_steps"] {
        assert!(config.remove(name).is_some(), "{name}");
    }
    std::fs::write(&path, record.to_string()).unwrap();
    old.resume = true;
    train(&old);
}

#[test]
fn prompts_that_cannot_be_drawn_are_refused_before_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = with_previews(folder.path(), "out");
    request.config.preview_prompts = vec!["a disc <lora:other:1>".to_owned()];
    let error = train_watched(&request, &Watcher::new(None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    let said = error.to_string();
    let named = "preview `a disc <lora:other:1>`: it names the adapter `<lora:other:1>`";
    assert!(said.contains(named), "{said}");
    assert!(!request.out.exists());
    // Nobody asks for these.
    request.config.preview_every = Some(0);
    train(&request);
}

/// What an epoch's first preview was drawn from.
fn recipe(out: &Path, epoch: usize) -> Value {
    let texts = png::read_text(preview(out, epoch)).unwrap();
    let own = texts.iter().find(|(keyword, _)| keyword == "atelier");
    serde_json::from_str(&own.unwrap().1).unwrap()
}

#[test]
fn a_choice_in_braces_is_made_by_the_seed_of_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = with_previews(folder.path(), "out");
    let prompt = "a {red|blue|green} disc";
    request.config.preview_prompts = vec![prompt.to_owned()];
    train(&request);
    let made = expand(prompt, request.config.seed).unwrap();
    assert_eq!(recipe(&request.out, 2)["request"]["prompt"], made);
    assert!(!made.contains('{'));
}

#[test]
fn a_schedule_that_the_usual_sampler_does_not_follow_has_previews_too() {
    let folder = tempfile::tempdir().unwrap();
    for (word, sampler) in [("fixed_small", "dpmpp-2m"), ("learned_range", "ddim")] {
        let mut request = with_previews(folder.path(), word);
        let base = folder.path().join(format!("base-{word}"));
        copy_folder(&request.base, &base);
        let path = base.join("scheduler/scheduler_config.json");
        let mut schedule: Value = serde_json::from_slice(&bytes(&path)).unwrap();
        schedule["variance_type"] = word.into();
        std::fs::write(&path, schedule.to_string()).unwrap();
        request.base = base;
        train(&request);
        assert_eq!(recipe(&request.out, 4)["request"]["sampler"], sampler);
    }
}
