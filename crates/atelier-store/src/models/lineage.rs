//! Whether a model is what the library says: its file, the run that wrote it, the pictures that the run saw.

use rusqlite::Transaction;
use serde::Serialize;

use super::Model;
use crate::datasets;
use crate::error::Result;
use crate::library::{Library, ModelId};
use crate::runs::{Run, recorded};

/// One thing that follows, or does not, from what is on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// What was looked at, in words.
    pub what: String,
    /// What speaks against it; nothing when it holds.
    pub problem: Option<String>,
}

/// Where a model comes from, with a look at every file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lineage {
    /// The model.
    pub model: Model,
    /// The run that wrote it.
    pub run: Option<Run>,
    /// From the file to the pictures.
    pub proofs: Vec<Proof>,
}

impl Lineage {
    /// Whether everything holds.
    pub fn is_proved(&self) -> bool {
        self.proofs.iter().all(|proof| proof.problem.is_none())
    }
}

impl Library {
    /// Follows a model back to its pictures: the content of the file, the checkpoint that the run recorded, the version of
    /// the dataset, and the content of every picture of it.
    pub fn verify_model(&self, id: ModelId) -> Result<Lineage> {
        let model = self.get_model(id)?;
        let file = Proof {
            what: format!("the adapter file is `{}`", model.hash),
            problem: self.blobs().problem(&model.hash, model.size_bytes),
        };
        let mut proofs = vec![file];
        let run = model.run.map(|run| self.get_run(run)).transpose()?;
        if let (Some(run), Some(epoch)) = (&run, model.epoch) {
            proofs.push(self.read(|view| of_checkpoint(view, (run, epoch), &model.hash))?);
            proofs.push(self.of_dataset(run));
        }
        Ok(Lineage { model, run, proofs })
    }

    fn of_dataset(&self, run: &Run) -> Proof {
        let Run {
            dataset_name: name,
            dataset_version: number,
            ..
        } = run;
        let what = format!("the run trained on version {number} of dataset `{name}`");
        let proof = |problem| Proof { what, problem };
        let Some(dataset) = run.dataset else {
            let gone = "the dataset was removed for good".to_owned();
            return proof(Some(gone));
        };
        let found = self.read(|view| {
            let version = datasets::version(view, dataset, *number)?;
            Ok((datasets::hash_of(&version.images), version))
        });
        let (hash, version) = match found {
            Ok(found) => found,
            Err(error) => return proof(Some(error.to_string())),
        };
        if hash != run.dataset_hash || version.about.hash != run.dataset_hash {
            let other = "the version is not what it was when the run was made".to_owned();
            return proof(Some(other));
        }
        let mut problems = version.images.iter().filter_map(|image| {
            let problem = self.blobs().problem(&image.blob, image.size_bytes)?;
            Some(format!("the file of `{}` {problem}", image.file_name))
        });
        proof(problems.next())
    }
}

fn of_checkpoint(view: &Transaction<'_>, (run, epoch): (&Run, usize), hash: &str) -> Result<Proof> {
    let noted = recorded(view, run.id, epoch)?;
    let problem = match noted {
        Some(noted) if noted == hash => None,
        Some(noted) => Some(format!("the run wrote `{noted}` then")),
        None => Some("the run has noted no checkpoint of that epoch".to_owned()),
    };
    Ok(Proof {
        what: format!("run `{}` wrote it after epoch {epoch}", run.name),
        problem,
    })
}

/// Names every model whose run has noted another file.
pub(crate) fn lineage_problems(view: &Transaction<'_>, problems: &mut Vec<String>) -> Result<()> {
    let mut statement = view.prepare(
        "SELECT m.name, r.name FROM model m JOIN run r ON r.id = m.run \
         JOIN checkpoint c ON c.run = m.run AND c.epoch = m.epoch WHERE c.hash <> m.blob ORDER BY m.number",
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
