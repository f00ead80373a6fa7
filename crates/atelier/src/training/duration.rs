//! How long a training will take: as long as trainings before it did, else guessed from its multiplications and how fast this
//! machine multiplies.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use anyhow::Result;
use atelier_app::context::App;
use atelier_app::device::Chosen;
use atelier_app::stopwatch::Stopwatch;
use atelier_core::{Clock, PlannedDuration, Precision, Recompute, RunState, TrainConfig};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::CodedResult as _;
use atelier_nn::Engine;
use atelier_nn::kernels::{Keep, WeightFormat};
use atelier_store::{CATALOGUE, Run};
use atelier_train::{
    MemoryPlan, PreviewPlan, PreviewWork, StepWork, recorded_pictures, recorded_recompute,
    step_batch,
};

use super::devices;

/// Steps that a run has before its speed says something.
const TELLING_STEPS: u64 = 20;
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

fn duration([step_secs, preview_secs]: [f64; 2], steps: u64, is_guess: bool) -> PlannedDuration {
    PlannedDuration {
        step_secs,
        secs: step_secs * steps as f64 + preview_secs,
        preview_secs,
        is_guess,
    }
}

/// A training that is thought of.
#[derive(Clone, Copy)]
pub(crate) struct Thought<'a> {
    pub(crate) config: &'a TrainConfig,
    pub(crate) steps: u64,
    pub(crate) memory: &'a MemoryPlan,
    pub(crate) previews: &'a PreviewPlan,
    pub(crate) device: &'a Chosen,
}

/// What is known of a training, where something is: of graphics processors only runs before it tell.
pub(crate) fn estimate(
    app: &App,
    base: &Base,
    thought: Thought<'_>,
) -> Result<Option<PlannedDuration>> {
    let home = app.settings.home.as_deref();
    if home.is_some_and(|home| home.join(CATALOGUE).exists()) {
        let runs = app.library()?.list_runs(false).coded()?;
        let hash = base.files().hash_with(&app.hashes()).coded()?;
        let work = thought.memory.shape.work(base).coded()?;
        if let Some(known) = of_runs(&runs, &hash, thought, &work) {
            return Ok(Some(known));
        }
    }
    if thought.memory.shape.is_composed {
        return Ok(None);
    }
    let guess = guess(base, thought, app.clock());
    guess.coded().map(Some)
}

/// As runs before it on the same base with the same work in a step.
fn of_runs(
    runs: &[Run],
    base_hash: &str,
    thought: Thought<'_>,
    work: &StepWork,
) -> Option<PlannedDuration> {
    let same = |run: &&Run| {
        run.state == RunState::Completed
            && run.base_hash == base_hash
            && run.done_steps >= TELLING_STEPS
            && run.training_secs > 0.0
            && works_like(&run.config, thought.config)
            && batch_of(run) == Some(thought.memory.shape.batch)
            && recomputes_like(run, thought.memory.recompute)
            && devices::are(&run.folder, &thought.device.name)
    };
    let run = runs.iter().find(same)?;
    let step_secs = run.training_secs / run.done_steps as f64;
    let has_drawn = run.preview_pictures > 0;
    let picture_secs = if has_drawn && run.config.preview_steps == thought.config.preview_steps {
        run.preview_secs / run.preview_pictures as f64
    } else {
        step_secs * multiplications(thought, work) / work.step.max(1) as f64
    };
    let preview_secs = picture_secs * thought.previews.pictures() as f64;
    Some(duration([step_secs, preview_secs], thought.steps, false))
}

/// A guess for the processor.
///
/// # Errors
/// When the base cannot be read.
fn guess(
    base: &Base,
    thought: Thought<'_>,
    clock: &dyn Clock,
) -> std::result::Result<PlannedDuration, atelier_train::Error> {
    let work = thought.memory.shape.work(base)?;
    let weights = thought.memory.step.weights;
    let speed = Speed::of(thought.config.precision, clock);
    let step_secs = speed.step_secs(&work, weights);
    let picture_secs = speed.picture_secs(thought, &work, weights);
    let preview_secs = picture_secs * thought.previews.pictures() as f64;
    Ok(duration([step_secs, preview_secs], thought.steps, true))
}

/// Those of a preview.
fn multiplications(thought: Thought<'_>, work: &StepWork) -> f64 {
    let pass = (work.forward_layers + work.forward_attention) as f64 / batch(thought);
    let PreviewWork { passes, decoding } = thought.previews.work;
    passes as f64 * pass + decoding as f64
}

fn batch(thought: Thought<'_>) -> f64 {
    thought.memory.shape.batch.max(1) as f64
}

/// In words, such as `about 12 minutes`.
pub(super) fn duration_text(planned: &PlannedDuration) -> String {
    let about = match planned.secs {
        secs if secs < 1.5 => "a second".to_owned(),
        secs if secs < 90.0 => format!("{secs:.0} seconds"),
        secs if secs < 5400.0 => format!("{:.0} minutes", secs / 60.0),
        secs => format!("{:.1} hours", secs / 3600.0),
    };
    let why = if planned.is_guess {
        "guessed from its multiplications and the speed of this machine"
    } else {
        "as the last run of the same kind took"
    };
    let previews = match planned.preview_secs {
        secs if secs > 0.0 => {
            let share = 100.0 * secs / planned.secs;
            format!(", {share:.0} % of it for previews")
        }
        _ => String::new(),
    };
    format!(
        "time: about {about}, {:.2} s a step{previews}, {why}",
        planned.step_secs
    )
}

/// Whether a step with as many pictures is the same work for both. Alpha is a factor, whatever it is.
fn works_like(one: &TrainConfig, other: &TrainConfig) -> bool {
    let of = |config: &TrainConfig| {
        (
            config.resolution,
            config.rank,
            config.precision,
            config.targets,
        )
    };
    of(one) == of(other)
}

/// Whether all steps of a run computed as much again. Where it does not say so, since it was begun before it could, its settings
/// do unless they leave that to the program.
fn recomputes_like(run: &Run, recompute: Recompute) -> bool {
    let chosen = recorded_recompute(&run.folder);
    chosen.unwrap_or_else(|| vec![run.config.recompute]) == [recompute]
}

/// The pictures in a step of a run, where its own record says how many it had.
fn batch_of(run: &Run) -> Option<usize> {
    Some(step_batch(&run.config, recorded_pictures(&run.folder)?))
}

/// What this machine multiplies in a second, in one arithmetic.
#[derive(Debug, Clone, Copy)]
struct Speed {
    /// Of linear maps and convolutions.
    layers: f64,
    /// Of attention.
    attention: f64,
    /// Of linear maps and convolutions in forward passes alone.
    forward: f64,
}

impl Speed {
    /// Timed once for each arithmetic, which takes some tenths of a second.
    fn of(precision: Precision, clock: &dyn Clock) -> Self {
        static KNOWN: OnceLock<Mutex<HashMap<Precision, Speed>>> = OnceLock::new();
        let known = KNOWN.get_or_init(Mutex::default);
        if let Some(speed) = known
            .lock()
            .ok()
            .and_then(|known| known.get(&precision).copied())
        {
            return speed;
        }
        let speed = Self::timed(precision, clock);
        if let Ok(mut known) = known.lock() {
            known.insert(precision, speed);
        }
        speed
    }

    fn timed(precision: Precision, clock: &dyn Clock) -> Self {
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

    /// The seconds of a preview. Attention multiplies about as fast forward as backward.
    fn picture_secs(&self, thought: Thought<'_>, work: &StepWork, weight_bytes: u64) -> f64 {
        let PreviewWork { passes, decoding } = thought.previews.work;
        let (passes, batch) = (passes as f64, batch(thought));
        let layers = passes * work.forward_layers as f64 / batch + decoding as f64;
        let attention = passes * work.forward_attention as f64 / batch;
        let multiplying = layers / self.forward + attention / self.attention;
        // Two passes go together, with the prompt and without.
        let reading = weight_bytes as f64 / WEIGHT_BYTES_PER_SEC;
        let beyond = reading + FORWARD_SHARE * LAYER_SECS * work.layers as f64;
        BEYOND * multiplying + passes / 2.0 * beyond
    }

    /// The seconds of a step.
    fn step_secs(&self, work: &StepWork, weight_bytes: u64) -> f64 {
        let attention = work.forward_attention as f64 * 3.5;
        let layers = work.step as f64 - attention;
        let multiplying = layers / self.layers + attention / self.attention;
        let reading = 2.0 * weight_bytes as f64 / WEIGHT_BYTES_PER_SEC;
        BEYOND * multiplying + reading + LAYER_SECS * work.layers as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_the_unit_that_suits_them() {
        let words = |secs, is_guess| duration_text(&duration([secs / 10.0, 0.0], 10, is_guess));
        assert!(words(0.3, true).starts_with("time: about a second, 0.03 s a step, guessed"));
        assert!(words(40.0, true).starts_with("time: about 40 seconds, 4.00 s a step, guessed"));
        assert!(
            words(600.0, false).starts_with("time: about 10 minutes, 60.00 s a step, as the last")
        );
        assert!(words(7200.0, true).starts_with("time: about 2.0 hours"));
        let shown = duration_text(&duration([3.0, 20.0], 60, true));
        let expected = "time: about 3 minutes, 3.00 s a step, 10 % of it for previews, guessed";
        assert!(shown.starts_with(expected), "{shown}");
    }

    #[test]
    fn more_work_takes_longer_and_faster_machines_less() {
        let work = StepWork {
            forward_layers: 1000,
            forward_attention: 100,
            step: 2350,
            layers: 0,
        };
        let slow = Speed {
            layers: 1000.0,
            attention: 350.0,
            forward: 500.0,
        };
        // 2000 in layers, 350 in attention.
        assert!((slow.step_secs(&work, 0) - BEYOND * 3.0).abs() < 1e-9);
        let read = slow.step_secs(&work, 4_000_000_000) - slow.step_secs(&work, 0);
        assert!((read - 1.0).abs() < 1e-9);
    }
}
