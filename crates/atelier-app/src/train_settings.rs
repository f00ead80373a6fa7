//! The settings of a training, each with where it comes from: flag, file, dataset, training strength, default.

use std::collections::BTreeMap;

use atelier_core::{
    BaseKind, Category, SettingOrigin as Origin, StrengthSettings, TrainConfig, TrainingStrength,
};
use serde::Serialize;
use serde_json::Value;

/// What flags, file and dataset say, and defaults in the place of the rest.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Their values.
    pub config: TrainConfig,
    origins: BTreeMap<String, Origin>,
}

impl Given {
    /// Settings of which these were given.
    pub fn of(config: TrainConfig, origins: BTreeMap<String, Origin>) -> Self {
        Self { config, origins }
    }

    /// The settings of a file that has these keys.
    pub fn in_file<'k>(config: TrainConfig, keys: impl IntoIterator<Item = &'k String>) -> Self {
        let keys = keys.into_iter().map(|key| (key.clone(), Origin::File));
        Self {
            config,
            origins: keys.collect(),
        }
    }

    /// Whether somebody said it.
    pub fn has(&self, name: &str) -> bool {
        self.origins.contains_key(name)
    }

    /// Sets a value.
    pub fn set<T>(
        &mut self,
        name: &str,
        value: T,
        origin: Origin,
        field: impl FnOnce(&mut TrainConfig) -> &mut T,
    ) {
        *field(&mut self.config) = value;
        self.origins.insert(name.to_owned(), origin);
    }

    /// Sets the value of a flag, if it was given.
    pub fn flag<T>(
        &mut self,
        name: &str,
        value: Option<T>,
        field: impl FnOnce(&mut TrainConfig) -> &mut T,
    ) {
        if let Some(value) = value {
            self.set(name, value, Origin::Flag, field);
        }
    }

    /// The settings for a kind of base: what was not given is as the training strength says.
    pub fn resolve(mut self, kind: BaseKind) -> TrainSettings {
        let strength = self.config.strength.unwrap_or_default();
        self.config.strength = Some(strength);
        let decided = strength.settings(self.config.category, kind);
        let is_given = |name: &str| self.origins.contains_key(name);
        decided.fill(&mut self.config, is_given);
        for name in StrengthSettings::NAMES {
            let name = name.to_owned();
            self.origins.entry(name).or_insert(Origin::Strength);
        }
        TrainSettings {
            config: self.config,
            kind,
            origins: self.origins,
        }
    }
}

/// The settings of a training.
#[derive(Debug, Clone)]
pub struct TrainSettings {
    /// Their values.
    pub config: TrainConfig,
    kind: BaseKind,
    origins: BTreeMap<String, Origin>,
}

/// A setting as documents show it.
#[derive(Debug, Serialize)]
pub struct Setting {
    value: Value,
    from: Origin,
}

impl TrainSettings {
    /// Where each setting comes from.
    pub fn origins(&self) -> BTreeMap<String, Origin> {
        let names = self.list().into_iter();
        names.map(|(name, setting)| (name, setting.from)).collect()
    }

    /// Every setting by name.
    pub fn list(&self) -> BTreeMap<String, Setting> {
        let Ok(Value::Object(values)) = serde_json::to_value(&self.config) else {
            return BTreeMap::new();
        };
        let origin = |name: &String| self.origins.get(name).copied();
        let settings = values.into_iter().map(|(name, value)| {
            let from = origin(&name).unwrap_or(Origin::Default);
            (name, Setting { value, from })
        });
        settings.collect()
    }

    /// What the training strength decided, in a line; nothing where all was given.
    pub fn decided(&self) -> Option<String> {
        let decided = self.list().into_iter();
        let decided = decided.filter(|(_, setting)| setting.from == Origin::Strength);
        let decided: Vec<_> = decided
            .map(|(name, setting)| format!("{} {}", name.replace('_', " "), shown(&setting.value)))
            .collect();
        let strength: TrainingStrength = self.config.strength.unwrap_or_default();
        let subject = match self.config.category {
            Category::Character => "a character",
            Category::Style => "a style",
            Category::Object => "an object",
        };
        let base = match self.kind {
            BaseKind::Mini => "a small base",
            BaseKind::Sd15 => "a base of `sd15`",
            BaseKind::Sdxl => "a base of `sdxl`",
        };
        (!decided.is_empty()).then(|| {
            let decided = decided.join(", ");
            format!("training strength {strength} for {subject} on {base}: {decided}")
        })
    }

    /// Every setting in a line of its own.
    pub fn lines(&self) -> Vec<String> {
        let settings = self.list().into_iter();
        let line = |(name, setting): (String, Setting)| {
            format!(
                "{name:<17} {:<14} {}",
                shown(&setting.value),
                setting.from.name()
            )
        };
        settings.map(line).collect()
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Array(texts) if texts.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strength_decides_what_nobody_said() {
        let mut given = Given::in_file(
            TrainConfig {
                rank: 4,
                ..TrainConfig::default()
            },
            &["rank".to_owned()],
        );
        given.flag("strength", Some(Some(TrainingStrength::High)), |c| {
            &mut c.strength
        });
        given.flag("epochs", Some(7), |c| &mut c.epochs);
        let settings = given.resolve(BaseKind::Sdxl);
        let table = TrainingStrength::High.settings(Category::Character, BaseKind::Sdxl);
        let config = &settings.config;
        assert_eq!((config.rank, config.epochs), (4, 7));
        assert_eq!(config.targets, table.targets);
        assert!((config.learning_rate - table.learning_rate).abs() < 1e-12);
        let from = |name: &str| settings.list()[name].from;
        assert_eq!(from("rank"), Origin::File);
        assert_eq!(from("epochs"), Origin::Flag);
        assert_eq!(from("learning_rate"), Origin::Strength);
        assert_eq!(from("seed"), Origin::Default);
        assert_eq!(
            settings.decided().unwrap(),
            "training strength high for a character on a base of `sdxl`: \
             alpha 4.0, learning rate 0.0002, targets transformer"
        );
    }

    #[test]
    fn medium_is_the_strength_that_nobody_names() {
        let settings = Given::default().resolve(BaseKind::Mini);
        assert_eq!(settings.config.strength, Some(TrainingStrength::Medium));
        assert_eq!(settings.list()["strength"].from, Origin::Default);
    }
}
