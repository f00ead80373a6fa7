//! Which parts a model has, and which files each part needs.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::weight_files::find_weights;

/// The parts that have weights, sorted.
const WEIGHTED: [&str; 4] = ["text_encoder", "text_encoder_2", "unet", "vae"];
/// The parts that have a vocabulary.
const TOKENIZERS: [&str; 2] = ["tokenizer", "tokenizer_2"];
/// What a folder has whose index names no part at all.
const USUAL: [&str; 5] = ["scheduler", "text_encoder", "tokenizer", "unet", "vae"];
/// Parts that draw nothing here: they judge finished pictures, or serve pictures as prompts.
const IGNORED: [&str; 3] = ["safety_checker", "feature_extractor", "image_encoder"];

/// The vocabulary in two files.
const VOCABULARY: [&str; 2] = ["merges.txt", "vocab.json"];
/// The vocabulary in one file, which serves in their place.
const WHOLE_TOKENIZER: &str = "tokenizer.json";
/// The files that name the special tokens, where they exist.
const SPECIAL_TOKENS: [&str; 2] = ["special_tokens_map.json", "tokenizer_config.json"];

/// The parts of a model, as its index names them.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    parts: BTreeSet<String>,
}

/// The configuration file of a part.
pub(super) fn config_name(part: &str) -> &'static str {
    match part {
        "scheduler" => "scheduler_config.json",
        "tokenizer" | "tokenizer_2" => "tokenizer_config.json",
        _ => "config.json",
    }
}

impl Contents {
    /// An entry `[library, class]` names a part; a null in it leaves the part out.
    pub(super) fn of(index: &Value) -> Self {
        let entries = index.as_object().into_iter().flatten();
        let named: Vec<_> = entries
            .filter_map(|(part, value)| Some((part, value.as_array()?)))
            .filter(|(part, _)| is_plain_name(part) && !IGNORED.contains(&part.as_str()))
            .collect();
        let parts = if named.is_empty() {
            USUAL.map(str::to_owned).into()
        } else {
            let used = named
                .into_iter()
                .filter(|(_, value)| value.get(1).is_some_and(Value::is_string));
            used.map(|(part, _)| part.clone()).collect()
        };
        Self { parts }
    }

    pub(super) fn has(&self, part: &str) -> bool {
        self.parts.contains(part)
    }

    pub(super) fn weighted(&self) -> impl Iterator<Item = &'static str> {
        WEIGHTED.into_iter().filter(|part| self.has(part))
    }

    fn tokenizers(&self) -> impl Iterator<Item = &'static str> {
        TOKENIZERS.into_iter().filter(|part| self.has(part))
    }

    /// The configurations that the model must have.
    pub(super) fn config_names(&self) -> BTreeSet<String> {
        let scheduler = self.has("scheduler").then_some("scheduler");
        let parts = self.weighted().chain(scheduler);
        parts
            .map(|part| format!("{part}/{}", config_name(part)))
            .collect()
    }

    /// The files that vocabularies may consist of.
    pub(super) fn vocabulary_names(&self) -> BTreeSet<String> {
        let names = [VOCABULARY, SPECIAL_TOKENS].concat();
        let names: Vec<_> = names.into_iter().chain([WHOLE_TOKENIZER]).collect();
        self.tokenizers()
            .flat_map(|part| names.iter().map(move |name| format!("{part}/{name}")))
            .collect()
    }

    /// Everything that a folder lacks, sorted.
    pub(super) fn missing(&self, root: &Path) -> Vec<String> {
        let absent = |name: &String| !root.join(name).is_file();
        let configs = self.config_names().into_iter().filter(absent);
        let mut missing: Vec<_> = configs.map(|name| format!("`{name}`")).collect();
        for part in self.tokenizers() {
            let whole = format!("{part}/{WHOLE_TOKENIZER}");
            if absent(&whole) {
                let names = VOCABULARY.map(|name| format!("{part}/{name}"));
                let lacking = names.iter().filter(|name| absent(name));
                missing.extend(lacking.map(|name| format!("`{name}` (or `{whole}`)")));
            }
        }
        let weighted = self.weighted();
        missing.extend(weighted.filter_map(|part| find_weights(&root.join(part)).err()));
        let others = self.parts.iter().filter(|part| !Self::is_known(part));
        let absent_folders = others.filter(|part| !root.join(part).is_dir());
        missing.extend(absent_folders.map(|part| format!("the folder `{part}`")));
        missing.sort();
        missing
    }

    fn is_known(part: &str) -> bool {
        USUAL.contains(&part) || WEIGHTED.contains(&part) || TOKENIZERS.contains(&part)
    }
}

/// A part is a folder beside the index.
fn is_plain_name(part: &str) -> bool {
    !part.starts_with('.') && !part.contains(['/', '\\', ':'])
}
