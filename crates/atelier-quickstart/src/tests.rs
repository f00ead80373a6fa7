//! The whole way with a trainer and a generator that compute nothing.

use std::sync::atomic::{AtomicUsize, Ordering};

use atelier_adapters::{AdapterFile, AdapterLayer};
use atelier_core::{
    AlwaysPermitted, BoxedError, CancelFlag, Clock, GenerateRequest, Picture, Seed, SilentProgress,
    StartPixels, TrainConfig,
};
use atelier_store::Spent;
use atelier_weights::DType;
use tempfile::TempDir;

use super::*;

struct StoppedClock;

impl Clock for StoppedClock {
    fn unix_secs(&self) -> f64 {
        0.0
    }
}

/// Writes the files of a training.
struct FakeTrainer;

impl Trainer for FakeTrainer {
    fn train(
        &self,
        request: &TrainRequest,
        _: RunContext<'_>,
    ) -> Result<Outcome<TrainReport>, BoxedError> {
        let TrainConfig {
            epochs,
            checkpoint_every,
            ..
        } = request.config;
        let write = |path: PathBuf| {
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            let layers: [AdapterLayer; 0] = [];
            AdapterFile::write(&path, &layers, DType::F16, &BTreeMap::new()).unwrap();
            path
        };
        let kept = (1..=epochs).filter(|epoch| epoch.is_multiple_of(checkpoint_every));
        let folder = |epoch| request.out.join(format!("checkpoints/epoch-{epoch:03}"));
        let shown = [epochs / 2, epochs];
        Ok(Outcome::Completed(TrainReport {
            adapter: write(request.out.join("adapter.safetensors")),
            checkpoints: kept
                .map(|epoch| (epoch, write(folder(epoch).join("adapter.safetensors"))))
                .collect(),
            previews: shown
                .map(|epoch| {
                    (
                        epoch,
                        request.out.join(format!("previews/epoch-{epoch:03}")),
                    )
                })
                .into(),
            losses: (0..7 * epochs)
                .map(|step| 1.0 / (step + 1) as f32)
                .collect(),
            pictures: 28,
            skipped: Vec::new(),
            notes: vec!["a note".to_owned()],
            recompute: atelier_core::Recompute::None,
            planned_peak_bytes: 200_000_000,
            trained_steps: 7 * epochs as u64,
            training_secs: 65.0,
            preview_secs: 0.0,
            preview_pictures: 0,
        }))
    }
}

/// Draws a yellow square with an adapter and a grey slope without; stops after `limit` pictures.
struct FakeGenerator {
    limit: usize,
    drawn: AtomicUsize,
}

impl Generator for FakeGenerator {
    fn generate(
        &mut self,
        request: &GenerateRequest,
        _start: Option<&StartPixels>,
        _: RunContext<'_>,
    ) -> Result<Outcome<Vec<Picture>>, BoxedError> {
        if self.drawn.fetch_add(1, Ordering::Relaxed) >= self.limit {
            return Ok(Outcome::Cancelled { completed_steps: 0 });
        }
        assert!(
            request
                .adapters
                .iter()
                .all(|adapter| adapter.path.is_file())
        );
        let with_adapter = !request.adapters.is_empty();
        let pixel = |i: usize| {
            let (x, y) = (i % 32, i / 32);
            match with_adapter {
                true if x.abs_diff(16) < 14 && y.abs_diff(17) < 13 => [252, 194, 27],
                true => [255; 3],
                false => [(x * 8) as u8; 3],
            }
        };
        Ok(Outcome::Completed(vec![Picture {
            width: 32,
            height: 32,
            rgb: (0..32 * 32).flat_map(pixel).collect(),
            seed: request.seed,
        }]))
    }
}

fn quickstart(out: &Path, limit: usize) -> Option<Report> {
    let quickstart = Quickstart::check(out, 8, Seed(3)).unwrap();
    let base = UsedBase {
        name: "<b> & co".to_owned(),
        path: PathBuf::from("base"),
        hash: "0123456789abcdef".to_owned(),
        is_usual: false,
    };
    let open = |_: &Path| -> Result<Box<dyn Generator>> {
        Ok(Box::new(FakeGenerator {
            limit,
            drawn: AtomicUsize::new(0),
        }))
    };
    let hands = Hands {
        trainer: &FakeTrainer,
        open: &open,
        peak_bytes: &|| None,
    };
    let context = RunContext {
        cancel: &CancelFlag::default(),
        progress: &SilentProgress,
        clock: &StoppedClock,
        permit: &AlwaysPermitted,
    };
    quickstart.run(&base, &hands, context).unwrap()
}

#[test]
fn everything_is_written_and_named_in_the_report() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let report = quickstart(&out, usize::MAX).unwrap();
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    for file in [report.page, report.adapter, report.sheet, report.loss_chart] {
        assert!(out.join(file).is_file(), "{file}");
    }
    let files = report.rows.iter().flat_map(|row| &row.files);
    assert_eq!(files.clone().count(), 6 * 9);
    assert!(files.clone().all(|file| out.join(file).is_file()));
    assert!(
        report
            .dataset
            .iter()
            .all(|one| out.join(&one.file).is_file())
    );
    assert!(report.measurement.gain > 0.0, "{:?}", report.measurement);
    let text = fs_err::read_to_string(out.join("report.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["training"]["steps"], 56);
    assert!(report.lines()[0].ends_with("56 steps, 1 min 5 s"));
    assert_eq!(json["training"]["notes"][0], "a note");
}

#[test]
fn what_the_trainer_decided_about_previews_is_a_setting_of_the_report() {
    let folder = TempDir::new().unwrap();
    let report = quickstart(&folder.path().join("out"), usize::MAX).unwrap();
    assert_eq!(report.config.preview_every, Some(4));
    assert_eq!(report.config.previewed_epochs(4), [4, 8]);
    let spent = report.training.spent();
    assert!((spent.training_secs - 65.0).abs() < 1e-9);
    assert_eq!(spent.trained_steps, 56);
}

#[test]
fn pictures_tell_where_their_adapter_lies_in_the_end() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    quickstart(&out, usize::MAX).unwrap();
    for (name, adapter) in [
        ("crying-face-strength-0.8-seed-3", "adapter.safetensors"),
        (
            "crying-face-epoch-004-seed-3",
            "run/checkpoints/epoch-004/adapter.safetensors",
        ),
    ] {
        let texts = png::read_text(out.join(format!("pictures/{name}.png"))).unwrap();
        let own = &texts
            .iter()
            .find(|(keyword, _)| keyword == "atelier")
            .unwrap()
            .1;
        let recipe: serde_json::Value = serde_json::from_str(own).unwrap();
        let path = Path::new(recipe["request"]["adapters"][0]["path"].as_str().unwrap());
        assert_eq!(path, out.join(adapter));
        assert!(path.is_file());
    }
}

#[test]
fn the_page_holds_every_picture_and_escapes_what_it_quotes() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let report = quickstart(&out, usize::MAX).unwrap();
    let page = fs_err::read_to_string(out.join(report.page)).unwrap();
    let pictures = page.matches("<img src=\"data:image/png;base64,").count();
    assert_eq!(pictures, 6 * 9 + 28);
    assert_eq!(page.matches("data:image/svg+xml;base64,").count(), 1);
    assert_eq!(page.matches(" alt=").count(), pictures + 1);
    assert!(page.contains("&lt;b&gt; &amp; co") && !page.contains("<b> & co"));
    let outside = ["http://", "https://", "<script", "<link", "@import", "url("];
    assert!(outside.iter().all(|word| !page.contains(word)));
    assert!(page.contains(&html::escaped(&report.generate_command())));
}

#[test]
fn a_quickstart_knows_all_that_it_made_and_nothing_of_others() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    quickstart(&out, usize::MAX).unwrap();
    quickstart(&out, usize::MAX).unwrap();
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
    let mine = out.join("pictures/mine.png");
    fs_err::write(&mine, "mine").unwrap();
    let refused = Quickstart::check(&out, 8, Seed(1)).unwrap_err().to_string();
    assert!(refused.contains("`pictures/mine.png`"), "{refused}");
    assert!(mine.is_file());
}

#[test]
fn a_stopped_quickstart_leaves_the_earlier_one_and_goes_on() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    quickstart(&out, usize::MAX).unwrap();
    assert!(quickstart(&out, 10).is_none());
    assert!(out.join("report.html").is_file());
    assert!(folder.path().join("out.partial").is_dir());
    let report = quickstart(&out, usize::MAX).unwrap();
    assert!(report.training.continued);
    // The earlier call took a part of the time, and later trainings are estimated by what the library is told.
    assert_eq!(report.training.spent(), Spent::default());
    let of_call =
        "56 steps, 1 min 5 s (of the call that finished; it continued an interrupted one)";
    assert!(report.lines()[0].ends_with(of_call), "{:?}", report.lines());
    assert!(!folder.path().join("out.partial").exists());
}
