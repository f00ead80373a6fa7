//! Which files of a repository make a base: the parts' settings, and one set of weights per part.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

use anyhow::Result;
use atelier_core::ErrorCode;
use serde_json::Value;

use super::source::path_problem;
use crate::failure::failed;

/// The file that makes a repository a folder of parts.
pub(super) const MODEL_INDEX: &str = "model_index.json";
/// Parts that are not used.
const UNUSED_PARTS: [&str; 2] = ["safety_checker", "feature_extractor"];
/// Weights in these precisions are taken, the first first.
const VARIANTS: [Option<&str>; 3] = [None, Some("fp16"), Some("bf16")];
/// What weights of parts are called.
const STEMS: [&str; 2] = ["diffusion_pytorch_model", "model"];
/// Files beside the parts that say where a base comes from and what is allowed with it.
const ABOUT_STEMS: [&str; 5] = ["LICENSE", "LICENCE", "NOTICE", "README", "MODEL_CARD"];
/// What the names of files beside a checkpoint end with, behind its own.
const COMPANIONS: [&str; 2] = [".vae.safetensors", ".yaml"];
/// Weights that can run code when they are read.
const PICKLED: [&str; 5] = [".ckpt", ".bin", ".pt", ".pth", ".pkl"];

/// What is fetched.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selection {
    /// Paths, in the order in which they appear: the file that stands for the whole comes last.
    pub(super) files: Vec<String>,
    /// The checkpoint, where it is not a folder of parts.
    pub(super) checkpoint: Option<String>,
}

/// The files of a repository, and a way to read the small ones.
pub(super) struct Shelf<'a> {
    /// Every path.
    pub(super) names: BTreeSet<String>,
    /// What the repository is called in messages.
    pub(super) label: String,
    /// Reads a JSON file.
    pub(super) read: &'a mut dyn FnMut(&str) -> Result<Value>,
}

impl Shelf<'_> {
    /// Chooses: the named checkpoint, else the folder of parts, else the only checkpoint.
    pub(super) fn select(&mut self, wanted: Option<&str>) -> Result<Selection> {
        let mut files = self.about_files();
        if wanted.is_none() && self.names.contains(MODEL_INDEX) {
            files.extend(self.parts()?);
            files.push(MODEL_INDEX.to_owned());
            return Ok(Selection {
                files,
                checkpoint: None,
            });
        }
        let checkpoint = match wanted {
            Some(wanted) if self.names.contains(wanted) => wanted.to_owned(),
            Some(wanted) => {
                let there = self.checkpoints_in_words();
                let message = format!("there is no file `{wanted}` in `{}`; {there}", self.label);
                return Err(failed(ErrorCode::NotFound, message));
            }
            None => self.only_checkpoint()?,
        };
        files.extend(self.companions(&checkpoint));
        files.push(checkpoint.clone());
        Ok(Selection {
            files,
            checkpoint: Some(checkpoint),
        })
    }

    /// Licence and description at the root.
    fn about_files(&self) -> Vec<String> {
        let is_about = |name: &&String| {
            let (stem, ending) = name.split_once('.').unwrap_or((name, "txt"));
            ABOUT_STEMS.contains(&&*stem.to_ascii_uppercase()) && ["md", "txt"].contains(&ending)
        };
        self.names.iter().filter(is_about).cloned().collect()
    }

    /// An autoencoder and the original program's configuration, which are read from beside a checkpoint.
    fn companions(&self, checkpoint: &str) -> Vec<String> {
        let stem = checkpoint.trim_end_matches(".safetensors");
        let names = COMPANIONS.map(|ending| format!("{stem}{ending}"));
        let there = |name: &String| name != checkpoint && self.names.contains(name);
        names.into_iter().filter(there).collect()
    }

    /// The only weights at the root.
    fn only_checkpoint(&self) -> Result<String> {
        let is_whole = |name: &&String| {
            let is_weights = name.ends_with(".safetensors") && !name.ends_with(COMPANIONS[0]);
            is_weights && !name.contains('/')
        };
        let mut found = self.names.iter().filter(is_whole);
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(only.clone()),
            (Some(_), Some(_)) => {
                let message = format!(
                    "`{}` has several checkpoints, and no `{MODEL_INDEX}` that makes them one base; {}",
                    self.label,
                    self.checkpoints_in_words()
                );
                Err(failed(ErrorCode::InvalidInput, message))
            }
            (None, _) => {
                let message = format!(
                    "`{}` is no base that can be read: it has neither `{MODEL_INDEX}` nor a `.safetensors` file at its \
                     root; {}",
                    self.label,
                    self.checkpoints_in_words()
                );
                Err(failed(ErrorCode::BadBase, message))
            }
        }
    }

    /// What could be named, or why nothing can.
    fn checkpoints_in_words(&self) -> String {
        let ends = |ends: &[&str]| {
            let found = self
                .names
                .iter()
                .filter(|name| ends.iter().any(|end| name.ends_with(end)));
            in_words(found)
        };
        if let Some(list) = ends(&[".safetensors"]) {
            return format!(
                "name one as `hf:{}/FILE`, where FILE is one of {list}",
                self.label
            );
        }
        match ends(&PICKLED) {
            Some(list) => format!(
                "{list}: pickled weights, which can run code and are not read; convert them with diffusers: \
                 `save_pretrained(folder, safe_serialization=True)`"
            ),
            None => "it has no weights".to_owned(),
        }
    }

    /// The files of all parts.
    fn parts(&mut self) -> Result<Vec<String>> {
        let index = (self.read)(MODEL_INDEX)?;
        let mut files = Vec::new();
        for part in self.parts_in_use(&index)? {
            files.extend(self.part(&part)?);
        }
        Ok(files)
    }

    /// Names of the parts that `model_index.json` lists with a class.
    fn parts_in_use(&self, index: &Value) -> Result<Vec<String>> {
        let entries = index.as_object().ok_or_else(|| {
            let message = format!("`{MODEL_INDEX}` of `{}` is no JSON object", self.label);
            failed(ErrorCode::BadBase, message)
        })?;
        let has_class = |value: &Value| {
            value
                .as_array()
                .is_some_and(|class| class.len() == 2 && class.iter().all(Value::is_string))
        };
        let parts = entries.iter().filter(|(name, value)| {
            has_class(value) && !name.starts_with('_') && !UNUSED_PARTS.contains(&name.as_str())
        });
        Ok(parts.map(|(name, _)| name.clone()).collect())
    }

    fn part(&mut self, part: &str) -> Result<Vec<String>> {
        let inside = self.inside(part);
        let bad = |problem: String| {
            let message = format!("part `{part}` of `{}` {problem}", self.label);
            failed(ErrorCode::BadBase, message)
        };
        if inside.is_empty() {
            return Err(bad("has no files".to_owned()));
        }
        let mut files: Vec<_> = inside.iter().filter(|name| is_settings(name)).collect();
        let weights = Weights::find(&inside);
        if weights.is_none() && has_weights(part, &inside) {
            return Err(bad(match inside.iter().find(|name| is_pickled(name)) {
                Some(name) => format!(
                    "has pickled weights only (`{name}`), which can run code and are not read; convert them with \
                     diffusers: `save_pretrained(folder, safe_serialization=True)`"
                ),
                None => "has no safetensors weights".to_owned(),
            }));
        }
        let mut shards = Vec::new();
        match &weights {
            Some(Weights::Whole(name)) => files.push(name),
            Some(Weights::Split(index)) => {
                let listed = (self.read)(&format!("{part}/{index}"))?;
                shards = shards_of(&listed, &inside)
                    .map_err(|problem| bad(format!("has an index `{index}` {problem}")))?;
                files.push(index);
            }
            None => {}
        }
        files.extend(&shards);
        Ok(files
            .into_iter()
            .map(|name| format!("{part}/{name}"))
            .collect())
    }

    /// Files directly in the folder of a part.
    fn inside(&self, part: &str) -> BTreeSet<String> {
        let names = self.names.iter().filter_map(|name| {
            let rest = name.strip_prefix(part)?.strip_prefix('/')?;
            (!rest.contains('/')).then(|| rest.to_owned())
        });
        names.collect()
    }
}

/// The weights of a part.
#[derive(Debug, PartialEq, Eq)]
enum Weights {
    /// One file.
    Whole(String),
    /// Several files, which this index names.
    Split(String),
}

impl Weights {
    fn find(inside: &BTreeSet<String>) -> Option<Self> {
        for variant in VARIANTS {
            for stem in STEMS {
                let (whole, indexes) = names(stem, variant);
                if inside.contains(&whole) {
                    return Some(Self::Whole(whole));
                }
                let index = indexes.into_iter().find(|index| inside.contains(index));
                if let Some(index) = index {
                    return Some(Self::Split(index));
                }
            }
        }
        None
    }
}

/// The name of whole weights, and those that an index can have.
fn names(stem: &str, variant: Option<&str>) -> (String, Vec<String>) {
    let index = format!("{stem}.safetensors.index");
    match variant {
        None => (format!("{stem}.safetensors"), vec![format!("{index}.json")]),
        Some(variant) => (
            format!("{stem}.{variant}.safetensors"),
            vec![
                format!("{index}.{variant}.json"),
                format!("{stem}.{variant}.safetensors.index.json"),
            ],
        ),
    }
}

/// The files that an index names.
fn shards_of(index: &Value, inside: &BTreeSet<String>) -> Result<Vec<String>, String> {
    let map = index.get("weight_map").and_then(Value::as_object);
    let map = map.ok_or("without a `weight_map`")?;
    let names: Option<BTreeSet<&str>> = map.values().map(Value::as_str).collect();
    let names = names.ok_or("whose `weight_map` names no files")?;
    for name in &names {
        if path_problem(name).is_some() || name.contains('/') || !name.ends_with(".safetensors") {
            return Err(format!("that names `{}`", name.escape_debug()));
        }
        if !inside.contains(*name) {
            return Err(format!("that names `{name}`, which is not there"));
        }
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

fn is_settings(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((stem, "json")) => !stem.contains(".index"),
        // A model of sentence pieces is a vocabulary, not weights.
        Some((stem, ending)) => ending == "txt" || (stem, ending) == ("spiece", "model"),
        None => false,
    }
}

/// Schedulers and tokenizers consist of settings only.
fn has_weights(part: &str, inside: &BTreeSet<String>) -> bool {
    let only_settings = part.starts_with("scheduler") || part.starts_with("tokenizer");
    !only_settings && (inside.contains("config.json") || inside.iter().any(|name| is_pickled(name)))
}

fn is_pickled(name: &str) -> bool {
    PICKLED.iter().any(|end| name.ends_with(end))
}

/// The first few names, in backticks.
pub(super) fn in_words(names: impl Iterator<Item = impl Display>) -> Option<String> {
    const SHOWN: usize = 12;
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return None;
    }
    let mut text = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        let _ = write!(text, " and {} more", names.len() - SHOWN);
    }
    Some(text)
}

#[cfg(test)]
mod tests;
