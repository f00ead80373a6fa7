//! `atelier model merge`: adapters added up into one, exactly or to a rank.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_adapters::operate::{Ingredient, MergeError, Merged, convert, merge_while};
use atelier_adapters::{AdapterFile, AdapterLayer, ReadBy};
use atelier_app::context::{App, ExitKind};
use atelier_app::target::{self, prepare_file};
use atelier_core::{AdapterFormat, ErrorCode};
use atelier_failure::{CodedResult as _, failed};
use atelier_weights::{DType, atomic, sha256_file};
use clap::Args;
use serde_json::json;

use super::float_format::FloatFormat;
use super::report;
use super::source::{Source, layers_for};
use crate::commands::choice;
use crate::commands::library_models::{AdapterWord, FoundAdapter, LibraryModels};

/// Layers of a merge that are named for what was cut off them.
const SHOWN_LAYERS: usize = 3;

/// What `merge` can be told.
#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// Names from `model list` or adapter files, with strengths, 0 to 1.5: one, or one for the denoiser and one for the text
    /// encoders. Without one, a model has its own and a file 1.
    #[arg(required = true, value_name = "NAME|FILE[:STRENGTH[:TEXT]]")]
    adapters: Vec<AdapterWord>,
    /// The new file; nothing is overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The rank of the result, by singular values [default: the sum of the ranks, which is exact].
    #[arg(long)]
    rank: Option<usize>,
    /// Whose names the result has.
    #[arg(long, value_name = "FORMAT", default_value = "kohya", value_parser = choice::<AdapterFormat>(AdapterFormat::ALL.iter().map(|f| f.name())))]
    to: AdapterFormat,
    /// The base that the adapters are for; needed where neither names and widths nor the library tell.
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO")]
    base: Option<String>,
    /// The number format of the result.
    #[arg(long, default_value = "f16", value_parser = choice::<FloatFormat>(FloatFormat::NAMES))]
    dtype: FloatFormat,
}

pub(super) fn run(args: &MergeArgs, app: &App) -> Result<ExitKind> {
    prepare_file(&args.out)?;
    let found = LibraryModels::find_all(app, &args.adapters)?;
    let sources = found.iter().map(Source::of).collect::<Result<Vec<_>>>()?;
    let layers = layers_for(app, args.base.as_deref(), &sources)?;
    let refused = |error: &dyn std::fmt::Display| {
        let message = format!("cannot merge: {error}");
        failed(ErrorCode::AdapterMismatch, message)
    };
    let ingredients: Vec<_> = sources
        .iter()
        .zip(&found)
        .map(|(source, found)| Ingredient {
            layers: &source.file.layers,
            strength: found.used.strength,
            text_strength: found.used.text_strength(),
        })
        .collect();
    let proceed = |_, _| !app.cancel.is_cancelled();
    let merged = match merge_while(&ingredients, layers.names(), args.rank, proceed) {
        Err(MergeError::Stopped) => {
            app.output.cancelled("stopped; nothing was kept");
            return Ok(ExitKind::Cancelled);
        }
        Err(error @ (MergeError::Rank | MergeError::Empty)) => {
            let message = format!("cannot merge: {error}");
            return Err(failed(ErrorCode::InvalidInput, message));
        }
        merged => merged.map_err(|error| refused(&error))?,
    };
    let (relative_error, layer_errors) = (merged.relative_error, merged.layer_errors.clone());
    let ranks = merged.layers.iter().map(AdapterLayer::rank);
    let rank = ranks.max().unwrap_or_default();
    let file = as_file(merged, lineage(&found, &args.out)?, args.dtype);
    let mut adapter = convert(file, &layers, args.to).map_err(|error| refused(&error))?;
    for source in &sources {
        let name = &source.name;
        let notes = source.file.notes().into_iter();
        adapter
            .notes
            .extend(notes.map(|note| format!("`{name}`: {note}")));
    }
    let dtype: DType = args.dtype.0;
    let verdicts = target::written(atomic::write_new_file(&args.out, |temporary| {
        adapter.write(temporary, dtype, &layers, ReadBy::Any)
    }))?;
    if args.rank.is_some() {
        app.output.line(format_args!(
            "cut off {:.3} % of the change's length",
            relative_error * 100.0
        ));
        for (name, error) in layer_errors.iter().take(SHOWN_LAYERS) {
            app.output
                .line(format_args!("  {:.3} % of `{name}`", error * 100.0));
        }
    }
    let more = json!({
        "format": adapter.format,
        "dtype": dtype.name().to_lowercase(),
        "layers": adapter.layers.len(),
        "rank": rank,
        "relative_error": relative_error,
    });
    report::wrote(app, &args.out, &adapter.notes, &verdicts, more)?;
    Ok(ExitKind::Completed)
}

/// The sum as a file, which says what it is the sum of.
fn as_file(merged: Merged, metadata: BTreeMap<String, String>, format: FloatFormat) -> AdapterFile {
    AdapterFile {
        layers: merged.layers,
        metadata,
        unknown: Vec::new(),
        format: AdapterFormat::Kohya,
        dtype: format.0,
    }
}

/// Metadata that say which adapters at which strengths made a file.
pub(super) fn lineage(adapters: &[FoundAdapter], out: &Path) -> Result<BTreeMap<String, String>> {
    let mut shares = Vec::new();
    for adapter in adapters {
        let used = &adapter.used;
        // The folder of an adapter has several files and no hash of its own.
        let hash = if used.path.is_file() {
            Some(sha256_file(&used.path).coded()?)
        } else {
            None
        };
        shares.push(json!({
            "name": adapter.title(),
            "strength": as_written(used.strength),
            "text_strength": as_written(used.text_strength()),
            "sha256": hash,
        }));
    }
    let titles: Vec<_> = adapters.iter().map(FoundAdapter::title).collect();
    let title = out.file_stem().unwrap_or_default();
    Ok(BTreeMap::from([
        ("atelier.adapters".to_owned(), json!(shares).to_string()),
        ("modelspec.merged_from".to_owned(), titles.join(", ")),
        (
            "modelspec.title".to_owned(),
            title.to_string_lossy().into_owned(),
        ),
    ]))
}

/// The number with the digits that it was given with: 0.8 and not 0.800000011920929.
fn as_written(strength: f32) -> f64 {
    strength.to_string().parse().unwrap_or(f64::from(strength))
}
