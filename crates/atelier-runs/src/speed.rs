//! How fast this machine multiplies, and how long steps and previews take at that speed.

use std::sync::{Mutex, PoisonError};

use atelier_app::stopwatch::Stopwatch;
use atelier_core::{Clock, Precision};
use atelier_nn::Engine;
use atelier_nn::kernels::{Keep, WeightFormat};
use atelier_train::{PreviewWork, StepWork};

/// Runs of each operation that is timed.
const RUNS: u32 = 2;
/// Rows, inputs and outputs of the linear map, side, inputs and outputs of the convolution, and heads, queries, keys and
/// features of the attention that stand for all.
const LINEAR: [usize; 3] = [1024, 640, 640];
const CONVOLUTION: [usize; 3] = [32, 640, 640];
const ATTENTION: [usize; 4] = [8, 1024, 1024, 80];
/// What a step takes beyond its multiplications: norms, activations, the optimizer. Measured: docs/dev/measurements.md.
const BEYOND: f64 = 1.15;
/// Seconds that a layer takes whatever its size. Measured likewise.
const LAYER_SECS: f64 = 1e-4;
/// The share of that which a forward pass without gradients takes. Measured likewise.
const FORWARD_SHARE: f64 = 0.4;
/// Bytes of weights that are read in a second, where they do not stay in caches. Measured likewise.
const WEIGHT_BYTES_PER_SEC: f64 = 8e9;
/// Seconds after which a speed is timed again.
const FRESH_SECS: f64 = 180.0;

/// The speeds of this machine.
pub(crate) static SPEEDS: Speeds = Speeds(Mutex::new(Vec::new()));

/// The fastest that the machine was seen to be in each arithmetic: what else it does at a time takes a part of that.
pub(crate) struct Speeds(Mutex<Vec<Timed>>);

/// One of them.
#[derive(Debug, Clone, Copy)]
struct Timed {
    precision: Precision,
    speed: Speed,
    /// When it was timed last.
    at_secs: f64,
}

impl Speeds {
    /// That of an arithmetic, timed anew where the last time is some minutes ago. Nobody else times meanwhile, since each would
    /// take a part of the other's speed.
    pub(crate) fn of(
        &self,
        precision: Precision,
        now_secs: f64,
        time: impl FnOnce() -> Speed,
    ) -> Speed {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = all.iter_mut().find(|one| one.precision == precision) else {
            let speed = time();
            all.push(Timed {
                precision,
                speed,
                at_secs: now_secs,
            });
            return speed;
        };
        if (now_secs - known.at_secs).abs() >= FRESH_SECS {
            known.speed = known.speed.or_faster(time());
            known.at_secs = now_secs;
        }
        known.speed
    }
}

/// What the machine multiplies in a second, in one arithmetic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Speed {
    /// Of linear maps and convolutions.
    layers: f64,
    /// Of attention.
    attention: f64,
    /// Of linear maps and convolutions in forward passes alone.
    forward: f64,
}

impl Speed {
    /// Times it, which takes some tenths of a second.
    pub(crate) fn timed(precision: Precision, clock: &dyn Clock) -> Self {
        let watch = Stopwatch::new(clock, RUNS);
        let engine = Engine::from(precision);
        let format = engine.frozen_format().unwrap_or(WeightFormat::Float);
        let keep = match precision {
            Precision::F32 => Keep::Exact,
            Precision::Bf16 | Precision::Int8 => Keep::Rounded,
        };
        // Multiplications with their additions, forward and backward together: the mean of both in time.
        let pair = |forward: f64, backward: f64| 1e9 / (1.0 / forward + 1.0 / backward);
        let rates = [
            watch.linear(LINEAR, format),
            watch.convolution(CONVOLUTION, format),
        ];
        let [linear_forward, convolution_forward] = rates.map(|rate| rate.forward_gflops);
        let [linear, convolution] =
            rates.map(|rate| pair(rate.forward_gflops, rate.backward_gflops));
        let attention = watch.attention(ATTENTION, keep);
        // Two products forward and five backward.
        let secs = 2.0 / attention.forward_gflops + 5.0 / attention.backward_gflops;
        Self {
            layers: 2.0 / (1.0 / linear + 1.0 / convolution),
            attention: 3.5e9 / secs,
            forward: 1e9 / (1.0 / linear_forward + 1.0 / convolution_forward),
        }
    }

    fn or_faster(self, other: Self) -> Self {
        Self {
            layers: self.layers.max(other.layers),
            attention: self.attention.max(other.attention),
            forward: self.forward.max(other.forward),
        }
    }

    /// The seconds of a preview, beside steps of so much work with so many pictures. Attention multiplies about as fast forward as
    /// backward.
    pub(crate) fn picture_secs(
        self,
        preview: PreviewWork,
        (work, batch): (&StepWork, f64),
        weight_bytes: u64,
    ) -> f64 {
        let passes = preview.passes as f64;
        let layers = passes * work.forward_layers as f64 / batch + preview.decoding as f64;
        let attention = passes * work.forward_attention as f64 / batch;
        let multiplying = layers / self.forward + attention / self.attention;
        // Two passes go together, with the prompt and without.
        let reading = weight_bytes as f64 / WEIGHT_BYTES_PER_SEC;
        let beyond = reading + FORWARD_SHARE * LAYER_SECS * work.layers as f64;
        BEYOND * multiplying + passes / 2.0 * beyond
    }

    /// The seconds of a step on average, where the steps are so full. Only what is multiplied grows with their pictures.
    pub(crate) fn step_secs(self, (work, fill): (&StepWork, f64), weight_bytes: u64) -> f64 {
        let attention = work.forward_attention as f64 * 3.5;
        let layers = work.step as f64 - attention;
        let multiplying = fill * (layers / self.layers + attention / self.attention);
        let reading = 2.0 * weight_bytes as f64 / WEIGHT_BYTES_PER_SEC;
        BEYOND * multiplying + reading + LAYER_SECS * work.layers as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(layers: f64) -> Speed {
        Speed {
            layers,
            attention: 350.0,
            forward: 500.0,
        }
    }

    #[test]
    fn more_work_takes_longer_and_faster_machines_less() {
        let work = StepWork {
            forward_layers: 1000,
            forward_attention: 100,
            step: 2350,
            layers: 20,
        };
        let slow = speed(1000.0);
        let layers = 20.0 * LAYER_SECS;
        let secs = |fill, bytes| slow.step_secs((&work, fill), bytes);
        // 2000 in layers, 350 in attention.
        assert!((secs(1.0, 0) - (BEYOND * 3.0 + layers)).abs() < 1e-9);
        assert!((secs(1.0, 4_000_000_000) - secs(1.0, 0) - 1.0).abs() < 1e-9);
        // Of 17 pictures in batches of 16, the second step has one: not so the layers that both go through.
        let fill = 17.0 / 32.0;
        assert!((secs(fill, 0) - (BEYOND * 3.0 * fill + layers)).abs() < 1e-9);
    }

    #[test]
    fn a_machine_that_was_busy_when_it_was_timed_is_timed_again() {
        let speeds = Speeds(Mutex::new(Vec::new()));
        let of = |precision, now_secs, timed| {
            let found = speeds.of(precision, now_secs, || speed(timed));
            found.layers
        };
        let not_timed = f64::NAN;
        let is = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
        is(of(Precision::F32, 1000.0, 5.0), 5.0);
        is(of(Precision::Bf16, 1000.0, 8.0), 8.0);
        is(
            of(Precision::F32, 1000.0 + FRESH_SECS - 1.0, not_timed),
            5.0,
        );
        is(of(Precision::F32, 1000.0 + FRESH_SECS, 10.0), 10.0);
        // And a busy one is not slower for it.
        is(of(Precision::F32, 1000.0 + 3.0 * FRESH_SECS, 4.0), 10.0);
        is(of(Precision::Bf16, 1001.0, not_timed), 8.0);
    }
}
