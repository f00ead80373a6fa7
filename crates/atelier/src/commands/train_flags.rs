//! The settings of a training as flags and as a TOML file; flags win.

use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_core::{Category, ErrorCode, Precision, Recompute, Seed, Targets, TrainConfig};
use atelier_failure::failed;
use atelier_store::About;
use clap::Args;

use super::{choice, seed};

/// One flag for each field of `TrainConfig`; what is not given comes from the file, then from the defaults.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct TrainFlags {
    /// A TOML file with settings under the names of these flags, with `_` for `-`; flags win over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The unique word that calls what is trained, such as `BlobCharV1`; needed here, in the file or in the dataset.
    #[arg(long, value_name = "WORD")]
    trigger: Option<String>,
    /// What the pictures have in common [default: character].
    #[arg(long, value_parser = choice::<Category>(Category::ALL.iter().map(|c| c.name())))]
    category: Option<Category>,
    /// Passes over all pictures [default: 40].
    #[arg(long)]
    epochs: Option<usize>,
    /// Pictures per step [default: 1].
    #[arg(long)]
    batch_size: Option<usize>,
    /// Rank of the adapter's factors [default: 16].
    #[arg(long)]
    rank: Option<usize>,
    /// Adapter scale: the product of the factors is multiplied by alpha / rank [default: 16].
    #[arg(long)]
    alpha: Option<f32>,
    /// Which layers get an adapter [default: transformer].
    #[arg(long, value_parser = choice::<Targets>(Targets::ALL.iter().map(|t| t.name())))]
    targets: Option<Targets>,
    /// Step size of `AdamW` [default: 0.0001].
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Steps over which the rate rises from zero [default: 0].
    #[arg(long)]
    warmup_steps: Option<usize>,
    /// Decoupled weight decay of `AdamW` [default: 0.01].
    #[arg(long)]
    weight_decay: Option<f64>,
    /// Largest norm of all gradients together, 0 for no limit [default: 1].
    #[arg(long)]
    max_grad_norm: Option<f64>,
    /// Probability that a caption is replaced by the empty one, 0 to 1 [default: 0].
    #[arg(long, value_name = "PROBABILITY")]
    caption_dropout: Option<f64>,
    /// Side of the square training pictures in pixels [default: the base's own].
    #[arg(long)]
    resolution: Option<usize>,
    /// Epochs between checkpoints; the last epoch always writes one [default: 1].
    #[arg(long, value_name = "EPOCHS")]
    checkpoint_every: Option<usize>,
    /// The arithmetic of the base [default: f32].
    #[arg(long, value_parser = choice::<Precision>(Precision::ALL.iter().map(|p| p.name())))]
    precision: Option<Precision>,
    /// What backward passes compute again to need less memory, at the same numbers: `auto` takes the first of the others
    /// that fits into the memory that is free, where the system tells (Linux), and else `none` [default: auto].
    #[arg(long, value_parser = choice::<Recompute>(Recompute::ALL.iter().map(|r| r.name())))]
    recompute: Option<Recompute>,
    /// Random choices follow from this number; a negative one counts down from 2^64, as in `PyTorch` [default: 0].
    #[arg(long, value_parser = seed, allow_negative_numbers = true)]
    seed: Option<Seed>,
}

impl TrainFlags {
    /// The settings, checked; the error lists every problem. What neither flags nor file say is as the dataset says.
    pub(super) fn resolve(&self, dataset: Option<&About>) -> Result<TrainConfig> {
        let (mut config, has_category) = match &self.config {
            Some(path) => read(path)?,
            None => (TrainConfig::default(), false),
        };
        if let Some(about) = dataset {
            if config.trigger.is_empty() {
                config.trigger.clone_from(&about.trigger_word);
            }
            if !has_category {
                config.category = about.category;
            }
        }
        self.apply_to(&mut config);
        let problems = config.problems();
        if problems.is_empty() {
            return Ok(config);
        }
        let message = format!("invalid settings: {}", problems.join("; "));
        Err(failed(ErrorCode::InvalidInput, message))
    }

    fn apply_to(&self, config: &mut TrainConfig) {
        if let Some(trigger) = &self.trigger {
            config.trigger.clone_from(trigger);
        }
        set(&mut config.category, self.category);
        set(&mut config.epochs, self.epochs);
        set(&mut config.batch_size, self.batch_size);
        set(&mut config.rank, self.rank);
        set(&mut config.alpha, self.alpha);
        set(&mut config.targets, self.targets);
        set(&mut config.learning_rate, self.learning_rate);
        set(&mut config.warmup_steps, self.warmup_steps);
        set(&mut config.weight_decay, self.weight_decay);
        set(&mut config.max_grad_norm, self.max_grad_norm);
        set(&mut config.caption_dropout, self.caption_dropout);
        set(&mut config.checkpoint_every, self.checkpoint_every);
        set(&mut config.precision, self.precision);
        set(&mut config.recompute, self.recompute);
        set(&mut config.seed, self.seed);
        config.resolution = self.resolution.or(config.resolution);
    }
}

fn set<T>(field: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *field = value;
    }
}

/// The settings of a file, and whether it names a category.
fn read(path: &Path) -> Result<(TrainConfig, bool)> {
    let text = fs_err::read_to_string(path).map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorCode::NotFound,
            std::io::ErrorKind::InvalidData => ErrorCode::InvalidInput,
            _ => ErrorCode::Io,
        };
        failed(code, format!("cannot read settings: {error}"))
    })?;
    let config = toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| format!(", line {}", before.matches('\n').count() + 1));
        let (path, line) = (path.display(), line.unwrap_or_default());
        let message = format!("settings file `{path}`{line}: {}", error.message());
        failed(ErrorCode::InvalidInput, message)
    })?;
    let keys = text.parse::<toml::Table>();
    let has_category = keys.is_ok_and(|keys| keys.contains_key("category"));
    Ok((config, has_category))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_flag_that_reaches_it() {
        let flags = TrainFlags {
            config: None,
            trigger: Some("T".to_owned()),
            category: Some(Category::Style),
            epochs: Some(3),
            batch_size: Some(2),
            rank: Some(4),
            alpha: Some(2.0),
            targets: Some(Targets::Attention),
            learning_rate: Some(0.5),
            warmup_steps: Some(7),
            weight_decay: Some(0.25),
            max_grad_norm: Some(9.0),
            caption_dropout: Some(0.125),
            resolution: Some(64),
            checkpoint_every: Some(5),
            precision: Some(Precision::Bf16),
            recompute: Some(Recompute::Layer),
            seed: Some(Seed(11)),
        };
        let set = serde_json::to_value(flags.resolve(None).unwrap()).unwrap();
        let default = serde_json::to_value(TrainConfig::default()).unwrap();
        for (key, value) in default.as_object().unwrap() {
            assert_ne!(&set[key], value, "`{key}` has no flag");
        }
    }

    #[test]
    fn what_neither_flags_nor_file_say_is_as_the_dataset_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        let dataset = About {
            category: Category::Style,
            trigger_word: "SlopeV1".to_owned(),
            ..About::default()
        };
        let resolved = |text: Option<&str>, trigger: Option<&str>| {
            if let Some(text) = text {
                fs_err::write(&file, text).unwrap();
            }
            let flags = TrainFlags {
                config: text.map(|_| file.clone()),
                trigger: trigger.map(str::to_owned),
                ..TrainFlags::default()
            };
            let config = flags.resolve(Some(&dataset)).unwrap();
            (config.trigger, config.category)
        };
        let expected = |trigger: &str, category| (trigger.to_owned(), category);
        assert_eq!(resolved(None, None), expected("SlopeV1", Category::Style));
        assert_eq!(resolved(None, Some("T")), expected("T", Category::Style));
        let file = |text| resolved(Some(text), None);
        assert_eq!(file("rank = 4"), expected("SlopeV1", Category::Style));
        let both = "trigger = 'F'\ncategory = 'character'";
        assert_eq!(file(both), expected("F", Category::Character));
    }
}
