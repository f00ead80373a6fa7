//! `atelier model convert`: an adapter in another format.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use atelier_adapters::operate::convert;
use atelier_adapters::readers::ReaderVerdict;
use atelier_adapters::{BaseLayers, NamedAdapter, ReadBy};
use atelier_app::context::App;
use atelier_app::target::{self, prepare_file};
use atelier_core::{AdapterFormat, ErrorCode};
use atelier_failure::{CodedResult as _, boxed, failed};
use atelier_server::AdapterWriter;
use atelier_weights::{DType, atomic, sha256_file};
use clap::Args;
use serde_json::json;

use super::float_format::FloatFormat;
use super::report;
use super::source::{Source, layers_for};
use crate::commands::choice;
use crate::commands::library_models::LibraryModels;

/// What `convert` can be told.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// The adapter: a name from `model list`, a file, or the folder that PEFT or diffusers saved.
    #[arg(value_name = "NAME|FILE|FOLDER")]
    adapter: PathBuf,
    /// Whose names the result has; every program reads plain LoRA in kohya's, other kinds only some do.
    #[arg(long, value_name = "FORMAT", value_parser = choice::<AdapterFormat>(AdapterFormat::ALL.iter().map(|f| f.name())))]
    to: AdapterFormat,
    /// The new file; nothing is overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The base that the adapter is for; needed where neither names and widths nor the library tell.
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO")]
    base: Option<String>,
    /// The number format of the result [default: that of the file].
    #[arg(long, value_parser = choice::<FloatFormat>(FloatFormat::NAMES))]
    dtype: Option<FloatFormat>,
}

pub(super) fn run(args: &ConvertArgs, app: &App) -> Result<()> {
    prepare_file(&args.out)?;
    let found = LibraryModels::find_one(app, &args.adapter)?;
    let from = (Source::of(&found)?, args.base.as_deref());
    let converted = Converted::of(app, from, (args.to, args.dtype))?;
    let written = atomic::write_new_file(&args.out, |temporary| converted.write(temporary));
    let verdicts = target::written(written)?;
    let Converted { adapter, dtype, .. } = converted;
    let more = json!({
        "format": adapter.format,
        "dtype": dtype.name().to_lowercase(),
        "layers": adapter.layers.len(),
    });
    report::wrote(app, &args.out, &adapter.notes, &verdicts, more)
}

/// An adapter in another format.
struct Converted {
    adapter: NamedAdapter,
    dtype: DType,
    /// Those of the model that it is for.
    layers: BaseLayers,
}

impl Converted {
    /// Converts an adapter for a base, or for the architecture that its file tells.
    fn of(
        app: &App,
        (source, base): (Source, Option<&str>),
        (to, dtype): (AdapterFormat, Option<FloatFormat>),
    ) -> Result<Self> {
        let dtype = dtype.map_or(source.file.dtype.to_write_again(), |format| format.0);
        let sources = [source];
        let layers = layers_for(app, base, &sources)?;
        let [Source { name, file, .. }] = sources;
        let adapter = convert(file, &layers, to).map_err(|error| {
            let message = format!("cannot convert `{name}`: {error}");
            failed(ErrorCode::AdapterMismatch, message)
        })?;
        Ok(Self {
            adapter,
            dtype,
            layers,
        })
    }

    /// Writes it; what each program makes of the file.
    fn write(&self, out: &Path) -> atelier_weights::Result<Vec<ReaderVerdict>> {
        self.adapter
            .write(out, self.dtype, &self.layers, ReadBy::Any)
    }
}

/// Writes adapters of the library's models for those who ask over HTTP.
pub(in crate::commands) fn adapter_writer(app: &App) -> AdapterWriter {
    let app = app.clone();
    Arc::new(move |file, wish, out| {
        let dtype = wish.dtype.map(|dtype| dtype.name().parse());
        let Ok(dtype) = dtype.transpose();
        let write = || {
            check_content(file)?;
            let from = (Source::of_file(file)?, Some(wish.base.as_str()));
            let converted = Converted::of(&app, from, (wish.format, dtype))?;
            converted.write(out).coded().map(drop)
        };
        write().map_err(|error| boxed(&error))
    })
}

/// Refuses a file of the library, which is called after its content, when it has another one.
fn check_content(file: &Path) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if sha256_file(file).coded()? == name {
        return Ok(());
    }
    let message = format!("the library's file `{name}` has another content than its name says");
    Err(failed(ErrorCode::DamagedLibrary, message))
}
