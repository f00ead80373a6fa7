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

/// A byte may fall on the other side of a rounding edge, no more.
#[track_caller]
fn check_picture(picture: &Picture, size: (usize, usize), bytes: &[u8]) {
    assert_eq!((picture.width, picture.height), size);
    assert_eq!(picture.rgb.len(), bytes.len());
    let off = |(a, b): (&u8, &u8)| a.abs_diff(*b);
    let differences: Vec<u8> = picture.rgb.iter().zip(bytes).map(off).collect();
    let worst = differences.iter().copied().max().unwrap_or_default();
    atelier_testkit::parity::relative("bytes", f64::from(worst) / 255.0, 1.0 / 255.0);
    assert!(worst <= 1, "{differences:?}");
    let different = differences.iter().filter(|&&d| d > 0).count();
    assert!(
        different * 200 <= differences.len(),
        "{different} bytes differ"
    );
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
