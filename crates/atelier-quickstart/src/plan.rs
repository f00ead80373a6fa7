//! What a quickstart trains, draws and measures. Every number that can be tuned stands here.

use anyhow::Result;
use atelier_core::{
    AdapterUse, Category, ErrorCode, GenerateRequest, Precision, SamplerKind, Seed, TrainConfig,
};
use atelier_failure::failed;

/// The word that calls the character.
pub(crate) const TRIGGER: &str = "BlobCharV1";
/// Step size of the training.
pub(crate) const LEARNING_RATE: f64 = 1e-3;
/// Rank and alpha of the adapter.
pub(crate) const RANK: usize = 16;
/// Pictures per training step.
pub(crate) const BATCH_SIZE: usize = 1;
/// Probability of an empty caption in training.
pub(crate) const CAPTION_DROPOUT: f64 = 0.0;
/// The arithmetic of training and drawing.
pub const PRECISION: Precision = Precision::Bf16;
/// Sampler steps per drawing.
pub(crate) const DRAWING_STEPS: usize = 25;
/// Guidance of the drawings.
pub(crate) const GUIDANCE: f32 = 4.0;
/// Strengths on the sheet, in percent.
pub(crate) const STRENGTHS: [u16; 4] = [50, 80, 100, 110];
/// The strength of checkpoints and of the measurement, in percent.
pub(crate) const FULL: u16 = 100;
/// Moments of the training on the sheet, in percent of the epochs.
pub(crate) const MOMENTS: [usize; 4] = [25, 50, 75, 100];
/// Expressions on the sheet; the training does not see them.
pub(crate) const EXPRESSIONS: [&str; 6] = [
    "crying face",
    "angry face",
    "smiling face with heart-eyes",
    "sleeping face",
    "smiling face with sunglasses",
    "face with tongue",
];
/// Which of them the previews of the training show.
pub(crate) const PREVIEWED: [usize; 2] = [2, 4];
/// Seeds of the measurement; the sheet shows the first.
pub(crate) const SEEDS: u64 = 3;

/// With which weights a picture is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Look {
    /// The base alone.
    Base,
    /// The adapter after an epoch, at a strength.
    Adapter {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The strength in percent.
        percent: u16,
    },
}

impl Look {
    /// The strength, 0 for the base.
    pub(crate) fn strength(self) -> f32 {
        match self {
            Self::Base => 0.0,
            Self::Adapter { percent, .. } => f32::from(percent) / 100.0,
        }
    }
}

/// A column of the sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// What it shows.
    pub(crate) look: Look,
    /// Its heading.
    pub(crate) title: String,
}

/// One picture to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shot {
    /// The weights.
    pub(crate) look: Look,
    /// Index into [`EXPRESSIONS`].
    pub(crate) expression: usize,
    /// How many seeds after the first.
    pub(crate) seed: u64,
}

/// Everything that follows from the two choices of the user.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The settings of the training.
    pub(crate) config: TrainConfig,
    /// Epochs at the [`MOMENTS`].
    pub(crate) epochs: [usize; 4],
}

impl Plan {
    /// The plan for a number of epochs and a seed.
    pub(crate) fn new(epochs: usize, seed: Seed) -> Result<Self> {
        let moments = MOMENTS.map(|percent| (epochs * percent).div_ceil(100));
        let config = TrainConfig {
            trigger: TRIGGER.to_owned(),
            category: Category::Character,
            epochs,
            batch_size: BATCH_SIZE,
            rank: RANK,
            alpha: RANK as f32,
            learning_rate: LEARNING_RATE,
            caption_dropout: CAPTION_DROPOUT,
            checkpoint_every: moments[..3].iter().copied().fold(0, common_divisor).max(1),
            preview_prompts: PREVIEWED.map(|at| prompt(EXPRESSIONS[at])).into(),
            precision: PRECISION,
            seed,
            ..TrainConfig::default()
        };
        let problems = config.problems();
        if !problems.is_empty() {
            let message = format!("cannot plan a quickstart: {}", problems.join("; "));
            return Err(failed(ErrorCode::InvalidInput, message));
        }
        Ok(Self {
            config,
            epochs: moments,
        })
    }

    /// The finished adapter at a strength in percent.
    pub(crate) fn finished(&self, percent: u16) -> Look {
        Look::Adapter {
            epoch: self.config.epochs,
            percent,
        }
    }

    /// The columns of the sheet.
    pub(crate) fn columns(&self) -> Vec<Column> {
        let base = Column {
            look: Look::Base,
            title: "no adapter".to_owned(),
        };
        let strengths = STRENGTHS.map(|percent| Column {
            look: self.finished(percent),
            title: format!("{:.1}", f32::from(percent) / 100.0),
        });
        let moments = self.epochs.map(|epoch| Column {
            look: Look::Adapter {
                epoch,
                percent: FULL,
            },
            title: format!("epoch {epoch}"),
        });
        std::iter::once(base)
            .chain(strengths)
            .chain(moments)
            .collect()
    }

    /// Every picture of the sheet and the measurement once, those with the same weights together.
    pub(crate) fn shots(&self) -> Vec<Shot> {
        let sheet = self.columns().into_iter().map(|column| (column.look, 0));
        let measured = [Look::Base, self.finished(FULL)];
        let measured = measured
            .into_iter()
            .flat_map(|look| (0..SEEDS).map(move |seed| (look, seed)));
        let mut shots: Vec<_> = sheet
            .chain(measured)
            .flat_map(|(look, seed)| {
                (0..EXPRESSIONS.len()).map(move |expression| Shot {
                    look,
                    expression,
                    seed,
                })
            })
            .collect();
        shots.sort_unstable();
        shots.dedup();
        shots
    }

    /// The request for a picture, without its adapter.
    pub(crate) fn request(&self, shot: Shot, adapter: Option<AdapterUse>) -> GenerateRequest {
        GenerateRequest {
            prompt: prompt(EXPRESSIONS[shot.expression]),
            steps: DRAWING_STEPS,
            guidance: GUIDANCE,
            sampler: SamplerKind::Ddim,
            seed: self.config.seed.nth(shot.seed),
            precision: PRECISION,
            adapters: adapter.into_iter().collect(),
            ..GenerateRequest::default()
        }
    }
}

/// The prompt for an expression.
pub(crate) fn prompt(expression: &str) -> String {
    format!("{TRIGGER}, {expression}, on a white background")
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(epochs: usize) -> Plan {
        Plan::new(epochs, Seed(7)).unwrap()
    }

    #[test]
    fn quarters_of_the_epochs_are_rounded_up() {
        assert_eq!(plan(40).epochs, [10, 20, 30, 40]);
        assert_eq!(plan(6).epochs, [2, 3, 5, 6]);
        assert_eq!(plan(1).epochs, [1, 1, 1, 1]);
        assert_eq!(plan(40).config.checkpoint_every, 10);
        assert!(Plan::new(0, Seed(0)).is_err());
    }

    #[test]
    fn every_moment_has_a_checkpoint() {
        for epochs in 1..=50 {
            let plan = plan(epochs);
            let every = plan.config.checkpoint_every;
            let saved = |epoch: &usize| epoch.is_multiple_of(every) || *epoch == epochs;
            assert!(plan.epochs.iter().all(saved), "{epochs}");
        }
    }

    #[test]
    fn no_picture_is_drawn_twice() {
        // Six rows of nine columns, of which two are the same; two more seeds for two columns.
        assert_eq!(plan(40).shots().len(), 6 * 8 + 6 * 2 * 2);
        let plan = plan(40);
        let shots = plan.shots();
        for column in plan.columns() {
            assert!(
                shots
                    .iter()
                    .any(|shot| shot.look == column.look && shot.seed == 0)
            );
        }
    }
}
