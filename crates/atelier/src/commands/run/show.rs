//! What is known about runs.

use anyhow::Result;
use atelier_app::context::App;
use atelier_core::RunState;
use atelier_failure::CodedResult as _;
use atelier_store::{EpochPreviews, Library, Run};
use serde_json::json;

use atelier_failure::shell_word;

use crate::trashed::id_in_trash;

/// Epochs that a line lists.
const SHOWN_EPOCHS: usize = 60;

pub(super) fn list(trashed: bool, app: &App, library: &Library) -> Result<()> {
    let runs = library.list_runs(trashed).coded()?;
    for run in &runs {
        let progress = format!("{}/{}", run.done_steps, run.total_steps);
        app.output.line(format_args!(
            "{:<24} {:<10} {progress:>12} steps  {} version {} on {}{}",
            run.name,
            run.state.name(),
            run.dataset_name,
            run.dataset_version,
            run.base,
            id_in_trash(trashed, &run.id)
        ));
    }
    if runs.is_empty() {
        let place = if trashed { "the trash" } else { "the library" };
        app.output.line(format_args!(
            "no runs in {place}; `atelier train --dataset NAME` trains on one of its datasets"
        ));
    }
    app.output.document(&json!({"runs": runs}))
}

pub(super) fn show(name: &str, app: &App, library: &Library) -> Result<()> {
    let run = library.find_run(name).coded()?;
    let checkpoints = library.list_checkpoints(run.id).coded()?;
    let previews = library.list_previews(run.id).coded()?;
    let models = library.list_models_of(run.id).coded()?;
    let notes = library.list_run_notes(run.id).coded()?;
    let line = |label: &str, text: &dyn std::fmt::Display| {
        app.output.line(format_args!("{label:<12} {text}"));
    };
    line("run", &run.name);
    line("id", &run.id);
    line("state", &state_text(&run));
    line(
        "dataset",
        &format!(
            "{} version {} ({})",
            run.dataset_name, run.dataset_version, run.dataset_hash
        ),
    );
    line("base", &format!("{} ({})", run.base, run.base_hash));
    if let Some(loss) = run.loss {
        line("last loss", &format!("{loss:.4}"));
    }
    line("training", &format!("{:.1} s", run.training_secs));
    if let Some(text) = previews_text(&run, &previews) {
        line("previews", &text);
    }
    let epochs = checkpoints.iter().rev().take(SHOWN_EPOCHS).rev();
    let epochs: Vec<_> = epochs.map(|one| one.epoch.to_string()).collect();
    if !epochs.is_empty() {
        line("epochs kept", &epochs.join(" "));
    }
    for model in &models {
        let epoch = model.epoch.unwrap_or_default();
        line(
            "model",
            &format!("{}, after epoch {epoch}", model.about.name),
        );
    }
    for note in &notes {
        line("note", note);
    }
    line("folder", &run.folder.display());
    let settings = serde_json::to_value(&run.config)?;
    for (key, value) in settings.as_object().into_iter().flatten() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        app.output.line(format_args!("  {key:<17} {text}"));
    }
    let is_over = run.state == RunState::Completed && run.has_result;
    if run.state != RunState::Running && !is_over {
        let word = shell_word(&run.name);
        line("go on", &format!("atelier run resume {word}"));
    }
    app.output.document(&json!({
        "run": run,
        "folder": run.folder.display().to_string(),
        "checkpoints": checkpoints,
        "previews": previews,
        "models": models,
        "notes": notes,
    }))
}

/// How many there are, and what they took.
fn previews_text(run: &Run, previews: &[EpochPreviews]) -> Option<String> {
    let pictures: usize = previews.iter().map(|one| one.previews.len()).sum();
    let epochs: Vec<_> = previews.iter().map(|one| one.epoch.to_string()).collect();
    (pictures > 0).then(|| {
        let epochs = epochs.join(" ");
        format!(
            "{pictures}, after epochs {epochs}, {:.1} s",
            run.preview_secs
        )
    })
}

fn state_text(run: &Run) -> String {
    let Run {
        state,
        done_steps,
        total_steps,
        ..
    } = run;
    let steps = format!("{state}, {done_steps} of {total_steps} steps");
    match &run.problem {
        Some(problem) => format!("{steps}: {problem}"),
        None => steps,
    }
}
