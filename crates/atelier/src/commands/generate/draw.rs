//! Draws a batch: pictures that share adapters after one another, each on the disk as soon as it is drawn.

use std::path::Path;

use anyhow::Result;
use atelier_core::{Generator as _, Outcome, Progress, ProgressSink};
use atelier_diffusion::stable_diffusion::Pipeline;
use burn::tensor::Device;
use serde_json::{Value, json};

use super::batch::{Batch, Shot};
use super::picture_file;
use crate::context::{App, ExitKind};
use crate::failure::CodedResult as _;
use crate::progress_bar::ProgressBar;

/// Draws everything into `out` and says what there is.
pub(super) fn draw(batch: Batch, out: &Path, app: &App) -> Result<ExitKind> {
    let Batch {
        base,
        shots,
        start,
        ingredients,
        notes,
    } = batch;
    let precision = shots.first().map(|shot| shot.request.precision);
    let engine = precision.unwrap_or_default().into();
    let mut pipeline = Pipeline::in_turn(base, &Device::flex(), engine);
    let mut told = Told::new(app, shots.len());
    told.note(notes);
    let order = order(&shots);
    let mut waiting = order.as_slice();
    while !waiting.is_empty() {
        // Words of as many pictures as memory allows first, so that text encoders are loaded once for them and leave.
        let prepared = pipeline.prepare(waiting.iter().map(|&place| &shots[place].request));
        let now = waiting.split_off(..prepared.coded()?).unwrap_or_default();
        told.note(pipeline.take_notes());
        for &place in now {
            let request = &shots[place].request;
            let tiled = pipeline.base().is_tiled(request).coded()?;
            let recipe = ingredients.recipe(request, tiled);
            let part = told.part();
            let outcome = pipeline.generate(request, start.as_ref(), app.run_context(&part));
            let Outcome::Completed(pictures) = outcome.coded()? else {
                return told.cancelled();
            };
            told.note(pipeline.take_notes());
            for picture in pictures {
                let file = picture_file::save(picture, &recipe, &request.prompt, out)?;
                told.file(place, file, shots[place].line);
            }
        }
    }
    told.completed()
}

/// Places of pictures in the order in which they are drawn: those of the same adapters after one another, in the order of
/// the first one, so that adapters are attached once.
fn order(shots: &[Shot]) -> Vec<usize> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (place, shot) in shots.iter().enumerate() {
        let adapters = |group: &&mut Vec<usize>| {
            let first: &Shot = &shots[group[0]];
            first.request.adapters == shot.request.adapters
        };
        match groups.iter_mut().find(adapters) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups.concat()
}

/// What the user is told, now and in the end.
struct Told<'a> {
    app: &'a App,
    progress: ProgressBar,
    /// The document of each picture, in the order of the prompts.
    files: Vec<Option<Value>>,
    notes: Vec<String>,
}

impl<'a> Told<'a> {
    fn new(app: &'a App, pictures: usize) -> Self {
        Self {
            app,
            progress: app.output.progress(),
            files: vec![None; pictures],
            notes: Vec::new(),
        }
    }

    /// Says what was not said yet, below the progress so far.
    fn note(&mut self, notes: Vec<String>) {
        for note in notes {
            if !self.notes.contains(&note) {
                self.progress = self.app.output.progress();
                self.app.output.note(format_args!("note: {note}"));
                self.notes.push(note);
            }
        }
    }

    fn file(&mut self, place: usize, mut file: Value, line: Option<usize>) {
        if let Some(line) = line {
            file["line"] = json!(line);
        }
        self.files[place] = Some(file);
    }

    /// The progress of the next picture.
    fn part(&self) -> PartOfMany<'_> {
        PartOfMany {
            whole: &self.progress,
            index: self.files.iter().flatten().count() as u64,
            count: self.files.len() as u64,
        }
    }

    fn completed(self) -> Result<ExitKind> {
        self.finish("completed")?;
        Ok(ExitKind::Completed)
    }

    fn cancelled(self) -> Result<ExitKind> {
        let output = self.app.output;
        let drawn = self.files.iter().flatten().count();
        self.finish("cancelled")?;
        output.note(format_args!("stopped after {drawn} pictures"));
        Ok(ExitKind::Cancelled)
    }

    fn finish(self, outcome: &str) -> Result<()> {
        drop(self.progress);
        let files: Vec<_> = self.files.into_iter().flatten().collect();
        for file in &files {
            let path = file["path"].as_str().unwrap_or_default();
            self.app.output.line(path);
        }
        let document = json!({"outcome": outcome, "files": files, "notes": self.notes});
        self.app.output.document(&document)
    }
}

/// Progress of one picture as a part of all.
struct PartOfMany<'a> {
    whole: &'a dyn ProgressSink,
    index: u64,
    count: u64,
}

impl ProgressSink for PartOfMany<'_> {
    fn report(&self, progress: Progress) {
        self.whole.report(Progress {
            done: self.index * progress.total + progress.done,
            total: self.count * progress.total,
            ..progress
        });
    }
}

#[cfg(test)]
mod tests {
    use atelier_core::{AdapterUse, GenerateRequest};

    use super::*;

    #[test]
    fn pictures_of_the_same_adapters_come_together() {
        let shot = |strength: f32| Shot {
            request: GenerateRequest {
                adapters: vec![AdapterUse::new("a", strength)],
                ..GenerateRequest::default()
            },
            line: None,
        };
        let shots = [0.5, 0.8, 0.5, 1.0, 0.8].map(shot);
        assert_eq!(order(&shots), [0, 2, 1, 4, 3]);
        assert_eq!(order(&[]), [0; 0]);
    }
}
