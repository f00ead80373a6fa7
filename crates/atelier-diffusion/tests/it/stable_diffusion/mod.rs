//! The families `sd15` and `sdxl` as a user meets them: prompts, pictures to start from, bases and adapters as files, refusals.

use atelier_core::{
    CancelFlag, Clock, GenerateRequest, Generator as _, Outcome, Picture, Progress, ProgressSink,
    RunContext, StartPixels,
};
use atelier_diffusion::stable_diffusion::Pipeline;

mod embedded_base;
mod emphasis;
mod pictures;
mod sdxl;

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
    };
    let Outcome::Completed(mut pictures) = pipeline.generate(request, start, context).unwrap()
    else {
        panic!("nothing cancels")
    };
    pictures.remove(0)
}
