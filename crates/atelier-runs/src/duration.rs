//! How long a training will take: as long as trainings before it did, else guessed from its multiplications and how fast this
//! machine multiplies.

use std::path::Path;

use anyhow::Result;
use atelier_app::context::App;
use atelier_app::device::Chosen;
use atelier_core::{Clock, PlannedDuration, Recompute, RunState, TrainConfig};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::CodedResult as _;
use atelier_store::Run;
use atelier_train::{
    MemoryPlan, PreviewPlan, PreviewWork, StepWork, recorded_pictures, recorded_recompute,
    step_batch, trained_side,
};

use crate::devices;
use crate::speed::{SPEEDS, Speed};

/// Steps that a run has before its speed says something.
const TELLING_STEPS: u64 = 20;

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
pub struct Thought<'a> {
    /// Its settings.
    pub config: &'a TrainConfig,
    /// Steps that are to be made.
    pub steps: u64,
    /// How full they are: [`atelier_core::StepCount::fill`].
    pub fill: f64,
    /// What it takes of the memory.
    pub memory: &'a MemoryPlan,
    /// What it draws on the way.
    pub previews: &'a PreviewPlan,
    /// What it computes on.
    pub device: &'a Chosen,
}

/// What is known of a training, where something is: of graphics processors only runs before it tell.
///
/// # Errors
/// When the library or the base cannot be read.
pub fn estimate(app: &App, base: &Base, thought: Thought<'_>) -> Result<Option<PlannedDuration>> {
    if let Some(library) = app.library_if_any()? {
        let runs = library.list_runs(false).coded()?;
        let hash = base.files().hash_with(&app.hashes()).coded()?;
        let work = thought.memory.shape.work(base).coded()?;
        let native = base.native_size();
        if let Some(known) = of_runs(&runs, &hash, thought, (&work, native)) {
            return Ok(Some(known));
        }
    }
    if thought.memory.shape.is_composed {
        return Ok(None);
    }
    let guess = guess(base, thought, app.clock());
    guess.coded().map(Some)
}

/// As runs before it on the same base, which trains at its `native` side by itself, with the same work in a step.
fn of_runs(
    runs: &[Run],
    base_hash: &str,
    thought: Thought<'_>,
    (work, native): (&StepWork, usize),
) -> Option<PlannedDuration> {
    let side = thought.config.resolution.unwrap_or(native);
    let same = |run: &&Run| {
        run.state == RunState::Completed
            && run.base_hash == base_hash
            && run.trained_steps >= TELLING_STEPS
            && run.training_secs > 0.0
            && works_like(&run.config, thought.config)
            && batch_of(run) == Some(thought.memory.shape.batch)
            && recomputes_like(run, thought.memory.recompute)
            && devices::are(&run.folder, &thought.device.name)
            && side_of(&run.config, &run.folder, native) == side
    };
    let run = runs.iter().find(same)?;
    let pictures = recorded_pictures(&run.folder)?;
    // Steps that a killed process made are made again: their seconds are counted twice, and so are they.
    let mean_secs = run.training_secs / run.trained_steps as f64;
    let whole_secs = mean_secs / run.config.steps(pictures).fill();
    let has_drawn = run.preview_pictures > 0;
    let picture_secs = if has_drawn && run.config.preview_steps == thought.config.preview_steps {
        run.preview_secs / run.preview_pictures as f64
    } else {
        whole_secs * multiplications(thought, work) / work.step.max(1) as f64
    };
    let preview_secs = picture_secs * thought.previews.pictures() as f64;
    let step_secs = whole_secs * thought.fill;
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
    let precision = thought.config.precision;
    // By a thread of the pool, as steps are made.
    let timed = || rayon::scope(|_| Speed::timed(precision, clock));
    let speed = SPEEDS.of(precision, clock.unix_secs(), timed);
    let step_secs = speed.step_secs((&work, thought.fill), weights);
    let beside = (&work, batch(thought));
    let picture_secs = speed.picture_secs(thought.previews.work, beside, weights);
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

/// In words, such as `about 12 minutes`; of a run that goes on with how many steps are `left`.
pub(crate) fn duration_text(planned: &PlannedDuration, left: Option<u64>) -> String {
    let left = match left {
        None => String::new(),
        Some(0) => return "time: all its steps are made".to_owned(),
        Some(1) => " for the step that is left".to_owned(),
        Some(steps) => format!(" for the {steps} steps that are left"),
    };
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
        "time: about {about}{left}, {:.2} s a step{previews}, {why}",
        planned.step_secs
    )
}

/// Whether a step with as many pictures of the same side is the same work for both. Alpha is a factor, whatever it is.
fn works_like(one: &TrainConfig, other: &TrainConfig) -> bool {
    let of = |config: &TrainConfig| (config.rank, config.precision, config.targets);
    of(one) == of(other)
}

/// The side of the pictures of a run. Where its settings leave that to the base, its adapters say what the base's was then.
fn side_of(config: &TrainConfig, folder: &Path, native: usize) -> usize {
    let trained = || trained_side(folder);
    config.resolution.or_else(trained).unwrap_or(native)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_the_unit_that_suits_them() {
        let words =
            |secs, is_guess| duration_text(&duration([secs / 10.0, 0.0], 10, is_guess), None);
        assert!(words(0.3, true).starts_with("time: about a second, 0.03 s a step, guessed"));
        assert!(words(40.0, true).starts_with("time: about 40 seconds, 4.00 s a step, guessed"));
        assert!(
            words(600.0, false).starts_with("time: about 10 minutes, 60.00 s a step, as the last")
        );
        assert!(words(7200.0, true).starts_with("time: about 2.0 hours"));
        let shown = duration_text(&duration([3.0, 20.0], 60, true), None);
        let expected = "time: about 3 minutes, 3.00 s a step, 10 % of it for previews, guessed";
        assert!(shown.starts_with(expected), "{shown}");
    }

    #[test]
    fn a_run_that_goes_on_says_the_time_of_what_is_left() {
        let words = |left| duration_text(&duration([1.0, 0.0], 50, false), left);
        let expected = "time: about 50 seconds for the 50 steps that are left, 1.00 s a step, as";
        assert!(words(Some(50)).starts_with(expected), "{}", words(Some(50)));
        assert!(words(Some(1)).contains(" for the step that is left, "));
        assert_eq!(words(Some(0)), "time: all its steps are made");
    }
}
