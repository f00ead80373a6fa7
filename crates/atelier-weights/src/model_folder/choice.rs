//! Which files of a model folder are used, chosen by names alone: those on the disk, or those that a hub lists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::contents::Contents;
use super::weight_files::find_weights;
use crate::part::places_of;

/// The files of a model folder that are used. Paths are below the folder, with `/` in them.
#[derive(Debug, Clone)]
pub struct FolderChoice {
    pub(super) contents: Contents,
    /// Configurations and vocabularies that decide what the model draws.
    pub(super) settings: BTreeSet<String>,
    /// Settings of parts that are unknown here, and only have to be there.
    others: BTreeSet<String>,
    /// Files of parts that draw nothing here.
    pub(super) unused: BTreeSet<String>,
    /// Parts that draw nothing here and are named, but not there.
    pub(super) absent: Vec<&'static str>,
    weights: BTreeMap<&'static str, PartWeights>,
}

/// The weights of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartWeights {
    /// In one file.
    One(String),
    /// In several, which this index lists.
    Sharded(String),
}

impl FolderChoice {
    /// The choice by `model_index.json`; the error lists everything that is missing.
    pub fn of(index: &Value, names: &BTreeSet<String>) -> Result<Self, String> {
        let contents = Contents::of(index);
        let mut missing = contents.missing(names);
        let mut weights = BTreeMap::new();
        for part in contents.weighted() {
            match find_weights(part, names) {
                Ok(found) => {
                    weights.insert(part, found);
                }
                Err(wanted) => missing.push(wanted),
            }
        }
        if !missing.is_empty() {
            missing.sort();
            return Err(format!("missing: {}", missing.join("; ")));
        }
        Ok(Self {
            settings: contents.settings(names),
            others: contents.settings_of_others(names),
            unused: contents.unused(names),
            absent: contents.absent(names),
            contents,
            weights,
        })
    }

    /// Every file but weights and their indexes, and `model_index.json`.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        let all = self.settings.iter().chain(&self.others);
        all.map(String::as_str)
    }

    /// The weights of every part.
    pub fn weights(&self) -> impl Iterator<Item = &PartWeights> {
        self.weights.values()
    }

    /// The weights of one part, where the model has it.
    pub(super) fn weights_of(&self, part: &str) -> Option<&PartWeights> {
        self.weights.get(part)
    }
}

/// The files that an index of split weights lists, beside it; an error where one is not there.
pub fn shard_files(
    path: &str,
    index: &Value,
    names: &BTreeSet<String>,
) -> Result<BTreeSet<String>, String> {
    let places = places_of(index).map_err(|problem| format!("`{path}`: {problem}"))?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let files: BTreeSet<_> = places
        .into_values()
        .map(|file| format!("{folder}/{file}"))
        .collect();
    match files.iter().find(|file| !names.contains(*file)) {
        Some(absent) => Err(format!("`{path}` lists `{absent}`, which is not there")),
        None => Ok(files),
    }
}
