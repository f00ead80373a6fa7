//! How adapters on the base go from under-fitted to over-fitted: one long training, drawn with and measured at many epochs.
//!
//! Most of what is drawn was held out of the training: captions of unseen pictures, and the same on backgrounds that the
//! training never had; beside them the trained captions. Too few epochs show as little likeness to the unseen pictures, too
//! many as trained pictures that are met ever better while unseen ones are not, as copies, and as drawings that no longer
//! follow the prompt.

mod chart;
mod gauge;
pub(crate) mod strengths;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use atelier_core::{
    AdapterUse, AlwaysPermitted, CancelFlag, Category, Outcome, Precision, RunContext, Seed,
    SilentProgress, TrainConfig, TrainReport, TrainRequest, Trainer as _,
};
use atelier_corpus::COLOURS;
use atelier_data::{FolderDataset, Limits, RgbPicture, decode_picture, png, read_folder, sheet};
use atelier_diffusion::stable_diffusion::{Base, Pipeline};
use atelier_eval::Embedder;
use atelier_nn::Engine;
use atelier_train::LoraTrainer;
use atelier_weights::ReadFiles;
use burn::tensor::Device;

use crate::log::log;
use crate::reconstruction::given_back;
use crate::sheet::{GAP, GUIDANCE, NoClock, draw, request, told};
use gauge::{Gauge, Scores};

/// Epochs that are drawn with; 0 is the base alone.
const EPOCHS: [usize; 9] = [0, 5, 10, 20, 30, 50, 80, 120, 200];
/// How many of the captions of unseen pictures the sheet shows.
const ON_SHEET: usize = 6;
/// Pictures that pass the autoencoder together.
const TOGETHER: usize = 8;

/// What is trained, on what, and how it is called.
#[derive(Debug, Clone, clap::Args)]
struct Sample {
    /// The exported folder.
    #[arg(long)]
    base: PathBuf,
    /// A sample dataset: a folder with `train` and `held-out`.
    #[arg(long)]
    dataset: PathBuf,
    /// The word that calls what is trained.
    #[arg(long)]
    trigger: String,
    /// What the pictures have in common.
    #[arg(long, default_value = "character")]
    category: Category,
    /// Where what comes of it goes; a training that was stopped goes on.
    #[arg(long)]
    out: PathBuf,
}

/// What the curves are of.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Subject {
    #[command(flatten)]
    sample: Sample,
    /// Step size of the training.
    #[arg(long, default_value_t = 1e-3)]
    learning_rate: f64,
}

/// A drawing to make at every epoch.
struct Prompt {
    text: String,
    asked: Asked,
    seed: u64,
}

/// What a prompt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The unseen picture of that number.
    Unseen(usize),
    /// The trained picture of that number.
    Trained(usize),
    /// What an unseen picture shows, on a background that the training never had.
    Background(&'static str),
}

/// Trains, draws, measures, and writes `sheet.png`, `curves.svg` and `table.md`.
pub(crate) fn show(subject: &Subject) -> anyhow::Result<()> {
    let held_out = folder(&subject.sample.dataset.join("held-out"))?;
    let train = folder(&subject.sample.dataset.join("train"))?;
    let called = (subject.sample.category, subject.sample.trigger.as_str());
    let prompts = prompts(called, &train, &held_out)?;
    let embedder = Embedder::new();
    let base = Base::open(&subject.sample.base)?;
    let gauge = gauge_of(&base, &embedder, &train, &held_out)?;
    let adapters = trained(subject)?;
    let on_sheet: Vec<usize> = (0..ON_SHEET)
        .map(|row| row * held_out.samples.len() / ON_SHEET)
        .collect();
    let (mut rows, mut scores) = (vec![Vec::new(); ON_SHEET], Vec::new());
    for epoch in EPOCHS {
        let drawings = drawn(&subject.sample.base, &prompts, adapter(&adapters, epoch)?)?;
        let found = gauge.scores(&prompts, &drawings);
        log(&format!("epoch {epoch}: {found}"));
        scores.push((epoch, found));
        for (row, &index) in rows.iter_mut().zip(&on_sheet) {
            row.push(drawings[index].clone());
        }
    }
    let no_texts: [(&str, &str); 0] = [];
    png::replace(
        subject.sample.out.join("sheet.png"),
        &sheet(&rows, GAP),
        &no_texts,
    )?;
    fs_err::write(subject.sample.out.join("curves.svg"), chart::svg(&scores))?;
    let table = table(&gauge, &scores);
    Ok(fs_err::write(subject.sample.out.join("table.md"), table)?)
}

/// What drawings of `base` are measured against.
fn gauge_of<'a>(
    base: &Base,
    embedder: &'a Embedder,
    train: &FolderDataset,
    held_out: &FolderDataset,
) -> anyhow::Result<Gauge<'a>> {
    let vae = base.load_vae(&Device::flex(), Engine::Exact)?;
    let left = |whole: &[RgbPicture]| {
        let parts = whole.chunks(TOGETHER);
        parts.flat_map(|part| given_back(&vae, part)).collect()
    };
    let (train, held_out) = (pictures(train)?, pictures(held_out)?);
    let side = base.native_size();
    Ok(Gauge::new(embedder, (&train, held_out), side, left))
}

fn folder(path: &Path) -> anyhow::Result<FolderDataset> {
    Ok(read_folder(path, false, &Limits::default())?)
}

fn pictures(folder: &FolderDataset) -> anyhow::Result<Vec<RgbPicture>> {
    let each = folder.samples.iter();
    each.map(|sample| Ok(decode_picture(&sample.path, &Limits::default())?))
        .collect()
}

/// Trains to the last of [`EPOCHS`], keeping every one of them; the adapter of each kept epoch.
fn trained(subject: &Subject) -> anyhow::Result<Vec<(usize, PathBuf)>> {
    let config = TrainConfig {
        trigger: subject.sample.trigger.clone(),
        category: subject.sample.category,
        epochs: EPOCHS[EPOCHS.len() - 1],
        learning_rate: subject.learning_rate,
        checkpoint_every: 5,
        precision: Precision::Bf16,
        seed: Seed(1),
        ..TrainConfig::default()
    };
    let epochs = config.epochs;
    let (base, dataset) = (&subject.sample.base, &subject.sample.dataset);
    let report = train((base, dataset), &subject.sample.out.join("run"), config)?;
    let last = (epochs, report.adapter);
    Ok(report.checkpoints.into_iter().chain([last]).collect())
}

/// Trains on a base and the `train` of a sample dataset, or goes on with what lies in `out`.
fn train(
    (base, dataset): (&Path, &Path),
    out: &Path,
    config: TrainConfig,
) -> anyhow::Result<TrainReport> {
    let request = TrainRequest {
        dataset: dataset.join("train"),
        base: base.to_owned(),
        base_name: base
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        out: out.to_owned(),
        resume: out.exists(),
        skip_bad: false,
        config,
    };
    let trainer = LoraTrainer {
        device: Device::flex(),
        hashes: &ReadFiles,
        free_bytes: None,
        packed: None,
    };
    let cancel = CancelFlag::default();
    let context = RunContext {
        cancel: &cancel,
        progress: &SilentProgress,
        clock: &NoClock,
        permit: &AlwaysPermitted,
    };
    let outcome = trainer.train(&request, context);
    match outcome.map_err(told)? {
        Outcome::Completed(report) => Ok(report),
        Outcome::Cancelled { .. } => anyhow::bail!("nothing cancels this"),
    }
}

fn adapter(adapters: &[(usize, PathBuf)], epoch: usize) -> anyhow::Result<Option<&Path>> {
    if epoch == 0 {
        return Ok(None);
    }
    let kept = adapters.iter().find(|(kept, _)| *kept == epoch);
    let (_, path) = kept.with_context(|| format!("the training kept no epoch {epoch}"))?;
    Ok(Some(path))
}

/// The captions of unseen pictures, first all as they are, then all on a background that no trained picture has; then those of
/// the trained pictures.
fn prompts(
    (category, trigger): (Category, &str),
    train: &FolderDataset,
    held_out: &FolderDataset,
) -> anyhow::Result<Vec<Prompt>> {
    let trained = |name: &str| {
        let mut captions = train.samples.iter().map(|sample| sample.caption.as_str());
        captions.any(|caption| background(caption) == Some(name))
    };
    let new: Vec<&'static str> = COLOURS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !trained(name))
        .collect();
    ensure!(
        !new.is_empty(),
        "the training pictures have every background"
    );
    ensure!(
        held_out.samples.len() >= ON_SHEET,
        "{} pictures were held out, at least {ON_SHEET} are needed",
        held_out.samples.len()
    );
    let (mut prompts, mut elsewhere) = (Vec::new(), Vec::new());
    for (i, sample) in held_out.samples.iter().enumerate() {
        let caption = &sample.caption;
        let own = background(caption)
            .with_context(|| format!("caption `{caption}` names no background of the palette"))?;
        let colour = new[i % new.len()];
        let prompt = |caption: &str, asked: Asked| Prompt {
            text: category.caption(trigger, caption),
            asked,
            seed: 100 + i as u64,
        };
        prompts.push(prompt(caption, Asked::Unseen(i)));
        let moved = on_background(caption, own, colour)?;
        elsewhere.push(prompt(&moved, Asked::Background(colour)));
    }
    prompts.append(&mut elsewhere);
    prompts.extend(train.samples.iter().enumerate().map(|(i, sample)| Prompt {
        text: category.caption(trigger, &sample.caption),
        asked: Asked::Trained(i),
        seed: 100 + i as u64,
    }));
    Ok(prompts)
}

/// The colour of the palette that a caption ends with.
fn background(caption: &str) -> Option<&'static str> {
    let rest = caption.trim().strip_suffix(" background")?;
    let mut names = COLOURS.iter().map(|(name, _)| *name);
    names.find(|name| rest.rsplit(' ').next() == Some(name))
}

/// A caption that ends with background `own` with `colour` instead.
fn on_background(caption: &str, own: &str, colour: &str) -> anyhow::Result<String> {
    let article = |name: &str| {
        if name.starts_with(['a', 'e', 'i', 'o', 'u']) {
            "an"
        } else {
            "a"
        }
    };
    let ending = |name: &str| format!("on {} {name} background", article(name));
    let rest = caption.trim().strip_suffix(&ending(own));
    let rest =
        rest.with_context(|| format!("caption `{caption}` does not end with `{}`", ending(own)))?;
    Ok(format!("{rest}{}", ending(colour)))
}

fn drawn(
    base: &Path,
    prompts: &[Prompt],
    adapter: Option<&Path>,
) -> anyhow::Result<Vec<RgbPicture>> {
    let mut pipeline = Pipeline::open(base, &Device::flex(), Engine::Mixed)?;
    let each = prompts.iter().map(|prompt| {
        let mut request = request(&prompt.text, prompt.seed, GUIDANCE);
        let adapter = adapter.map(|path| AdapterUse::new(path.to_owned(), 1.0));
        request.adapters = adapter.into_iter().collect();
        draw(&mut pipeline, &request)
    });
    each.collect()
}

/// The figures as Markdown, with those of the artists' pictures themselves below.
fn table(gauge: &Gauge<'_>, scores: &[(usize, Scores)]) -> String {
    let [unseen, trained, comparable] = gauge.counts();
    let mut text = format!(
        "Drawings of {unseen} unseen captions on their own backgrounds and on new ones, and of the {trained} trained captions; \
         by chance one in {unseen} prompts is followed. Own pictures of trained captions are those {comparable} on backgrounds of \
         unseen ones.\n\n\
         | epochs | likeness to unseen pictures | own picture met, unseen captions | own picture met, trained captions | \
         prompt followed | new background followed | copies, unseen captions | copies, trained captions |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    let percent = |share: f32| format!("{:.0} %", 100.0 * share);
    for (epoch, found) in scores {
        let name = if *epoch == 0 {
            "none, the base alone".to_owned()
        } else {
            epoch.to_string()
        };
        let _ = writeln!(
            text,
            "| {name} | {:.3} | {} | {} | {} | {} | {} | {} |",
            found.likeness,
            found.unseen_met,
            found.trained_met,
            percent(found.prompt),
            percent(found.background),
            percent(found.copies),
            percent(found.trained_copies)
        );
    }
    let (likeness, prompt) = gauge.of_unseen();
    let _ = writeln!(
        text,
        "| the unseen pictures, shrunk by a tenth | {likeness:.3} | – | – | {} | – | – | – |\n\
         | the trained pictures, shrunk by a tenth, through the autoencoder | – | – | – | – | – | – | {} |",
        percent(prompt),
        percent(gauge.found_copies())
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caption_goes_to_another_background_with_the_right_article() {
        let caption = "crying face, on a white background\n";
        assert_eq!(background(caption), Some("white"));
        assert_eq!(
            on_background(caption, "white", "orange").unwrap(),
            "crying face, on an orange background"
        );
        assert!(on_background("cat, on an white background", "white", "red").is_err());
        assert_eq!(background("crying face"), None);
        assert_eq!(background("cat, on a plaid background"), None);
    }
}
