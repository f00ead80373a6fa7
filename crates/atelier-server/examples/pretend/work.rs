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
use atelier_store::{Library, Run, RunEnd, RunId, Spent};
use serde::Deserialize as _;
use serde_json::json;

/// The side of previews.
const SIDE: u32 = 256;
/// What each training has to tell.
const NOTE: &str = "2 captions are longer than the 75 tokens that a text encoder reads, and the rest is not learned";

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
    let end = |state, trained_steps| RunEnd {
        state,
        spent: Spent {
            training_secs: 1.0,
            trained_steps,
            ..Spent::default()
        },
        ..RunEnd::default()
    };
    let notes = json!({"version": 1, "notes": [NOTE]});
    fs_err::write(run.folder.join("notes.json"), notes.to_string())?;
    let per_epoch = (run.total_steps / run.config.epochs as u64).max(1);
    let saved = library.list_checkpoints(run.id)?;
    let first = saved.last().map_or(1, |checkpoint| checkpoint.epoch + 1);
    let before = (first as u64 - 1) * per_epoch;
    let previewed = (run.config).previewed_epochs(run.config.preview_every.unwrap_or(0));
    for epoch in first..=run.config.epochs {
        for step in 1..=per_epoch {
            let done = (epoch as u64 - 1) * per_epoch + step;
            let loss = loss_after(done);
            if !steps.take(Phase::Training, (done, run.total_steps), Some(loss)) {
                let stopped = end(RunState::Stopped, done - 1 - before);
                let run = library.end_run(sitting, stopped)?;
                let completed_steps = run.done_steps;
                return Ok(Outcome::Cancelled { completed_steps });
            }
            library.advance_run(&sitting, done, Some(loss), Spent::default())?;
        }
        write_epoch(&run, epoch, epoch as u64 * per_epoch)?;
        if previewed.contains(&epoch) && !draw_previews(&run, epoch, steps)? {
            let stopped = end(RunState::Stopped, epoch as u64 * per_epoch - before);
            let run = library.end_run(sitting, stopped)?;
            let completed_steps = run.done_steps;
            return Ok(Outcome::Cancelled { completed_steps });
        }
    }
    fs_err::write(run.folder.join("adapter.safetensors"), "adapter")?;
    let made = run.config.epochs as u64 * per_epoch - before;
    library.end_run(sitting, end(RunState::Completed, made))?;
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

/// Leaves what a trainer leaves of previews; false when it was asked to stop.
fn draw_previews(run: &Run, epoch: usize, steps: &Steps<'_>) -> Result<bool, Error> {
    let prompts = run.config.previewed();
    let total = (prompts.len() * run.config.preview_steps) as u64;
    for step in 0..=total {
        if !steps.take(Phase::Previewing, (step, total), None) {
            return Ok(false);
        }
    }
    let folder = run.folder.join(format!("previews/epoch-{epoch:03}"));
    fs_err::create_dir_all(&folder)?;
    let mut previews = Vec::new();
    for (number, prompt) in prompts.iter().enumerate() {
        let file = format!("{number:02}.png");
        let seed = run.config.seed.nth(number as u64);
        let share = epoch as f32 / run.config.epochs as f32;
        disc(number, share)
            .save(folder.join(&file))
            .map_err(std::io::Error::other)?;
        let written = ManifestFile::of(&folder, &file, None)?;
        previews.push(json!({
            "file": file, "prompt": prompt, "seed": seed, "width": SIDE, "height": SIDE,
            "sha256": written.sha256, "size_bytes": fs_err::metadata(folder.join(&file))?.len(),
        }));
    }
    let contents = json!({"version": 1, "epoch": epoch, "previews": previews});
    fs_err::write(folder.join("previews.json"), contents.to_string())?;
    Ok(true)
}

#[expect(clippy::cast_sign_loss, reason = "no shade is below 0")]
fn shade(value: f32) -> u8 {
    value as u8
}

/// Something that becomes a disc, the further the training is.
fn disc(number: usize, share: f32) -> image::RgbImage {
    let middle = SIDE as f32 / 2.0;
    image::RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let (dx, dy) = (x as f32 - middle, y as f32 - middle);
        let far = (dx * dx + dy * dy).sqrt() / middle;
        let noise = ((x * 7919 + y * 104_729 + number as u32 * 31) % 97) as f32 / 97.0;
        let inside = if far < 0.3 + 0.4 * share { 1.0 } else { 0.1 };
        let level = share * inside + (1.0 - share) * noise;
        image::Rgb([
            shade(level * 240.0),
            shade(level * 190.0),
            shade(60.0 + 90.0 * number as f32),
        ])
    })
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
