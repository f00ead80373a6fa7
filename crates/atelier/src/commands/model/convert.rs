//! `atelier model convert`: an adapter in another format.

use std::path::PathBuf;

use anyhow::Result;
use atelier_core::{AdapterFormat, ErrorCode};
use atelier_failure::{CodedResult as _, failed};
use atelier_weights::adapter::ReadBy;
use atelier_weights::adapter::operate::convert;
use clap::Args;
use serde_json::json;

use super::report;
use super::source::{Source, layers_for};
use super::target::{FloatFormat, prepare_file};
use crate::commands::choice;
use crate::context::App;

/// What `convert` can be told.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// The adapter: a file, or the folder that PEFT or diffusers saved.
    #[arg(value_name = "FILE|FOLDER")]
    file: PathBuf,
    /// Whose names the result has; every program reads kohya's.
    #[arg(long, value_name = "FORMAT", value_parser = choice::<AdapterFormat>(AdapterFormat::ALL.iter().map(|f| f.name())))]
    to: AdapterFormat,
    /// The new file; nothing is overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The base that the adapter is for; needed where names and widths do not tell.
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO")]
    base: Option<String>,
    /// The number format of the result [default: that of the file].
    #[arg(long, value_parser = choice::<FloatFormat>(FloatFormat::NAMES))]
    dtype: Option<FloatFormat>,
}

pub(super) fn run(args: &ConvertArgs, app: &App) -> Result<()> {
    prepare_file(&args.out)?;
    let source = Source::read(&args.file)?;
    let dtype = args.dtype.map_or(source.file.dtype, |format| format.0);
    let sources = [source];
    let layers = layers_for(app, args.base.as_deref(), &sources)?;
    let [Source { path, file }] = sources;
    let adapter = convert(file, &layers, args.to).map_err(|error| {
        let message = format!("cannot convert `{}`: {error}", path.display());
        failed(ErrorCode::AdapterMismatch, message)
    })?;
    let verdicts = adapter
        .write(&args.out, dtype, &layers, ReadBy::Any)
        .coded()?;
    let more = json!({
        "format": adapter.format,
        "dtype": dtype.name().to_lowercase(),
        "layers": adapter.layers.len(),
    });
    report::wrote(app, &args.out, &adapter.notes, &verdicts, more)
}
