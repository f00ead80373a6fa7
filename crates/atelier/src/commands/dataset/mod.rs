//! `atelier dataset`: the library's pictures. Every change makes a version, and versions are never changed.

mod change;
mod contents;
mod folders;
mod trigger;

use anyhow::Result;
use atelier_app::context::{App, ExitKind};
use atelier_core::{Category, ErrorCode};
use atelier_failure::{CodedResult as _, failed};
use atelier_store::{AboutChange, Dataset, Image, Library, Version};
use clap::{Args, Subcommand};
use serde_json::json;

use super::choice;
use crate::trashed::{is_back, one_of};

/// What can be done with datasets.
#[derive(Debug, Subcommand)]
pub(crate) enum DatasetCommand {
    /// Make a dataset, of a folder's pictures where one is given.
    Create(folders::CreateArgs),
    /// Add the pictures of a folder, with their captions and crops.
    Import(folders::ImportArgs),
    /// List the datasets.
    List {
        /// Those in the trash instead.
        #[arg(long)]
        trashed: bool,
    },
    /// Show the pictures of a dataset, and its versions.
    Show(contents::ShowArgs),
    /// Change captions, of all pictures or of some.
    Caption(change::CaptionArgs),
    /// Choose the square of a picture that is trained on.
    Crop(change::CropArgs),
    /// Take pictures out. Older versions keep them.
    Remove(change::RemoveArgs),
    /// Give a dataset another name, description, category or trigger word.
    Update(UpdateArgs),
    /// Show what changed between two versions.
    Diff(contents::DiffArgs),
    /// Write a version as a folder that this and other programs train on.
    Export(folders::ExportArgs),
    /// Say whether a word will do as a trigger word: what the base makes of it, and who has it already.
    JudgeTrigger(trigger::JudgeArgs),
    /// Put a dataset into the trash, from where it can be taken back for 30 days.
    Delete {
        /// A name from `dataset list`, or an id.
        dataset: String,
    },
    /// Take a dataset back from the trash.
    Restore {
        /// Its name or id, as `dataset list --trashed` shows them.
        dataset: String,
    },
}

/// What `update` can be told.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// A name from `dataset list`, or an id.
    dataset: String,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    purpose: PurposeArgs,
}

/// What a dataset is for.
#[derive(Debug, Args)]
pub(crate) struct PurposeArgs {
    /// What it is about, for people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// What its pictures have in common [default: character].
    #[arg(long, value_parser = choice::<Category>(Category::ALL.iter().map(|c| c.name())))]
    category: Option<Category>,
    /// The word that will call what is trained on it.
    #[arg(long, value_name = "WORD")]
    trigger: Option<String>,
}

impl PurposeArgs {
    /// What is given, and another name where there is one.
    fn change(&self, name: Option<&String>) -> AboutChange {
        AboutChange {
            name: name.cloned(),
            description: self.description.clone(),
            category: self.category,
            trigger_word: self.trigger.clone(),
        }
    }
}

/// Does it.
pub(super) fn run(command: &DatasetCommand, app: &App) -> Result<ExitKind> {
    let library = &match command {
        DatasetCommand::List { .. }
        | DatasetCommand::Show(_)
        | DatasetCommand::Diff(_)
        | DatasetCommand::Export(_)
        | DatasetCommand::JudgeTrigger(_) => app.library_to_look()?,
        _ => app.library()?,
    };
    match command {
        DatasetCommand::Create(args) => folders::create(args, app, library)?,
        DatasetCommand::Import(args) => folders::import(args, app, library)?,
        DatasetCommand::List { trashed } => contents::list(*trashed, app, library)?,
        DatasetCommand::Show(args) => contents::show(args, app, library)?,
        DatasetCommand::Caption(args) => change::caption(args, app, library)?,
        DatasetCommand::Crop(args) => change::crop(args, app, library)?,
        DatasetCommand::Remove(args) => change::remove(args, app, library)?,
        DatasetCommand::Update(args) => update(args, app, library)?,
        DatasetCommand::Diff(args) => contents::diff(args, app, library)?,
        DatasetCommand::Export(args) => folders::export(args, app, library)?,
        DatasetCommand::JudgeTrigger(args) => trigger::judge(args, app, library)?,
        DatasetCommand::Delete { dataset } => delete(dataset, app, library)?,
        DatasetCommand::Restore { dataset } => restore(dataset, app, library)?,
    }
    Ok(ExitKind::Completed)
}

fn update(args: &UpdateArgs, app: &App, library: &Library) -> Result<()> {
    let dataset = library.find_dataset(&args.dataset).coded()?;
    let change = args.purpose.change(args.name.as_ref());
    let about = change.clone().over(dataset.about.clone());
    let word = args.purpose.trigger.as_ref();
    let word = word.map(|_| trigger::checked(app, library, &about, Some(dataset.id)));
    let word = word.transpose()?.flatten();
    let dataset = library.update_dataset(dataset.id, change).coded()?;
    let name = &dataset.about.name;
    app.output.line(format_args!("updated dataset `{name}`"));
    app.output
        .document(&json!({"dataset": dataset, "trigger_word": word}))
}

fn delete(name: &str, app: &App, library: &Library) -> Result<()> {
    let dataset = library.find_dataset(name).coded()?;
    let runs = library.list_runs_of(dataset.id).coded()?;
    let models = library.list_models_on(dataset.id).coded()?;
    let waiting = library.count_open_trainings_on(dataset.id).coded()?;
    let trashed = library.delete_dataset(dataset.id).coded()?;
    let (id, name) = (trashed.id, &trashed.about.name);
    app.output.line(format_args!(
        "put dataset `{name}` into the trash; `atelier dataset restore {id}` takes it back within {} days",
        atelier_store::TRASH_DAYS
    ));
    if waiting > 0 {
        app.output.note(format_args!(
            "trainings in the queue that need it: {waiting}; it is not removed for good before they are over"
        ));
    }
    let depends = runs.iter().map(|run| format!("run `{}`", run.name));
    let depends = depends.chain(models.iter().map(|m| format!("model `{}`", m.about.name)));
    let depends: Vec<_> = depends.collect();
    if !depends.is_empty() {
        app.output.note(format_args!(
            "what was trained on it stays, and cannot be followed back to its pictures once these are gone for good: {}",
            depends.join(", ")
        ));
    }
    app.output
        .document(&json!({"dataset": trashed, "runs": runs, "models": models}))
}

fn restore(wanted: &str, app: &App, library: &Library) -> Result<()> {
    let trashed = library.list_deleted_datasets().coded()?;
    let names = |dataset: &Dataset| (dataset.id.to_string(), dataset.about.name.clone());
    let dataset = one_of("dataset", &trashed, names, wanted)?;
    let restored = library.restore_dataset(dataset.id).coded()?;
    let (before, name) = (&dataset.about.name, &restored.about.name);
    app.output.line(is_back("dataset", before, name));
    app.output.document(&json!({"dataset": restored}))
}

/// Says which version a dataset has now.
fn tell_version(app: &App, version: &Version, dataset: &Dataset) -> Result<()> {
    let (about, name) = (&version.about, &dataset.about.name);
    app.output.line(format_args!(
        "dataset `{name}`, version {}: {}; {} pictures",
        about.number, about.change, about.image_count
    ));
    app.output
        .document(&json!({"dataset": dataset, "version": version}))
}

/// The images of a version that these words name, each once: file names, or where no file has the name such without their
/// ending, or ids.
fn named<'v>(version: &'v Version, words: &[String]) -> Result<Vec<&'v Image>> {
    let find = |word: &String| {
        let stem = |image: &Image| {
            let parts = image.file_name.rsplit_once('.');
            parts.map(|(stem, _)| stem.to_owned())
        };
        let images = || version.images.iter();
        let exact =
            images().find(|image| image.file_name == *word || image.id.to_string() == *word);
        exact
            .or_else(|| images().find(|image| stem(image).as_ref() == Some(word)))
            .ok_or_else(|| {
                let message = format!(
                    "no picture `{word}` is in version {}; `dataset show` lists them",
                    version.about.number
                );
                failed(ErrorCode::NotFound, message)
            })
    };
    let mut found: Vec<&Image> = Vec::new();
    for word in words {
        let image = find(word)?;
        if !found.iter().any(|other| other.id == image.id) {
            found.push(image);
        }
    }
    Ok(found)
}
