//! Which files of a repository make a base: the parts' settings, and one set of weights per part.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

use anyhow::Result;
use atelier_core::ErrorCode;
use atelier_failure::failed;
use atelier_weights::{
    FolderChoice, PartWeights, companion_names, is_checkpoint_name, is_pickled, shard_files,
};
use serde_json::Value;

/// The file that makes a repository a folder of parts.
pub(crate) const MODEL_INDEX: &str = "model_index.json";
/// Files beside the parts that say where a base comes from and what is allowed with it.
const ABOUT_STEMS: [&str; 5] = ["LICENSE", "LICENCE", "NOTICE", "README", "MODEL_CARD"];
/// What is fetched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Paths, in the order in which they appear: the file that stands for the whole comes last.
    pub(crate) files: Vec<String>,
    /// The checkpoint, where it is not a folder of parts.
    pub(crate) checkpoint: Option<String>,
}

/// The files of a repository, and a way to read the small ones.
pub(crate) struct Shelf<'a> {
    /// Every path.
    pub(crate) names: BTreeSet<String>,
    /// What the repository is called in messages.
    pub(crate) label: String,
    /// Reads a JSON file.
    pub(crate) read: &'a mut dyn FnMut(&str) -> Result<Value>,
}

impl Shelf<'_> {
    /// Chooses: the named checkpoint, else the folder of parts, else the only checkpoint.
    pub(crate) fn select(&mut self, wanted: Option<&str>) -> Result<Selection> {
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

    /// What is read from beside a checkpoint.
    fn companions(&self, checkpoint: &str) -> Vec<String> {
        let there = |name: &String| name != checkpoint && self.names.contains(name);
        let names = companion_names(checkpoint).into_iter();
        names.filter(there).collect()
    }

    /// The only weights at the root.
    fn only_checkpoint(&self) -> Result<String> {
        let mut found = self.names.iter().filter(|name| is_checkpoint_name(name));
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
        let listed = |is_it: &dyn Fn(&str) -> bool| {
            let found = self.names.iter().filter(|name| is_it(name));
            in_words(found)
        };
        if let Some(list) = listed(&|name| name.ends_with(".safetensors")) {
            return format!(
                "name one as `hf:{}/FILE`, where FILE is one of {list}",
                self.label
            );
        }
        match listed(&is_pickled) {
            Some(list) => format!(
                "{list}: pickled weights, which can run code and are not read; convert them with diffusers: \
                 `save_pretrained(folder, safe_serialization=True)`"
            ),
            None => "it has no weights".to_owned(),
        }
    }

    /// The files of all parts.
    fn parts(&mut self) -> Result<Vec<String>> {
        let bad = |problem: String| {
            let message = format!("`{}` is no base that can be read: {problem}", self.label);
            failed(ErrorCode::BadBase, message)
        };
        let index = (self.read)(MODEL_INDEX)?;
        let choice = FolderChoice::of(&index, &self.names).map_err(bad)?;
        let mut files: BTreeSet<_> = choice.settings().map(str::to_owned).collect();
        for weights in choice.weights() {
            match weights {
                PartWeights::One(file) => {
                    files.insert(file.clone());
                }
                PartWeights::Sharded(index) => {
                    let listed = (self.read)(index)?;
                    files.extend(shard_files(index, &listed, &self.names).map_err(bad)?);
                    files.insert(index.clone());
                }
            }
        }
        Ok(files.into_iter().collect())
    }
}

/// The first few names, in backticks.
pub(crate) fn in_words(names: impl Iterator<Item = impl Display>) -> Option<String> {
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
