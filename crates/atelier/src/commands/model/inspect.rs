//! `atelier model inspect`: everything that an adapter says and holds, and which programs read it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;

use anyhow::Result;
use atelier_adapters::operate::{Inspection, inspect, survey};
use atelier_adapters::readers::{self, ReaderVerdict};
use atelier_adapters::{AdapterFile, BaseLayers};
use atelier_app::context::App;
use atelier_failure::CodedResult as _;
use atelier_weights::{FileHashes, TensorFile, hash_file};
use clap::Args;
use serde_json::json;

use super::report;
use super::source::{Source, known_layers, layers_for};
use crate::commands::library_models::{FoundAdapter, LibraryModels};

/// Characters of a metadata value that are shown to people; the document has all.
const SHOWN_CHARS: usize = 100;
/// Tensors of no layer that are named to people.
const SHOWN_NAMES: usize = 5;

/// What `inspect` can be told.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The adapter: a name from `model list`, a file, or the folder that PEFT or diffusers saved.
    #[arg(value_name = "NAME|FILE|FOLDER")]
    adapter: PathBuf,
    /// The base to try it on; needed where neither names and widths nor the library tell what it is for.
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO")]
    base: Option<String>,
    /// List every layer too.
    #[arg(long)]
    layers: bool,
}

pub(super) fn run(args: &InspectArgs, app: &App) -> Result<()> {
    let found = LibraryModels::find_one(app, &args.adapter)?;
    let source = Source::of(&found)?;
    let weights = AdapterFile::weights_path(&source.path);
    let hashes = hash_file(&weights).coded()?;
    let base = base_of(args, app, &source)?;
    // norms take long for high ranks, and are shown by layer
    let look = if args.layers || app.output.is_json() {
        inspect
    } else {
        survey
    };
    let inspection = look(&source.file, base.as_ref());
    let problem = match (&args.base, &base) {
        (Some(_), Some(base)) => source.file.clone().fit(base).err(),
        _ => None,
    };
    let verdicts = match &base {
        Some(base) => readers::check(&TensorFile::open(&weights).coded()?, base).coded()?,
        None => Vec::new(),
    };
    describe(app, (&found, args.layers), &inspection, &hashes);
    if args.base.is_some() {
        let said = problem
            .as_ref()
            .map(|problem| format!("does not fit: {problem}"));
        let said = said.unwrap_or_else(|| "fits".to_owned());
        row(app, "on the base", &said);
    }
    describe_readers(app, &verdicts);
    if source.file.lacks_settings() {
        app.output.notes(&source.file.notes());
    }
    app.output.document(&json!({
        "path": source.path.display().to_string(),
        "model": found.model_name(),
        "size_bytes": hashes.size_bytes,
        "sha256": hashes.sha256,
        "blake3": hashes.blake3,
        "adapter": inspection,
        "misfit": problem.map(|problem| problem.to_string()),
        "readers": report::readers(&verdicts),
    }))
}

/// The layers on which the adapter is tried: those of `--base`, or of what it is known to be for.
fn base_of(args: &InspectArgs, app: &App, source: &Source) -> Result<Option<BaseLayers>> {
    if args.base.is_none() {
        return known_layers(app, source);
    }
    layers_for(app, args.base.as_deref(), std::slice::from_ref(source)).map(Some)
}

fn row(app: &App, label: &str, value: &dyn Display) {
    app.output.line(format_args!("{label:<20} {value}"));
}

fn describe(
    app: &App,
    (found, lists_layers): (&FoundAdapter, bool),
    about: &Inspection,
    hashes: &FileHashes,
) {
    let megabytes = hashes.size_bytes as f64 / 1e6;
    if let Some(name) = found.model_name() {
        row(app, "model", &name);
    }
    row(app, "file", &found.used.path.display());
    row(app, "size", &format_args!("{megabytes:.1} MB"));
    row(app, "SHA-256", &hashes.sha256);
    row(app, "BLAKE3", &hashes.blake3);
    let own = found.model.as_ref();
    let unknown = own.map_or_else(
        || "cannot be told from names and widths, try it with `--base`".to_owned(),
        |model| format!("its base, `{}`", model.base),
    );
    row(
        app,
        "made for",
        &about.made_for.as_deref().unwrap_or(&unknown),
    );
    let numbers = format_args!("{} in {}", about.parameters, about.dtype);
    row(app, "numbers", &numbers);
    row(app, "names", &about.format);
    row(app, "layers", &about.layers.len());
    row(app, "kinds", &counted(&about.kinds));
    row(app, "ranks", &counted(&about.ranks));
    row(app, "alphas", &counted(&about.alphas));
    row(app, "parts", &counted(&about.parts));
    if !about.unknown.is_empty() {
        let first = about.unknown.iter().take(SHOWN_NAMES).map(String::as_str);
        let first = first.collect::<Vec<_>>().join(", ");
        let count = about.unknown.len();
        row(
            app,
            "of no layer",
            &format_args!("{count} tensors: {first}"),
        );
    }
    for (key, value) in &about.metadata {
        row(app, &format!("  {key}"), &shortened(value));
    }
    if lists_layers {
        for layer in &about.layers {
            let norm = layer
                .norm
                .map_or("-".to_owned(), |norm| format!("{norm:.4}"));
            let (rank, alpha, (rows, columns)) = (layer.rank, layer.alpha, layer.weight);
            let place = layer.layer.as_deref().unwrap_or(&layer.name);
            let text = format_args!(
                "{} rank {rank}, alpha {alpha}, {rows}x{columns}, length {norm}",
                layer.kind
            );
            app.output.line(format_args!("  {place}: {text}"));
        }
    }
}

fn describe_readers(app: &App, verdicts: &[ReaderVerdict]) {
    if verdicts.is_empty() {
        row(app, "programs", &"need a base to be judged");
    }
    report::print_readers(app, verdicts);
}

/// `16 (84), 8 (4)`: each value and how many layers have it.
fn counted<T: Display>(counts: &BTreeMap<T, usize>) -> String {
    let texts = counts
        .iter()
        .map(|(value, count)| format!("{value} ({count})"));
    texts.collect::<Vec<_>>().join(", ")
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
