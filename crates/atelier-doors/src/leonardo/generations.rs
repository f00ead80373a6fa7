//! Generations: jobs that draw.

use atelier_core::{JobKind, JobState, JobWish};
use atelier_jobs::{GenerationRequest, JobSnapshot, Queue};
use atelier_server::door::{AppFor, Json, QueryOf, start_drawing};
use atelier_store::{Error, Job, JobId, Library, Picture};
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::FileAddresses;
use super::generation_request::{Asked, CreateGeneration};
use super::mapping::scheduler;
use super::refusal::Result;
use super::request::{Body, Id, User};
use super::shapes::{no_cost, time};
use crate::ending::end;

/// As many as an answer has; whoever asks for more goes on by `offset`.
const MOST_LISTED: u32 = 200;

/// Starts a generation.
pub(super) async fn create_generation(
    AppFor(app): AppFor,
    Body(wanted): Body<CreateGeneration>,
) -> Result<Json<Value>> {
    let asked = Asked {
        library: app.library(),
        planner: app.planner()?,
    };
    let drawing = app.work().files(move || wanted.into_drawing(&asked));
    let job = start_drawing(&app, drawing.await??).await?;
    let id = job.id.to_string();
    let job = json!({"generationId": id, "apiCreditCost": 0, "cost": no_cost()});
    Ok(Json(json!({"sdGenerationJob": job})))
}

/// A generation, and its pictures when they are there.
pub(super) async fn get_generation(
    AppFor(app): AppFor,
    Id(id): Id<JobId>,
    addresses: FileAddresses,
) -> Result<Json<Value>> {
    let (library, queue) = (app.library(), app.queue()?);
    let look = move || -> Result<Value> {
        let found = Generation::find(&library, &queue, id)?;
        found.view(&library, &addresses)
    };
    let view = app.work().files(look).await??;
    Ok(Json(json!({"generations_by_pk": view})))
}

/// Which generations are wanted.
#[derive(Debug, Deserialize)]
pub(super) struct GenerationQuery {
    #[serde(default)]
    offset: u32,
    #[serde(default = "ten")]
    limit: u32,
}

fn ten() -> u32 {
    10
}

/// The user's generations, newest first.
pub(super) async fn list_generations(
    AppFor(app): AppFor,
    _: User,
    addresses: FileAddresses,
    query: Result<QueryOf<GenerationQuery>, atelier_server::door::Failure>,
) -> Result<Json<Value>> {
    let QueryOf(GenerationQuery { offset, limit }) = query?;
    let wanted = (offset, limit.clamp(1, MOST_LISTED));
    let (library, queue) = (app.library(), app.queue()?);
    let list = move || -> Result<Vec<Value>> {
        let jobs = library.page_of_drawings(wanted)?.jobs.into_iter();
        let views = jobs.map(|job| {
            let found = Generation::of(&library, &queue, job)?;
            found.view(&library, &addresses)
        });
        views.collect()
    };
    let generations = app.work().files(list).await??;
    Ok(Json(json!({"generations": generations})))
}

/// Ends a generation that is under way, gives up one that failed, and puts the pictures of others into the trash.
pub(super) async fn delete_generation(
    AppFor(app): AppFor,
    Id(id): Id<JobId>,
) -> Result<Json<Value>> {
    let (library, queue) = (app.library(), app.queue()?);
    let delete = move || -> Result<()> {
        let found = Generation::find(&library, &queue, id)?;
        if found.snapshot.job.state.is_open() {
            end(&queue, id)?;
        }
        // It may have failed just now.
        if library.get_job(id)?.state == JobState::Failed {
            queue.give_up(id)?;
        }
        // Looked for after its end, since they may have come just now.
        let pictures = library.list_pictures_of(id)?.into_iter();
        for picture in pictures.filter(|picture| picture.trashed_ms.is_none()) {
            match library.delete_picture(picture.id) {
                // Somebody else was quicker.
                Ok(_) | Err(Error::Trashed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    };
    app.work().files(delete).await??;
    let id = id.to_string();
    Ok(Json(json!({"delete_generations_by_pk": {"id": id}})))
}

/// A job that draws, and what it drew so far and nobody deleted.
struct Generation {
    snapshot: JobSnapshot,
    pictures: Vec<Picture>,
}

impl Generation {
    /// The one with this id, unless it was cancelled, or is about to be, or all its pictures were deleted.
    fn find(library: &Library, queue: &Queue, id: JobId) -> Result<Self> {
        let found = Self::of(library, queue, library.get_job(id)?)?;
        let job = &found.snapshot.job;
        let is_gone = match job.state {
            JobState::Completed => found.pictures.is_empty(),
            JobState::Cancelled => true,
            _ => job.wish == Some(JobWish::Cancel),
        };
        if job.kind == JobKind::Generation && !is_gone {
            return Ok(found);
        }
        let (what, name) = ("generation", id.to_string());
        Err(Error::NotFound { what, name }.into())
    }

    fn of(library: &Library, queue: &Queue, job: Job) -> Result<Self> {
        let snapshot = queue.snapshot_of(job);
        // After its state, so that one that is completed has them.
        let mut pictures = library.list_pictures_of(snapshot.job.id)?;
        pictures.retain(|picture| picture.trashed_ms.is_none());
        Ok(Self { snapshot, pictures })
    }

    fn view(&self, library: &Library, addresses: &FileAddresses) -> Result<Value> {
        let JobSnapshot { job, report } = &self.snapshot;
        let wanted = GenerationRequest::deserialize(&job.request).unwrap_or_default();
        let request = &wanted.request;
        let pictures = self.pictures.iter().map(|picture| {
            json!({
                "id": picture.id.to_string(),
                "url": addresses.of_picture(picture.id),
                "nsfw": false,
                "likeCount": 0,
                "generated_image_variation_generics": [],
            })
        });
        let progress = report.as_ref().map(|report| {
            let progress = &report.progress;
            json!({"done": progress.done, "total": progress.total})
        });
        let (elements, base) = elements(library, &wanted)?;
        let mut view = json!({
            "id": job.id.to_string(),
            "status": status(job.state),
            "createdAt": time(job.created_ms),
            "generated_images": pictures.collect::<Vec<_>>(),
            "generation_elements": elements,
            "prompt": request.prompt,
            "negativePrompt": request.negative.as_deref().unwrap_or_default(),
            "modelId": base,
            "seed": request.seed.0,
            "inferenceSteps": request.steps,
            "guidanceScale": request.guidance,
            "initStrength": null,
            "presetStyle": "NONE",
            "photoReal": false,
            "promptMagic": false,
            "public": false,
            "ultra": false,
            "job": {"state": job.state, "waiting": job.waiting, "problem": job.problem, "progress": progress},
        });
        let sides = [
            ("imageWidth", request.width),
            ("imageHeight", request.height),
        ];
        for (name, side) in sides {
            if let Some(side) = side {
                view[name] = json!(side);
            }
        }
        if let Some(scheduler) = scheduler(request.sampler) {
            view["scheduler"] = json!(scheduler);
        }
        Ok(view)
    }
}

/// The models that took part, and the base.
fn elements(library: &Library, wanted: &GenerationRequest) -> Result<(Vec<Value>, Option<String>)> {
    let (mut elements, mut base) = (Vec::new(), wanted.base.clone());
    for used in &wanted.models {
        let model = match library.get_model(used.model) {
            Ok(model) => model,
            // Removed for good since.
            Err(Error::NotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        elements.push(json!({
            "id": model.number,
            "weightApplied": used.strength.unwrap_or(model.strength),
            "lora": {
                "akUUID": model.id.to_string(),
                "name": model.about.name,
                "description": model.about.description,
                "urlImage": null,
                "weightMin": 0,
                "weightMax": 1,
                "weightDefault": 1,
            },
        }));
        base.get_or_insert(model.base);
    }
    Ok((elements, base))
}

/// Where a job stands, in the three words that there are.
fn status(state: JobState) -> &'static str {
    match state {
        JobState::Queued | JobState::Running | JobState::Paused => "PENDING",
        JobState::Completed => "COMPLETE",
        JobState::Failed | JobState::Cancelled => "FAILED",
    }
}
