//! The quickstart: trains on the sample pictures, draws with the result, measures it, and shows it in a report. Who trains and
//! who draws is said by who calls.

mod chart;
mod draw;
mod html;
mod keep;
mod made;
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
use atelier_core::{Generator, Outcome, RunContext, Seed, TrainReport, TrainRequest, Trainer};
use atelier_data::{FolderDataset, Limits, decode_picture, png, sheet};
use atelier_eval::Feature;
use atelier_failure::CodedResult as _;
use atelier_store::Library;

use self::chart::LossChart;
use self::draw::{Drawings, Studio};
use self::keep::Finished;
use self::measure::Measurement;
use self::place::{Marker, Place};
use self::plan::{MOMENTS, Plan};
use self::report::Sources;

pub use keep::Kept;
pub use plan::PRECISION;
pub use report::Report;

/// Pixels between the pictures of the sheet.
const SHEET_GAP: usize = 4;

/// Opens a base for drawing.
pub type Open<'a> = dyn Fn(&Path) -> Result<Box<dyn Generator>> + 'a;

/// The base that is trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedBase {
    /// What records call it.
    pub name: String,
    /// Its folder, or the single file.
    pub path: PathBuf,
    /// Its hash.
    pub hash: String,
    /// Whether commands take it where none is named.
    pub is_usual: bool,
}

/// Who does the work.
pub struct Hands<'a> {
    /// Who trains.
    pub trainer: &'a dyn Trainer,
    /// Who draws.
    pub open: &'a Open<'a>,
    /// The most memory that the process took so far, where the system tells.
    pub peak_bytes: &'a dyn Fn() -> Option<u64>,
}

/// A quickstart that can be done.
#[derive(Debug)]
pub struct Quickstart {
    plan: Plan,
    place: Place,
}

impl Quickstart {
    /// Checks the settings, and that nothing foreign is in the way. Nothing is written yet.
    ///
    /// # Errors
    /// When an epoch is too few or too many, or the folder is somebody else's.
    pub fn check(out: &Path, epochs: usize, seed: Seed) -> Result<Self> {
        Ok(Self {
            plan: Plan::new(epochs, seed)?,
            place: Place::check(out)?,
        })
    }

    /// The folder that holds the work while it is not done.
    pub fn partial(&self) -> &Path {
        &self.place.partial
    }

    /// Everything, up to the final folder; `None` when it was asked to stop. Done again, it goes on where it was.
    pub fn run(
        &self,
        base: &UsedBase,
        hands: &Hands<'_>,
        context: RunContext<'_>,
    ) -> Result<Option<Report>> {
        let job = Job {
            plan: &self.plan,
            place: &self.place,
            base,
            hands,
            context,
        };
        job.run()
    }

    /// Puts what was made into the library, as far as it is not there. `base` is the word by which the base is found.
    pub fn keep(&self, report: &Report, base: &str, library: &Library) -> Result<Kept> {
        let finished = Finished {
            out: &self.place.out,
            base,
            base_hash: &report.base.hash,
            config: &report.config,
            spent: report.training.spent(),
        };
        finished.keep(library)
    }
}

/// One quickstart, read from top to bottom.
struct Job<'a> {
    plan: &'a Plan,
    place: &'a Place,
    base: &'a UsedBase,
    hands: &'a Hands<'a>,
    context: RunContext<'a>,
}

impl Job<'_> {
    /// Everything, up to the final folder; `None` when cancelled.
    fn run(&self) -> Result<Option<Report>> {
        let clock = self.context.clock;
        let started = clock.unix_secs();
        let marker = Marker::new(&self.base.hash, &self.plan.config);
        let continued = self.place.begin(&marker)?;
        let sample = sample::unpack(&self.place.partial)?;
        let Some(trained) = self.train()? else {
            return Ok(None);
        };
        let drawing_started = clock.unix_secs();
        let Some(drawings) = self.draw(&trained)? else {
            return Ok(None);
        };
        let drawing_secs = clock.unix_secs() - drawing_started;
        let measurement = self.measure(&sample.held_out, &drawings)?;
        let report = Report::new(Sources {
            plan: self.plan,
            out: &self.place.out,
            base: self.base,
            base_hash: &self.base.hash,
            dataset: &sample.dataset,
            trained: &trained,
            continued,
            drawings: &drawings,
            measurement,
            drawing_secs,
            total_secs: clock.unix_secs() - started,
            peak_memory_bytes: (self.hands.peak_bytes)(),
        });
        self.write(&report, &drawings)?;
        self.place.publish()?;
        Ok(Some(report))
    }

    fn train(&self) -> Result<Option<TrainReport>> {
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
        match self.hands.trainer.train(&request, self.context).coded()? {
            Outcome::Completed(report) => {
                fs_err::copy(&report.adapter, partial.join("adapter.safetensors"))?;
                Ok(Some(report))
            }
            Outcome::Cancelled { .. } => Ok(None),
        }
    }

    fn draw(&self, trained: &TrainReport) -> Result<Option<Drawings>> {
        let studio = Studio {
            plan: self.plan,
            base: self.base,
            partial: &self.place.partial,
            out: &self.place.out,
            adapters: self.adapters(trained)?,
        };
        let mut generator = (self.hands.open)(&self.base.path)?;
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
