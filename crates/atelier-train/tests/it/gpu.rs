//! A run on a graphics processor; `atelier_testkit::graphics` says when there is none.

use atelier_core::{Outcome, TrainReport};
use atelier_testkit::graphics;

use crate::fixture::{Watcher, request, train, train_on};

/// Largest difference of a loss from the processor's, over that loss. Sums in another order move a loss by 1e-6; steps of the
/// optimizer, which follow the sign of small gradients, let that grow.
const TOLERANCE: f32 = 1e-3;

#[test]
fn losses_are_those_of_the_processor_and_either_device_continues_the_run() {
    let Some(device) = graphics() else { return };
    let folder = tempfile::tempdir().unwrap();
    let request_for = |out: &str, epochs: usize| {
        let mut request = request(folder.path(), out);
        request.config.epochs = epochs;
        request
    };
    let expected = train(&request_for("processor", 2));
    let run = request_for("graphics", 2);
    // Stopped in the middle on one device, continued on the other.
    let stopped = train_on(device.clone(), &run, &Watcher::new(Some(2))).unwrap();
    assert!(matches!(stopped, Outcome::Cancelled { completed_steps: 2 }));
    let mut resumed = run;
    resumed.resume = true;
    let report = train(&resumed);
    assert_near(&report, &expected);
}

fn assert_near(report: &TrainReport, expected: &TrainReport) {
    assert_eq!(report.losses.len(), expected.losses.len());
    for (a, b) in report.losses.iter().zip(&expected.losses) {
        assert!((a - b).abs() <= TOLERANCE * b.abs(), "{a} and {b}");
    }
}
