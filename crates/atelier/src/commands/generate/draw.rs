//! Draws a batch: pictures that share adapters after one another, each on the disk as soon as it is drawn.

use std::path::Path;

use anyhow::Result;
use atelier_app::context::{App, ExitKind};
use atelier_app::device::{Chosen, watch};
use atelier_app::output::error_document;
use atelier_app::progress_bar::ProgressBar;
use atelier_core::{ErrorCode, Generator as _, Outcome, Progress, ProgressSink, StartPixels};
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_failure::{CodedResult as _, code_of, messages};
use serde_json::{Value, json};

use super::batch::Batch;
use super::picture_file;
use super::shots::Shot;
use atelier_recipe::Ingredients;

/// Draws everything into `out` and says what there is.
pub(super) fn draw(batch: Batch, out: &Path, (app, chosen): (&App, &Chosen)) -> Result<ExitKind> {
    let engine = batch.precision().into();
    let Batch {
        base,
        shots,
        start,
        ingredients,
        notes,
    } = batch;
    let work = Work {
        start,
        ingredients,
        out,
        app,
        chosen,
    };
    let mut pipeline = Pipeline::in_turn(base, &chosen.device, engine);
    let mut told = Told::new(app, shots.len());
    told.note(notes);
    let order = order(&shots);
    let mut waiting = order.as_slice();
    while !waiting.is_empty() {
        // Words of as many pictures as memory allows first, so that text encoders are loaded once for them and leave.
        let requests = waiting.iter().map(|&place| &shots[place].request);
        let prepared = watch(chosen, "encoding prompts", || {
            pipeline.prepare(requests, &app.cancel).coded()
        });
        let now = match prepared {
            Ok(count) => waiting.split_off(..count).unwrap_or_default(),
            Err(error) => return told.stopped(&error),
        };
        told.note(pipeline.take_notes());
        for &place in now {
            match draw_one(&mut pipeline, &shots[place], &work, &mut told) {
                Ok(Outcome::Completed(files)) => told.files(place, files, shots[place].line),
                Ok(Outcome::Cancelled { .. }) => return told.cancelled(),
                // Of this picture alone: the next seed or prompt may do.
                Err(error) if code_of(&error) == ErrorCode::PictureNotFinite => {
                    told.failed(&shots[place], &error);
                }
                Err(error) => return told.stopped(&error),
            }
        }
    }
    told.completed()
}

/// What all pictures of a batch share.
struct Work<'a> {
    start: Option<StartPixels>,
    ingredients: Ingredients,
    out: &'a Path,
    app: &'a App,
    chosen: &'a Chosen,
}

/// Draws one picture into its file; the files' documents.
fn draw_one(
    pipeline: &mut Pipeline,
    shot: &Shot,
    work: &Work<'_>,
    told: &mut Told<'_>,
) -> Result<Outcome<Vec<Value>>> {
    let request = &shot.request;
    let tiled = pipeline.base().is_tiled(request).coded()?;
    let recipe = work.ingredients.recipe(request, tiled);
    let part = told.part();
    let context = work.app.run_context(&part);
    let size = |side: Option<usize>| side.unwrap_or(pipeline.base().native_size());
    let doing = format!("drawing {}x{}", size(request.width), size(request.height));
    let outcome = watch(work.chosen, &doing, || {
        let outcome = pipeline.generate(request, work.start.as_ref(), context);
        outcome.coded()
    });
    let pictures = match outcome? {
        Outcome::Completed(pictures) => pictures,
        Outcome::Cancelled { completed_steps } => {
            return Ok(Outcome::Cancelled { completed_steps });
        }
    };
    told.note(pipeline.take_notes());
    let save = |picture| picture_file::save(picture, &recipe, &request.prompt, work.out);
    let files = pictures.into_iter().map(save).collect::<Result<_>>()?;
    Ok(Outcome::Completed(files))
}

/// Places of pictures in the order in which they are drawn: those of the same adapters after one another, in the order of
/// the first one, so that adapters are attached once.
pub(super) fn order(shots: &[Shot]) -> Vec<usize> {
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
    /// The document of each picture that failed, in the order of drawing.
    failed: Vec<Value>,
    notes: Vec<String>,
}

impl<'a> Told<'a> {
    fn new(app: &'a App, pictures: usize) -> Self {
        Self {
            app,
            progress: app.output.progress(),
            files: vec![None; pictures],
            failed: Vec::new(),
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

    /// Each picture of a batch has a request of its own, and so one file.
    fn files(&mut self, place: usize, files: Vec<Value>, line: Option<usize>) {
        for mut file in files {
            if let Some(line) = line {
                file["line"] = json!(line);
            }
            self.files[place] = Some(file);
        }
    }

    /// A picture that cannot be drawn, while the others can.
    fn failed(&mut self, shot: &Shot, error: &anyhow::Error) {
        let mut failed = json!({"seed": shot.request.seed, "error": error_document(error)});
        let mut place = String::new();
        if let Some(line) = shot.line {
            failed["line"] = json!(line);
            place = format!("line {line}: ");
        }
        self.progress = self.app.output.progress();
        let message = messages(error).join(": ");
        self.app
            .output
            .note(format_args!("error: {place}{message}"));
        self.failed.push(failed);
    }

    /// The progress of the next picture.
    fn part(&self) -> PartOfMany<'_> {
        PartOfMany {
            whole: &self.progress,
            index: (self.files.iter().flatten().count() + self.failed.len()) as u64,
            count: self.files.len() as u64,
        }
    }

    fn completed(self) -> Result<ExitKind> {
        let (output, failed, all) = (self.app.output, self.failed.len(), self.files.len());
        if failed == 0 {
            self.finish("completed", None)?;
            return Ok(ExitKind::Completed);
        }
        let code = ErrorCode::PictureNotFinite;
        let message = format!("{failed} of {all} pictures could not be drawn");
        output.note(format_args!("{message}\nhint: {}", code.hint()));
        self.finish("completed", Some(&atelier_failure::failed(code, message)))?;
        Ok(ExitKind::Failed(code))
    }

    /// Nothing more can be drawn; what there is is said all the same.
    fn stopped(self, error: &anyhow::Error) -> Result<ExitKind> {
        let output = self.app.output;
        self.finish("failed", Some(error))?;
        output.failure_in_words(error);
        Ok(ExitKind::Failed(code_of(error)))
    }

    fn cancelled(self) -> Result<ExitKind> {
        let output = self.app.output;
        let drawn = self.files.iter().flatten().count();
        self.finish("cancelled", None)?;
        output.note(format_args!("stopped after {drawn} pictures"));
        Ok(ExitKind::Cancelled)
    }

    fn finish(self, outcome: &str, error: Option<&anyhow::Error>) -> Result<()> {
        drop(self.progress);
        let files: Vec<_> = self.files.into_iter().flatten().collect();
        for file in &files {
            let path = file["path"].as_str().unwrap_or_default();
            self.app.output.line(path);
        }
        let mut document = json!({"outcome": outcome, "files": files, "notes": self.notes});
        if !self.failed.is_empty() {
            document["failed"] = json!(self.failed);
        }
        if let Some(error) = error {
            document["error"] = error_document(error);
        }
        self.app.output.document(&document)
    }
}

/// Progress of one picture as a part of all.
pub(super) struct PartOfMany<'a> {
    pub(super) whole: &'a dyn ProgressSink,
    pub(super) index: u64,
    pub(super) count: u64,
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
