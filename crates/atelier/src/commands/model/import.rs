//! `atelier model import`: an adapter file from elsewhere becomes a model of the library.

use std::path::PathBuf;

use anyhow::Result;
use atelier_app::bases;
use atelier_app::context::App;
use atelier_core::{AdapterUse, ErrorCode, TrainConfig};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, failed};
use atelier_store::{About, Library, NewModel};
use atelier_weights::adapter::AdapterFile;
use clap::Args;
use serde_json::json;

use super::library::{AboutArgs, tell_use};

/// Where this program's trainings write their settings.
const SETTINGS: &str = "atelier.train_config";
/// Where trainings of several programs write the word that calls them.
const TRIGGER: &str = "modelspec.trigger_phrase";

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
        let file = args.file.display();
        let message = format!(
            "`{file}` is a folder; `atelier model convert {file} --to kohya --out FILE` makes one file of it"
        );
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    let adapter = AdapterFile::read(&args.file).coded()?;
    let found = bases::find(app, &args.base)?;
    let base = Base::open(&found.path).coded()?;
    base.fit_adapter(&AdapterUse::new(&args.file, 1.0))
        .coded()?;
    let stem = args.file.file_stem().unwrap_or_default();
    let known = known_of(&adapter);
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
    app.output
        .line(format_args!("took in model `{}`", model.about.name));
    tell_use(app, &model);
    app.output.document(&json!({"model": model}))
}

/// What an adapter file says about its purpose.
fn known_of(adapter: &AdapterFile) -> About {
    let settings = adapter.metadata.get(SETTINGS);
    let config = settings.and_then(|text| serde_json::from_str::<TrainConfig>(text).ok());
    let phrase = adapter.metadata.get(TRIGGER).cloned();
    match config {
        Some(config) => About {
            category: config.category,
            trigger_word: config.trigger,
            ..About::default()
        },
        None => About {
            trigger_word: phrase.unwrap_or_default(),
            ..About::default()
        },
    }
}
