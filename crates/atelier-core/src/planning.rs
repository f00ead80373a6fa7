//! What is known before work begins: which bases there are, what a training will be, whether a trigger word will do. The seam
//! between those who ask, such as pages, and those who know networks.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    BaseKind, BoxedError, Category, GenerateRequest, Recompute, TrainConfig, TrainingPictures,
};

/// A base that trainings and drawings can use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseAbout {
    /// The word by which it is found.
    pub name: String,
    /// Its family, such as `sd15`.
    pub family: String,
    /// Which settings suit it.
    pub kind: BaseKind,
    /// Side in pixels of the pictures that it was made for.
    pub native_size: usize,
    /// Its files together.
    pub size_bytes: u64,
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingOrigin {
    /// A flag of the command.
    Flag,
    /// A settings file.
    File,
    /// A request to the server.
    Request,
    /// What the library's dataset is for.
    Dataset,
    /// The table of training strengths.
    Strength,
    /// Nobody said anything.
    Default,
}

impl SettingOrigin {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::File => "file",
            Self::Request => "request",
            Self::Dataset => "dataset",
            Self::Strength => "strength",
            Self::Default => "default",
        }
    }
}

/// A training that somebody thinks of.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingWish {
    /// The word by which the base is found.
    pub base: String,
    /// The pictures of the dataset.
    pub pictures: TrainingPictures,
    /// The settings.
    pub config: TrainConfig,
    /// Which of them were given, and by whom; the strength's table and defaults decide the others.
    pub given: BTreeMap<String, SettingOrigin>,
    /// The trigger words of other datasets and of models, each after what has it in words, such as `` dataset `faces` ``.
    pub used_words: Vec<(String, String)>,
}

/// What is to be known about a trigger word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordFinding {
    /// `good`, `warning` or `refused`.
    pub level: String,
    /// A word for the kind of finding.
    pub code: String,
    /// What it is, for people.
    pub message: String,
}

/// How long a training will take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlannedDuration {
    /// One step on average, in seconds.
    pub step_secs: f64,
    /// All steps and previews, in seconds.
    pub secs: f64,
    /// The previews among these, in seconds.
    pub preview_secs: f64,
    /// Whether it is guessed from the number of multiplications; else it is as a run of the same kind took.
    pub is_guess: bool,
}

/// What a training will be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedTraining {
    /// Every setting.
    pub config: TrainConfig,
    /// Where each comes from.
    pub origins: BTreeMap<String, SettingOrigin>,
    /// The word by which the base is found.
    pub base: String,
    /// The base's hash.
    pub base_hash: String,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Steps altogether.
    pub total_steps: u64,
    /// The sum that these come from, in words.
    pub arithmetic: String,
    /// What the strength decided, in words; nothing where all was given.
    pub decided: Option<String>,
    /// The most memory that it will take, in bytes.
    pub memory_bytes: u64,
    /// How much is free, where that is known.
    pub free_bytes: Option<u64>,
    /// How much there is when nothing else has any, where that is known.
    pub total_bytes: Option<u64>,
    /// What is computed again to need less.
    pub recompute: Recompute,
    /// How long it will take, where something is known about that.
    pub duration: Option<PlannedDuration>,
    /// What previews are drawn from.
    pub preview_prompts: Vec<String>,
    /// The epochs after which they are drawn.
    pub preview_epochs: Vec<usize>,
    /// Why none are drawn, where the settings ask for some, in words.
    pub preview_problem: Option<String>,
    /// What is to be known about the trigger word, the worst first.
    pub trigger_word: Vec<WordFinding>,
    /// What else speaks against it or is worth knowing, in words.
    pub notes: Vec<String>,
}

/// Knows bases, and what a training on one will be.
pub trait Planner: Send + Sync {
    /// The bases that there are, the usual one first.
    fn list_bases(&self) -> Result<Vec<BaseAbout>, BoxedError>;

    /// What a training will be. Nothing is begun.
    ///
    /// # Errors
    /// When the settings cannot be used: all that is wrong with them, together.
    fn plan_training(&self, wish: &TrainingWish) -> Result<PlannedTraining, BoxedError>;

    /// The hash that a base has now; nothing where there is none of the name, or where nobody looks.
    fn base_hash(&self, _base: &str) -> Option<String> {
        None
    }

    /// Whether an adapter file can be used on a base: nothing is drawn, only names and shapes are compared.
    ///
    /// # Errors
    /// When it cannot, in words that do not name where the file lies.
    fn check_adapter(&self, base: &str, file: &Path) -> Result<(), BoxedError>;

    /// What is wrong with a drawing on a base that is known before its networks are: words of prompts, adapters that these name,
    /// whether adapters fit. In the words that drawing it would end with; nothing where nobody looks. The file of its start
    /// picture is not read. Prompts name what `account`, an id in the library, sees; the user of the machine when absent.
    fn check_drawing(
        &self,
        _base: &str,
        _request: &GenerateRequest,
        _account: Option<&str>,
    ) -> Result<Vec<String>, BoxedError> {
        Ok(Vec::new())
    }

    /// The memory that a drawing on a base takes at most, in bytes.
    fn drawing_bytes(&self, base: &str, request: &GenerateRequest) -> Result<u64, BoxedError>;

    /// What is to be known about a trigger word on the usual base, beside other datasets' words, each after the dataset's name.
    fn judge_trigger(
        &self,
        word: &str,
        category: Category,
        used_words: &[(String, String)],
    ) -> Result<Vec<WordFinding>, BoxedError>;
}
