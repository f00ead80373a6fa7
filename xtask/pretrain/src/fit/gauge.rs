//! What drawings say about an adapter: four numbers from what a network sees in them.

use std::fmt;

use atelier_data::RgbPicture;
use atelier_eval::{Embedder, Embedding, likeness, nearest};

use super::Prompt;
use crate::score::background;

/// Share of the unseen pictures that are less like a trained one than what counts as a copy.
const COPY_QUANTILE: f32 = 0.95;

/// The pictures of a dataset, to measure drawings against.
pub(super) struct Gauge<'a> {
    embedder: &'a Embedder,
    train: Vec<Embedding>,
    held_out: Vec<Embedding>,
    /// A drawing that is more like a trained picture than this is a copy.
    copy_limit: f32,
}

/// What was found at one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scores {
    /// Mean similarity to the unseen pictures, 0 to 1, of drawings on their own backgrounds.
    pub(super) likeness: f32,
    /// Share of drawings that are nearer to the unseen picture with their caption than to every other one.
    pub(super) prompt: f32,
    /// Share of drawings on a background that the training never had, that have it.
    pub(super) background: f32,
    /// Share of drawings that are more like a trained picture than 95 % of the unseen ones are.
    pub(super) copies: f32,
}

impl<'a> Gauge<'a> {
    pub(super) fn new(
        embedder: &'a Embedder,
        train: &[RgbPicture],
        held_out: &[RgbPicture],
    ) -> Self {
        let (train, held_out) = (embedder.embed_all(train), embedder.embed_all(held_out));
        let closest = held_out
            .iter()
            .filter_map(|picture| nearest(picture, &train));
        let copy_limit = quantile(closest.map(|(_, similarity)| similarity).collect());
        Self {
            embedder,
            train,
            held_out,
            copy_limit,
        }
    }

    pub(super) fn scores(&self, prompts: &[Prompt], drawings: &[RgbPicture]) -> Scores {
        let embeddings = self.embedder.embed_all(drawings);
        let (mut followed, mut copies, mut coloured) = (Vec::new(), Vec::new(), Vec::new());
        let mut own = Vec::new();
        for ((prompt, drawing), embedding) in prompts.iter().zip(drawings).zip(embeddings) {
            if let Some(picture) = prompt.picture {
                let found = nearest(&embedding, &self.held_out);
                followed.push(found.is_some_and(|(index, _)| index == picture));
                let trained = nearest(&embedding, &self.train);
                copies.push(trained.is_some_and(|(_, similarity)| similarity > self.copy_limit));
                own.push(embedding);
            } else {
                coloured.push(background(drawing) == prompt.colour);
            }
        }
        Scores {
            likeness: likeness(&own, &self.held_out),
            prompt: share(&followed),
            background: share(&coloured),
            copies: share(&copies),
        }
    }
}

/// The value that [`COPY_QUANTILE`] of all lie below.
fn quantile(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    let at = (values.len() as f32 * COPY_QUANTILE) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(1.0)
}

fn share(found: &[bool]) -> f32 {
    let count = found.iter().filter(|found| **found).count();
    count as f32 / found.len().max(1) as f32
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            likeness,
            prompt,
            background,
            copies,
        } = self;
        write!(
            f,
            "likeness {likeness:.3}, prompt {prompt:.2}, background {background:.2}, copies {copies:.2}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_copies_leaves_a_twentieth_above_it() {
        let values: Vec<f32> = (0..100).rev().map(|i| i as f32 / 100.0).collect();
        assert!((quantile(values) - 0.95).abs() < 1e-6);
        assert!((quantile(Vec::new()) - 1.0).abs() < 1e-6);
        assert!((share(&[true, false, true, true]) - 0.75).abs() < 1e-6);
    }
}
