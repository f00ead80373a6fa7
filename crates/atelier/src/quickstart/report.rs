//! The facts of a quickstart: `report.json`, and what the page and the terminal say.

use std::path::Path;

use atelier_core::{TrainConfig, TrainReport};
use atelier_data::FolderDataset;
use serde::Serialize;

use super::chart::smoothed;
use super::draw::Drawings;
use super::measure::Measurement;
use super::plan::{DRAWING_STEPS, EXPRESSIONS, GUIDANCE, Look, PRECISION, Plan, Shot, prompt};
use crate::bases::FoundBase;
use crate::embedded;
use crate::shell_word::shell_word;

/// Version of the report's layout.
const VERSION: u32 = 1;

/// Everything that a quickstart found out. Files are named relative to the folder of the quickstart.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    /// Layout of this value.
    pub(super) version: u32,
    /// The program.
    pub(super) program: &'static str,
    /// The folder, as it was given.
    pub(super) out: String,
    /// The page.
    pub(super) page: &'static str,
    /// The finished adapter.
    pub(super) adapter: &'static str,
    /// The pictures of the sheet side by side.
    pub(super) sheet: &'static str,
    /// The loss chart.
    pub(super) loss_chart: &'static str,
    /// The base.
    pub(super) base: BaseFacts,
    /// The pictures trained on.
    pub(super) dataset: Vec<DatasetPicture>,
    /// The settings of the training.
    pub(super) config: TrainConfig,
    /// The training.
    pub(super) training: Training,
    /// The settings of the drawings.
    pub(super) drawing: DrawingSettings,
    /// The columns of the sheet.
    pub(super) columns: Vec<ColumnFacts>,
    /// The rows of the sheet.
    pub(super) rows: Vec<Row>,
    /// The number.
    pub(super) measurement: Measurement,
    /// Seconds from start to report, of the call that finished.
    pub(super) total_secs: f64,
    /// Seconds spent drawing.
    pub(super) drawing_secs: f64,
    /// Most memory that the process took.
    pub(super) peak_memory_bytes: Option<u64>,
}

/// The base.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BaseFacts {
    /// Its name.
    pub(super) name: String,
    /// What `--base` takes for it; absent for the embedded one, which needs no flag.
    pub(super) flag: Option<String>,
    /// Its hash.
    pub(super) hash: String,
}

/// A picture trained on.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DatasetPicture {
    /// Its file.
    pub(super) file: String,
    /// Its caption, without the trigger word.
    pub(super) caption: String,
}

/// How the training went.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Training {
    /// Number of steps.
    pub(super) steps: usize,
    /// Steps per epoch.
    pub(super) steps_per_epoch: usize,
    /// Seconds spent in steps, of the call that finished.
    pub(super) duration_secs: f64,
    /// Whether an interrupted quickstart was continued.
    pub(super) continued: bool,
    /// Things worth telling.
    pub(super) notes: Vec<String>,
    /// Steps in the trailing mean of the loss.
    pub(super) window: usize,
    /// Trailing mean of the loss after the last step.
    pub(super) final_loss: Option<f32>,
    /// Loss of every step.
    pub(super) losses: Vec<f32>,
}

/// How pictures were drawn.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DrawingSettings {
    /// Sampler steps.
    pub(super) steps: usize,
    /// Guidance.
    pub(super) guidance: f32,
    /// The arithmetic.
    pub(super) precision: atelier_core::Precision,
    /// Number of pictures.
    pub(super) pictures: usize,
}

/// A column of the sheet.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ColumnFacts {
    /// Its heading.
    pub(super) title: String,
    /// The epoch of the adapter, without one for the base.
    pub(super) epoch: Option<usize>,
    /// The strength of the adapter.
    pub(super) strength: f32,
}

/// A row of the sheet.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    /// What is asked for.
    pub(super) expression: &'static str,
    /// The prompt.
    pub(super) prompt: String,
    /// One file per column.
    pub(super) files: Vec<String>,
}

/// From what a report is put together.
pub(super) struct Sources<'a> {
    pub(super) plan: &'a Plan,
    pub(super) out: &'a Path,
    pub(super) base: &'a FoundBase,
    pub(super) base_hash: &'a str,
    pub(super) dataset: &'a FolderDataset,
    pub(super) trained: &'a TrainReport,
    pub(super) continued: bool,
    pub(super) drawings: &'a Drawings,
    pub(super) measurement: Measurement,
    pub(super) drawing_secs: f64,
    pub(super) total_secs: f64,
    pub(super) peak_memory_bytes: Option<u64>,
}

impl Report {
    /// Puts the facts together.
    pub(super) fn new(sources: Sources<'_>) -> Self {
        let plan = sources.plan;
        let flag = || sources.base.path.display().to_string();
        Self {
            version: VERSION,
            program: concat!("atelier ", env!("CARGO_PKG_VERSION")),
            out: sources.out.display().to_string(),
            page: "report.html",
            adapter: "adapter.safetensors",
            sheet: "sheet.png",
            loss_chart: "loss.svg",
            base: BaseFacts {
                name: sources.base.name.clone(),
                flag: (sources.base.name != embedded::NAME).then(flag),
                hash: sources.base_hash.to_owned(),
            },
            dataset: dataset_pictures(sources.dataset),
            config: plan.config.clone(),
            training: training(plan, sources.trained, sources.continued),
            drawing: DrawingSettings {
                steps: DRAWING_STEPS,
                guidance: GUIDANCE,
                precision: PRECISION,
                pictures: sources.drawings.len(),
            },
            columns: columns(plan),
            rows: rows(plan, sources.drawings),
            measurement: sources.measurement,
            total_secs: sources.total_secs,
            drawing_secs: sources.drawing_secs,
            peak_memory_bytes: sources.peak_memory_bytes,
        }
    }

    /// The command that draws with the adapter.
    pub(super) fn generate_command(&self) -> String {
        let adapter = shell_word(&format!("{}/{}:1.0", self.out, self.adapter));
        format!(
            "atelier generate{} --adapter {adapter} --prompt '{}, winking face, on a blue background' --steps {} --guidance {} \
             --precision {} --count 4 --out drawings",
            self.base_flag(),
            self.config.trigger,
            self.drawing.steps,
            self.drawing.guidance,
            self.drawing.precision
        )
    }

    /// The command that trains on a folder with these settings.
    pub(super) fn train_command(&self, dataset: &str, trigger: &str) -> String {
        let config = &self.config;
        format!(
            "atelier train{} --dataset {} --trigger {} --category {} --epochs {} --batch-size {} --rank {} --alpha {} \
             --learning-rate {} --precision {} --seed {} --out my-run",
            self.base_flag(),
            shell_word(dataset),
            shell_word(trigger),
            config.category,
            config.epochs,
            config.batch_size,
            config.rank,
            config.alpha,
            config.learning_rate,
            config.precision,
            config.seed
        )
    }

    fn base_flag(&self) -> String {
        let flag = self.base.flag.as_ref();
        flag.map_or_else(String::new, |base| format!(" --base {}", shell_word(base)))
    }

    /// The measured number in a few words.
    pub(super) fn gain_text(&self) -> String {
        let (gain, spread) = (
            self.measurement.gain,
            self.measurement.gain_standard_deviation,
        );
        format!("{gain:+.3} ± {spread:.3}")
    }
}

fn dataset_pictures(dataset: &FolderDataset) -> Vec<DatasetPicture> {
    let pictures = dataset.samples.iter().map(|sample| {
        let parts: Vec<_> = sample.path.iter().rev().take(2).collect();
        let names = parts.iter().rev().map(|part| part.to_string_lossy());
        DatasetPicture {
            file: names.collect::<Vec<_>>().join("/"),
            caption: sample.caption.clone(),
        }
    });
    pictures.collect()
}

fn training(plan: &Plan, trained: &TrainReport, continued: bool) -> Training {
    let steps_per_epoch = trained.pictures.div_ceil(plan.config.batch_size);
    let window = (trained.losses.len() / 20).max(steps_per_epoch);
    Training {
        steps: trained.losses.len(),
        steps_per_epoch,
        duration_secs: trained.training_secs,
        continued,
        notes: trained.notes.clone(),
        window,
        final_loss: smoothed(&trained.losses, window).last().copied(),
        losses: trained.losses.clone(),
    }
}

fn columns(plan: &Plan) -> Vec<ColumnFacts> {
    let columns = plan.columns().into_iter().map(|column| ColumnFacts {
        epoch: match column.look {
            Look::Base => None,
            Look::Adapter { epoch, .. } => Some(epoch),
        },
        strength: column.look.strength(),
        title: column.title,
    });
    columns.collect()
}

fn rows(plan: &Plan, drawings: &Drawings) -> Vec<Row> {
    let file = |look: Look, expression: usize| {
        let shot = Shot {
            look,
            expression,
            seed: 0,
        };
        let drawing = drawings.get(&shot);
        drawing.map_or_else(String::new, |drawing| drawing.file.clone())
    };
    let columns = plan.columns();
    let rows = EXPRESSIONS
        .iter()
        .enumerate()
        .map(|(index, expression)| Row {
            expression,
            prompt: prompt(expression),
            files: columns.iter().map(|c| file(c.look, index)).collect(),
        });
    rows.collect()
}

/// Seconds in words.
pub(super) fn duration_text(secs: f64) -> String {
    if secs < 60.0 {
        return format!("{secs:.1} s");
    }
    let minutes = (secs / 60.0).floor();
    format!("{minutes:.0} min {:.0} s", (secs - minutes * 60.0).floor())
}
