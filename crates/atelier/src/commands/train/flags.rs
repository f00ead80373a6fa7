//! The settings of a training as flags and as a TOML file; flags win.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_app::train_settings::Given;
use atelier_core::{
    Category, ErrorCode, Precision, Recompute, Seed, SettingOrigin as Origin, Targets,
    TrainingStrength,
};
use atelier_failure::failed;
use atelier_store::About;
use clap::Args;

use crate::commands::{choice, seed};

/// One flag for each field of `TrainConfig`; what is not given comes from the file, then from the training strength, then from
/// the defaults.
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
    /// How strongly the training changes what the base draws: decides epochs, rank, alpha, targets and learning rate, as far
    /// as nothing else does [default: medium].
    #[arg(long, value_parser = choice::<TrainingStrength>(TrainingStrength::ALL.iter().map(|s| s.name())))]
    strength: Option<TrainingStrength>,
    /// Passes over all pictures [default: that of the strength].
    #[arg(long)]
    epochs: Option<usize>,
    /// How often an epoch takes each picture [default: 1].
    #[arg(long)]
    repeats: Option<usize>,
    /// Pictures per step [default: 1].
    #[arg(long)]
    batch_size: Option<usize>,
    /// Rank of the adapter's factors [default: that of the strength].
    #[arg(long)]
    rank: Option<usize>,
    /// Adapter scale: the product of the factors is multiplied by alpha / rank [default: that of the
    /// strength].
    #[arg(long)]
    alpha: Option<f32>,
    /// Which layers get an adapter [default: those of the strength].
    #[arg(long, value_parser = choice::<Targets>(Targets::ALL.iter().map(|t| t.name())))]
    targets: Option<Targets>,
    /// Step size of `AdamW` [default: that of the strength].
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Steps over which the rate rises linearly; the first step has one share of it, the last the whole [default: 0].
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
    /// What previews are drawn from, each in quotes [default: the first prompts of the category, with the trigger word].
    #[arg(long, value_name = "PROMPT", num_args = 1..)]
    preview_prompts: Option<Vec<String>>,
    /// Epochs between previews; the last epoch always has some; 0 draws none [default: as many as take a tenth of the
    /// training].
    #[arg(long, value_name = "EPOCHS")]
    preview_every: Option<usize>,
    /// Sampler steps of a preview [default: 12].
    #[arg(long, value_name = "STEPS")]
    preview_steps: Option<usize>,
    /// The arithmetic of the base [default: f32].
    #[arg(long, value_parser = choice::<Precision>(Precision::ALL.iter().map(|p| p.name())))]
    precision: Option<Precision>,
    /// What backward passes compute again to need less memory, at the same numbers: `auto` takes the first of the others
    /// that fits into the memory that is free, where the system tells (Linux), and else `none` [default: auto].
    #[arg(long, value_parser = choice::<Recompute>(Recompute::ALL.iter().map(|r| r.name())))]
    recompute: Option<Recompute>,
    /// Random choices follow from this number; a negative one counts down from 2^64, as in `PyTorch` [default: 0].
    #[arg(long, value_parser = seed)]
    seed: Option<Seed>,
}

impl TrainFlags {
    /// What is given, checked; the error lists every problem. What neither flags nor file say is as the dataset says.
    pub(super) fn read(&self, dataset: Option<&About>) -> Result<Given> {
        let mut given = match &self.config {
            Some(path) => read(path)?,
            None => Given::default(),
        };
        if let Some(about) = dataset {
            if given.config.trigger.is_empty() {
                let word = about.trigger_word.clone();
                given.set("trigger", word, Origin::Dataset, |c| &mut c.trigger);
            }
            if !given.has("category") {
                let category = about.category;
                given.set("category", category, Origin::Dataset, |c| &mut c.category);
            }
        }
        self.apply_to(&mut given);
        let problems = given.config.problems();
        if problems.is_empty() {
            return Ok(given);
        }
        let message = format!("invalid settings: {}", problems.join("; "));
        Err(failed(ErrorCode::InvalidInput, message))
    }

    fn apply_to(&self, given: &mut Given) {
        let trigger = self.trigger.clone();
        given.flag("trigger", trigger, |c| &mut c.trigger);
        given.flag("category", self.category, |c| &mut c.category);
        given.flag("strength", self.strength.map(Some), |c| &mut c.strength);
        given.flag("epochs", self.epochs, |c| &mut c.epochs);
        given.flag("repeats", self.repeats, |c| &mut c.repeats);
        given.flag("batch_size", self.batch_size, |c| &mut c.batch_size);
        given.flag("rank", self.rank, |c| &mut c.rank);
        given.flag("alpha", self.alpha, |c| &mut c.alpha);
        given.flag("targets", self.targets, |c| &mut c.targets);
        let rate = self.learning_rate;
        given.flag("learning_rate", rate, |c| &mut c.learning_rate);
        given.flag("warmup_steps", self.warmup_steps, |c| &mut c.warmup_steps);
        given.flag("weight_decay", self.weight_decay, |c| &mut c.weight_decay);
        let norm = self.max_grad_norm;
        given.flag("max_grad_norm", norm, |c| &mut c.max_grad_norm);
        let dropout = self.caption_dropout;
        given.flag("caption_dropout", dropout, |c| &mut c.caption_dropout);
        let resolution = self.resolution.map(Some);
        given.flag("resolution", resolution, |c| &mut c.resolution);
        let every = self.checkpoint_every;
        given.flag("checkpoint_every", every, |c| &mut c.checkpoint_every);
        let prompts = self.preview_prompts.clone();
        given.flag("preview_prompts", prompts, |c| &mut c.preview_prompts);
        let every = self.preview_every.map(Some);
        given.flag("preview_every", every, |c| &mut c.preview_every);
        let steps = self.preview_steps;
        given.flag("preview_steps", steps, |c| &mut c.preview_steps);
        given.flag("precision", self.precision, |c| &mut c.precision);
        given.flag("recompute", self.recompute, |c| &mut c.recompute);
        given.flag("seed", self.seed, |c| &mut c.seed);
    }
}

/// The settings of a file.
fn read(path: &Path) -> Result<Given> {
    let text = fs_err::read_to_string(path).map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorCode::NotFound,
            std::io::ErrorKind::InvalidData => ErrorCode::InvalidInput,
            _ => ErrorCode::Io,
        };
        failed(code, format!("cannot read settings: {error}"))
    })?;
    let wrong = |error: toml::de::Error| {
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| format!(", line {}", before.matches('\n').count() + 1));
        let (path, line) = (path.display(), line.unwrap_or_default());
        let message = format!("settings file `{path}`{line}: {}", error.message());
        failed(ErrorCode::InvalidInput, message)
    };
    let config = toml::from_str(&text).map_err(wrong)?;
    // Not as a table of values, which holds no numbers as large as seeds can be.
    let keys: BTreeMap<String, serde_json::Value> = toml::from_str(&text).map_err(wrong)?;
    Ok(Given::in_file(config, keys.keys()))
}

#[cfg(test)]
mod tests {
    use atelier_core::TrainConfig;

    use super::*;

    #[test]
    fn every_setting_has_a_flag_that_reaches_it() {
        let flags = TrainFlags {
            config: None,
            trigger: Some("T".to_owned()),
            category: Some(Category::Style),
            strength: Some(TrainingStrength::High),
            epochs: Some(3),
            repeats: Some(6),
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
            preview_prompts: Some(vec!["T".to_owned()]),
            preview_every: Some(8),
            preview_steps: Some(3),
            precision: Some(Precision::Bf16),
            recompute: Some(Recompute::Layer),
            seed: Some(Seed(11)),
        };
        let given = flags.read(None).unwrap();
        let set = serde_json::to_value(&given.config).unwrap();
        let default = serde_json::to_value(TrainConfig::default()).unwrap();
        for (key, value) in default.as_object().unwrap() {
            assert_ne!(&set[key], value, "`{key}` has no flag");
            assert!(given.has(key), "`{key}` is taken for a default");
        }
    }

    #[test]
    fn a_file_is_read_wholly_whatever_its_seed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        for seed in [0, i64::MAX as u64 + 1, u64::MAX] {
            fs_err::write(&file, format!("seed = {seed}\nepochs = 2\nrank = 4\n")).unwrap();
            let given = read(&file).unwrap();
            let (config, keys) = (&given.config, ["seed", "epochs", "rank"]);
            assert_eq!(
                (config.seed, config.epochs, config.rank),
                (Seed(seed), 2, 4)
            );
            assert!(keys.iter().all(|key| given.has(key)), "{seed}");
            assert!(!given.has("alpha"));
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
            let config = flags.read(Some(&dataset)).unwrap().config;
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
