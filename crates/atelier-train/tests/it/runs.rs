//! What a finished run leaves behind.

use std::path::{Path, PathBuf};

use atelier_adapters::AdapterFile;
use atelier_core::{Crop, Phase, Precision, Targets};
use atelier_data::crops_json;

use crate::fixture::{Watcher, pictures, request, train, train_watched};

#[test]
fn a_run_writes_one_checkpoint_per_epoch_and_the_final_adapter() {
    let folder = tempfile::tempdir().unwrap();
    let request = request(folder.path(), "out");
    let report = train(&request);
    assert_eq!(report.losses.len(), 4 * 3);
    assert_eq!(
        report
            .checkpoints
            .iter()
            .map(|(epoch, _)| *epoch)
            .collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert!(report.checkpoints.iter().all(|(_, path)| path.exists()));
    let last = AdapterFile::read(&report.checkpoints[3].1).unwrap();
    let adapter = AdapterFile::read(&report.adapter).unwrap();
    assert_eq!(last.layers, adapter.layers);
    assert_eq!(adapter.metadata["ss_network_dim"], "4");
    assert_eq!(adapter.metadata["modelspec.trigger_phrase"], "DiscV1");
    assert!(
        adapter.layers.iter().any(|layer| layer
            .factors()
            .unwrap()
            .1
            .values
            .iter()
            .any(|&value| value != 0.0)),
        "nothing was learned"
    );
}

#[test]
fn equal_runs_give_equal_files() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (
        train(&request(folder.path(), "one")),
        train(&request(folder.path(), "two")),
    );
    assert_eq!(one.losses, two.losses);
    assert_eq!(
        std::fs::read(one.adapter).unwrap(),
        std::fs::read(two.adapter).unwrap()
    );
}

#[test]
fn seeds_change_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let first = request(folder.path(), "one");
    let mut second = request(folder.path(), "two");
    second.config.seed = atelier_core::Seed(1);
    assert_ne!(train(&first).losses, train(&second).losses);
}

#[test]
fn training_lowers_the_loss_on_the_same_noise() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    request.config.epochs = 60;
    request.config.checkpoint_every = 60;
    request.config.learning_rate = 5e-3;
    let losses = train(&request).losses;
    let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
    let (start, end) = (mean(&losses[..60]), mean(&losses[losses.len() - 60..]));
    assert!(end < start, "loss went from {start} to {end}");
}

#[test]
fn convolutions_are_trained_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    request.config.targets = Targets::TransformerAndConvolution;
    request.config.epochs = 1;
    let adapter = AdapterFile::read(train(&request).adapter).unwrap();
    let convolution = adapter
        .layers
        .iter()
        .find(|layer| layer.name.ends_with("resnets_0_conv1"))
        .unwrap();
    let (down, up) = convolution.factors().unwrap();
    assert_eq!(down.shape[2..], [3, 3]);
    assert!(up.values.iter().any(|&value| value != 0.0));
}

#[test]
fn adapters_of_sdxl_carry_the_names_of_the_original_layout_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = request(folder.path(), "out");
    request.base = atelier_testkit::tiny_sdxl();
    request.config.targets = Targets::TransformerAndConvolution;
    request.config.epochs = 1;
    let adapter = AdapterFile::read(train(&request).adapter).unwrap();
    assert_eq!(adapter.layers.len(), 168);
    let blocks = ["input_blocks", "middle_block", "output_blocks"];
    for layer in &adapter.layers {
        let path = layer.name.strip_prefix("lora_unet_").unwrap();
        assert!(blocks.iter().any(|block| path.starts_with(block)), "{path}");
    }
    let version = &adapter.metadata["ss_base_model_version"];
    assert_eq!(version, "sdxl_base_v1-0");
}

#[test]
fn half_precision_follows_the_reference_closely() {
    let folder = tempfile::tempdir().unwrap();
    let exact = train(&request(folder.path(), "f32"));
    let mut mixed = request(folder.path(), "bf16");
    mixed.config.precision = Precision::Bf16;
    for (a, b) in exact.losses.iter().zip(&train(&mixed).losses) {
        assert!((a - b).abs() < 2e-2 * a.abs(), "{a} and {b}");
    }
}

/// A folder below this one with a picture of 80×64 pixels.
fn one_picture(folder: &Path) -> PathBuf {
    let dataset = pictures(folder);
    for entry in std::fs::read_dir(&dataset).unwrap().map(Result::unwrap) {
        if !entry.file_name().to_string_lossy().starts_with("disc0.") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    dataset
}

#[test]
fn the_square_that_was_dragged_is_trained_on_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let losses = |name: &str, base: &Path, change: &dyn Fn(&Path)| {
        let folder = folder.path().join(name);
        let mut request = request(&folder, "out");
        change(&one_picture(&folder));
        request.base = base.to_owned();
        request.config.epochs = 2;
        train(&request).losses
    };
    let cropped = |crop: Crop| {
        move |dataset: &Path| {
            let text = crops_json([("disc0.png".to_owned(), crop)]);
            std::fs::write(dataset.join("crops.json"), text).unwrap();
        }
    };
    let crop = |left, top, side| Crop { left, top, side };
    let dragged = cropped(crop(3, 9, 50));
    let cut = |dataset: &Path| {
        let path = dataset.join("disc0.png");
        let picture = image::open(&path).unwrap();
        picture.crop_imm(3, 9, 50, 50).save(path).unwrap();
    };
    let middle = cropped(crop(8, 0, 64));
    let bases = [atelier_testkit::tiny_sd15(), atelier_testkit::tiny_sdxl()];
    for (base, is_told) in bases.iter().zip([false, true]) {
        let of =
            |what: &str, change: &dyn Fn(&Path)| losses(&format!("{what}-{is_told}"), base, change);
        let whole = of("whole", &|_| ());
        let dragged = of("dragged", &dragged);
        assert_ne!(whole, dragged);
        assert_eq!(whole, of("middle", &middle));
        // The same latents; SDXL alone is told that they are a part of something larger.
        assert_eq!(dragged != of("cut", &cut), is_told);
    }
}

#[test]
fn loading_is_over_before_the_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let watcher = Watcher::new(None);
    train_watched(&request(folder.path(), "out"), &watcher).unwrap();
    let seen = watcher.seen.lock().unwrap();
    let loading = seen
        .iter()
        .filter(|progress| progress.phase == Phase::LoadingBase);
    let loading: Vec<_> = loading.map(|one| (one.done, one.total)).collect();
    assert_eq!(loading, [(0, 1), (1, 1)]);
}

#[test]
fn progress_names_every_phase_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let watcher = Watcher::new(None);
    train_watched(&request(folder.path(), "out"), &watcher).unwrap();
    let mut phases: Vec<Phase> = watcher
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|progress| progress.phase)
        .collect();
    phases.dedup();
    assert_eq!(
        phases,
        [
            Phase::Preparing,
            Phase::CachingLatents,
            Phase::LoadingBase,
            Phase::Training,
            Phase::Saving
        ]
    );
}
