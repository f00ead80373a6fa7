//! The one description of a training: command-line flags, TOML file, stored record and file metadata.

use serde::{Deserialize, Serialize};

use crate::setting::described;
use crate::{Category, Precision, Recompute, Seed, StepCount, TrainingStrength, closed_choice};

/// The largest whole number where nothing smaller limits it: programs that keep all numbers as fractions still tell it from
/// its neighbours.
const MOST_WHOLE: u64 = (1 << 53) - 1;
/// The most prompts that previews are drawn from, and the longest of them.
const MOST_PREVIEW_PROMPTS: usize = 12;
const MOST_PROMPT_CHARS: usize = 1000;
/// How many prompts of the category previews are drawn from.
const OWN_PREVIEW_PROMPTS: usize = 2;
/// The most sampler steps of a preview.
const MOST_PREVIEW_STEPS: u64 = 150;

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

described! {
/// Every setting of a training. A run is a pure function of dataset, base, this value and the seed in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// The unique word that calls what is trained, such as `BlobCharV1`.
    #[setting("Trigger word", Subject, Text { most_chars: TrainConfig::MOST_TRIGGER_CHARS })]
    pub trigger: String,
    /// What the pictures have in common.
    #[setting("Category", Subject, Choice(Category::NAMES))]
    pub category: Category,
    /// How strongly the training changes the base: what decided the settings of its table that were not given. Absent where
    /// no strength was asked.
    #[setting("Training strength", Strength, Choice(TrainingStrength::NAMES))]
    pub strength: Option<TrainingStrength>,
    /// Passes over all pictures.
    #[setting("Epochs", Length, Whole { least: 1, most: 100_000 })]
    pub epochs: usize,
    /// How often an epoch takes each picture.
    #[setting("Repeats", Length, Whole { least: 1, most: 1000 })]
    pub repeats: usize,
    /// Pictures per optimizer step.
    #[setting("Batch size", Length, Whole { least: 1, most: 4096 })]
    pub batch_size: usize,
    /// Rank of the adapter's factors.
    #[setting("Rank", Adapter, Whole { least: 1, most: 1024 })]
    pub rank: usize,
    /// Adapter scale: the product of the factors is multiplied by `alpha / rank`.
    #[setting("Alpha", Adapter, Number { more_than: Some(0.0), least: None, most: None })]
    pub alpha: f32,
    /// Which layers get an adapter.
    #[setting("Layers", Adapter, Choice(Targets::NAMES))]
    pub targets: Targets,
    /// Step size of AdamW.
    #[setting("Learning rate", Optimizer, Number { more_than: Some(0.0), least: None, most: None })]
    pub learning_rate: f64,
    /// Steps over which the rate rises linearly; the first step has one share of it, the last the whole.
    #[setting("Warm-up steps", Optimizer, Whole { least: 0, most: MOST_WHOLE })]
    pub warmup_steps: usize,
    /// Decoupled weight decay of AdamW.
    #[setting("Weight decay", Optimizer, Number { more_than: None, least: Some(0.0), most: None })]
    pub weight_decay: f64,
    /// Largest norm of all gradients together; larger ones are scaled down. 0 turns it off.
    #[setting("Largest gradient", Optimizer, Number { more_than: None, least: Some(0.0), most: None })]
    pub max_grad_norm: f64,
    /// Probability that a caption is replaced by the empty one, 0 to 1.
    #[setting("Caption dropout", Pictures, Number { more_than: None, least: Some(0.0), most: Some(1.0) })]
    pub caption_dropout: f64,
    /// Side of the square training pictures in pixels; the base's own size when absent.
    #[setting("Resolution", Pictures, Whole { least: 1, most: 4096 })]
    pub resolution: Option<usize>,
    /// Epochs between checkpoints; the last epoch always writes one.
    #[setting("Epochs between checkpoints", Length, Whole { least: 1, most: MOST_WHOLE })]
    pub checkpoint_every: usize,
    /// What previews are drawn from; where there is none, the first prompts of the category, with the trigger word.
    #[setting("Preview prompts", Previews, Texts { most: MOST_PREVIEW_PROMPTS, most_chars: MOST_PROMPT_CHARS })]
    pub preview_prompts: Vec<String>,
    /// Epochs between previews; the last epoch always has some. 0 draws none. When absent, as often as takes a tenth of the
    /// training, and not at all where that is too short.
    #[setting("Epochs between previews", Previews, Whole { least: 0, most: MOST_WHOLE })]
    pub preview_every: Option<usize>,
    /// Sampler steps of a preview.
    #[setting("Preview steps", Previews, Whole { least: 1, most: MOST_PREVIEW_STEPS })]
    pub preview_steps: usize,
    /// The arithmetic of the base.
    #[setting("Precision", Computing, Choice(Precision::NAMES))]
    pub precision: Precision,
    /// What backward passes compute again to need less memory; the numbers stay the same.
    #[setting("Recompute", Computing, Choice(Recompute::NAMES))]
    pub recompute: Recompute,
    /// Random choices follow from this number.
    #[setting("Seed", Computing, Whole { least: 0, most: u64::MAX })]
    pub seed: Seed,
}
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
            preview_prompts: Vec::new(),
            preview_every: None,
            preview_steps: 12,
            precision: Precision::default(),
            recompute: Recompute::default(),
            seed: Seed(0),
        }
    }
}

impl TrainConfig {
    /// The longest trigger word.
    pub const MOST_TRIGGER_CHARS: usize = 100;

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
            self.trigger.chars().count() <= Self::MOST_TRIGGER_CHARS,
            "`trigger` must have at most 100 characters",
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
        check(
            (1..=MOST_PREVIEW_STEPS).contains(&(self.preview_steps as u64)),
            "`preview_steps` must lie between 1 and 150",
        );
        check(
            self.preview_prompts.len() <= MOST_PREVIEW_PROMPTS,
            "`preview_prompts` must be at most 12",
        );
        let is_good = |prompt: &String| {
            !prompt.trim().is_empty() && prompt.chars().count() <= MOST_PROMPT_CHARS
        };
        check(
            self.preview_prompts.iter().all(is_good),
            "each of `preview_prompts` must have 1 to 1000 characters",
        );
        problems
    }

    /// What previews are drawn from.
    pub fn previewed(&self) -> Vec<String> {
        if !self.preview_prompts.is_empty() {
            return self.preview_prompts.clone();
        }
        let mut prompts = self.category.preview_prompts(&self.trigger);
        prompts.truncate(OWN_PREVIEW_PROMPTS);
        prompts
    }

    /// The epochs after which a checkpoint is written, in order.
    pub fn kept_epochs(&self) -> impl Iterator<Item = usize> + use<> {
        let (every, last) = (self.checkpoint_every.max(1), self.epochs);
        (1..=last).filter(move |epoch| epoch.is_multiple_of(every) || *epoch == last)
    }

    /// The epochs after which previews are drawn, in order, with so many epochs between them: those that are kept, each the
    /// first one after a multiple of `every`, and the last.
    pub fn previewed_epochs(&self, every: usize) -> Vec<usize> {
        if every == 0 {
            return Vec::new();
        }
        let mut before = 0;
        let is_due = |epoch: &usize| {
            let due = epoch / every > before / every || *epoch == self.epochs;
            before = *epoch;
            due
        };
        self.kept_epochs().filter(is_due).collect()
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
    use crate::{SettingAbout, SettingKind};

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
    fn previews_are_of_epochs_that_are_kept_and_of_the_last() {
        let config = |epochs, checkpoint_every| TrainConfig {
            epochs,
            checkpoint_every,
            ..TrainConfig::default()
        };
        let (all, some) = (config(10, 1), config(10, 3));
        assert_eq!(all.previewed_epochs(4), [4, 8, 10]);
        assert_eq!(all.previewed_epochs(100), [10]);
        assert_eq!(all.previewed_epochs(1), (1..=10).collect::<Vec<_>>());
        assert_eq!(some.previewed_epochs(1), [3, 6, 9, 10]);
        assert_eq!(some.previewed_epochs(4), [6, 9, 10]);
        assert!(all.previewed_epochs(0).is_empty());
    }

    #[test]
    fn previews_are_drawn_from_the_own_prompts_else_from_those_of_the_category() {
        let mut config = TrainConfig {
            trigger: "InkLineV1".to_owned(),
            category: Category::Style,
            ..TrainConfig::default()
        };
        let own = [
            "InkLineV1 style, a castle",
            "InkLineV1 style, a portrait of a woman",
        ];
        assert_eq!(config.previewed(), own);
        config.preview_prompts = vec!["a tree".to_owned()];
        assert_eq!(config.previewed(), ["a tree"]);
        config.preview_prompts.push(" ".to_owned());
        assert_eq!(config.problems().len(), 1);
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

    #[test]
    fn every_setting_is_described() {
        let value = serde_json::to_value(TrainConfig::default()).unwrap();
        let fields = value.as_object().unwrap();
        let mut names: Vec<_> = TrainConfig::SETTINGS.iter().map(|one| one.name).collect();
        for SettingAbout {
            name,
            label,
            help,
            kind,
            ..
        } in TrainConfig::SETTINGS
        {
            assert!(fields.contains_key(*name) && !label.is_empty(), "{name}");
            assert!(help.ends_with('.') && !help.contains("  "), "{help}");
            if let (SettingKind::Choice(names), Some(word)) = (kind, fields[*name].as_str()) {
                assert!(names.contains(&word), "{name}");
            }
        }
        names.sort_unstable();
        let mut all: Vec<_> = fields.keys().map(String::as_str).collect();
        all.sort_unstable();
        assert_eq!(names, all);
    }

    #[test]
    fn described_ranges_are_those_that_are_checked() {
        let problems = |name: &str, value: serde_json::Value| {
            let config = serde_json::json!({"trigger": "BlobCharV1", name: value});
            let config: TrainConfig = serde_json::from_value(config).unwrap();
            config.problems().len()
        };
        let number = |name: &str, good: f64, bad: f64| {
            assert_eq!(problems(name, good.into()), 0, "{name} {good}");
            assert_eq!(problems(name, bad.into()), 1, "{name} {bad}");
        };
        for SettingAbout { name, kind, .. } in TrainConfig::SETTINGS {
            match *kind {
                SettingKind::Whole { least, most } => {
                    assert_eq!(problems(name, least.into()), 0, "{name}");
                    assert_eq!(problems(name, most.into()), 0, "{name}");
                    if least > 0 {
                        assert_eq!(problems(name, 0.into()), 1, "{name}");
                    }
                    if most < MOST_WHOLE {
                        assert_eq!(problems(name, (most + 1).into()), 1, "{name}");
                    }
                }
                SettingKind::Number {
                    more_than,
                    least,
                    most,
                } => {
                    more_than.inspect(|edge| number(name, edge + 1e-6, *edge));
                    least.inspect(|least| number(name, *least, least - 1e-6));
                    most.inspect(|most| number(name, *most, most + 1e-6));
                }
                SettingKind::Text { most_chars } => {
                    assert_eq!(problems(name, "x".repeat(most_chars).into()), 0);
                    assert_eq!(problems(name, "x".repeat(most_chars + 1).into()), 1);
                }
                SettingKind::Texts { most, most_chars } => {
                    let texts = |count, chars| vec!["x".repeat(chars); count].into();
                    assert_eq!(problems(name, texts(most, most_chars)), 0, "{name}");
                    assert_eq!(problems(name, texts(most + 1, 1)), 1, "{name}");
                    assert_eq!(problems(name, texts(1, most_chars + 1)), 1, "{name}");
                }
                SettingKind::Choice(_) => {}
            }
        }
    }
}
