//! A library with a queue, and workers' work in miniature.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use atelier_core::{Clock, JobKind, Outcome, RunState, Seed, TrainConfig};
use atelier_jobs::{
    Breakpoint, Drawn, Executor, Limits, ManifestFile, Settings, Supervisor, Ticket,
};
use atelier_store::{About, Edit, Job, JobId, Library, NewJob, NewRun, Run, RunEnd, RunId};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Epochs of a run, of one step each.
pub(crate) const EPOCHS: usize = 3;

/// A clock that goes on by a millisecond whenever it is asked.
#[derive(Debug, Default)]
pub(crate) struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn unix_secs(&self) -> f64 {
        1.7e9 + self.0.fetch_add(1, Ordering::SeqCst) as f64 / 1e3
    }
}

/// A library of its own, which goes with it.
pub(crate) struct Studio {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) library: Library,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) free_bytes: Arc<AtomicU64>,
}

impl Studio {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(Ticking::default());
        let library = Library::open(folder.path(), clock.clone()).unwrap();
        Self {
            folder,
            library,
            clock,
            free_bytes: Arc::new(AtomicU64::new(0)),
        }
    }

    pub(crate) fn home(&self) -> &Path {
        self.folder.path()
    }

    /// What a queue with this executor is made of.
    pub(crate) fn settings(&self, executor: impl Executor + 'static) -> Settings {
        let free_bytes = self.free_bytes.clone();
        Settings {
            library: self.library.clone(),
            executor: Box::new(executor),
            clock: self.clock.clone(),
            free_bytes: Arc::new(move || Some(free_bytes.load(Ordering::SeqCst))),
            note: Arc::new(|_| {}),
            limits: Limits {
                rest: Duration::ZERO,
                problem_bytes: 60,
                ..Limits::default()
            },
            stops_at: None,
        }
    }

    pub(crate) fn supervisor(&self, executor: impl Executor + 'static) -> Supervisor {
        Supervisor::open(self.settings(executor)).unwrap()
    }

    /// One that is stopped at a place, as by a power cut.
    pub(crate) fn doomed(
        &self,
        executor: impl Executor + 'static,
        place: Breakpoint,
    ) -> Supervisor {
        let mut settings = self.settings(executor);
        settings.stops_at = Some(Box::new(move |at| at == place));
        Supervisor::open(settings).unwrap()
    }

    /// A job that draws two pictures.
    pub(crate) fn generation(&self) -> JobId {
        self.generation_of(json!({"count": 2}))
    }

    pub(crate) fn generation_of(&self, request: Value) -> JobId {
        let new = NewJob {
            id: JobId::unused(),
            kind: JobKind::Generation,
            priority: 0,
            request,
        };
        self.library.create_job(new).unwrap().id
    }

    /// A job that trains a run of its own.
    pub(crate) fn training(&self) -> JobId {
        self.training_of(json!({})).0
    }

    pub(crate) fn training_of(&self, request: Value) -> (JobId, RunId) {
        let new = NewJob {
            id: JobId::unused(),
            kind: JobKind::Training,
            priority: 0,
            request,
        };
        let made = self.library.create_training(new, self.new_run());
        let (job, run) = made.unwrap();
        (job.id, run.id)
    }

    pub(crate) fn new_run(&self) -> NewRun {
        let datasets = self.library.list_datasets().unwrap();
        let dataset = datasets
            .into_iter()
            .next()
            .unwrap_or_else(|| self.dataset());
        NewRun {
            name: None,
            dataset: dataset.id,
            version: 2,
            base: "atelier-mini".to_owned(),
            base_hash: "b".repeat(64),
            config: TrainConfig {
                trigger: "BlobCharV1".to_owned(),
                epochs: EPOCHS,
                ..TrainConfig::default()
            },
            origins: std::collections::BTreeMap::new(),
            total_steps: EPOCHS as u64,
        }
    }

    fn dataset(&self) -> atelier_store::Dataset {
        let about = About {
            name: "faces".to_owned(),
            ..About::default()
        };
        let dataset = self.library.create_dataset(about).unwrap();
        let hold = self.library.blobs().hold().unwrap();
        let bytes = include_bytes!("grey.png");
        let edit = Edit::Add {
            image: self.library.keep_image(&hold, "a.png", bytes).unwrap(),
            file_name: "a.png".to_owned(),
            caption: "a".to_owned(),
            crop: None,
        };
        let edits = vec![edit];
        self.library.edit_dataset(dataset.id, None, edits).unwrap();
        dataset
    }

    pub(crate) fn job(&self, id: JobId) -> Job {
        self.library.get_job(id).unwrap()
    }

    /// Every job in a line: kind, state, what is wished, the newest attempt, why it waits or failed, and what came of it.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut jobs = self.library.page_of_jobs((0, 1000)).unwrap().jobs;
        jobs.reverse();
        jobs.iter().map(|job| self.line(job)).collect()
    }

    fn line(&self, job: &Job) -> String {
        let mut parts = vec![format!("{} {}", job.kind, job.state)];
        parts.extend(job.wish.map(|wish| format!("to {wish}")));
        parts.push(format!("attempt {}", job.attempt));
        parts.extend(job.waiting.clone());
        parts.extend(job.problem.clone());
        match self.results(job) {
            0 => {}
            results => parts.push(format!("results: {results}")),
        }
        parts.join(", ")
    }

    /// Pictures, or models.
    pub(crate) fn results(&self, job: &Job) -> usize {
        match job.run {
            Some(run) => self.library.list_models_of(run).unwrap().len(),
            None => self.library.list_pictures_of(job.id).unwrap().len(),
        }
    }
}

/// Passes until there is nothing more to do, or a breakpoint stops it.
pub(crate) fn settle(supervisor: &mut Supervisor) -> Result<(), atelier_jobs::Error> {
    while supervisor.pass()? {}
    Ok(())
}

/// Draws what a job asks for; the files for the manifest.
pub(crate) fn draw(ticket: &Ticket, request: &Value) -> Vec<ManifestFile> {
    let folder = ticket.files().pictures();
    fs_err::create_dir_all(&folder).unwrap();
    let count = request["count"].as_u64().unwrap();
    let files = (0..count).map(|seed| {
        let name = format!("{seed:05}.png");
        fs_err::write(folder.join(&name), format!("{} {seed}", ticket.job)).unwrap();
        let drawn = Drawn {
            width: 8,
            height: 8,
            seed: Seed(seed),
            recipe: json!({"seed": seed}),
        };
        let file = ManifestFile::of(&folder, &name, Some(drawn)).unwrap();
        ticket.files().note_finished(&file).unwrap();
        file
    });
    files.collect()
}

/// Trains a run from its newest checkpoint; before each epoch, `goes_on` is asked. What was done comes into a file of the run.
pub(crate) fn train(
    library: &Library,
    run: RunId,
    mut goes_on: impl FnMut(usize) -> bool,
) -> Result<Outcome<Vec<ManifestFile>>, atelier_store::Error> {
    let job = library.find_open_job_of(run)?.map(|job| job.id);
    let (run, sitting) = match job {
        Some(job) => library.begin_run_of_job(run, job)?,
        None => library.begin_run(run)?,
    };
    let end = |state| RunEnd {
        state,
        ..RunEnd::default()
    };
    let saved = library.list_checkpoints(run.id)?;
    let begin = saved.last().map_or(1, |checkpoint| checkpoint.epoch + 1);
    for epoch in begin..=EPOCHS {
        if !goes_on(epoch) {
            library.end_run(sitting, end(RunState::Stopped))?;
            let completed_steps = epoch as u64 - 1;
            return Ok(Outcome::Cancelled { completed_steps });
        }
        note(&run, epoch);
        library.advance_run(
            &sitting,
            epoch as u64,
            Some(0.5),
            atelier_store::Spent::default(),
        )?;
        write_epoch(&run, epoch);
    }
    let adapter = format!("adapter {EPOCHS}");
    fs_err::write(run.folder.join("adapter.safetensors"), adapter).unwrap();
    library.end_run(sitting, end(RunState::Completed))?;
    let file = ManifestFile::of(&run.folder, "adapter.safetensors", None).unwrap();
    Ok(Outcome::Completed(vec![file]))
}

fn note(run: &Run, epoch: usize) {
    use std::io::Write as _;
    let mut options = fs_err::OpenOptions::new();
    let file = options.create(true).append(true).open(begun_file(run));
    // At once, so that no kill comes between a number and the end of its line.
    let line = format!("{epoch}\n");
    file.unwrap().write_all(line.as_bytes()).unwrap();
}

fn begun_file(run: &Run) -> PathBuf {
    run.folder.join("begun")
}

/// The epochs of a run that were begun, in order.
pub(crate) fn begun(run: &Run) -> Vec<usize> {
    let text = fs_err::read_to_string(begun_file(run)).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

/// A checkpoint, which appears under its name when it is complete.
fn write_epoch(run: &Run, epoch: usize) {
    let adapter = format!("adapter {epoch}");
    let digits = Sha256::digest(&adapter).into_iter();
    let digits = digits.map(|byte| format!("{byte:02x}"));
    let hash: String = digits.collect();
    let folder = run.folder.join("checkpoints");
    let partial = folder.join(format!(".epoch-{epoch:03}.partial"));
    fs_err::create_dir_all(&partial).unwrap();
    fs_err::write(partial.join("adapter.safetensors"), &adapter).unwrap();
    let state = json!({
        "version": 1,
        "step": epoch,
        "losses": vec![0.5; epoch],
        "files": {"adapter.safetensors": hash},
    });
    fs_err::write(partial.join("state.json"), state.to_string()).unwrap();
    let complete = folder.join(format!("epoch-{epoch:03}"));
    fs_err::rename(partial, complete).unwrap();
}
