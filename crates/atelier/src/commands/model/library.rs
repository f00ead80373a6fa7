//! The library's fine-tuned models: what there is, where it comes from, in and out.

use std::path::PathBuf;

use anyhow::Result;
use atelier_app::context::App;
use atelier_core::Category;
use atelier_failure::CodedResult as _;
use atelier_store::{About, AboutChange, Library, Model, ModelChange, TRASH_DAYS};
use clap::Args;
use serde_json::json;

use crate::commands::choice;
use crate::trashed::{id_in_trash, is_back, one_of};
use atelier_failure::shell_word;

/// What is said about a model.
#[derive(Debug, Args)]
pub(crate) struct AboutArgs {
    /// What it is about, for people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// What its training pictures have in common.
    #[arg(long, value_parser = choice::<Category>(Category::ALL.iter().map(|c| c.name())))]
    category: Option<Category>,
    /// The word that calls what was trained.
    #[arg(long, value_name = "WORD")]
    pub(super) trigger: Option<String>,
    /// The strength at which it is used where nobody says another, 0 to 1.5.
    #[arg(long)]
    pub(super) strength: Option<f32>,
}

impl AboutArgs {
    /// These words over others.
    pub(super) fn over(&self, about: About) -> About {
        self.change(None).over(about)
    }

    fn change(&self, name: Option<&String>) -> AboutChange {
        AboutChange {
            name: name.cloned(),
            description: self.description.clone(),
            category: self.category,
            trigger_word: self.trigger.clone(),
        }
    }
}

/// What `update` can be told.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// A name from `model list`, or an id.
    model: String,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// The adapter of another epoch of its run.
    #[arg(long)]
    epoch: Option<usize>,
    #[command(flatten)]
    about: AboutArgs,
}

/// What `export` can be told.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A name from `model list`, or an id.
    model: String,
    /// The new file; nothing is overwritten [default: NAME.safetensors].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn list(trashed: bool, app: &App, library: &Library) -> Result<()> {
    let models = library.list_models(trashed).coded()?;
    for model in &models {
        let About {
            name,
            trigger_word,
            category,
            ..
        } = &model.about;
        app.output.line(format_args!(
            "{name:<24} {trigger_word:<18} {category:<10} strength {}  on {}{}",
            model.strength,
            model.base,
            id_in_trash(trashed, &model.id)
        ));
    }
    if models.is_empty() {
        let place = if trashed { "the trash" } else { "the library" };
        app.output.line(format_args!(
            "no models in {place}; `atelier train --dataset NAME` makes one, `atelier model import FILE` takes one in"
        ));
    }
    app.output.document(&json!({"models": models}))
}

pub(super) fn show(name: &str, app: &App, library: &Library) -> Result<()> {
    let model = library.find_model(name).coded()?;
    let line = |label: &str, text: &dyn std::fmt::Display| {
        app.output.line(format_args!("{label:<12} {text}"));
    };
    line("model", &model.about.name);
    line("id", &model.id);
    line("trigger word", &model.about.trigger_word);
    line("category", &model.about.category);
    line("strength", &model.strength);
    line("base", &model.base);
    line("made of", &origin(&model));
    line("size", &format!("{:.1} MB", model.size_bytes as f64 / 1e6));
    line("SHA-256", &model.hash);
    let file = library.model_file(&model).display().to_string();
    line("file", &file);
    if !model.about.description.is_empty() {
        line("description", &model.about.description);
    }
    app.output.document(&json!({"model": model, "file": file}))
}

/// Where a model comes from, in words.
fn origin(model: &Model) -> String {
    match (&model.run_name, model.epoch, &model.dataset_name) {
        (Some(run), Some(epoch), Some(dataset)) => {
            let version = model.dataset_version.unwrap_or_default();
            format!("run `{run}` after epoch {epoch}, version {version} of dataset `{dataset}`")
        }
        _ => "a file from elsewhere".to_owned(),
    }
}

pub(super) fn update(args: &UpdateArgs, app: &App, library: &Library) -> Result<()> {
    let model = library.find_model(&args.model).coded()?;
    let change = ModelChange {
        about: args.about.change(args.name.as_ref()),
        strength: args.about.strength,
        epoch: args.epoch,
    };
    let model = library.update_model(model.id, change).coded()?;
    let name = &model.about.name;
    app.output.line(format_args!("updated model `{name}`"));
    app.output.document(&json!({"model": model}))
}

pub(super) fn export(args: &ExportArgs, app: &App, library: &Library) -> Result<()> {
    let model = library.find_model(&args.model).coded()?;
    let usual = || PathBuf::from(format!("{}.safetensors", model.about.name));
    let out = args.out.clone().unwrap_or_else(usual);
    let model = library.export_model(model.id, &out).coded()?;
    let file = out.display().to_string();
    app.output.line(format_args!("wrote `{file}`"));
    app.output.document(&json!({"model": model, "file": file}))
}

pub(super) fn delete(name: &str, app: &App, library: &Library) -> Result<()> {
    let model = library.find_model(name).coded()?;
    let trashed = library.delete_model(model.id).coded()?;
    let (id, name) = (trashed.id, &trashed.about.name);
    app.output.line(format_args!(
        "put model `{name}` into the trash; `atelier model restore {id}` takes it back within {TRASH_DAYS} days"
    ));
    app.output.document(&json!({"model": trashed}))
}

pub(super) fn restore(wanted: &str, app: &App, library: &Library) -> Result<()> {
    let trashed = library.list_models(true).coded()?;
    let names = |model: &Model| (model.id.to_string(), model.about.name.clone());
    let model = one_of("model", &trashed, names, wanted)?;
    let restored = library.restore_model(model.id).coded()?;
    let (before, name) = (&model.about.name, &restored.about.name);
    app.output.line(is_back("model", before, name));
    app.output.document(&json!({"model": restored}))
}

/// Says how a model is used.
pub(in crate::commands) fn tell_use(app: &App, model: &Model) {
    let prompts = &model.preview_prompts;
    app.output.line(format_args!(
        "draw with it: atelier generate --adapter {} --prompt {}",
        shell_word(&format!("{}:{}", model.about.name, model.strength)),
        shell_word(prompts.first().map_or("", String::as_str)),
    ));
}
