//! `atelier model import`: an adapter file from elsewhere becomes a model of the library.

use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_adapters::AdapterFile;
use atelier_app::bases;
use atelier_app::context::App;
use atelier_core::{AdapterUse, ErrorCode};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, failed, shell_word};
use atelier_store::{About, Library, NewModel};
use clap::Args;
use serde_json::json;

use super::library::{AboutArgs, tell_use};

/// What `import` can be told.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The adapter file; it is copied.
    file: PathBuf,
    /// Its name in the library [default: that of the file].
    #[arg(long)]
    name: Option<String>,
    /// The base that it is for, on which it is tried.
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO", default_value = atelier_app::embedded::NAME)]
    base: String,
    #[command(flatten)]
    about: AboutArgs,
}

pub(super) fn run(args: &ImportArgs, app: &App, library: &Library) -> Result<()> {
    if args.file.is_dir() {
        return Err(of_several_files("is a folder", &args.file));
    }
    let adapter = AdapterFile::read(&args.file).coded()?;
    if adapter.needs_settings() {
        let problem = "has its scales in `adapter_config.json` beside it";
        return Err(of_several_files(problem, &args.file));
    }
    let found = bases::find(app, &args.base)?;
    let base = Base::open(&found.path).coded()?;
    let adapter_use = AdapterUse::new(&args.file, 1.0);
    let mut notes = base.fit_adapter(&adapter_use).coded()?.notes;
    let (known, problem) = About::said_by(&adapter.metadata);
    let problem = problem.filter(|_| args.about.trigger.is_none());
    notes.extend(problem.map(|problem| format!("{problem}; `model update --trigger` names one")));
    let stem = args.file.file_stem().unwrap_or_default();
    let about = About {
        name: args
            .name
            .clone()
            .unwrap_or_else(|| stem.to_string_lossy().into_owned()),
        ..known
    };
    let new = NewModel {
        about: args.about.over(about),
        strength: args.about.strength,
        base: found.word(&args.base),
        base_hash: Some(base.files().hash_with(&app.hashes()).coded()?),
    };
    let model = library.import_model(new, &args.file).coded()?;
    app.output.notes(&notes);
    app.output
        .line(format_args!("took in model `{}`", model.about.name));
    tell_use(app, &model);
    app.output
        .document(&json!({"model": model, "notes": notes}))
}

/// The refusal of an adapter that a copy of one file would not be.
fn of_several_files(problem: &str, path: &Path) -> anyhow::Error {
    let path = path.display().to_string();
    let word = shell_word(&path);
    let message = format!(
        "`{path}` {problem}; `atelier model convert {word} --to kohya --out FILE` makes one file of it"
    );
    failed(ErrorCode::InvalidInput, message)
}
