//! A few generated pictures, and contexts that count, cancel or tell a fixed time.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use atelier_core::{
    AlwaysPermitted, CancelFlag, Clock, Outcome, Phase, Progress, ProgressSink, RunContext,
    TrainConfig, TrainReport, TrainRequest, Trainer as _, TrainingPictures,
};
use atelier_nn::device::DeviceFailure;
use atelier_train::LoraTrainer;
use burn::tensor::Device;

pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn unix_secs(&self) -> f64 {
        1_000_000.0
    }
}

/// Keeps what was reported, and cancels or has the device fail after a number of training steps.
pub(crate) struct Watcher {
    pub(crate) cancel: CancelFlag,
    pub(crate) cancel_after: Option<u64>,
    pub(crate) cancel_preview_at: Option<u64>,
    pub(crate) fail_preview_at: Option<u64>,
    pub(crate) fail_after: Option<u64>,
    pub(crate) seen: Mutex<Vec<Progress>>,
    /// What was told, and how far the run was then.
    pub(crate) told: Mutex<Vec<(Phase, String)>>,
    pub(crate) found: Mutex<Option<TrainingPictures>>,
}

impl Watcher {
    pub(crate) fn new(cancel_after: Option<u64>) -> Self {
        Self {
            cancel: CancelFlag::default(),
            cancel_after,
            cancel_preview_at: None,
            fail_preview_at: None,
            fail_after: None,
            seen: Mutex::new(Vec::new()),
            told: Mutex::new(Vec::new()),
            found: Mutex::new(None),
        }
    }
}

impl ProgressSink for Watcher {
    fn report(&self, progress: Progress) {
        if progress.phase == Phase::Training && Some(progress.done) == self.cancel_after {
            self.cancel.cancel();
        }
        if progress.phase == Phase::Previewing && Some(progress.done) == self.cancel_preview_at {
            self.cancel.cancel();
        }
        if progress.phase == Phase::Previewing && Some(progress.done) == self.fail_preview_at {
            fail_on_a_thread_of_the_device();
            DeviceFailure::OutOfMemory.raise();
        }
        if progress.phase == Phase::Training && Some(progress.done) == self.fail_after {
            fail_on_a_thread_of_the_device();
        }
        self.seen.lock().unwrap().push(progress);
    }

    fn note(&self, note: &str) {
        let phase = self.seen.lock().unwrap().last().unwrap().phase;
        self.told.lock().unwrap().push((phase, note.to_owned()));
    }

    fn found(&self, pictures: TrainingPictures) {
        *self.found.lock().unwrap() = Some(pictures);
    }
}

/// Says that there is no room, as a thread of the tensor library does.
fn fail_on_a_thread_of_the_device() {
    let thread = std::thread::Builder::new().name("DSD-0-0".to_owned());
    let thread = thread.spawn(|| panic!("wgpu error: Out of Memory"));
    assert!(thread.unwrap().join().is_err());
}

/// Five pictures of coloured discs with captions.
pub(crate) fn pictures(folder: &Path) -> PathBuf {
    let dataset = folder.join("discs");
    std::fs::create_dir_all(&dataset).unwrap();
    for index in 0..5u8 {
        let picture = image::RgbImage::from_fn(80, 64, |x, y| {
            let (dx, dy) = (i64::from(x) - 40, i64::from(y) - 32);
            let inside = dx * dx + dy * dy < 400 + 100 * i64::from(index);
            image::Rgb(if inside {
                [40 * index, 200, 90]
            } else {
                [250, 250, 240 - 20 * index]
            })
        });
        picture
            .save(dataset.join(format!("disc{index}.png")))
            .unwrap();
        std::fs::write(
            dataset.join(format!("disc{index}.txt")),
            format!("a disc, size {index}"),
        )
        .unwrap();
    }
    dataset
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn request(folder: &Path, out: &str) -> TrainRequest {
    TrainRequest {
        dataset: pictures(folder),
        base: atelier_testkit::tiny_sd15(),
        base_name: "tiny".to_owned(),
        out: folder.join(out),
        resume: false,
        skip_bad: false,
        config: TrainConfig {
            trigger: "DiscV1".to_owned(),
            epochs: 4,
            batch_size: 2,
            rank: 4,
            alpha: 4.0,
            learning_rate: 1e-3,
            caption_dropout: 0.2,
            ..TrainConfig::default()
        },
    }
}

pub(crate) fn train_watched(
    request: &TrainRequest,
    watcher: &Watcher,
) -> Result<Outcome<TrainReport>, atelier_core::BoxedError> {
    train_on(Device::flex(), request, watcher)
}

pub(crate) fn train_on(
    device: Device,
    request: &TrainRequest,
    watcher: &Watcher,
) -> Result<Outcome<TrainReport>, atelier_core::BoxedError> {
    let context = RunContext {
        cancel: &watcher.cancel,
        progress: watcher,
        clock: &FixedClock,
        permit: &AlwaysPermitted,
    };
    trainer_on(device).train(request, context)
}

/// One that computes on the processor.
pub(crate) fn trainer() -> LoraTrainer<'static> {
    trainer_on(Device::flex())
}

fn trainer_on(device: Device) -> LoraTrainer<'static> {
    LoraTrainer {
        device,
        hashes: &atelier_weights::ReadFiles,
        free_bytes: None,
        packed: None,
    }
}

pub(crate) fn train(request: &TrainRequest) -> TrainReport {
    match train_watched(request, &Watcher::new(None)).unwrap() {
        Outcome::Completed(report) => report,
        Outcome::Cancelled { completed_steps } => panic!("cancelled after {completed_steps} steps"),
    }
}
