//! What a quickstart made, in the library: the sample dataset, the run, the model. Done again, it finds them there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_core::{CancelFlag, Category, RunState, TrainConfig};
use atelier_data::{Limits, read_folder};
use atelier_failure::CodedResult as _;
use atelier_store::{About, Dataset, Library, Model, NewRun, Run, RunEnd, Spent};
use serde::Serialize;

use crate::sample;
use atelier_failure::shell_word;

/// What the sample dataset is called.
const NAME: &str = "blob-faces";
/// What it is.
const DESCRIPTION: &str = "The sample pictures of the quickstart: Noto's blob faces.";

/// What a finished quickstart is kept as.
pub(crate) struct Finished<'a> {
    /// The folder of the quickstart.
    pub(crate) out: &'a Path,
    /// The word by which the base is found.
    pub(crate) base: &'a str,
    pub(crate) base_hash: &'a str,
    pub(crate) config: &'a TrainConfig,
    /// What the training took.
    pub(crate) spent: Spent,
}

/// Where the library has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    dataset: String,
    run: String,
    model: String,
}

impl Kept {
    /// How to go on, in a line.
    pub fn line(&self) -> String {
        format!(
            "library   dataset `{}`, run `{}`, model `{}`; `atelier generate --adapter {}` draws with it",
            self.dataset,
            self.run,
            self.model,
            shell_word(&self.model)
        )
    }
}

impl Finished<'_> {
    /// Puts it into the library, as far as it is not there.
    pub(crate) fn keep(&self, library: &Library) -> Result<Kept> {
        let dataset = self.dataset(library)?;
        let run = match self.known_run(library, &dataset)? {
            Some(run) => run,
            None => self.run(library, &dataset)?,
        };
        let model = match library.list_models_of(run.id).coded()?.pop() {
            Some(model) => model,
            None => self.model(library, &run)?,
        };
        Ok(Kept {
            dataset: dataset.about.name,
            run: run.name,
            model: model.about.name,
        })
    }

    /// The dataset with these very pictures, captions and crops.
    fn dataset(&self, library: &Library) -> Result<Dataset> {
        let folder = sample::dataset_folder(self.out);
        let found = read_folder(&folder, false, &Limits::default()).coded()?;
        let datasets = library.list_datasets().coded()?;
        let same = datasets
            .iter()
            .find(|dataset| dataset.hash == found.version);
        if let Some(dataset) = same {
            return Ok(dataset.clone());
        }
        let is_free = |name: &String| {
            datasets
                .iter()
                .all(|dataset| !dataset.about.name.eq_ignore_ascii_case(name))
        };
        let numbered = (2_u32..).map(|number| format!("{NAME} {number}"));
        let mut names = std::iter::once(NAME.to_owned()).chain(numbered);
        let about = About {
            name: names.find(is_free).unwrap_or_default(),
            description: DESCRIPTION.to_owned(),
            category: Category::Character,
            trigger_word: self.config.trigger.clone(),
        };
        let made = library.create_dataset_from(about, (&folder, false), &CancelFlag::default());
        library.get_dataset(made.coded()?.version.dataset).coded()
    }

    /// The run that had the same outcome, since it was made of the same.
    fn known_run(&self, library: &Library, dataset: &Dataset) -> Result<Option<Run>> {
        let runs = library.list_runs_of(dataset.id).coded()?;
        Ok(runs.into_iter().find(|run| {
            run.state == RunState::Completed
                && run.dataset_hash == dataset.hash
                && run.base_hash == self.base_hash
                && run.config == *self.config
        }))
    }

    fn run(&self, library: &Library, dataset: &Dataset) -> Result<Run> {
        let pictures = dataset.image_count as usize;
        let new = NewRun {
            name: None,
            dataset: dataset.id,
            version: dataset.version,
            base: self.base.to_owned(),
            base_hash: self.base_hash.to_owned(),
            config: self.config.clone(),
            origins: BTreeMap::new(),
            total_steps: self.config.steps(pictures).total(),
        };
        let run = library.create_run(new).coded()?;
        let (run, sitting) = library.begin_run(run.id).coded()?;
        let copied = copy_folder(&self.out.join("run"), &run.folder);
        let end = RunEnd {
            state: if copied.is_ok() {
                RunState::Completed
            } else {
                RunState::Failed
            },
            problem: copied.as_ref().err().map(ToString::to_string),
            spent: self.spent,
            ..RunEnd::default()
        };
        let run = library.end_run(sitting, end).coded()?;
        copied.map(|()| run)
    }

    fn model(&self, library: &Library, run: &Run) -> Result<Model> {
        let epochs = library.list_checkpoints(run.id).coded()?;
        let newest = epochs.last().map_or(self.config.epochs, |last| last.epoch);
        library.create_model(run.id, newest, None).coded()
    }
}

/// Copies every file of a folder, but nothing hidden: what says that a process works there, and what one did not finish.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        fs_err::create_dir_all(to.join(&folder))?;
        for entry in fs_err::read_dir(from.join(&folder))? {
            let entry = entry?;
            let name = folder.join(entry.file_name());
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            if entry.file_type()?.is_dir() {
                open.push(name);
            } else {
                fs_err::copy(entry.path(), to.join(&name))?;
            }
        }
    }
    Ok(())
}
