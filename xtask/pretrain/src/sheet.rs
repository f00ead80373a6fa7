//! Sheets to look at along the way: reconstructions and drawings.

use std::path::Path;

use anyhow::ensure;
use atelier_core::{
    AlwaysPermitted, BoxedError, CancelFlag, Clock, GenerateRequest, Generator as _, Outcome,
    Picture, RunContext, Seed, SilentProgress,
};
use atelier_diffusion::stable_diffusion::{Pipeline, Vae};
use atelier_nn::Engine;
use burn::tensor::Device;
use image::RgbImage;

use crate::recipe::SIDE;
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
) -> anyhow::Result<Picture> {
    draw(pipeline, &request(prompt, seed, guidance))
}

/// Draws what is asked for, one picture of [`SIDE`].
pub(crate) fn draw(pipeline: &mut Pipeline, request: &GenerateRequest) -> anyhow::Result<Picture> {
    let cancel = CancelFlag::default();
    let context = RunContext {
        cancel: &cancel,
        progress: &SilentProgress,
        clock: &NoClock,
        permit: &AlwaysPermitted,
    };
    match pipeline.generate(request, None, context).map_err(told)? {
        Outcome::Completed(mut pictures) => {
            let picture = pictures.remove(0);
            ensure!(
                (picture.width, picture.height) == (SIDE, SIDE),
                "the base draws {}×{} pixels, and pictures of {SIDE}×{SIDE} are looked at here",
                picture.width,
                picture.height
            );
            Ok(picture)
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
pub(crate) fn reconstructions(vae: &Vae, views: &[Vec<u8>], out: &Path) -> anyhow::Result<()> {
    let picture = |rgb: Vec<u8>| Picture {
        width: SIDE,
        height: SIDE,
        rgb,
        seed: Seed(0),
    };
    let decoded = given_back(vae, views).into_iter().map(|given| given.rgb);
    let pictures: Vec<_> = views.iter().cloned().chain(decoded).map(picture).collect();
    grid(&pictures, views.len(), out)
}

/// Pictures side by side, row by row, on white.
pub(crate) fn grid(pictures: &[Picture], columns: usize, out: &Path) -> anyhow::Result<()> {
    let cell = SIDE as u32 + 4;
    let rows = pictures.len().div_ceil(columns) as u32;
    let mut sheet = RgbImage::from_pixel(cell * columns as u32, cell * rows, image::Rgb([255; 3]));
    for (index, picture) in pictures.iter().enumerate() {
        let (column, row) = ((index % columns) as u32, (index / columns) as u32);
        for (i, pixel) in picture.rgb.chunks_exact(3).enumerate() {
            let (x, y) = ((i % picture.width) as u32, (i / picture.width) as u32);
            sheet.put_pixel(
                column * cell + 2 + x,
                row * cell + 2 + y,
                image::Rgb([pixel[0], pixel[1], pixel[2]]),
            );
        }
    }
    Ok(sheet.save(out)?)
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
