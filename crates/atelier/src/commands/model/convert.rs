//! `atelier model convert`: an adapter in another format.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use atelier_app::context::App;
use atelier_core::{AdapterFormat, ErrorCode};
use atelier_failure::{CodedResult as _, boxed, failed};
use atelier_server::AdapterWriter;
use atelier_weights::DType;
use atelier_weights::adapter::operate::convert;
use atelier_weights::adapter::readers::ReaderVerdict;
use atelier_weights::adapter::{NamedAdapter, ReadBy};
use clap::Args;
use serde_json::json;

use super::report;
use super::source::{Source, layers_for};
use super::target::{FloatFormat, prepare_file};
use crate::commands::choice;

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
    let wish = (args.to, args.dtype);
    let written = write(app, (&args.file, args.base.as_deref()), wish, &args.out)?;
    let Written {
        adapter,
        dtype,
        verdicts,
    } = written;
    let more = json!({
        "format": adapter.format,
        "dtype": dtype.name().to_lowercase(),
        "layers": adapter.layers.len(),
    });
    report::wrote(app, &args.out, &adapter.notes, &verdicts, more)
}

/// An adapter in another format.
struct Written {
    adapter: NamedAdapter,
    dtype: DType,
    /// What each program makes of it.
    verdicts: Vec<ReaderVerdict>,
}

/// Writes an adapter for a base, or for the architecture that its file tells, in another format.
fn write(
    app: &App,
    (file, base): (&Path, Option<&str>),
    (to, dtype): (AdapterFormat, Option<FloatFormat>),
    out: &Path,
) -> Result<Written> {
    let source = Source::read(file)?;
    let dtype = dtype.map_or(source.file.dtype, |format| format.0);
    let sources = [source];
    let layers = layers_for(app, base, &sources)?;
    let [Source { path, file }] = sources;
    let adapter = convert(file, &layers, to).map_err(|error| {
        let message = format!("cannot convert `{}`: {error}", path.display());
        failed(ErrorCode::AdapterMismatch, message)
    })?;
    let verdicts = adapter.write(out, dtype, &layers, ReadBy::Any).coded()?;
    Ok(Written {
        adapter,
        dtype,
        verdicts,
    })
}

/// Writes adapters of the library's models for those who ask over HTTP.
pub(in crate::commands) fn adapter_writer(app: &App) -> AdapterWriter {
    let app = app.clone();
    Arc::new(move |file, wish, out| {
        let dtype = wish.dtype.map(|dtype| dtype.name().parse());
        let Ok(dtype) = dtype.transpose();
        let from = (file, Some(wish.base.as_str()));
        write(&app, from, (wish.format, dtype), out).map_err(|error| boxed(&error))?;
        Ok(())
    })
}
