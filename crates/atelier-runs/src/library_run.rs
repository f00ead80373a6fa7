//! A run of the library from where it is to its end: the version is written into the run's folder, trained on, and its newest
//! adapter becomes a model, unless a job of the queue trains it: then the queue makes the model.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use atelier_app::bases;
use atelier_app::context::App;
use atelier_app::device::{Chosen, watch};
use atelier_app::memory;
use atelier_core::{
    CancelFlag, ErrorCode, Outcome, Phase, Progress, ProgressSink, RunContext, RunState,
    TrainReport, TrainRequest, Trainer as _, TrainingPictures,
};
use atelier_failure::{CodedResult as _, failed, is_cancelled, messages};
use atelier_store::{JobId, Library, Model, Run, RunEnd, RunId, Sitting, Spent};
use atelier_train::LoraTrainer;
use atelier_weights::ModelFiles;

use crate::devices;

/// Digits of a version's hash in the name of its folder.
const DIGITS: usize = 12;
/// Milliseconds between two notes of how far a run is.
const PAUSE_MS: u64 = 1000;

/// A run of the library that is to be trained.
pub struct LibraryRun<'a> {
    /// The program.
    pub app: &'a App,
    /// The library that has it.
    pub library: &'a Library,
    /// What computes.
    pub chosen: &'a Chosen,
    /// Leave unusable pictures out instead of refusing.
    pub skip_bad: bool,
    /// The job of the queue that trains it; none in the terminal.
    pub job: Option<JobId>,
}

/// How a sitting ended that did not fail.
pub enum Trained {
    /// The run is complete.
    Completed {
        /// The run.
        run: Box<Run>,
        /// What was made of it; a job's is made when the queue ends the job.
        model: Option<Box<Model>>,
        /// What its training says of itself.
        report: Box<TrainReport>,
    },
    /// It was asked to stop, and can go on.
    Stopped {
        /// The run.
        run: Box<Run>,
    },
}

impl LibraryRun<'_> {
    /// Trains until the run is complete, it fails, or the work is asked to stop. However that ends, the library knows.
    ///
    /// # Errors
    /// When the run is trained elsewhere, its base, version or checkpoints cannot be read, or the training fails.
    pub fn train(&self, id: RunId, context: RunContext<'_>) -> Result<Trained> {
        let begun = match self.job {
            Some(job) => self.library.begin_run_of_job(id, job),
            None => self.library.begin_run(id),
        };
        let (run, sitting) = begun.coded()?;
        let noted = Noted {
            library: self.library,
            sitting: &sitting,
            context,
            last_ms: AtomicU64::new(0),
            so_far: Mutex::new(SoFar {
                pictures: run.config.previewed().len() as u64,
                ..SoFar::default()
            }),
            problem: Mutex::default(),
        };
        let trained = match self.sit(&run, &noted, context) {
            // Nobody waits for its base any more.
            Err(error) if is_cancelled(&error) => Ok(Outcome::Cancelled {
                completed_steps: run.done_steps,
            }),
            trained => trained,
        };
        let (state, problem) = match &trained {
            Ok(Outcome::Completed(_)) => (RunState::Completed, None),
            Ok(Outcome::Cancelled { .. }) => (RunState::Stopped, None),
            // Another attempt goes on with it.
            Err(_) if context.permit.may_publish().is_err() => (RunState::Stopped, None),
            Err(error) => (RunState::Failed, Some(messages(error).join(": "))),
        };
        let end = RunEnd {
            state,
            problem,
            spent: noted.spent(),
            skipped: match &trained {
                Ok(Outcome::Completed((report, _))) => report.skipped.clone(),
                _ => Vec::new(),
            },
        };
        let ended = self.library.end_run(sitting, end).coded();
        let (trained, run) = (trained?, Box::new(ended?));
        Ok(match trained {
            Outcome::Completed((report, model)) => Trained::Completed {
                run,
                model: model.map(Box::new),
                report: Box::new(report),
            },
            Outcome::Cancelled { .. } => Trained::Stopped { run },
        })
    }

    fn sit(
        &self,
        run: &Run,
        noted: &Noted<'_>,
        context: RunContext<'_>,
    ) -> Result<Outcome<(TrainReport, Option<Model>)>> {
        let base = bases::find(self.app, &run.base)?;
        let hashes = self.app.hashes();
        let files = ModelFiles::open(&base.path).coded()?;
        let hash = files.hash_with(&hashes).coded()?;
        if hash != run.base_hash {
            let (base, run, was) = (&run.base, &run.name, &run.base_hash);
            let message = format!(
                "run `{run}` began with a base of hash {was}, but `{base}` has hash {hash} now"
            );
            return Err(failed(ErrorCode::CannotResume, message));
        }
        let request = TrainRequest {
            dataset: self.pictures(run)?,
            base: base.path,
            base_name: base.name,
            out: run.folder.clone(),
            resume: true,
            skip_bad: self.skip_bad,
            config: run.config.clone(),
        };
        devices::note(run, &self.chosen.name)?;
        let trainer = LoraTrainer {
            device: self.chosen.device.clone(),
            hashes: &hashes,
            free_bytes: self.chosen.room_bytes(memory::free_bytes),
            packed: self.app.packed_folder(),
        };
        let permit = context.permit;
        let context = RunContext {
            progress: noted,
            ..context
        };
        let outcome = watch(self.chosen, "training", || {
            trainer.train(&request, context).coded()
        })?;
        if let Some(error) = noted.take_problem() {
            self.app.output.note(format_args!(
                "note: the library could not take note of every step: {error}"
            ));
        }
        match outcome {
            Outcome::Completed(report) => {
                permit.may_publish().coded()?;
                // A job may be cancelled until the queue ends it, and nothing comes of it then.
                let model = match self.job {
                    Some(_) => None,
                    None => Some(self.library.model_of_run(run.id).coded()?),
                };
                Ok(Outcome::Completed((report, model)))
            }
            Outcome::Cancelled { completed_steps } => Ok(Outcome::Cancelled { completed_steps }),
        }
    }

    /// The folder with the pictures of the run's version, inside the run's own.
    fn pictures(&self, run: &Run) -> Result<PathBuf> {
        let hash = &run.dataset_hash;
        let digits = hash.get(..DIGITS).unwrap_or(hash);
        let folder = run.folder.join(format!("dataset-{digits}"));
        let version = Some(run.dataset_version);
        if folder.exists() {
            let is_whole = |dataset| self.library.is_export(dataset, version, &folder);
            if run.dataset.map_or(Ok(true), is_whole).coded()? {
                // Of one that was removed for good, the run's own record says whether these are its pictures.
                return Ok(folder);
            }
            self.app.output.note(format_args!(
                "note: `{}` is not what the run began with; writing it anew",
                folder.display()
            ));
            fs_err::remove_dir_all(&folder)?;
        }
        let Some(dataset) = run.dataset else {
            let (run, name) = (&run.name, &run.dataset_name);
            let message = format!(
                "the dataset `{name}` of run `{run}` was removed for good, and the run has no copy of its pictures"
            );
            return Err(failed(ErrorCode::NotFound, message));
        };
        // Who asks it to stop finds it in its first step, with a run that can go on.
        let whole = CancelFlag::default();
        let exported = self
            .library
            .export_version(dataset, version, &folder, &whole);
        exported.coded()?;
        Ok(folder)
    }
}

/// Progress that the library takes note of, now and then.
struct Noted<'a> {
    library: &'a Library,
    sitting: &'a Sitting,
    context: RunContext<'a>,
    last_ms: AtomicU64,
    so_far: Mutex<SoFar>,
    /// The first that went wrong; a training does not end for it.
    problem: Mutex<Option<atelier_store::Error>>,
}

/// What a sitting did so far, and what that took.
#[derive(Debug, Clone, Copy, Default)]
struct SoFar {
    /// When something was last reported of steps or previews, in seconds.
    last_secs: Option<f64>,
    steps: Option<(u64, Option<f32>)>,
    spent: Spent,
    /// Pictures that an epoch with previews has.
    pictures: u64,
}

impl SoFar {
    /// Takes note of a report, and says whether it is worth noting in the library.
    fn take(&mut self, progress: &Progress, now_secs: f64) -> bool {
        let before = self.last_secs.unwrap_or(now_secs);
        let passed = (now_secs - before).max(0.0);
        match progress.phase {
            // Steps begin when the base is there.
            Phase::LoadingBase if progress.done == progress.total => {}
            Phase::Training => {
                self.spent.training_secs += passed;
                self.spent.trained_steps += 1;
                self.steps = Some((progress.done, progress.loss));
            }
            // Until then the epoch was saved.
            Phase::Previewing if progress.done == 0 => self.spent.training_secs += passed,
            Phase::Previewing => {
                self.spent.preview_secs += passed;
                if progress.done == progress.total {
                    self.spent.preview_pictures += self.pictures;
                }
            }
            _ => return false,
        }
        self.last_secs = Some(now_secs);
        progress.phase != Phase::LoadingBase
    }
}

impl ProgressSink for Noted<'_> {
    fn report(&self, progress: Progress) {
        if self.library.is_run_to_stop(self.sitting) {
            self.context.cancel.cancel();
        }
        let now_secs = self.context.clock.unix_secs();
        let so_far = self.so_far.lock().ok().and_then(|mut so_far| {
            let is_worth_noting = so_far.take(&progress, now_secs);
            is_worth_noting.then_some(*so_far)
        });
        if let Some(so_far) = so_far {
            self.note(so_far, now_secs);
        }
        self.context.progress.report(progress);
    }

    fn note(&self, note: &str) {
        self.context.progress.note(note);
    }

    fn found(&self, pictures: TrainingPictures) {
        self.context.progress.found(pictures);
    }
}

impl Noted<'_> {
    /// What the sitting took.
    fn spent(&self) -> Spent {
        let so_far = self.so_far.lock();
        so_far.map_or_else(|_| Spent::default(), |so_far| so_far.spent)
    }

    fn take_problem(&self) -> Option<atelier_store::Error> {
        self.problem.lock().ok()?.take()
    }

    fn note(&self, so_far: SoFar, now_secs: f64) {
        #[expect(clippy::cast_sign_loss, reason = "no clock is set to before 1970")]
        let now_ms = (now_secs * 1e3) as u64;
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        let Some((done, loss)) = so_far.steps else {
            return;
        };
        if now_ms.abs_diff(last_ms) < PAUSE_MS {
            return;
        }
        self.last_ms.store(now_ms, Ordering::Relaxed);
        let noted = self
            .library
            .advance_run(self.sitting, done, loss, so_far.spent);
        if let Err(error) = noted
            && let Ok(mut problem) = self.problem.lock()
        {
            problem.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_belongs_to_what_was_done_in_it() {
        let mut so_far = SoFar {
            pictures: 2,
            ..SoFar::default()
        };
        let mut take = |phase, done, total, now_secs| {
            let progress = Progress {
                phase,
                done,
                total,
                loss: None,
            };
            so_far.take(&progress, now_secs)
        };
        assert!(!take(Phase::CachingLatents, 0, 5, 90.0));
        // What loading takes belongs to no step.
        assert!(!take(Phase::LoadingBase, 0, 1, 95.0));
        assert!(!take(Phase::LoadingBase, 1, 1, 100.0));
        assert!(take(Phase::Training, 1, 4, 103.0));
        assert!(take(Phase::Training, 2, 4, 104.0));
        for (done, now_secs) in [(0, 104.5), (1, 106.0), (24, 114.5)] {
            take(Phase::Previewing, done, 24, now_secs);
        }
        take(Phase::Training, 3, 4, 115.5);
        assert!(!take(Phase::Saving, 0, 1, 116.0));
        let expected = Spent {
            training_secs: 5.5,
            trained_steps: 3,
            preview_secs: 10.0,
            preview_pictures: 2,
        };
        assert_eq!((so_far.spent, so_far.steps), (expected, Some((3, None))));
    }
}
