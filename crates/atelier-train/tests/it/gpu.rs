//! Runs on a graphics processor; `atelier_testkit::graphics` says when there is none.

use std::sync::{Mutex, MutexGuard, PoisonError};

use atelier_core::{Outcome, TrainReport, TrainRequest};
use atelier_nn::device::{DeviceFailure, guard, listen};
use atelier_testkit::graphics;
use burn::tensor::Device;

use crate::fixture::{Watcher, request, train, train_on};

/// Largest difference of a loss from the processor's, over that loss. Sums in another order move a loss by 1e-6; steps of the
/// optimizer, which follow the sign of small gradients, let that grow.
const TOLERANCE: f32 = 1e-3;

/// The device, for one test at a time: a failure is that of whatever computes there.
fn device() -> Option<(Device, MutexGuard<'static, ()>)> {
    static ONE: Mutex<()> = Mutex::new(());
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    Some((graphics()?, one))
}

/// A run of two steps.
fn short(folder: &std::path::Path, out: &str) -> TrainRequest {
    let mut request = request(folder, out);
    request.config.epochs = 1;
    std::fs::remove_file(request.dataset.join("disc4.png")).unwrap();
    std::fs::remove_file(request.dataset.join("disc4.txt")).unwrap();
    request
}

fn stop_after(step: u64, device: &Device, request: &TrainRequest) {
    let outcome = train_on(device.clone(), request, &Watcher::new(Some(step))).unwrap();
    let completed_steps = step;
    assert_eq!(outcome, Outcome::Cancelled { completed_steps });
}

fn resume(device: &Device, request: TrainRequest) -> TrainReport {
    let request = TrainRequest {
        resume: true,
        ..request
    };
    match train_on(device.clone(), &request, &Watcher::new(None)).unwrap() {
        Outcome::Completed(report) => report,
        Outcome::Cancelled { completed_steps } => panic!("cancelled after {completed_steps} steps"),
    }
}

#[test]
fn losses_are_those_of_the_processor_and_either_device_continues_the_run() {
    let Some((device, _one)) = device() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let expected = train(&short(folder.path(), "processor"));
    for (out, [first, then]) in [
        ("to-processor", [&device, &Device::flex()]),
        ("to-graphics", [&Device::flex(), &device]),
    ] {
        let run = short(folder.path(), out);
        stop_after(1, first, &run);
        assert_near(&resume(then, run), &expected);
    }
}

#[test]
fn resume_equals_an_uninterrupted_run_bit_for_bit() {
    let Some((device, _one)) = device() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let straight = train_on(
        device.clone(),
        &short(folder.path(), "straight"),
        &Watcher::new(None),
    );
    let Outcome::Completed(straight) = straight.unwrap() else {
        panic!("nothing stops it");
    };
    let stopped = short(folder.path(), "stopped");
    stop_after(1, &device, &stopped);
    let resumed = resume(&device, stopped);
    assert_eq!(straight.losses, resumed.losses);
    let bytes = |report: &TrainReport| std::fs::read(&report.adapter).unwrap();
    assert!(bytes(&straight) == bytes(&resumed));
}

#[test]
fn a_device_that_fails_within_an_epoch_leaves_the_steps_before() {
    let Some((device, _one)) = device() else {
        return;
    };
    listen();
    let folder = tempfile::tempdir().unwrap();
    let run = short(folder.path(), "failed");
    let watcher = Watcher {
        fail_after: Some(1),
        ..Watcher::new(None)
    };
    let failed = guard(&device, || train_on(device.clone(), &run, &watcher));
    assert_eq!(failed.unwrap_err(), DeviceFailure::OutOfMemory);
    assert!(run.out.join("checkpoints/step-000001").exists());
    assert_near(
        &resume(&Device::flex(), run),
        &train(&short(folder.path(), "processor")),
    );
}

#[test]
fn previews_that_the_device_cannot_draw_leave_the_training_alone() {
    let Some((device, _one)) = device() else {
        return;
    };
    listen();
    let folder = tempfile::tempdir().unwrap();
    let mut run = short(folder.path(), "shown");
    run.config.epochs = 2;
    run.config.preview_every = Some(1);
    run.config.preview_steps = 2;
    let watcher = Watcher {
        fail_preview_at: Some(1),
        ..Watcher::new(None)
    };
    // As the program does, which guards all of it.
    let trained = guard(&device, || train_on(device.clone(), &run, &watcher));
    let Outcome::Completed(report) = trained.unwrap().unwrap() else {
        panic!("nothing stops it");
    };
    assert_eq!(report.losses.len(), 4);
    assert!(report.previews.is_empty());
    let untold = |epoch| {
        !report
            .notes
            .iter()
            .any(|note| note.starts_with(&format!("epoch {epoch} has no previews")))
    };
    assert!(!untold(1) && !untold(2), "{:?}", report.notes);
}

fn assert_near(report: &TrainReport, expected: &TrainReport) {
    assert_eq!(report.losses.len(), expected.losses.len());
    for (a, b) in report.losses.iter().zip(&expected.losses) {
        assert!((a - b).abs() <= TOLERANCE * b.abs(), "{a} and {b}");
    }
}
