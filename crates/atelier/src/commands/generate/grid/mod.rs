//! `atelier grid`: one picture that shows a model over epochs and strengths, with the same prompt and seed in all cells.

mod draw;
mod letters;
mod sheet;

use std::path::{Path, PathBuf, is_separator};

use anyhow::Result;
use atelier_app::bases;
use atelier_app::context::{App, ExitKind};
use atelier_app::target::refuse_taken;
use atelier_core::{
    AdapterUse, DeviceChoice, ErrorCode, GenerateRequest, Precision, SamplerKind, Seed,
};
use atelier_failure::{CodedResult as _, failed};
use atelier_store::{Library, Model};
use clap::Args;

use super::adapters_folder::AdaptersFolder;
use super::batch::Batch;
use super::picture_file;
use crate::commands::library_models::LibraryModels;
use crate::commands::{choice, seed};
use draw::Drawn;

/// Strengths where none are given.
const STRENGTHS: [f32; 4] = [0.5, 0.8, 1.0, 1.1];
/// Epochs where none are given, at most; that of the model may come on top.
const EPOCHS: usize = 4;
/// Cells of a sheet.
const MOST_CELLS: usize = 400;

/// What `atelier grid` can be told.
#[derive(Debug, Args)]
pub(crate) struct GridArgs {
    /// A name from `model list`.
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Epochs of the model's run, one row each [default: up to four that are spread over the run, and the model's own].
    #[arg(long, value_name = "EPOCH,...", value_delimiter = ',')]
    epochs: Vec<usize>,
    /// Strengths, 0 to 1.5, one column each [default: 0.5,0.8,1.0,1.1].
    #[arg(long, value_name = "STRENGTH,...", value_delimiter = ',')]
    strengths: Vec<f32>,
    /// What every cell shows [default: the first prompt of its run's previews].
    #[arg(long)]
    prompt: Option<String>,
    /// What no cell may show.
    #[arg(long)]
    negative: Option<String>,
    /// Seed of every cell.
    #[arg(long, value_parser = seed, default_value = "7")]
    seed: Seed,
    /// Sampler steps [default: 30].
    #[arg(long)]
    steps: Option<usize>,
    /// How strictly the prompt is followed; 1 or less draws without guidance [default: 7].
    #[arg(long)]
    guidance: Option<f32>,
    /// The rule that walks from noise to picture [default: ddim].
    #[arg(long, value_parser = choice::<SamplerKind>(SamplerKind::ALL.iter().map(|s| s.name())))]
    sampler: Option<SamplerKind>,
    /// Width of a cell in pixels [default: the base's own].
    #[arg(long)]
    width: Option<usize>,
    /// Height of a cell in pixels [default: the base's own].
    #[arg(long)]
    height: Option<usize>,
    /// A base as `generate` takes it [default: that of the model].
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO")]
    base: Option<String>,
    /// The arithmetic of the base [default: f32].
    #[arg(long, value_parser = choice::<Precision>(Precision::ALL.iter().map(|p| p.name())))]
    precision: Option<Precision>,
    /// Where networks compute: `auto` takes the first discrete graphics processor, else the processor [default: auto].
    #[arg(long, value_name = "auto|cpu|vulkan:N")]
    device: Option<DeviceChoice>,
    /// The file for the sheet, which must not be there yet [default: `grid-MODEL.png` in this folder].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A cell of the sheet.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cell {
    /// The epoch; nothing of a model that comes from no run.
    epoch: Option<usize>,
    strength: f32,
}

/// Does it.
pub(in crate::commands) fn run(args: &GridArgs, app: &App) -> Result<ExitKind> {
    let library = app.existing_library_to_look()?;
    let model = library.find_model(&args.model).coded()?;
    let (epochs, strengths) = (epochs(args, &model, &library)?, strengths(args)?);
    let cells = cells(&epochs, &strengths)?;
    let out = args.out.clone();
    let out = out.unwrap_or_else(|| PathBuf::from(format!("grid-{}.png", model.about.name)));
    refuse_taken(&out)?;
    refuse_no_png(&out)?;
    let batch = plan(args, (&model, &library), (&cells, app))?;
    let chosen = app.device(args.device, batch.precision())?;
    picture_file::prepare(folder_of(&out))?;
    picture_file::prepare_file(&out)?;
    let Some(drawn) = draw::draw(batch, (app, &chosen))? else {
        app.output.cancelled("stopped; nothing was kept");
        return Ok(ExitKind::Cancelled);
    };
    finish(args, &model, (&cells, strengths.len(), drawn), (&out, app))
}

/// Everything that is drawn, checked: a picture for each cell, in their order.
fn plan(
    args: &GridArgs,
    (model, library): (&Model, &Library),
    (cells, app): (&[Cell], &App),
) -> Result<Batch> {
    let mut adapters =
        AdaptersFolder::new(app.settings.adapters_folder(), LibraryModels::open(app)?);
    let mut variants = Vec::new();
    for cell in cells {
        let path = adapters.models().using((model, cell.epoch), library)?;
        variants.push(AdapterUse::new(path, cell.strength));
    }
    let base = args.base.as_deref().unwrap_or(&model.base);
    let found = bases::find(app, base)?;
    Batch::of_variants((found, args.request(model)), (variants, adapters), app)
}

impl GridArgs {
    /// What is the same in all cells.
    fn request(&self, model: &Model) -> GenerateRequest {
        let usual = GenerateRequest::default();
        GenerateRequest {
            prompt: self
                .prompt
                .clone()
                .unwrap_or_else(|| first_prompt(model).to_owned()),
            negative: self.negative.clone(),
            seed: self.seed,
            steps: self.steps.unwrap_or(usual.steps),
            guidance: self.guidance.unwrap_or(usual.guidance),
            sampler: self.sampler.unwrap_or(usual.sampler),
            width: self.width,
            height: self.height,
            precision: self.precision.unwrap_or(usual.precision),
            ..usual
        }
    }
}

/// What shows a model at its plainest, as its page draws it.
fn first_prompt(model: &Model) -> &str {
    model.preview_prompts.first().map_or("", String::as_str)
}

/// The rows: the epochs that were asked for, once each, or those that are worth a look. Nothing for a model of no run.
fn epochs(args: &GridArgs, model: &Model, library: &Library) -> Result<Vec<Option<usize>>> {
    if !args.epochs.is_empty() {
        for &epoch in &args.epochs {
            library.model_checkpoint(model, epoch).coded()?;
        }
        return Ok(once(args.epochs.iter().copied().map(Some)));
    }
    let Some(run) = model.run else {
        return Ok(vec![None]);
    };
    let kept = library.list_checkpoints(run).coded()?;
    let kept: Vec<_> = kept.iter().map(|checkpoint| checkpoint.epoch).collect();
    let chosen = spread(&kept, model.epoch);
    if chosen.is_empty() {
        // Its own file is there all the same.
        return Ok(vec![None]);
    }
    Ok(chosen.into_iter().map(Some).collect())
}

/// Epochs spread over a run, its last and the model's own among them.
fn spread(epochs: &[usize], own: Option<usize>) -> Vec<usize> {
    let Some(last) = epochs.len().checked_sub(1) else {
        return Vec::new();
    };
    // Rounded to the nearest.
    let place = |at: usize| ((at + 1) * last * 2 + EPOCHS) / (EPOCHS * 2);
    let chosen: Vec<_> = (0..EPOCHS).map(|at| epochs[place(at)]).collect();
    let is_wanted =
        |epoch: &usize| epochs.len() <= EPOCHS || chosen.contains(epoch) || Some(*epoch) == own;
    epochs.iter().copied().filter(is_wanted).collect()
}

fn strengths(args: &GridArgs) -> Result<Vec<f32>> {
    if args.strengths.is_empty() {
        return Ok(STRENGTHS.to_vec());
    }
    let is_wrong = |strength: &&f32| !AdapterUse::STRENGTHS.contains(*strength);
    if let Some(wrong) = args.strengths.iter().find(is_wrong) {
        let message = format!("strengths must lie between 0 and 1.5, got {wrong}");
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    Ok(once(args.strengths.iter().copied()))
}

/// Each value where it comes first.
fn once<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// The cells, row by row.
fn cells(epochs: &[Option<usize>], strengths: &[f32]) -> Result<Vec<Cell>> {
    let count = epochs.len() * strengths.len();
    if count > MOST_CELLS {
        let message =
            format!("{count} cells are too many for a sheet, at most {MOST_CELLS} are drawn");
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    let row = |&epoch: &Option<usize>| {
        let cell = move |&strength: &f32| Cell { epoch, strength };
        strengths.iter().map(cell)
    };
    Ok(epochs.iter().flat_map(row).collect())
}

fn folder_of(out: &Path) -> &Path {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The sheet is a PNG, whatever else its name may say.
fn refuse_no_png(out: &Path) -> Result<()> {
    let is_png = out
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    let is_folder = out.to_string_lossy().ends_with(is_separator);
    if is_png && !is_folder {
        return Ok(());
    }
    let message = format!(
        "`--out` must name a file that ends in `.png`, got `{}`",
        out.display()
    );
    Err(failed(ErrorCode::InvalidInput, message))
}

/// Puts the cells together, writes the sheet, and says what is on it.
fn finish(
    args: &GridArgs,
    model: &Model,
    (cells, columns, drawn): (&[Cell], usize, Vec<Drawn>),
    (out, app): (&Path, &App),
) -> Result<ExitKind> {
    let sheet = sheet::Sheet::of(cells, columns, &drawn);
    let document = sheet.document((args, model), cells, &drawn);
    sheet.save(out, &document)?;
    let failed = drawn.iter().filter(|cell| cell.problem.is_some()).count();
    app.output.line(out.display());
    let mut told = sheet::without_recipes(document);
    told["path"] = out.display().to_string().into();
    app.output.document(&told)?;
    if failed == 0 {
        return Ok(ExitKind::Completed);
    }
    let all = cells.len();
    app.output
        .note(format_args!("{failed} of {all} cells could not be drawn"));
    Ok(ExitKind::Failed(ErrorCode::PictureNotFinite))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_spread_over_the_run_with_its_last_and_the_models_own() {
        let all: Vec<usize> = (1..=50).collect();
        assert_eq!(spread(&all, None), [13, 26, 38, 50]);
        assert_eq!(spread(&all, Some(20)), [13, 20, 26, 38, 50]);
        assert_eq!(spread(&[5, 10], None), [5, 10]);
        assert_eq!(spread(&[5, 10, 15, 20, 25], None), [10, 15, 20, 25]);
        assert_eq!(spread(&[], Some(3)), [0; 0]);
    }

    #[test]
    fn a_sheet_is_a_png() {
        for good in ["a.png", "b/a.PNG", "a b.c.png"] {
            refuse_no_png(Path::new(good)).unwrap();
        }
        for bad in ["a", "a.jpg", "new/", "a.png/", ".png"] {
            assert!(refuse_no_png(Path::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn cells_come_row_by_row_and_each_once() {
        assert_eq!(once([3, 1, 3]), [3, 1]);
        let cells = cells(&[Some(1), Some(2)], &[0.5, 1.0]).unwrap();
        let told: Vec<_> = cells
            .iter()
            .map(|cell| (cell.epoch, cell.strength))
            .collect();
        let expected = [
            (Some(1), 0.5),
            (Some(1), 1.0),
            (Some(2), 0.5),
            (Some(2), 1.0),
        ];
        assert_eq!(told, expected);
        assert!(super::cells(&[None; 101], &STRENGTHS).is_err());
    }
}
