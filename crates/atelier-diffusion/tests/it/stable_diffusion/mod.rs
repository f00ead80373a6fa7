//! The families `sd15` and `sdxl` as a user meets them: prompts, pictures to start from, bases and adapters as files, refusals.

use atelier_core::{
    AlwaysPermitted, CancelFlag, Clock, GenerateRequest, Generator as _, Outcome, Picture,
    Progress, ProgressSink, RunContext, Seed, StartPixels,
};
use atelier_diffusion::stable_diffusion::Pipeline;
use atelier_testkit::Golden;

mod adapter_pictures;
mod checkpoints;
mod early_folders;
mod embedded_base;
mod emphasis;
mod norms_and_biases;
mod overflow;
pub(crate) mod pictures;
mod refusals;
pub(crate) mod sdxl;
mod starts;
mod tiles;
mod wording;

struct Quiet;

impl ProgressSink for Quiet {
    fn report(&self, _progress: Progress) {}
}

impl Clock for Quiet {
    fn unix_secs(&self) -> f64 {
        0.0
    }
}

/// The first picture of a request, as a user gets it.
fn draw(
    pipeline: &mut Pipeline,
    request: &GenerateRequest,
    start: Option<&StartPixels>,
) -> Picture {
    let cancel = CancelFlag::default();
    let context = RunContext {
        cancel: &cancel,
        progress: &Quiet,
        clock: &Quiet,
        permit: &AlwaysPermitted,
    };
    let Outcome::Completed(mut pictures) = pipeline.generate(request, start, context).unwrap()
    else {
        panic!("nothing cancels")
    };
    pictures.remove(0)
}

/// The request that a script wrote beside its tensors.
fn request(file: &Golden) -> GenerateRequest {
    let facts = file.config();
    let text = |key: &str| facts[key].as_str().map(str::to_owned);
    let size = |key: &str| facts[key].as_u64().map(|side| side as usize);
    GenerateRequest {
        prompt: text("prompt").unwrap_or_default(),
        negative: text("negative"),
        seed: Seed(facts["seed"].as_u64().unwrap()),
        steps: size("steps").unwrap(),
        guidance: facts["guidance"].as_f64().unwrap() as f32,
        width: size("width"),
        height: size("height"),
        ..GenerateRequest::default()
    }
}
