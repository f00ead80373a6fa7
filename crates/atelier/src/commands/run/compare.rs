//! What differs between attempts at the same goal.

use std::collections::BTreeMap;

use anyhow::Result;
use atelier_app::context::App;
use atelier_failure::CodedResult as _;
use atelier_store::{Library, Run};
use serde_json::{Value, json};

pub(super) fn compare(names: &[String], app: &App, library: &Library) -> Result<()> {
    let find = |name: &String| library.find_run(name).coded();
    let runs = names.iter().map(find).collect::<Result<Vec<_>>>()?;
    let rows: Vec<_> = runs.iter().map(facts).collect();
    let mut differences = BTreeMap::new();
    for key in rows.iter().flat_map(BTreeMap::keys) {
        let values: Vec<_> = rows.iter().map(|row| row.get(key).cloned()).collect();
        if values.iter().any(|value| *value != values[0]) {
            differences.insert(key.clone(), values);
        }
    }
    let cell = |text: &str| format!("{text:<24}");
    let heads: Vec<_> = runs.iter().map(|run| cell(&run.name)).collect();
    app.output
        .line(format_args!("{:<18} {}", "", heads.join(" ").trim_end()));
    for (key, values) in &differences {
        let values = values.iter().map(|value| cell(&shown(value.as_ref())));
        let values = values.collect::<Vec<_>>().join(" ");
        app.output
            .line(format_args!("{key:<18} {}", values.trim_end()));
    }
    if differences.is_empty() {
        app.output
            .line("nothing differs: same dataset, base and settings");
    }
    app.output
        .document(&json!({"runs": runs, "differences": differences}))
}

/// What is compared of a run, by name.
fn facts(run: &Run) -> BTreeMap<String, Value> {
    let config = serde_json::to_value(&run.config).unwrap_or_default();
    let settings = config.as_object().cloned().unwrap_or_default();
    let mut facts: BTreeMap<_, _> = settings.into_iter().collect();
    let version = format!("{} version {}", run.dataset_name, run.dataset_version);
    facts.insert("dataset".to_owned(), version.into());
    facts.insert("base".to_owned(), run.base.clone().into());
    facts.insert("base_hash".to_owned(), run.base_hash.clone().into());
    facts.insert("state".to_owned(), run.state.name().into());
    facts.insert("steps".to_owned(), run.done_steps.into());
    facts.insert("last_loss".to_owned(), json!(run.loss));
    facts
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
