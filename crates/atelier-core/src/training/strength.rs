//! The one setting that stands for the others: how strongly a training changes the base.

use serde::{Deserialize, Serialize};

use crate::{BaseKind, Category, Targets, TrainConfig, closed_choice};

/// How strongly a training changes what the base draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrainingStrength {
    /// A hint of what the pictures show; the most obedient to prompts.
    VeryLow,
    /// Clearly changed, still flexible.
    Low,
    /// Likeness and flexibility in balance.
    #[default]
    Medium,
    /// As like as can be, at the risk of copies and of deafness to prompts.
    High,
}

closed_choice!(TrainingStrength, "training strength", {
    VeryLow => "very-low",
    Low => "low",
    Medium => "medium",
    High => "high",
});

/// The settings that follow from a training strength, a category and a kind of base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StrengthSettings {
    /// [`TrainConfig::epochs`]
    pub epochs: usize,
    /// [`TrainConfig::rank`]
    pub rank: usize,
    /// [`TrainConfig::alpha`]
    pub alpha: f32,
    /// [`TrainConfig::targets`]
    pub targets: Targets,
    /// [`TrainConfig::learning_rate`]
    pub learning_rate: f64,
}

impl TrainingStrength {
    /// What it stands for. Where the numbers come from: `docs/concepts/training-strength.md`.
    pub fn settings(self, category: Category, kind: BaseKind) -> StrengthSettings {
        let (epochs, rank, targets) = match self {
            Self::VeryLow => (30, 8, Targets::Attention),
            Self::Low => (35, 8, Targets::Transformer),
            Self::Medium => (40, 16, Targets::Transformer),
            Self::High => (50, 32, Targets::Transformer),
        };
        StrengthSettings {
            epochs,
            rank,
            // So that a rate means the same at every rank.
            alpha: rank as f32,
            targets,
            learning_rate: self.learning_rate(category, kind),
        }
    }

    #[expect(
        clippy::match_same_arms,
        reason = "each row of the table stands by itself"
    )]
    fn learning_rate(self, category: Category, kind: BaseKind) -> f64 {
        let [very_low, low, medium, high] = match (kind, category) {
            (BaseKind::Mini, _) => [1.25e-4, 2.5e-4, 5e-4, 1e-3],
            (BaseKind::Sd15, Category::Character) => [5e-5, 1e-4, 2e-4, 4e-4],
            (BaseKind::Sd15, Category::Style) => [2.5e-5, 5e-5, 1e-4, 2e-4],
            (BaseKind::Sd15, Category::Object) => [4e-5, 8e-5, 1.6e-4, 3.2e-4],
            (BaseKind::Sdxl, Category::Character) => [2.5e-5, 5e-5, 1e-4, 2e-4],
            (BaseKind::Sdxl, Category::Style) => [1.25e-5, 2.5e-5, 5e-5, 1e-4],
            (BaseKind::Sdxl, Category::Object) => [2e-5, 4e-5, 8e-5, 1.6e-4],
        };
        match self {
            Self::VeryLow => very_low,
            Self::Low => low,
            Self::Medium => medium,
            Self::High => high,
        }
    }
}

impl StrengthSettings {
    /// The names of the settings that a training strength decides.
    pub const NAMES: [&str; 5] = ["epochs", "rank", "alpha", "targets", "learning_rate"];

    /// Sets what was not given otherwise. Alpha follows a rank that was given.
    pub fn fill(&self, config: &mut TrainConfig, is_given: impl Fn(&str) -> bool) {
        if !is_given("epochs") {
            config.epochs = self.epochs;
        }
        if !is_given("rank") {
            config.rank = self.rank;
        }
        if !is_given("alpha") {
            config.alpha = if is_given("rank") {
                config.rank as f32
            } else {
                self.alpha
            };
        }
        if !is_given("targets") {
            config.targets = self.targets;
        }
        if !is_given("learning_rate") {
            config.learning_rate = self.learning_rate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = (Category, BaseKind)> {
        let kinds = BaseKind::ALL.iter();
        kinds.flat_map(|&kind| Category::ALL.iter().map(move |&category| (category, kind)))
    }

    #[test]
    fn every_strength_is_stronger_than_the_one_before() {
        for (category, kind) in all() {
            for pair in TrainingStrength::ALL.windows(2) {
                let [weak, strong] = [pair[0], pair[1]].map(|one| one.settings(category, kind));
                assert!(
                    strong.learning_rate > weak.learning_rate,
                    "{kind} {category}"
                );
                assert!(strong.epochs > weak.epochs && strong.rank >= weak.rank);
            }
        }
    }

    #[test]
    fn all_settings_are_valid_and_in_the_range_of_epochs_that_users_are_told() {
        for (category, kind) in all() {
            for strength in TrainingStrength::ALL {
                let mut config = TrainConfig {
                    trigger: "T".to_owned(),
                    ..TrainConfig::default()
                };
                strength
                    .settings(category, kind)
                    .fill(&mut config, |_| false);
                assert!(config.problems().is_empty());
                assert!((30..=50).contains(&config.epochs));
            }
        }
    }

    #[test]
    fn what_is_given_stays_and_alpha_follows_the_rank() {
        let settings = TrainingStrength::VeryLow.settings(Category::Style, BaseKind::Sdxl);
        let own = TrainConfig {
            epochs: 7,
            rank: 3,
            alpha: 2.5,
            targets: Targets::TransformerAndConvolution,
            learning_rate: 0.5,
            ..TrainConfig::default()
        };
        let value = |config: &TrainConfig| serde_json::to_value(config).unwrap();
        for name in StrengthSettings::NAMES {
            let mut config = own.clone();
            settings.fill(&mut config, |given| given == name);
            for other in StrengthSettings::NAMES {
                let stays = value(&config)[other] == value(&own)[other];
                assert_eq!(stays, other == name, "{name} was given, {other}");
            }
        }
        let mut config = own.clone();
        settings.fill(&mut config, |given| given == "rank");
        assert!((config.alpha - 3.0).abs() < 1e-6);
    }
}
