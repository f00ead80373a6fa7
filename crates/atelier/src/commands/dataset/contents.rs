//! What datasets hold.

use anyhow::Result;
use atelier_app::context::App;
use atelier_core::Crop;
use atelier_failure::CodedResult as _;
use atelier_store::{Image, Library};
use clap::Args;
use serde_json::json;

use crate::trashed::id_in_trash;

/// What `show` can be told.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A name from `dataset list`, or an id.
    dataset: String,
    /// Which version [default: the newest].
    #[arg(long)]
    version: Option<u32>,
}

/// What `diff` can be told.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// A name from `dataset list`, or an id.
    dataset: String,
    /// The older version [default: the one before the newer].
    #[arg(long)]
    from: Option<u32>,
    /// The newer version [default: the newest].
    #[arg(long)]
    to: Option<u32>,
}

pub(super) fn list(trashed: bool, app: &App, library: &Library) -> Result<()> {
    let datasets = if trashed {
        library.list_deleted_datasets()
    } else {
        library.list_datasets()
    };
    let datasets = datasets.coded()?;
    for dataset in &datasets {
        let (about, id) = (&dataset.about, dataset.id);
        app.output.line(format_args!(
            "{}  {} pictures, {}, version {}{}",
            about.name,
            dataset.image_count,
            about.category,
            dataset.version,
            id_in_trash(trashed, &id)
        ));
    }
    if datasets.is_empty() {
        app.output.line(if trashed {
            "the trash has no datasets"
        } else {
            "no datasets; `atelier dataset create NAME --from FOLDER` makes one"
        });
    }
    app.output.document(&json!({"datasets": datasets}))
}

pub(super) fn show(args: &ShowArgs, app: &App, library: &Library) -> Result<()> {
    let dataset = library.find_dataset(&args.dataset).coded()?;
    let version = library.get_version(dataset.id, args.version).coded()?;
    let versions = library.list_versions(dataset.id).coded()?;
    let about = &dataset.about;
    let out = app.output;
    out.line(format_args!("{}  {}", about.name, about.category));
    for (label, text) in [
        ("description", &about.description),
        ("trigger word", &about.trigger_word),
    ] {
        if !text.is_empty() {
            out.line(format_args!("{label}: {text}"));
        }
    }
    out.line(format_args!("id: {}", dataset.id));
    out.line(format_args!(
        "version {}, hash {}",
        version.about.number, version.about.hash
    ));
    for image in &version.images {
        let Image {
            file_name,
            width,
            height,
            caption,
            crop,
            ..
        } = image;
        let crop = crop.map_or_else(String::new, |crop| format!(", {}", in_words(crop)));
        out.line(format_args!(
            "  {file_name}  {width}×{height}{crop}  {caption}"
        ));
    }
    out.line("versions:");
    for version in &versions {
        out.line(format_args!(
            "  {}  {} pictures, {}",
            version.number, version.image_count, version.change
        ));
    }
    out.document(&json!({"dataset": dataset, "version": version, "versions": versions}))
}

pub(super) fn diff(args: &DiffArgs, app: &App, library: &Library) -> Result<()> {
    let dataset = library.find_dataset(&args.dataset).coded()?;
    let difference = library
        .compare_versions(dataset.id, args.from, args.to)
        .coded()?;
    let out = app.output;
    if difference.is_empty() {
        let (from, to) = (difference.from, difference.to);
        out.line(format_args!("versions {from} and {to} are the same"));
    }
    for image in &difference.added {
        out.line(format_args!("+ {}  {}", image.file_name, image.caption));
    }
    for image in &difference.removed {
        out.line(format_args!("- {}  {}", image.file_name, image.caption));
    }
    for change in &difference.changed {
        let name = &change.file_name;
        if let Some([before, after]) = &change.caption {
            out.line(format_args!("~ {name}  `{before}` → `{after}`"));
        }
        if let Some(crops) = change.crop {
            let [before, after] =
                crops.map(|crop| crop.map_or_else(|| "the middle".to_owned(), in_words));
            out.line(format_args!("~ {name}  {before} → {after}"));
        }
    }
    out.document(&difference)
}

fn in_words(crop: Crop) -> String {
    let Crop { left, top, side } = crop;
    format!("{side}×{side} at {left}, {top}")
}
