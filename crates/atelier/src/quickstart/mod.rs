//! `atelier quickstart`: trains on the sample pictures, draws with the result, and shows it in a report.

mod chart;
mod draw;
mod html;
mod keep;
mod measure;
mod place;
mod plan;
mod report;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use atelier_core::{ErrorCode, Generator, Outcome, RunContext, TrainReport, TrainRequest, Trainer};
use atelier_data::{FolderDataset, Limits, decode_picture, png, sheet};
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_eval::Feature;
use atelier_failure::{CodedResult as _, failed, messages};
use atelier_train::LoraTrainer;
use atelier_weights::ModelFiles;

use self::chart::LossChart;
use self::draw::{Drawings, Studio};
use self::keep::{Finished, Kept};
use self::measure::Measurement;
use self::place::{Marker, Place};
use self::plan::{MOMENTS, PRECISION, Plan};
use self::report::{Report, Sources, duration_text};
use crate::bases::{self, FoundBase};
use crate::commands::QuickstartArgs;
use crate::context::{App, ExitKind};
use crate::device::Chosen;
use crate::embedded;
use crate::memory;

/// Pixels between the pictures of the sheet.
const SHEET_GAP: usize = 4;

/// Does it.
pub(crate) fn run(args: &QuickstartArgs, app: &App) -> Result<ExitKind> {
    let plan = Plan::new(args.epochs, args.seed)?;
    let place = Place::check(&args.out)?;
    let base = find_base(args, app)?;
    let hashes = app.hashes();
    let base_hash = ModelFiles::open(&base.path)
        .and_then(|files| files.hash_with(&hashes))
        .coded()?;
    let progress = app.output.progress();
    let job = Job {
        plan: &plan,
        place: &place,
        base: &base,
        base_hash: &base_hash,
        context: app.run_context(&progress),
    };
    let trainer = LoraTrainer {
        device: Chosen::cpu().device,
        hashes: &hashes,
        free_bytes: memory::free_bytes(),
        packed: app.packed_folder(),
    };
    let report = job.run(&trainer, &open_pipeline);
    drop(progress);
    let Some(report) = report? else {
        app.output
            .note("stopped; the same command goes on where it was");
        app.output.document(&serde_json::json!({
            "outcome": "cancelled",
            "partial": place.partial,
        }))?;
        return Ok(ExitKind::Cancelled);
    };
    tell(app, &report);
    let kept = keep_in_library(app, &args.base, &report, &place);
    let mut document = serde_json::to_value(&report)?;
    document["library"] = serde_json::to_value(&kept)?;
    app.output.document(&document)?;
    Ok(ExitKind::Completed)
}

/// Puts what was made into the library. Everything is in the folder already, so that a library that cannot take it is no failure.
fn keep_in_library(app: &App, base: &str, report: &Report, place: &Place) -> Option<Kept> {
    let finished = Finished {
        out: &place.out,
        base,
        base_hash: &report.base.hash,
        config: &report.config,
        training_secs: report.training.duration_secs,
    };
    let kept = app.library().and_then(|library| finished.keep(&library));
    match kept {
        Ok(kept) => {
            app.output.line(kept.line());
            Some(kept)
        }
        Err(error) => {
            let why = messages(&error).join(": ");
            app.output
                .note(format_args!("note: it is not in the library: {why}"));
            None
        }
    }
}

/// The embedded base, except in tests: the flag for another one is hidden, and so the message does not name it.
fn find_base(args: &QuickstartArgs, app: &App) -> Result<FoundBase> {
    let name = embedded::NAME;
    if args.base == name && !embedded::is_present() {
        let message = format!(
            "this build of the program holds no `{name}`, which the quickstart trains on; take a build that holds it"
        );
        return Err(failed(ErrorCode::NotFound, message));
    }
    bases::find(app, &args.base)
}

fn open_pipeline(base: &Path) -> Result<Box<dyn Generator>> {
    let pipeline = Pipeline::open(base, &Chosen::cpu().device, PRECISION.into()).coded()?;
    Ok(Box::new(pipeline))
}

/// One quickstart, read from top to bottom.
struct Job<'a> {
    plan: &'a Plan,
    place: &'a Place,
    base: &'a FoundBase,
    base_hash: &'a str,
    context: RunContext<'a>,
}

/// Opens a base for drawing.
type Open<'a> = dyn Fn(&Path) -> Result<Box<dyn Generator>> + 'a;

impl Job<'_> {
    /// Everything, up to the final folder; `None` when cancelled.
    fn run(&self, trainer: &dyn Trainer, open: &Open<'_>) -> Result<Option<Report>> {
        let clock = self.context.clock;
        let started = clock.unix_secs();
        let marker = Marker::new(self.base_hash, &self.plan.config);
        let continued = self.place.begin(&marker)?;
        let sample = sample::unpack(&self.place.partial)?;
        let Some(trained) = self.train(trainer)? else {
            return Ok(None);
        };
        let drawing_started = clock.unix_secs();
        let Some(drawings) = self.draw(&trained, open)? else {
            return Ok(None);
        };
        let drawing_secs = clock.unix_secs() - drawing_started;
        let measurement = self.measure(&sample.held_out, &drawings)?;
        let report = Report::new(Sources {
            plan: self.plan,
            out: &self.place.out,
            base: self.base,
            base_hash: self.base_hash,
            dataset: &sample.dataset,
            trained: &trained,
            continued,
            drawings: &drawings,
            measurement,
            drawing_secs,
            total_secs: clock.unix_secs() - started,
            peak_memory_bytes: crate::memory::peak_bytes(),
        });
        self.write(&report, &drawings)?;
        self.place.publish()?;
        Ok(Some(report))
    }

    fn train(&self, trainer: &dyn Trainer) -> Result<Option<TrainReport>> {
        let partial = &self.place.partial;
        let request = TrainRequest {
            dataset: sample::dataset_folder(partial),
            base: self.base.path.clone(),
            base_name: self.base.name.clone(),
            out: partial.join("run"),
            resume: true,
            skip_bad: false,
            config: self.plan.config.clone(),
        };
        match trainer.train(&request, self.context).coded()? {
            Outcome::Completed(report) => {
                fs_err::copy(&report.adapter, partial.join("adapter.safetensors"))?;
                Ok(Some(report))
            }
            Outcome::Cancelled { .. } => Ok(None),
        }
    }

    fn draw(&self, trained: &TrainReport, open: &Open<'_>) -> Result<Option<Drawings>> {
        let studio = Studio {
            plan: self.plan,
            base: self.base,
            base_hash: self.base_hash,
            partial: &self.place.partial,
            out: &self.place.out,
            adapters: self.adapters(trained)?,
        };
        let mut generator = open(&self.base.path)?;
        studio.draw_all(generator.as_mut(), self.context)
    }

    /// The adapter of each kept epoch, below the folder of the quickstart; of the last one the finished adapter.
    fn adapters(&self, trained: &TrainReport) -> Result<BTreeMap<usize, PathBuf>> {
        let mut adapters = BTreeMap::new();
        for (epoch, path) in &trained.checkpoints {
            let path = path.strip_prefix(&self.place.partial);
            adapters.insert(
                *epoch,
                path.context("a checkpoint lies elsewhere")?.to_owned(),
            );
        }
        let finished = PathBuf::from("adapter.safetensors");
        adapters.insert(self.plan.config.epochs, finished);
        Ok(adapters)
    }

    fn measure(&self, held_out: &FolderDataset, drawings: &Drawings) -> Result<Measurement> {
        let mut references = Vec::new();
        for sample in &held_out.samples {
            let picture = decode_picture(&sample.path, &Limits::default()).coded()?;
            references.push(Feature::of(&picture));
        }
        Ok(Measurement::of(self.plan, drawings, &references))
    }

    fn write(&self, report: &Report, drawings: &Drawings) -> Result<()> {
        let partial = &self.place.partial;
        let by_file: BTreeMap<_, _> = drawings
            .values()
            .map(|drawing| (drawing.file.as_str(), &drawing.picture))
            .collect();
        let row = |files: &[String]| {
            let found = files.iter().filter_map(|file| by_file.get(file.as_str()));
            found.map(|&picture| picture.clone()).collect()
        };
        let rows: Vec<_> = report.rows.iter().map(|r| row(&r.files)).collect();
        let no_texts: [(&str, &str); 0] = [];
        png::replace(
            partial.join(report.sheet),
            &sheet(&rows, SHEET_GAP),
            &no_texts,
        )
        .coded()?;
        let training = &report.training;
        let marks = self.plan.epochs.iter().zip(MOMENTS);
        let chart = LossChart {
            losses: &training.losses,
            window: training.window,
            marks: marks
                .map(|(epoch, percent)| (epoch * training.steps_per_epoch, format!("{percent} %")))
                .collect(),
        };
        fs_err::write(partial.join(report.loss_chart), chart.svg())?;
        fs_err::write(partial.join(report.page), html::page(report, partial)?)?;
        let json = serde_json::to_string_pretty(report)?;
        Ok(fs_err::write(partial.join("report.json"), json)?)
    }
}

fn tell(app: &App, report: &Report) {
    for note in &report.training.notes {
        app.output.note(note);
    }
    let (base, adapter) = report.measurement.means();
    let line = |text: String| app.output.line(text);
    line(format!(
        "trained `{}` on {} pictures: {} epochs, {} steps, {}",
        report.config.trigger,
        report.dataset.len(),
        report.config.epochs,
        report.training.steps,
        duration_text(report.training.duration_secs)
    ));
    line(format!(
        "drew {} pictures in {}; {} altogether, {} of memory at most",
        report.drawing.pictures,
        duration_text(report.drawing_secs),
        duration_text(report.total_secs),
        html::memory_text(report.peak_memory_bytes)
    ));
    line(format!(
        "likeness to {} pictures it never saw: {adapter:.3} with the adapter, {base:.3} without, gain {} over {} seeds",
        report.measurement.references,
        report.gain_text(),
        report.measurement.seeds.len()
    ));
    line(report.measurement.verdict().to_owned());
    for (label, file) in [
        ("look at", report.page),
        ("pictures", report.sheet),
        ("adapter", report.adapter),
    ] {
        line(format!("{label:<9} {}/{file}", report.out));
    }
    line(format!("go on     {}", report.generate_command()));
}
