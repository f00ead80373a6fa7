//! What bases there are and what trainings on them will be, for those who know no networks.

use std::path::Path;

use atelier_app::bases;
use atelier_app::context::App;
use atelier_app::embedded;
use atelier_app::memory;
use atelier_app::train_settings::Given;
use atelier_core::{
    AdapterUse, BaseAbout, BoxedError, Category, ErrorCode, GenerateRequest, PlannedTraining,
    Planner, TrainingWish, WordFinding,
};
use atelier_data::TriggerFinding;
use atelier_diffusion::stable_diffusion::Base;
use atelier_diffusion::tokenizer::Tokenizer;
use atelier_failure::{CodedResult as _, boxed, failed};
use atelier_runs::{JudgedWord, Thought, estimate};
use atelier_train::{MemoryPlan, PreviewPlan, Room, check_resolution, plan_notes};

use crate::commands::drawing_problems;

/// Plans with the program's own bases and devices.
pub(crate) struct OwnPlanner {
    app: App,
}

impl OwnPlanner {
    pub(crate) fn new(app: &App) -> Self {
        Self { app: app.clone() }
    }

    fn bases(&self) -> anyhow::Result<Vec<BaseAbout>> {
        let mut words = Vec::new();
        if embedded::is_present() {
            words.push(embedded::NAME.to_owned());
        }
        words.extend(bases::list(&self.app)?.into_iter().map(|base| base.name));
        // One that cannot be used is left out; `base show` says why.
        let about = words.into_iter().filter_map(|name| {
            let base = Base::open(&bases::find(&self.app, &name).ok()?.path).ok()?;
            Some(BaseAbout {
                family: base.family.name.to_owned(),
                kind: base.kind(),
                native_size: base.native_size(),
                size_bytes: size_of(&base)?,
                name,
            })
        });
        Ok(about.collect())
    }

    fn plan(&self, wish: &TrainingWish) -> anyhow::Result<PlannedTraining> {
        let found = bases::find(&self.app, &wish.base)?;
        let base = Base::open(&found.path).coded()?;
        let given = Given::of(wish.config.clone(), wish.given.clone());
        let mut settings = given.resolve(base.kind());
        let problems = settings.config.problems();
        if !problems.is_empty() {
            return Err(atelier_train::Error::Settings { problems }).coded();
        }
        check_resolution(&settings.config, &base).coded()?;
        let count = wish.pictures.count;
        let previews = PreviewPlan::new(&base, &settings.config, count).coded()?;
        settings.config.preview_every = Some(previews.every);
        let config = &settings.config;
        let chosen = self.app.device(None, config.precision)?;
        let room = Room::on(&chosen.device, chosen.room_bytes(memory::free_bytes));
        let total_bytes = chosen.room_bytes(memory::total_bytes);
        let memory = match MemoryPlan::new(&base, config, wish.pictures, room) {
            // What others have now is free when its turn has come.
            Err(atelier_train::Error::Memory { .. }) => {
                let whole = Room::on(&chosen.device, total_bytes);
                let planned = MemoryPlan::new(&base, config, wish.pictures, whole);
                planned.map_err(in_total).coded()?
            }
            planned => planned.coded()?,
        };
        let previews = previews.fitting(&memory);
        let word = (config.trigger.as_str(), config.category);
        let judged = JudgedWord::new(word, first_tokenizer(&base), &wish.used_words);
        let steps = config.steps(count);
        let thought = Thought {
            config,
            steps: steps.total(),
            fill: steps.fill(),
            memory: &memory,
            previews: &previews,
            device: &chosen,
        };
        let duration = estimate(&self.app, &base, thought)?;
        Ok(PlannedTraining {
            origins: settings.origins(),
            base: found.word(&wish.base),
            base_hash: base.files().hash_with(&self.app.hashes()).coded()?,
            steps_per_epoch: steps.steps_per_epoch(),
            total_steps: steps.total(),
            arithmetic: steps.to_string(),
            decided: settings.decided(),
            memory_bytes: memory.peak_bytes(),
            free_bytes: room.bytes,
            total_bytes,
            recompute: memory.recompute,
            duration,
            preview_prompts: config.previewed(),
            preview_epochs: previews.epochs,
            preview_problem: previews.problem,
            trigger_word: judged.findings().iter().map(finding).collect(),
            notes: plan_notes(&base, config, count),
            config: config.clone(),
        })
    }
}

/// Says of a training that does not fit that no waiting helps.
fn in_total(error: atelier_train::Error) -> atelier_train::Error {
    match error {
        atelier_train::Error::Memory {
            needed_bytes,
            free_bytes,
            ..
        } => atelier_train::Error::Memory {
            needed_bytes,
            free_bytes,
            whose: "is all that there is for it",
        },
        error => error,
    }
}

/// The tokenizer that judges trigger words.
fn first_tokenizer(base: &Base) -> &Tokenizer {
    let first = base.texts.first();
    &first.expect("every family has a text encoder").tokenizer
}

/// The files of a base together.
fn size_of(base: &Base) -> Option<u64> {
    let paths = base.files().weight_paths().ok()?.into_iter();
    let sizes = paths.map(|path| fs_err::metadata(path).ok().map(|about| about.len()));
    sizes.sum()
}

fn finding(found: &TriggerFinding) -> WordFinding {
    WordFinding {
        level: found.level().name().to_owned(),
        code: found.code().to_owned(),
        message: found.to_string(),
    }
}

impl Planner for OwnPlanner {
    fn list_bases(&self) -> Result<Vec<BaseAbout>, BoxedError> {
        self.bases().map_err(|error| boxed(&error))
    }

    fn plan_training(&self, wish: &TrainingWish) -> Result<PlannedTraining, BoxedError> {
        self.plan(wish).map_err(|error| boxed(&error))
    }

    fn base_hash(&self, base: &str) -> Option<String> {
        bases::hash_of(&self.app, base).ok()
    }

    fn check_adapter(&self, base: &str, file: &Path) -> Result<(), BoxedError> {
        let check = || {
            let found = bases::find_here(&self.app, base)?;
            let opened = Base::open(&found.path).coded()?;
            match opened.fit_adapter(&AdapterUse::new(file, 1.0)) {
                Ok(_) => Ok(()),
                // Its own words begin with the file's path.
                Err(atelier_diffusion::Error::AdapterMismatch { problem, .. }) => {
                    let message = format!("the adapter does not fit base `{base}`: {problem}");
                    Err(failed(ErrorCode::AdapterMismatch, message))
                }
                Err(error) => Err(error).coded(),
            }
        };
        check().map_err(|error| boxed(&error))
    }

    fn check_drawing(
        &self,
        base: &str,
        request: &GenerateRequest,
        account: Option<&str>,
    ) -> Result<Vec<String>, BoxedError> {
        let found = drawing_problems((base, request), account, &self.app);
        found.map_err(|error| boxed(&error))
    }

    fn drawing_bytes(&self, base: &str, request: &GenerateRequest) -> Result<u64, BoxedError> {
        let bytes = || {
            let found = bases::find_here(&self.app, base)?;
            let base = Base::open(&found.path).coded()?;
            let chosen = self.app.device(None, request.precision)?;
            let room = Room::on(&chosen.device, None);
            atelier_train::drawing_bytes(&base, request, room.is_composed).coded()
        };
        bytes().map_err(|error| boxed(&error))
    }

    fn judge_trigger(
        &self,
        word: &str,
        category: Category,
        used_words: &[(String, String)],
    ) -> Result<Vec<WordFinding>, BoxedError> {
        let judge = || {
            let found = bases::find(&self.app, embedded::NAME)?;
            let base = Base::open(&found.path).coded()?;
            let judged = JudgedWord::new((word, category), first_tokenizer(&base), used_words);
            Ok(judged.findings().iter().map(finding).collect())
        };
        judge().map_err(|error| boxed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_fits_is_not_said_to_lack_free_memory() {
        let error = in_total(atelier_train::Error::Memory {
            needed_bytes: 9_000_000_000,
            free_bytes: 8_000_000_000,
            whose: "are free",
        });
        assert_eq!(
            error.to_string(),
            "this training needs about 9.0 GB of memory, 8.0 GB is all that there is for it"
        );
    }
}
