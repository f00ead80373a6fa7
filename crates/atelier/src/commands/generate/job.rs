//! The drawing of a job of the queue: the same batch, into files that the queue takes into the library.

use anyhow::Result;
use atelier_app::context::App;
use atelier_app::device::{Chosen, watch};
use atelier_core::{
    CancelFlag, DeviceChoice, ErrorCode, Generator as _, Outcome, Picture, RunContext, StartPixels,
    UnknownValue,
};
use atelier_data::{RgbPicture, png};
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_failure::{CodedResult as _, code_of, failed, messages};
use atelier_jobs::{Drawn, GenerationRequest, ManifestFile, Worker};
use atelier_store::Library;

use super::batch::Batch;
use super::draw::{PartOfMany, order};
use super::shots::Shot;
use atelier_recipe::{Ingredients, Recipe};

/// What a generation of the queue is drawn with.
pub(in crate::commands) struct JobDrawing<'a> {
    pub(in crate::commands) app: &'a App,
    pub(in crate::commands) library: &'a Library,
    pub(in crate::commands) context: RunContext<'a>,
    /// Whose files it writes.
    pub(in crate::commands) worker: &'a Worker,
}

impl JobDrawing<'_> {
    /// Draws everything; the files in the order of the seeds. A picture that cannot be drawn is left out, unless all are.
    pub(in crate::commands) fn draw(
        &self,
        request: &GenerationRequest,
    ) -> Result<Outcome<Vec<ManifestFile>>> {
        let batch = Batch::of_job(request, self.library, self.app)?;
        let device = request.device.as_deref().map(device_of).transpose()?;
        let chosen = self.app.device(device, batch.precision())?;
        fs_err::create_dir_all(self.worker.files().pictures())?;
        self.app.output.notes(&batch.notes);
        let engine = batch.precision().into();
        let mut easel = Easel {
            pipeline: Pipeline::in_turn(batch.base, &chosen.device, engine),
            files: vec![None; batch.shots.len()],
            shots: batch.shots,
            start: batch.start,
            ingredients: batch.ingredients,
            drawn: 0,
            last_failure: None,
            chosen,
        };
        easel.take_over(self.worker.take_over());
        let mut order = order(&easel.shots);
        order.retain(|&place| easel.files[place].is_none());
        let mut waiting = order.as_slice();
        while !waiting.is_empty() {
            let now = easel.prepare(waiting, self.context.cancel)?;
            self.app.output.notes(&easel.pipeline.take_notes());
            for &place in waiting.split_off(..now).unwrap_or_default() {
                if let Outcome::Cancelled { completed_steps } = easel.draw_one(place, self)? {
                    return Ok(Outcome::Cancelled { completed_steps });
                }
            }
        }
        let files: Vec<_> = easel.files.into_iter().flatten().collect();
        match easel.last_failure {
            Some(error) if files.is_empty() => Err(error),
            _ => Ok(Outcome::Completed(files)),
        }
    }

    fn save(&self, picture: Picture, recipe: &Recipe, place: usize) -> Result<ManifestFile> {
        let name = file_name(place);
        let texts = recipe.texts(&picture)?;
        let drawn = Drawn {
            width: picture.width as u32,
            height: picture.height as u32,
            seed: picture.seed,
            recipe: recipe.document(&picture)?,
        };
        let pixels = RgbPicture {
            width: picture.width,
            height: picture.height,
            rgb: picture.rgb,
        };
        let files = self.worker.files();
        let out = files.pictures();
        png::replace(out.join(&name), &pixels, &texts).coded()?;
        let file = ManifestFile::of(&out, &name, Some(drawn)).coded()?;
        files.note_finished(&file).coded()?;
        Ok(file)
    }
}

/// A drawing in progress.
struct Easel {
    pipeline: Pipeline,
    shots: Vec<Shot>,
    start: Option<StartPixels>,
    ingredients: Ingredients,
    chosen: Chosen,
    files: Vec<Option<ManifestFile>>,
    /// Pictures that were drawn or left out.
    drawn: u64,
    last_failure: Option<anyhow::Error>,
}

impl Easel {
    /// Spares what an earlier attempt drew.
    fn take_over(&mut self, finished: Vec<ManifestFile>) {
        for file in finished {
            let is_own = |&place: &usize| {
                let seed = file.drawn.as_ref().map(|drawn| drawn.seed);
                file.name == file_name(place) && seed == Some(self.shots[place].request.seed)
            };
            if let Some(place) = (0..self.shots.len()).find(is_own) {
                self.files[place] = Some(file);
                self.drawn += 1;
            }
        }
    }

    /// Encodes the prompts of the first of these pictures; of how many.
    fn prepare(&mut self, waiting: &[usize], cancel: &CancelFlag) -> Result<usize> {
        let requests = waiting.iter().map(|&place| &self.shots[place].request);
        watch(&self.chosen, "encoding prompts", || {
            self.pipeline.prepare(requests, cancel).coded()
        })
    }

    fn draw_one(&mut self, place: usize, job: &JobDrawing<'_>) -> Result<Outcome<()>> {
        let request = &self.shots[place].request;
        let part = PartOfMany {
            whole: job.context.progress,
            index: self.drawn,
            count: self.shots.len() as u64,
        };
        let context = RunContext {
            progress: &part,
            ..job.context
        };
        let tiled = self.pipeline.base().is_tiled(request).coded()?;
        let recipe = self.ingredients.recipe(request, tiled);
        let outcome = watch(&self.chosen, "drawing", || {
            let outcome = self
                .pipeline
                .generate(request, self.start.as_ref(), context);
            outcome.coded()
        });
        self.drawn += 1;
        match outcome {
            Ok(Outcome::Completed(pictures)) => {
                let picture = pictures.into_iter().next();
                let file = picture.map(|picture| job.save(picture, &recipe, place));
                self.files[place] = file.transpose()?;
            }
            Ok(Outcome::Cancelled { completed_steps }) => {
                return Ok(Outcome::Cancelled { completed_steps });
            }
            // Of this picture alone: the next seed may do.
            Err(error) if code_of(&error) == ErrorCode::PictureNotFinite => {
                let (seed, message) = (request.seed, messages(&error).join(": "));
                let output = job.app.output;
                output.note(format_args!("left out seed {seed}: {message}"));
                self.last_failure = Some(error);
            }
            Err(error) => return Err(error),
        }
        Ok(Outcome::Completed(()))
    }
}

/// The name of a picture's file, by its place.
fn file_name(place: usize) -> String {
    format!("{place:05}.png")
}

/// The device that a request names.
pub(in crate::commands) fn device_of(word: &str) -> Result<DeviceChoice> {
    let device: Result<_, UnknownValue> = word.parse();
    device.map_err(|error| failed(ErrorCode::InvalidInput, error.to_string()))
}
