//! The pictures of a batch: one request for each, checked.

use std::collections::BTreeSet;

use anyhow::Result;
use atelier_core::GenerateRequest;
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::CodedResult as _;

use super::adapters_folder::AdaptersFolder;
use super::problems::Problems;
use super::wording;
use crate::commands::library_models::LibraryModels;

/// One picture.
pub(super) struct Shot {
    pub(super) request: GenerateRequest,
    /// The line of its prompt, where prompts come from a file.
    pub(super) line: Option<usize>,
}

/// What is wrong whatever the prompts say.
pub(super) fn check_settings(request: &GenerateRequest, base: &Base) -> Result<()> {
    let without_words = GenerateRequest {
        prompt: String::new(),
        prompt_2: request.prompt_2.as_ref().map(|_| String::new()),
        negative: request.negative.as_ref().map(|_| String::new()),
        negative_2: request.negative_2.as_ref().map(|_| String::new()),
        ..request.clone()
    };
    base.check(&without_words).coded()
}

/// One request for each picture, each checked, up to the first problem; words that were checked once are not checked again.
pub(super) fn shots(
    request: &GenerateRequest,
    lines: &[(Option<usize>, String)],
    (base, adapters): (&Base, &mut AdaptersFolder),
    problems: &mut Problems,
) -> Vec<Shot> {
    let mut shots = Vec::new();
    let mut checked = BTreeSet::new();
    for (line, prompt) in lines {
        let place = line
            .map(|line| format!("line {line}: "))
            .unwrap_or_default();
        let asked = GenerateRequest {
            prompt: prompt.clone(),
            ..request.clone()
        };
        for index in 0..request.count as u64 {
            let own = wording::of_picture(&asked, index, adapters);
            let Some(own) = problems.unless_at(&place, own) else {
                continue;
            };
            let words = [
                Some(own.prompt.clone()),
                own.prompt_2.clone(),
                own.negative.clone(),
                own.negative_2.clone(),
            ];
            if checked.insert(words) {
                problems.unless_at(&place, base.check(&own).coded());
            }
            if problems.is_empty() {
                shots.push(Shot {
                    request: own,
                    line: *line,
                });
            }
        }
    }
    shots
}

/// The files of the library's models must be what the library keeps.
pub(super) fn check_kept(shots: &[Shot], models: &LibraryModels, problems: &mut Problems) {
    let mut checked = BTreeSet::new();
    for adapter in shots.iter().flat_map(|shot| &shot.request.adapters) {
        if checked.insert(&adapter.path) {
            problems.unless(models.check(&adapter.path));
        }
    }
}

/// Every adapter must fit the base.
pub(super) fn check_adapters(shots: &[Shot], base: &Base, problems: &mut Problems) {
    let mut fitted = BTreeSet::new();
    for adapter in shots.iter().flat_map(|shot| &shot.request.adapters) {
        if fitted.insert(&adapter.path) {
            problems.unless(base.fit_adapter(adapter).coded());
        }
    }
}
