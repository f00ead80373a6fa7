//! A planner that knows two bases and no networks.

use std::path::Path;

use atelier_core::{
    BaseAbout, BaseKind, BoxedError, Category, Coded, ErrorCode, GenerateRequest, PlannedDuration,
    PlannedTraining, Planner, Recompute, SettingOrigin, StrengthSettings, TrainConfig,
    TrainingWish, WordFinding,
};

/// What a training is said to need besides its pictures.
const MEMORY_BYTES: u64 = 600_000_000;
/// What each picture of a batch is said to need.
const PICTURE_BYTES: u64 = 100_000_000;
/// What is said to be free.
const FREE_BYTES: u64 = 8_000_000_000;

/// The planner.
#[derive(Debug)]
pub(crate) struct PretendPlanner;

/// A refusal.
#[derive(Debug, thiserror::Error)]
#[error("{1}")]
struct Refused(ErrorCode, String);

impl Coded for Refused {
    fn code(&self) -> ErrorCode {
        self.0
    }
}

fn bases() -> Vec<BaseAbout> {
    let base = |name: &str, kind, native_size, size_bytes| BaseAbout {
        name: name.to_owned(),
        family: "sd15".to_owned(),
        kind,
        native_size,
        size_bytes,
    };
    vec![
        base("atelier-mini", BaseKind::Mini, 64, 25_000_000),
        base("dreamy", BaseKind::Sd15, 512, 2_132_000_000),
    ]
}

fn origins(wish: &TrainingWish) -> impl Iterator<Item = (String, SettingOrigin)> {
    let settings = TrainConfig::SETTINGS.iter().map(|setting| setting.name);
    settings.map(|name| {
        let usual = if StrengthSettings::NAMES.contains(&name) {
            SettingOrigin::Strength
        } else {
            SettingOrigin::Default
        };
        let origin = wish.given.get(name).copied().unwrap_or(usual);
        (name.to_owned(), origin)
    })
}

impl Planner for PretendPlanner {
    fn list_bases(&self) -> Result<Vec<BaseAbout>, BoxedError> {
        Ok(bases())
    }

    fn plan_training(&self, wish: &TrainingWish) -> Result<PlannedTraining, BoxedError> {
        let base = bases().into_iter().find(|base| base.name == wish.base);
        let base =
            base.ok_or_else(|| Refused(ErrorCode::NotFound, format!("no base `{}`", wish.base)))?;
        let mut config = wish.config.clone();
        let strength = config.strength.unwrap_or_default();
        config.strength = Some(strength);
        let decided = strength.settings(config.category, base.kind);
        decided.fill(&mut config, |name| wish.given.contains_key(name));
        let memory_bytes = MEMORY_BYTES + PICTURE_BYTES * config.batch_size as u64;
        if memory_bytes > FREE_BYTES {
            let message = format!("{memory_bytes} bytes are needed, {FREE_BYTES} are free");
            return Err(Refused(ErrorCode::NotEnoughMemory, message).into());
        }
        let every = *config.preview_every.get_or_insert(10);
        let count = wish.pictures.count;
        let steps = config.steps(count);
        let few =
            (count < 15).then(|| format!("there are {count} pictures, and 15 to 40 are right"));
        let words = &wish.used_words;
        Ok(PlannedTraining {
            origins: origins(wish).collect(),
            base_hash: "b".repeat(64),
            base: base.name,
            steps_per_epoch: steps.steps_per_epoch(),
            total_steps: steps.total(),
            arithmetic: steps.to_string(),
            decided: Some(format!("strength {strength} decides what was not given")),
            memory_bytes,
            free_bytes: Some(FREE_BYTES),
            total_bytes: Some(FREE_BYTES),
            recompute: Recompute::None,
            duration: Some(PlannedDuration {
                step_secs: 0.05,
                secs: 0.05 * steps.total() as f64 + 2.0,
                preview_secs: 2.0,
                is_guess: true,
            }),
            preview_prompts: config.previewed(),
            preview_epochs: config.previewed_epochs(every),
            preview_problem: None,
            trigger_word: self.judge_trigger(&config.trigger, config.category, words)?,
            notes: few.into_iter().collect(),
            config,
        })
    }

    fn check_adapter(&self, base: &str, file: &Path) -> Result<(), BoxedError> {
        // The names of its layers are in the file's head.
        let bytes = fs_err::read(file);
        let bytes = bytes.map_err(|error| Refused(ErrorCode::Io, error.to_string()))?;
        let second = b"lora_te2_";
        if bytes.windows(second.len()).any(|part| part == second) {
            let message = format!("base `{base}` has no second text encoder");
            return Err(Refused(ErrorCode::AdapterMismatch, message).into());
        }
        Ok(())
    }

    fn check_drawing(
        &self,
        _base: &str,
        request: &GenerateRequest,
        account: Option<&str>,
    ) -> Result<Vec<String>, BoxedError> {
        // The latter belongs to the user of the machine.
        let hidden = account.map(|_| "private");
        let unknown = ["absent"].into_iter().chain(hidden);
        let unknown = unknown.filter(|name| {
            let tag = format!("<lora:{name}");
            request.prompt.contains(&tag)
        });
        let problem = |name| format!("no adapter `{name}`: near it are `present`");
        Ok(unknown.map(problem).collect())
    }

    fn drawing_bytes(&self, _base: &str, _request: &GenerateRequest) -> Result<u64, BoxedError> {
        Ok(MEMORY_BYTES)
    }

    fn judge_trigger(
        &self,
        word: &str,
        category: Category,
        used_words: &[(String, String)],
    ) -> Result<Vec<WordFinding>, BoxedError> {
        let finding = |level: &str, code: &str, message: String| WordFinding {
            level: level.to_owned(),
            code: code.to_owned(),
            message,
        };
        let mut findings = Vec::new();
        if category.class_nouns().contains(&word) {
            let message = format!("`{word}` means every such thing");
            findings.push(finding("refused", "class_noun", message));
        }
        let is_used = |used: &&(String, String)| used.1.eq_ignore_ascii_case(word);
        if let Some((owner, _)) = used_words.iter().find(is_used) {
            let message = format!("{owner} has `{word}` already");
            findings.push(finding("warning", "used", message));
        }
        if findings.is_empty() {
            findings.push(finding(
                "good",
                "fine",
                "nothing speaks against it".to_owned(),
            ));
        }
        Ok(findings)
    }
}
