//! Trainings as files: saved, gone on from, and begun with the weights of an exported folder.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};

use super::{Slot, Store};

const ENCODER: &str = "encoder";

/// What a training learns from, as numbers that change when it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LearntFrom {
    /// Pictures, their words and their order.
    pub(crate) corpus: String,
    /// Which token each row of the table belongs to.
    pub(crate) tokens: String,
    /// What encodes the pictures.
    pub(crate) encoder: String,
}

impl LearntFrom {
    /// The names in a file's metadata, each with its number.
    fn named(&self) -> [(&'static str, &String); 3] {
        [
            ("corpus", &self.corpus),
            ("tokens", &self.tokens),
            (ENCODER, &self.encoder),
        ]
    }

    /// Refuses a checkpoint that learnt from anything else, or does not say from what.
    fn check(&self, file: &TensorFile) -> anyhow::Result<()> {
        const CURE: &str = "go on in a new `--cache` that `adopt` begins with an exported folder of it, as `preview` is in this one";
        let path = file.path().display();
        for (name, expected) in self.named() {
            match file.metadata().get(name) {
                Some(found) if found == expected => {}
                Some(_) if name == ENCODER => bail!(
                    "`{path}` learnt from pictures of another `{name}` than that of the autoencoder here, whose codes mean other \
                     things; {CURE}"
                ),
                Some(_) => bail!(
                    "`{path}` learnt from other `{name}` than there are now, which differ in pictures, words or order; {CURE}"
                ),
                None => bail!("`{path}` does not say from which `{name}` it learnt; {CURE}"),
            }
        }
        Ok(())
    }
}

impl Store {
    /// Writes everything that a later call needs to go on.
    pub(crate) fn save(&self, path: &Path) -> anyhow::Result<()> {
        let mut tensors = Vec::new();
        for slot in &self.slots {
            let rows = [
                ("value", &slot.values),
                ("first", &slot.moments.first),
                ("second", &slot.moments.second),
                ("average", &slot.average),
            ];
            tensors.extend(rows.map(|(kind, data)| OutTensor {
                name: format!("{kind}.{}", slot.name),
                dtype: DType::F32,
                shape: slot.shape.clone(),
                data: data.clone(),
            }));
        }
        let mut metadata = BTreeMap::from([
            ("step".to_owned(), self.step.to_string()),
            ("began".to_owned(), self.began.to_string()),
            ("held_out".to_owned(), self.held_out.clone()),
        ]);
        for (name, number) in self.learnt_from.iter().flat_map(LearntFrom::named) {
            metadata.insert(name.to_owned(), number.clone());
        }
        write_tensors(path, &tensors, &metadata)?;
        Ok(())
    }

    /// Takes values and averages from elsewhere, after so many steps. `read` is asked for each tensor by its name.
    pub(crate) fn begin_with(
        &mut self,
        steps: u64,
        mut read: impl FnMut(&Slot) -> anyhow::Result<Vec<f32>>,
    ) -> anyhow::Result<()> {
        for slot in &mut self.slots {
            let values = read(slot)?;
            ensure!(
                values.len() == slot.values.len(),
                "`{}` has {} values in place of {}",
                slot.name,
                values.len(),
                slot.values.len()
            );
            slot.average.clone_from(&values);
            slot.values = values;
        }
        (self.step, self.began) = (steps, steps);
        Ok(())
    }

    /// Continues from a file written by [`Self::save`].
    ///
    /// # Errors
    /// When the file learnt from anything else, belongs to other shapes, or is damaged. The numbers are of no use then.
    pub(crate) fn load(&mut self, path: &Path) -> anyhow::Result<()> {
        let file = TensorFile::open(path)?;
        let shown = path.display();
        ensure!(
            file.metadata().get("held_out") == Some(&self.held_out),
            "`{shown}` was trained with other pairs held out; begin in another `--cache`"
        );
        if let Some(learnt_from) = &self.learnt_from {
            learnt_from.check(&file)?;
        }
        let step = number(&file, "step")?
            .with_context(|| format!("`{shown}` has no `step`; begin in another `--cache`"))?;
        // Without the key it began with nothing.
        let began = number(&file, "began")?.unwrap_or(0);
        ensure!(
            began <= step,
            "`{shown}` is at step {step}, and says that it began at step {began}; it is damaged, begin in another `--cache`"
        );
        for slot in &mut self.slots {
            for (kind, target) in [
                ("value", &mut slot.values),
                ("first", &mut slot.moments.first),
                ("second", &mut slot.moments.second),
                ("average", &mut slot.average),
            ] {
                let name = format!("{kind}.{}", slot.name);
                *target = read(&file, &name, &slot.shape).with_context(|| {
                    format!(
                        "cannot go on from `{shown}`; give the recipe that it was made with, or begin in another `--cache`"
                    )
                })?;
            }
        }
        (self.step, self.began) = (step, began);
        Ok(())
    }

    /// What to say of the checkpoint at `path` where `steps` are asked for and none is left to do.
    pub(crate) fn done(&self, path: &Path, steps: u64) -> Option<String> {
        (self.step >= steps).then(|| {
            format!(
                "nothing to train: `{}` is at step {} and {steps} are asked for; give a larger `--steps` to go on",
                path.display(),
                self.step
            )
        })
    }
}

/// A number of the metadata.
fn number(file: &TensorFile, name: &str) -> anyhow::Result<Option<u64>> {
    let text = file.metadata().get(name);
    let number = text.map(|text| {
        text.parse::<u64>().with_context(|| {
            let path = file.path().display();
            format!("`{name}` of `{path}` is `{text}`, expected a whole number; begin in another `--cache`")
        })
    });
    number.transpose()
}

/// The numbers of a tensor.
///
/// # Errors
/// When it is not in the file, has another shape than `shape`, or holds a number that is not finite.
pub(crate) fn read(file: &TensorFile, name: &str, shape: &[usize]) -> anyhow::Result<Vec<f32>> {
    let path = file.path().display();
    if let Some(info) = file.info(name) {
        ensure!(
            info.shape == shape,
            "`{name}` in `{path}` has the shape {:?}, expected {shape:?}",
            info.shape
        );
    }
    let values = file.read_f32(name)?;
    if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
        bail!("`{name}` in `{path}` holds {bad}, expected finite numbers; the file is damaged");
    }
    Ok(values)
}
