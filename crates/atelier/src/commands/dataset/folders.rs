//! Folders of pictures into datasets, and back.

use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_app::context::{App, finished};
use atelier_failure::CodedResult as _;
use atelier_runs::JudgedWord;
use atelier_store::{About, Imported, Library};
use clap::Args;
use serde_json::json;

use super::{PurposeArgs, trigger};

/// What `create` can be told.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its name, which no other dataset has.
    name: String,
    #[command(flatten)]
    purpose: PurposeArgs,
    /// A folder of pictures, each with its caption in a `.txt` file of the same name. It is only read.
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Leave out pictures that cannot be used.
    #[arg(long, requires = "from")]
    skip_bad: bool,
}

/// What `import` can be told.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// A name from `dataset list`, or an id.
    dataset: String,
    /// A folder of pictures, each with its caption in a `.txt` file of the same name. It is only read.
    folder: PathBuf,
    /// Leave out pictures that cannot be used.
    #[arg(long)]
    skip_bad: bool,
}

/// What `export` can be told.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A name from `dataset list`, or an id.
    dataset: String,
    /// The folder to write, which must not exist.
    folder: PathBuf,
    /// Which version [default: the newest].
    #[arg(long)]
    version: Option<u32>,
}

pub(super) fn create(args: &CreateArgs, app: &App, library: &Library) -> Result<()> {
    let change = args.purpose.change(Some(&args.name));
    let about = change.over(About::default());
    let word = trigger::checked(app, library, &about, None)?;
    let Some(folder) = &args.from else {
        let dataset = library.create_dataset(about).coded()?;
        let name = &dataset.about.name;
        app.output.line(format_args!(
            "made dataset `{name}`; `atelier dataset import` adds pictures to it"
        ));
        let document = json!({"dataset": dataset, "trigger_word": word});
        return app.output.document(&document);
    };
    let from = (folder.as_path(), args.skip_bad);
    let imported = library.create_dataset_from(about, from, &app.cancel);
    tell(app, library, &finished(imported)?, word.as_ref())
}

pub(super) fn import(args: &ImportArgs, app: &App, library: &Library) -> Result<()> {
    let dataset = library.find_dataset(&args.dataset).coded()?;
    let from = (args.folder.as_path(), args.skip_bad);
    let imported = library.import_folder(dataset.id, from, &app.cancel);
    tell(app, library, &finished(imported)?, None)
}

fn tell(
    app: &App,
    library: &Library,
    imported: &Imported,
    word: Option<&JudgedWord>,
) -> Result<()> {
    for skipped in &imported.skipped {
        app.output.note(format_args!("left out {skipped}"));
    }
    for twin in &imported.twins {
        let name = file_name(twin);
        app.output.note(format_args!(
            "left out `{name}`: the dataset has this picture already"
        ));
    }
    app.output.notes(&imported.notes);
    let version = &imported.version;
    let dataset = library.get_dataset(version.dataset).coded()?;
    app.output.line(format_args!(
        "dataset `{}`, version {}: {} pictures, {} of them new",
        dataset.about.name, version.about.number, version.about.image_count, imported.added
    ));
    let skipped: Vec<_> = imported.skipped.iter().map(ToString::to_string).collect();
    let twins = imported.twins.iter().map(|twin| twin.display().to_string());
    let mut document = json!({
        "dataset": dataset,
        "version": version,
        "added": imported.added,
        "twins": twins.collect::<Vec<_>>(),
        "skipped": skipped,
        "notes": imported.notes,
    });
    if let Some(word) = word {
        document["trigger_word"] = json!(word);
    }
    app.output.document(&document)
}

pub(super) fn export(args: &ExportArgs, app: &App, library: &Library) -> Result<()> {
    let dataset = library.find_dataset(&args.dataset).coded()?;
    let exported = library.export_version(dataset.id, args.version, &args.folder, &app.cancel);
    let exported = finished(exported)?;
    app.output.line(format_args!(
        "wrote version {} of dataset `{}`, {} pictures, to {}",
        exported.number,
        dataset.about.name,
        exported.image_count,
        exported.folder.display()
    ));
    app.output.document(&json!({
        "dataset": dataset,
        "version": exported.number,
        "image_count": exported.image_count,
        "folder": exported.folder.display().to_string(),
    }))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().display().to_string()
}
