//! The one description of a training: command-line flags, TOML file, stored record and file metadata.

use serde::{Deserialize, Serialize};

use crate::{Category, Precision, Recompute, Seed, StepCount, TrainingStrength, closed_choice};

/// Which layers of the denoiser get an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Targets {
    /// Queries, keys, values and outputs of every attention.
    Attention,
    /// Every linear layer and 1×1 convolution inside the transformers (kohya's default).
    #[default]
    Transformer,
    /// The transformers, and every layer of residual blocks and changes of size (kohya's `conv_dim`).
    TransformerAndConvolution,
}

closed_choice!(Targets, "targets", {
    Attention => "attention",
    Transformer => "transformer",
    TransformerAndConvolution => "transformer-and-convolution",
});

/// Every setting of a training. A run is a pure function of dataset, base, this value and the seed in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// The unique word that calls what is trained, such as `BlobCharV1`.
    pub trigger: String,
    /// What the pictures have in common.
    pub category: Category,
    /// How strongly the training changes the base: what decided the settings of its table that were not given. Absent where
    /// no strength was asked.
    pub strength: Option<TrainingStrength>,
    /// Passes over all pictures.
    pub epochs: usize,
    /// How often an epoch takes each picture.
    pub repeats: usize,
    /// Pictures per optimizer step.
    pub batch_size: usize,
    /// Rank of the adapter's factors.
    pub rank: usize,
    /// Adapter scale: the product of the factors is multiplied by `alpha / rank`.
    pub alpha: f32,
    /// Which layers get an adapter.
    pub targets: Targets,
    /// Step size of AdamW.
    pub learning_rate: f64,
    /// Steps over which the rate rises linearly; the first step has one share of it, the last the whole.
    pub warmup_steps: usize,
    /// Decoupled weight decay of AdamW.
    pub weight_decay: f64,
    /// Largest norm of all gradients together; larger ones are scaled down. 0 turns it off.
    pub max_grad_norm: f64,
    /// Probability that a caption is replaced by the empty one, 0 to 1.
    pub caption_dropout: f64,
    /// Side of the square training pictures in pixels; the base's own size when absent.
    pub resolution: Option<usize>,
    /// Epochs between checkpoints; the last epoch always writes one.
    pub checkpoint_every: usize,
    /// The arithmetic of the base.
    pub precision: Precision,
    /// What backward passes compute again to need less memory; the numbers stay the same.
    pub recompute: Recompute,
    /// Random choices follow from this number.
    pub seed: Seed,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            trigger: String::new(),
            category: Category::default(),
            strength: None,
            epochs: 40,
            repeats: 1,
            batch_size: 1,
            rank: 16,
            alpha: 16.0,
            targets: Targets::default(),
            learning_rate: 1e-4,
            warmup_steps: 0,
            weight_decay: 0.01,
            max_grad_norm: 1.0,
            caption_dropout: 0.0,
            resolution: None,
            checkpoint_every: 1,
            precision: Precision::default(),
            recompute: Recompute::default(),
            seed: Seed(0),
        }
    }
}

impl TrainConfig {
    /// Every problem with the values, each with what would be right; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |good: bool, problem: &str| {
            if !good {
                problems.push(problem.to_owned());
            }
        };
        check(
            !self.trigger.trim().is_empty(),
            "`trigger` is empty, give the word that will call the training",
        );
        check(
            (1..=100_000).contains(&self.epochs),
            "`epochs` must lie between 1 and 100000",
        );
        check(
            (1..=1000).contains(&self.repeats),
            "`repeats` must lie between 1 and 1000",
        );
        check(
            (1..=4096).contains(&self.batch_size),
            "`batch_size` must lie between 1 and 4096",
        );
        check(
            (1..=1024).contains(&self.rank),
            "`rank` must lie between 1 and 1024",
        );
        check(
            self.alpha.is_finite() && self.alpha > 0.0,
            "`alpha` must be positive",
        );
        check(
            self.learning_rate.is_finite() && self.learning_rate > 0.0,
            "`learning_rate` must be positive",
        );
        check(
            self.weight_decay.is_finite() && self.weight_decay >= 0.0,
            "`weight_decay` must not be negative",
        );
        check(
            self.max_grad_norm.is_finite() && self.max_grad_norm >= 0.0,
            "`max_grad_norm` must not be negative",
        );
        check(
            (0.0..=1.0).contains(&self.caption_dropout),
            "`caption_dropout` must lie between 0 and 1",
        );
        let side = self.resolution.unwrap_or(1);
        check(
            (1..=4096).contains(&side),
            "`resolution` must lie between 1 and 4096",
        );
        check(
            self.checkpoint_every >= 1,
            "`checkpoint_every` must be at least 1",
        );
        problems
    }

    /// The sum that the steps come from with so many pictures.
    pub fn steps(&self, pictures: usize) -> StepCount {
        StepCount {
            pictures,
            repeats: self.repeats,
            epochs: self.epochs,
            batch_size: self.batch_size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_lack_only_a_trigger() {
        assert_eq!(TrainConfig::default().problems().len(), 1);
        assert!(
            TrainConfig {
                trigger: "BlobCharV1".to_owned(),
                ..TrainConfig::default()
            }
            .problems()
            .is_empty()
        );
    }

    #[test]
    fn all_problems_are_reported_together() {
        let config = TrainConfig {
            epochs: 0,
            rank: 0,
            learning_rate: f64::NAN,
            ..TrainConfig::default()
        };
        assert_eq!(config.problems().len(), 4);
    }
}
