//! The facts of a quickstart: `report.json`, and what the page and the terminal say.

use std::path::Path;

use atelier_core::{TrainConfig, TrainReport};
use atelier_data::FolderDataset;
use atelier_store::Spent;
use serde::Serialize;

use crate::UsedBase;
use crate::chart::smoothed;
use crate::draw::Drawings;
use crate::html::memory_text;
use crate::measure::Measurement;
use crate::plan::{DRAWING_STEPS, EXPRESSIONS, GUIDANCE, Look, PRECISION, Plan, Shot, prompt};
use atelier_failure::shell_word;

/// Version of the report's layout.
const VERSION: u32 = 1;

/// Everything that a quickstart found out. Files are named relative to the folder of the quickstart.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Layout of this value.
    pub(crate) version: u32,
    /// The program.
    pub(crate) program: &'static str,
    /// The folder, as it was given.
    pub(crate) out: String,
    /// The page.
    pub(crate) page: &'static str,
    /// The finished adapter.
    pub(crate) adapter: &'static str,
    /// The pictures of the sheet side by side.
    pub(crate) sheet: &'static str,
    /// The loss chart.
    pub(crate) loss_chart: &'static str,
    /// The base.
    pub(crate) base: BaseFacts,
    /// The pictures trained on.
    pub(crate) dataset: Vec<DatasetPicture>,
    /// The settings of the training.
    pub(crate) config: TrainConfig,
    /// The training.
    pub(crate) training: Training,
    /// The settings of the drawings.
    pub(crate) drawing: DrawingSettings,
    /// The columns of the sheet.
    pub(crate) columns: Vec<ColumnFacts>,
    /// The rows of the sheet.
    pub(crate) rows: Vec<Row>,
    /// The number.
    pub(crate) measurement: Measurement,
    /// Seconds from start to report, of the call that finished.
    pub(crate) total_secs: f64,
    /// Seconds spent drawing.
    pub(crate) drawing_secs: f64,
    /// Most memory that the process took.
    pub(crate) peak_memory_bytes: Option<u64>,
}

/// The base.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BaseFacts {
    /// Its name.
    pub(crate) name: String,
    /// What `--base` takes for it; absent for the embedded one, which needs no flag.
    pub(crate) flag: Option<String>,
    /// Its hash.
    pub(crate) hash: String,
}

/// A picture trained on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DatasetPicture {
    /// Its file.
    pub(crate) file: String,
    /// Its caption, without the trigger word.
    pub(crate) caption: String,
}

/// How the training went.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Training {
    /// Number of steps.
    pub(crate) steps: usize,
    /// Steps per epoch.
    pub(crate) steps_per_epoch: usize,
    /// Seconds spent in steps, of the call that finished.
    pub(crate) duration_secs: f64,
    /// Seconds spent drawing previews, of the same call, and how many pictures that were.
    pub(crate) preview_secs: f64,
    pub(crate) preview_pictures: u64,
    /// Whether an interrupted quickstart was continued.
    pub(crate) continued: bool,
    /// Things worth telling.
    pub(crate) notes: Vec<String>,
    /// Steps in the trailing mean of the loss.
    pub(crate) window: usize,
    /// Trailing mean of the loss after the last step.
    pub(crate) final_loss: Option<f32>,
    /// Loss of every step.
    pub(crate) losses: Vec<f32>,
}

/// How pictures were drawn.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DrawingSettings {
    /// Sampler steps.
    pub(crate) steps: usize,
    /// Guidance.
    pub(crate) guidance: f32,
    /// The arithmetic.
    pub(crate) precision: atelier_core::Precision,
    /// Number of pictures.
    pub(crate) pictures: usize,
}

/// A column of the sheet.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ColumnFacts {
    /// Its heading.
    pub(crate) title: String,
    /// The epoch of the adapter, without one for the base.
    pub(crate) epoch: Option<usize>,
    /// The strength of the adapter.
    pub(crate) strength: f32,
}

/// A row of the sheet.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// What is asked for.
    pub(crate) expression: &'static str,
    /// The prompt.
    pub(crate) prompt: String,
    /// One file per column.
    pub(crate) files: Vec<String>,
}

/// From what a report is put together.
pub(crate) struct Sources<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) out: &'a Path,
    pub(crate) base: &'a UsedBase,
    pub(crate) base_hash: &'a str,
    pub(crate) dataset: &'a FolderDataset,
    pub(crate) trained: &'a TrainReport,
    pub(crate) continued: bool,
    pub(crate) drawings: &'a Drawings,
    pub(crate) measurement: Measurement,
    pub(crate) drawing_secs: f64,
    pub(crate) total_secs: f64,
    pub(crate) peak_memory_bytes: Option<u64>,
}

impl Report {
    /// Puts the facts together.
    pub(crate) fn new(sources: Sources<'_>) -> Self {
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
                flag: (!sources.base.is_usual).then(flag),
                hash: sources.base_hash.to_owned(),
            },
            dataset: dataset_pictures(sources.dataset),
            config: planned(&plan.config, sources.trained),
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

    /// What came of it, in lines.
    pub fn lines(&self) -> Vec<String> {
        let (base, adapter) = self.measurement.means();
        let of_call = self.training.of_call();
        let mut lines = vec![
            format!(
                "trained `{}` on {} pictures: {} epochs, {} steps, {}{of_call}",
                self.config.trigger,
                self.dataset.len(),
                self.config.epochs,
                self.training.steps,
                duration_text(self.training.duration_secs)
            ),
            format!(
                "drew {} pictures in {}; {} altogether{of_call}, {} of memory at most",
                self.drawing.pictures,
                duration_text(self.drawing_secs),
                duration_text(self.total_secs),
                memory_text(self.peak_memory_bytes)
            ),
            format!(
                "likeness to {} pictures it never saw: {adapter:.3} with the adapter, {base:.3} without, gain {} over {} seeds",
                self.measurement.references,
                self.gain_text(),
                self.measurement.seeds.len()
            ),
            self.measurement.verdict().to_owned(),
        ];
        let files = [
            ("look at", self.page),
            ("pictures", self.sheet),
            ("adapter", self.adapter),
        ];
        let files = files.map(|(label, file)| format!("{label:<9} {}/{file}", self.out));
        lines.extend(files);
        lines.push(format!("go on     {}", self.generate_command()));
        lines
    }

    /// The command that draws with the adapter.
    pub(crate) fn generate_command(&self) -> String {
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
    pub(crate) fn train_command(&self, dataset: &str, trigger: &str) -> String {
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
    pub(crate) fn gain_text(&self) -> String {
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

impl Training {
    /// What to say behind times that are not of the whole quickstart.
    pub(crate) fn of_call(&self) -> &'static str {
        if self.continued {
            " (of the call that finished; it continued an interrupted one)"
        } else {
            ""
        }
    }

    /// What the library is told that it took: nothing where an earlier call did a part of it, of which nobody took the time.
    pub(crate) fn spent(&self) -> Spent {
        if self.continued {
            return Spent::default();
        }
        Spent {
            training_secs: self.duration_secs,
            trained_steps: self.steps as u64,
            preview_secs: self.preview_secs,
            preview_pictures: self.preview_pictures,
        }
    }
}

/// The settings with the epochs between previews, which the trainer decided.
fn planned(config: &TrainConfig, trained: &TrainReport) -> TrainConfig {
    let shown: Vec<_> = trained.previews.iter().map(|(epoch, _)| *epoch).collect();
    let mut all = (0..=config.epochs).rev();
    let every = all.find(|every| config.previewed_epochs(*every) == shown);
    TrainConfig {
        preview_every: config.preview_every.or(every),
        ..config.clone()
    }
}

fn training(plan: &Plan, trained: &TrainReport, continued: bool) -> Training {
    let steps_per_epoch = trained.pictures.div_ceil(plan.config.batch_size);
    let window = (trained.losses.len() / 20).max(steps_per_epoch);
    Training {
        steps: trained.losses.len(),
        steps_per_epoch,
        duration_secs: trained.training_secs,
        preview_secs: trained.preview_secs,
        preview_pictures: trained.preview_pictures,
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
pub(crate) fn duration_text(secs: f64) -> String {
    if secs < 60.0 {
        return format!("{secs:.1} s");
    }
    let minutes = (secs / 60.0).floor();
    format!("{minutes:.0} min {:.0} s", (secs - minutes * 60.0).floor())
}
