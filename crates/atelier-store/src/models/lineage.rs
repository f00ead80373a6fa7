//! Whether a model is what the library says: its file, the run that wrote it, the pictures that the run saw, and its base.

use atelier_core::{CancelFlag, RunState};
use atelier_weights::TensorFile;
use rusqlite::Transaction;
use serde::Serialize;

use super::Model;
use crate::datasets::{self, Image};
use crate::error::{Error, Result};
use crate::library::{Library, ModelId};
use crate::runs::{Run, recorded};

/// The entry of an adapter's header with the hash of the pictures that it was trained on.
const TRAINED_ON: &str = "atelier.dataset_version";

/// Why nothing is known of a run any more, but what its model says.
const GONE: &str = "the run was removed for good, or is somebody else's";

/// Finds the hash that the base of a name has now; nothing where there is no such base.
pub type BaseLookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What comes of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Proved,
    /// Something speaks against it.
    Refuted,
    /// Nothing speaks against it, but what would prove it is missing.
    NotProvable,
}

/// One thing that follows, or does not, from what is on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// What was looked at, in words.
    pub what: String,
    /// What came of it.
    pub verdict: Verdict,
    /// What speaks against it, or what is missing; nothing when it holds.
    pub problem: Option<String>,
}

/// Where a model comes from, with a look at every file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lineage {
    /// The model.
    pub model: Model,
    /// The run that wrote it.
    pub run: Option<Run>,
    /// From the file to the pictures and the base.
    pub proofs: Vec<Proof>,
}

impl Lineage {
    /// Refuted where one thing is; proved only where everything is.
    pub fn verdict(&self) -> Verdict {
        let has = |verdict| self.proofs.iter().any(|proof| proof.verdict == verdict);
        if has(Verdict::Refuted) {
            Verdict::Refuted
        } else if has(Verdict::NotProvable) {
            Verdict::NotProvable
        } else {
            Verdict::Proved
        }
    }

    /// Whether everything holds.
    pub fn is_proved(&self) -> bool {
        self.verdict() == Verdict::Proved
    }
}

impl Proof {
    /// It holds unless there is a problem.
    fn of(what: String, problem: Option<String>) -> Self {
        let verdict = match problem {
            None => Verdict::Proved,
            Some(_) => Verdict::Refuted,
        };
        Self {
            what,
            verdict,
            problem,
        }
    }

    fn missing(what: String, missing: impl Into<String>) -> Self {
        Self {
            what,
            verdict: Verdict::NotProvable,
            problem: Some(missing.into()),
        }
    }
}

impl Library {
    /// Follows a model back to its pictures: the content of the file, the checkpoint that the run recorded, the version of
    /// the dataset, the content of every picture of it, what the file says that it was trained on, and the base.
    pub fn verify_model(&self, id: ModelId, base: Option<BaseLookup<'_>>) -> Result<Lineage> {
        self.prove_model(id, base, &CancelFlag::default())
    }

    /// [`Self::verify_model`] for somebody who may go meanwhile: no further file is read once `cancel` says so.
    ///
    /// # Errors
    /// [`Error::Cancelled`] then.
    pub fn prove_model(
        &self,
        id: ModelId,
        base: Option<BaseLookup<'_>>,
        cancel: &CancelFlag,
    ) -> Result<Lineage> {
        let model = self.get_model(id)?;
        go_on(cancel)?;
        let mut proofs = vec![Proof::of(
            format!("the adapter file is `{}`", model.hash),
            self.blobs().problem(&model.hash, model.size_bytes),
        )];
        let run = model.run.map(|run| self.get_run(run)).transpose()?;
        match (&run, model.epoch) {
            (Some(run), Some(epoch)) => {
                proofs.push(self.read(|view| of_checkpoint(view, (run, epoch), &model.hash))?);
                let images = self.version_of(run);
                proofs.push(self.of_dataset(run, &images, cancel)?);
                proofs.push(self.of_training(&model, run, images.ok().flatten().as_deref()));
            }
            _ => proofs.extend(without_run(&model)),
        }
        go_on(cancel)?;
        proofs.push(of_base(&model, base));
        Ok(Lineage { model, run, proofs })
    }

    /// The images of the version that a run trained on, where they are what they were; nothing when the dataset was removed for
    /// good, and in words what is wrong.
    fn version_of(&self, run: &Run) -> Result<Option<Vec<Image>>, String> {
        let Some(dataset) = run.dataset else {
            return Ok(None);
        };
        let version = self.read(|view| datasets::version(view, dataset, run.dataset_version));
        let version = version.map_err(|error| error.to_string())?;
        let hash = datasets::hash_of(&version.images);
        if hash != run.dataset_hash || version.about.hash != run.dataset_hash {
            return Err("the version is not what it was when the run was made".to_owned());
        }
        Ok(Some(version.images))
    }

    fn of_dataset(
        &self,
        run: &Run,
        images: &Result<Option<Vec<Image>>, String>,
        cancel: &CancelFlag,
    ) -> Result<Proof> {
        let (name, number) = (&run.dataset_name, run.dataset_version);
        let what = format!("the run trained on version {number} of dataset `{name}`");
        let images = match images {
            Err(problem) => return Ok(Proof::of(what, Some(problem.clone()))),
            Ok(None) => return Ok(Proof::missing(what, "the dataset was removed for good")),
            Ok(Some(images)) => images,
        };
        for image in images {
            go_on(cancel)?;
            if let Some(problem) = self.blobs().problem(&image.blob, image.size_bytes) {
                let problem = format!("the file of `{}` {problem}", image.file_name);
                return Ok(Proof::of(what, Some(problem)));
            }
        }
        Ok(Proof::of(what, None))
    }

    /// Compares what the adapter says that it was trained on with the run's version.
    fn of_training(&self, model: &Model, run: &Run, images: Option<&[Image]>) -> Proof {
        let what = "the file says that it was trained on these pictures".to_owned();
        let Ok(file) = TensorFile::open(self.model_file(model)) else {
            return Proof::missing(what, "its header cannot be read");
        };
        let Some(stated) = file.metadata().get(TRAINED_ON) else {
            return Proof::missing(what, "it does not say on which");
        };
        if *stated == run.dataset_hash {
            return Proof::of(what, None);
        }
        if !run.skipped.is_empty() {
            let count = run.skipped.len();
            if images.is_some_and(|images| hash_without(images, &run.skipped) == *stated) {
                let what = format!("{what}, without {count} that were left out");
                return Proof::of(what, None);
            }
            let missing = format!("{count} were left out, and the rest cannot be compared");
            return Proof::missing(what, missing);
        }
        if run.state != RunState::Completed {
            let missing = "the run is not completed, so that it has not said what it left out";
            return Proof::missing(what, missing);
        }
        let other = "the file says that it was trained on other pictures".to_owned();
        Proof::of(what, Some(other))
    }
}

/// Whether somebody still waits for what is read.
fn go_on(cancel: &CancelFlag) -> Result<()> {
    if cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    Ok(())
}

/// The hash of a version without the images that a training named as left out.
fn hash_without(images: &[Image], skipped: &[String]) -> String {
    let is_left_out = |image: &&Image| skipped.iter().any(|words| words.contains(&image.file_name));
    let rest = images.iter().filter(|image| !is_left_out(image)).cloned();
    datasets::hash_of(&rest.collect::<Vec<_>>())
}

/// What is left to say of a model without its run.
fn without_run(model: &Model) -> Vec<Proof> {
    let Some(run) = &model.run_name else {
        let what = "a run of this library wrote it".to_owned();
        let missing = "it comes from a file and from no run of this library";
        return vec![Proof::missing(what, missing)];
    };
    let epoch = model.epoch.unwrap_or_default();
    let (name, number) = (
        model.dataset_name.as_deref().unwrap_or_default(),
        model.dataset_version.unwrap_or_default(),
    );
    let whats = [
        format!("run `{run}` wrote it after epoch {epoch}"),
        format!("the run trained on version {number} of dataset `{name}`"),
    ];
    let missing = |what| Proof::missing(what, GONE);
    whats.into_iter().map(missing).collect()
}

fn of_checkpoint(view: &Transaction<'_>, (run, epoch): (&Run, usize), hash: &str) -> Result<Proof> {
    let what = format!("run `{}` wrote it after epoch {epoch}", run.name);
    let noted = recorded(view, run.id, epoch)?;
    Ok(if noted.is_empty() {
        Proof::missing(what, "the run has noted no checkpoint of that epoch")
    } else if noted.iter().any(|noted| noted == hash) {
        Proof::of(what, None)
    } else {
        let noted = noted.join("` and `");
        Proof::of(what, Some(format!("the run wrote `{noted}` then")))
    })
}

fn of_base(model: &Model, lookup: Option<BaseLookup<'_>>) -> Proof {
    let base = &model.base;
    let Some(was) = &model.base_hash else {
        let what = format!("the base `{base}` is what it was made for");
        return Proof::missing(what, "the hash of its base is not known");
    };
    let what = format!("the base `{base}` is `{was}`");
    let Some(lookup) = lookup else {
        return Proof::missing(what, "the base was not looked at");
    };
    match lookup(base) {
        Some(hash) if hash == *was => Proof::of(what, None),
        Some(hash) => Proof::of(what, Some(format!("its hash is `{hash}` now"))),
        None => Proof::missing(what, "the base is not found"),
    }
}

/// Names every model whose run has noted another file.
pub(crate) fn lineage_problems(view: &Transaction<'_>, problems: &mut Vec<String>) -> Result<()> {
    let mut statement = view.prepare_cached(
        "SELECT m.name, r.name FROM model m JOIN run r ON r.id = m.run \
         WHERE EXISTS (SELECT 1 FROM checkpoint c WHERE c.run = m.run AND c.epoch = m.epoch) \
         AND NOT EXISTS (SELECT 1 FROM checkpoint c WHERE c.run = m.run AND c.epoch = m.epoch AND c.hash = m.blob) \
         ORDER BY m.number",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    for row in rows {
        let (model, run) = row?;
        problems.push(format!(
            "model `{model}` is not what run `{run}` wrote after its epoch"
        ));
    }
    Ok(())
}
