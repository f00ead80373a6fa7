//! Sheets to look at along the way: reconstructions and drawings.

use std::path::Path;

use atelier_core::{
    AlwaysPermitted, BoxedError, CancelFlag, Clock, GenerateRequest, Generator as _, Outcome,
    RunContext, Seed, SilentProgress,
};
use atelier_data::{self as data, RgbPicture, png};
use atelier_diffusion::stable_diffusion::{Pipeline, Vae};
use atelier_nn::Engine;
use burn::tensor::Device;

use crate::reconstruction::given_back;

/// Prompts that are drawn along the way.
const PREVIEW: [&str; 16] = [
    "grinning face, noto emoji, on a white background",
    "crying face, twemoji, on a blue background",
    "angry face, fluent flat, on a white background",
    "smiling face with sunglasses, fluent 3d render, on a yellow background",
    "sleeping face, noto emoji, on a white background",
    "face with tongue, fluent flat, on a green background",
    "cat face, twemoji, on a white background",
    "tomato, fluent 3d render, on a pink background",
    "red heart, noto emoji, on a white background",
    "octopus, twemoji, on a black background",
    "sun, fluent flat, on a white background",
    "crescent moon, fluent 3d render, on a teal background",
    "hamburger, noto emoji, on a blue background",
    "rainbow, twemoji, on a white background",
    "cactus, fluent flat, on an orange background",
    "frog, fluent gradient, on a purple background",
];

/// Nothing here depends on the time.
pub(crate) struct NoClock;

impl Clock for NoClock {
    fn unix_secs(&self) -> f64 {
        0.0
    }
}

/// DDIM steps of every drawing.
pub(crate) const STEPS: usize = 25;
/// Guidance of every drawing that does not ask for another.
pub(crate) const GUIDANCE: f32 = 4.0;
/// Pixels between the pictures of a sheet.
pub(crate) const GAP: usize = 4;

/// The request for one picture.
pub(crate) fn request(prompt: &str, seed: u64, guidance: f32) -> GenerateRequest {
    GenerateRequest {
        prompt: prompt.to_owned(),
        steps: STEPS,
        guidance,
        seed: Seed(seed),
        ..GenerateRequest::default()
    }
}

/// Draws one picture.
pub(crate) fn draw_one(
    pipeline: &mut Pipeline,
    prompt: &str,
    seed: u64,
    guidance: f32,
) -> anyhow::Result<RgbPicture> {
    draw(pipeline, &request(prompt, seed, guidance))
}

/// Draws what is asked for, one picture.
pub(crate) fn draw(
    pipeline: &mut Pipeline,
    request: &GenerateRequest,
) -> anyhow::Result<RgbPicture> {
    let cancel = CancelFlag::default();
    let context = RunContext {
        cancel: &cancel,
        progress: &SilentProgress,
        clock: &NoClock,
        permit: &AlwaysPermitted,
    };
    match pipeline.generate(request, None, context).map_err(told)? {
        Outcome::Completed(mut pictures) => {
            let drawn = pictures.remove(0);
            Ok(RgbPicture {
                width: drawn.width,
                height: drawn.height,
                rgb: drawn.rgb,
            })
        }
        Outcome::Cancelled { .. } => anyhow::bail!("nothing cancels this"),
    }
}

/// The error of a drawing or a training with everything that led to it.
pub(crate) fn told(error: BoxedError) -> anyhow::Error {
    anyhow::Error::from_boxed(error)
}

/// Draws the prompts of [`PREVIEW`].
pub(crate) fn preview(base: &Path, out: &Path) -> anyhow::Result<()> {
    let mut pipeline = Pipeline::open(base, &Device::flex(), Engine::Mixed)?;
    let pictures = PREVIEW
        .iter()
        .enumerate()
        .map(|(seed, prompt)| draw_one(&mut pipeline, prompt, seed as u64, GUIDANCE));
    grid(&pictures.collect::<anyhow::Result<Vec<_>>>()?, 8, out)
}

/// Pictures above, what the autoencoder makes of them below.
pub(crate) fn reconstructions(vae: &Vae, views: &[RgbPicture], out: &Path) -> anyhow::Result<()> {
    let decoded = given_back(vae, views).into_iter();
    let pictures: Vec<_> = views.iter().cloned().chain(decoded).collect();
    grid(&pictures, views.len(), out)
}

/// Pictures side by side, row by row, on white.
pub(crate) fn grid(pictures: &[RgbPicture], columns: usize, out: &Path) -> anyhow::Result<()> {
    let rows: Vec<_> = pictures.chunks(columns).map(<[_]>::to_vec).collect();
    let no_texts: [(&str, &str); 0] = [];
    Ok(png::replace(out, &data::sheet(&rows, GAP), &no_texts)?)
}

#[cfg(test)]
mod tests {
    use atelier_diffusion::schedule::ScheduleConfig;

    use super::*;

    #[test]
    fn what_led_to_an_error_is_told_with_it() {
        let error = ScheduleConfig::from_json("{").unwrap_err();
        let error = told(error.into());
        assert_eq!(error.chain().count(), 2);
        assert!(format!("{error:#}").starts_with("noise schedule is not valid: EOF"));
    }
}
