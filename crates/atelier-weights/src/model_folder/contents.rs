//! Which parts a model has, and which files each part needs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::weight_files::is_pickled;

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
/// Tokens that were added to a vocabulary, as earlier programs wrote them.
pub(super) const ADDED_TOKENS: &str = "added_tokens.json";
/// The files that name added and special tokens, where they exist.
const SPECIAL_TOKENS: [&str; 3] = [
    ADDED_TOKENS,
    "special_tokens_map.json",
    "tokenizer_config.json",
];

/// The parts of a model, as its index names them.
#[derive(Debug, Clone)]
pub(super) struct Contents {
    parts: BTreeSet<String>,
    /// Those of [`IGNORED`] that the index names with a class.
    ignored: Vec<&'static str>,
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
        let has_class = |entry: &Vec<Value>| entry.get(1).is_some_and(Value::is_string);
        let is_named = |part: &&str| index[*part].as_array().is_some_and(has_class);
        let ignored = IGNORED.into_iter().filter(is_named);
        let entries = index.as_object().into_iter().flatten();
        let named: Vec<_> = entries
            .filter_map(|(part, value)| Some((part, value.as_array()?)))
            .filter(|(part, _)| is_plain_name(part) && !IGNORED.contains(&part.as_str()))
            .collect();
        let parts = if named.is_empty() {
            USUAL.map(str::to_owned).into()
        } else {
            let used = named.into_iter().filter(|(_, value)| has_class(value));
            used.map(|(part, _)| part.clone()).collect()
        };
        Self {
            parts,
            ignored: ignored.collect(),
        }
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
    fn config_names(&self) -> BTreeSet<String> {
        let scheduler = self.has("scheduler").then_some("scheduler");
        let parts = self.weighted().chain(scheduler);
        parts
            .map(|part| format!("{part}/{}", config_name(part)))
            .collect()
    }

    /// The configurations that there must be, and the files of vocabularies that there are.
    pub(super) fn settings(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        let vocabulary = VOCABULARY.into_iter().chain(SPECIAL_TOKENS);
        let vocabulary: Vec<_> = vocabulary.chain([WHOLE_TOKENIZER]).collect();
        let mut settings: BTreeSet<_> = self
            .tokenizers()
            .flat_map(|part| vocabulary.iter().map(move |name| format!("{part}/{name}")))
            .filter(|name| names.contains(name))
            .collect();
        settings.extend(self.config_names());
        settings
    }

    /// Settings of parts that are unknown here.
    pub(super) fn settings_of_others(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        let others: Vec<_> = self.others().collect();
        let is_theirs = |name: &&String| {
            let part = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
            others.contains(&part) && ending == "json" && !stem.contains(".index")
        };
        names.iter().filter(is_theirs).cloned().collect()
    }

    /// Everything but weights that is missing among the names of what is there.
    pub(super) fn missing(&self, names: &BTreeSet<String>) -> Vec<String> {
        let absent = |name: &String| !names.contains(name);
        let configs = self.config_names().into_iter().filter(absent);
        let mut missing: Vec<_> = configs.map(|name| format!("`{name}`")).collect();
        for part in self.tokenizers() {
            let whole = format!("{part}/{WHOLE_TOKENIZER}");
            if absent(&whole) {
                let vocabulary = VOCABULARY.map(|name| format!("{part}/{name}"));
                let lacking = vocabulary.iter().filter(|name| absent(name));
                missing.extend(lacking.map(|name| format!("`{name}` (or `{whole}`)")));
            }
        }
        let absent_folders = self.others().filter(|part| !is_there(part, names));
        missing.extend(absent_folders.map(|part| format!("the folder `{part}`")));
        missing
    }

    /// The parts that are named and ignored, and not there.
    pub(super) fn absent(&self, names: &BTreeSet<String>) -> Vec<&'static str> {
        let named = self.ignored.iter().copied();
        named.filter(|part| !is_there(part, names)).collect()
    }

    /// The files of the parts that are ignored or unknown: all, but pickled weights only where there are no others.
    pub(super) fn unused(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        let parts = self.ignored.iter().copied().chain(self.others());
        let files = parts.flat_map(|part| {
            let has_others = below(part, names).any(|name| name.ends_with(".safetensors"));
            below(part, names).filter(move |name| !(has_others && is_pickled(name)))
        });
        files.cloned().collect()
    }

    /// The parts that are unknown here.
    fn others(&self) -> impl Iterator<Item = &str> {
        let parts = self.parts.iter().map(String::as_str);
        parts.filter(|part| !Self::is_known(part))
    }

    fn is_known(part: &str) -> bool {
        USUAL.contains(&part) || WEIGHTED.contains(&part) || TOKENIZERS.contains(&part)
    }
}

/// A part is a folder beside the index.
fn is_plain_name(part: &str) -> bool {
    !part.starts_with('.') && !part.contains(['/', '\\', ':'])
}

/// The files in the folder of a part.
fn below<'n>(part: &'n str, names: &'n BTreeSet<String>) -> impl Iterator<Item = &'n String> {
    let is_below = move |name: &&String| {
        name.strip_prefix(part)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    names.iter().filter(is_below)
}

fn is_there(part: &str, names: &BTreeSet<String>) -> bool {
    below(part, names).next().is_some()
}
