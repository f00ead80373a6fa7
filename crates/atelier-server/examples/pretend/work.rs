//! What looks like trainings and drawings: losses that fall, checkpoints of a few bytes, pictures of one colour.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use atelier_core::{
    CancelFlag, Clock, ErrorCode, Outcome, Phase, Progress, ProgressSink as _, RunState,
};
use atelier_data::{RgbPicture, png};
use atelier_jobs::{
    AttemptFiles, Drawn, EXIT_STOPPED, Error, GenerationRequest, ManifestFile, Ticket, Worker,
};
use atelier_store::{Library, Run, RunEnd, RunId};
use serde::Deserialize as _;
use serde_json::json;

/// Called before each step with the flag that says whether to stop.
pub(crate) type Pace = Arc<dyn Fn(&CancelFlag) + Send + Sync>;

/// The clock of the system.
#[derive(Debug)]
struct Now;

impl Clock for Now {
    fn unix_secs(&self) -> f64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0.0, |since| since.as_secs_f64())
    }
}

/// Does an attempt; the exit status that a process would have.
pub(super) fn work(library: &Library, ticket: &Ticket, pace: &Pace) -> i32 {
    let Ok(worker) = Worker::begin(&ticket.folder, ticket.job, ticket.attempt) else {
        return 1;
    };
    let cancel = CancelFlag::default();
    let Ok(_listener) = worker.listen(cancel.clone()) else {
        return 1;
    };
    let steps = Steps {
        worker: &worker,
        pace,
        cancel: &cancel,
    };
    let done = match worker.order().run {
        Some(run) => train(library, run, &steps),
        None => draw(worker.files(), &steps),
    };
    let ended = match done {
        Ok(Outcome::Completed(files)) => worker.done(files).map(|()| 0),
        Ok(Outcome::Cancelled { .. }) => Ok(EXIT_STOPPED),
        Err(error) => {
            let told = worker.failed(ErrorCode::Internal, error.to_string());
            told.map(|()| 1)
        }
    };
    ended.unwrap_or(1)
}

/// The steps of an attempt.
struct Steps<'a> {
    worker: &'a Worker,
    pace: &'a Pace,
    cancel: &'a CancelFlag,
}

impl Steps<'_> {
    /// Takes one, unless it is to stop.
    fn take(&self, phase: Phase, (done, total): (u64, u64), loss: Option<f32>) -> bool {
        (self.pace)(self.cancel);
        if self.cancel.is_cancelled() {
            return false;
        }
        let progress = Progress {
            phase,
            done,
            total,
            loss,
        };
        self.worker.reports(&Now).report(progress);
        true
    }
}

type Files = Result<Outcome<Vec<ManifestFile>>, Error>;

fn train(library: &Library, run: RunId, steps: &Steps<'_>) -> Files {
    let job = steps.worker.order().job;
    let (run, sitting) = library.begin_run_of_job(run, job)?;
    let end = |state| RunEnd {
        state,
        training_secs: 1.0,
        ..RunEnd::default()
    };
    let per_epoch = (run.total_steps / run.config.epochs as u64).max(1);
    let saved = library.list_checkpoints(run.id)?;
    let first = saved.last().map_or(1, |checkpoint| checkpoint.epoch + 1);
    for epoch in first..=run.config.epochs {
        for step in 1..=per_epoch {
            let done = (epoch as u64 - 1) * per_epoch + step;
            let loss = loss_after(done);
            if !steps.take(Phase::Training, (done, run.total_steps), Some(loss)) {
                let run = library.end_run(sitting, end(RunState::Stopped))?;
                let completed_steps = run.done_steps;
                return Ok(Outcome::Cancelled { completed_steps });
            }
            library.advance_run(&sitting, done, Some(loss))?;
        }
        write_epoch(&run, epoch, epoch as u64 * per_epoch)?;
    }
    fs_err::write(run.folder.join("adapter.safetensors"), "adapter")?;
    library.end_run(sitting, end(RunState::Completed))?;
    let file = ManifestFile::of(&run.folder, "adapter.safetensors", None)?;
    Ok(Outcome::Completed(vec![file]))
}

fn loss_after(step: u64) -> f32 {
    let wobble = (step as f32 * 1.7).sin() * 0.02;
    0.05 + 0.4 / (step as f32 + 1.0).sqrt() + wobble.abs()
}

/// Leaves what a trainer leaves after an epoch.
fn write_epoch(run: &Run, epoch: usize, step: u64) -> Result<(), Error> {
    let folder = run.folder.join("checkpoints");
    let partial = folder.join(format!(".epoch-{epoch:03}.partial"));
    fs_err::create_dir_all(&partial)?;
    let adapter = "adapter.safetensors";
    fs_err::write(partial.join(adapter), format!("adapter {} {epoch}", run.id))?;
    let losses: Vec<_> = (1..=step).map(loss_after).collect();
    let hash = ManifestFile::of(&partial, adapter, None)?.sha256;
    let state = json!({"version": 1, "step": step, "losses": losses, "files": {adapter: hash}});
    fs_err::write(partial.join("state.json"), state.to_string())?;
    Ok(fs_err::rename(
        partial,
        folder.join(format!("epoch-{epoch:03}")),
    )?)
}

fn draw(files: &AttemptFiles, steps: &Steps<'_>) -> Files {
    let request = &steps.worker.order().request;
    let unreadable = |error: serde_json::Error| std::io::Error::other(error);
    let wanted = GenerationRequest::deserialize(request).map_err(unreadable)?;
    let folder = files.pictures();
    fs_err::create_dir_all(&folder)?;
    let (request, mut drawn) = (&wanted.request, Vec::new());
    for at in 0..request.count as u64 {
        for step in 1..=request.steps as u64 {
            let place = at * request.steps as u64 + step;
            let total = (request.count * request.steps) as u64;
            if !steps.take(Phase::Generating, (place, total), None) {
                let completed_steps = 0;
                return Ok(Outcome::Cancelled { completed_steps });
            }
        }
        drawn.push(picture(&folder, &wanted, at)?);
    }
    Ok(Outcome::Completed(drawn))
}

fn picture(folder: &Path, wanted: &GenerationRequest, at: u64) -> Result<ManifestFile, Error> {
    let request = &wanted.request;
    let (seed, name) = (request.seed.nth(at), format!("{at:05}.png"));
    let [width, height] = [request.width, request.height].map(|side| side.unwrap_or(64) as u32);
    let [red, green, ..] = seed.0.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let color = |x, y| {
        [
            red,
            (y * 255 / height) as u8,
            green ^ (x * 255 / width) as u8,
        ]
    };
    let rows = (0..height).flat_map(|y| (0..width).flat_map(move |x| color(x, y)));
    let pixels = RgbPicture {
        width: width as usize,
        height: height as usize,
        rgb: rows.collect(),
    };
    let (prompt, steps) = (&request.prompt, request.steps);
    let text = format!("{prompt}\nSteps: {steps}, Seed: {seed}, Size: {width}x{height}");
    let written = png::replace(folder.join(&name), &pixels, &[("parameters", text)]);
    written.map_err(std::io::Error::other)?;
    let recipe = json!({"base": wanted.base, "models": wanted.models, "prompt": request.prompt, "seed": seed});
    let drawn = Drawn {
        width,
        height,
        seed,
        recipe,
    };
    ManifestFile::of(folder, &name, Some(drawn))
}
