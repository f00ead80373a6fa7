//! `atelier generate`: pictures from a prompt.

use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_core::{
    AdapterUse, ErrorCode, GenerateRequest, Generator as _, Outcome, Picture, Precision, Progress,
    ProgressSink, SamplerKind, Seed,
};
use atelier_data::{RgbPicture, png};
use atelier_diffusion::families::sd15::Pipeline;
use burn::tensor::Device;
use clap::Args;
use serde_json::{Value, json};

use super::choice;
use crate::bases;
use crate::context::{App, ExitKind};
use crate::embedded;
use crate::failure::{CodedResult as _, failed};
use crate::recipe::Recipe;

/// Characters of the prompt in a file name.
const SHORT_PROMPT: usize = 40;

/// What `atelier generate` can be told.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// What the picture shows.
    #[arg(long)]
    prompt: String,
    /// What the picture must not show.
    #[arg(long, default_value = "", hide_default_value = true)]
    negative: String,
    /// A name from `base list`, or a diffusers folder.
    #[arg(long, value_name = "NAME|FOLDER", default_value = embedded::NAME)]
    base: String,
    /// An adapter file and its strength, 0 to 1.5; may be repeated.
    #[arg(long, value_name = "FILE:STRENGTH")]
    adapter: Vec<AdapterUse>,
    /// Sampler steps.
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// How strictly the prompt is followed; 1 or less draws without guidance.
    #[arg(long, default_value_t = 7.0)]
    guidance: f32,
    /// The rule that walks from noise to picture.
    #[arg(long, default_value = "ddim", value_parser = choice::<SamplerKind>(SamplerKind::ALL.iter().map(|s| s.name())))]
    sampler: SamplerKind,
    /// Seed of the first picture; the n-th uses seed + n.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Width in pixels [default: the base's own].
    #[arg(long)]
    width: Option<usize>,
    /// Height in pixels [default: the base's own].
    #[arg(long)]
    height: Option<usize>,
    /// Number of pictures.
    #[arg(long, default_value_t = 1)]
    count: usize,
    /// How many last layers of the text encoder are skipped.
    #[arg(long, default_value_t = 0)]
    clip_skip: usize,
    /// The arithmetic of the base.
    #[arg(long, default_value = "f32", value_parser = choice::<Precision>(Precision::ALL.iter().map(|p| p.name())))]
    precision: Precision,
    /// The folder for the pictures; nothing in it is overwritten.
    #[arg(long, value_name = "DIR", default_value = "pictures")]
    out: PathBuf,
}

/// Does it.
pub(super) fn run(args: &GenerateArgs, app: &App) -> Result<ExitKind> {
    let request = args.request();
    if request.count == 0 || request.steps == 0 {
        let message = "`--count` and `--steps` must be at least 1";
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    let base = bases::find(app, &args.base)?;
    let engine = request.precision.into();
    let mut pipeline = Pipeline::open(&base.path, &Device::flex(), engine).coded()?;
    let hash = pipeline.base().folder().hash().coded()?;
    let recipe = Recipe::new(&request, &base, hash)?;
    let progress = app.output.progress();
    let mut files = Vec::new();
    for index in 0..request.count as u64 {
        // One by one, so that each picture is on the disk as soon as it is drawn.
        let one = GenerateRequest {
            seed: request.seed.nth(index),
            count: 1,
            ..request.clone()
        };
        let part = PartOfMany {
            whole: &progress,
            index,
            count: request.count as u64,
        };
        let Outcome::Completed(pictures) =
            pipeline.generate(&one, app.run_context(&part)).coded()?
        else {
            drop(progress);
            app.output
                .note(format_args!("stopped after {} pictures", files.len()));
            app.output
                .document(&json!({"outcome": "cancelled", "files": files}))?;
            return Ok(ExitKind::Cancelled);
        };
        for picture in pictures {
            files.push(save(picture, &recipe, &request.prompt, &args.out)?);
        }
    }
    drop(progress);
    for file in &files {
        app.output.line(file["path"].as_str().unwrap_or_default());
    }
    app.output
        .document(&json!({"outcome": "completed", "files": files}))?;
    Ok(ExitKind::Completed)
}

impl GenerateArgs {
    fn request(&self) -> GenerateRequest {
        GenerateRequest {
            prompt: self.prompt.clone(),
            negative: self.negative.clone(),
            steps: self.steps,
            guidance: self.guidance,
            sampler: self.sampler,
            seed: Seed(self.seed),
            width: self.width,
            height: self.height,
            count: self.count,
            clip_skip: self.clip_skip,
            precision: self.precision,
            adapters: self.adapter.clone(),
        }
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

/// Writes a picture and says where.
fn save(picture: Picture, recipe: &Recipe, prompt: &str, out: &Path) -> Result<Value> {
    let texts = recipe.texts(&picture)?;
    fs_err::create_dir_all(out)?;
    let path = free_path(out, &format!("{}-{}", picture.seed, short(prompt)));
    let seed = picture.seed;
    let pixels = RgbPicture {
        width: picture.width,
        height: picture.height,
        rgb: picture.rgb,
    };
    png::write(&path, &pixels, &texts).coded()?;
    Ok(json!({"path": path, "seed": seed}))
}

/// A name that is not taken.
fn free_path(folder: &Path, stem: &str) -> PathBuf {
    let first = std::iter::once(format!("{stem}.png"));
    let more = (1_u64..).map(|number| format!("{stem}-{number}.png"));
    first
        .chain(more)
        .map(|name| folder.join(name))
        .find(|path| path.symlink_metadata().is_err())
        .expect("a folder holds fewer files than there are numbers")
}

/// The start of a prompt as part of a file name.
fn short(prompt: &str) -> String {
    let lower = prompt.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let mut text = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if text.len() + word.len() >= SHORT_PROMPT {
            break;
        }
        if !text.is_empty() {
            text.push('-');
        }
        text.push_str(word);
    }
    if text.is_empty() {
        "picture".clone_into(&mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_becomes_a_plain_name() {
        assert_eq!(short("BlobCharV1, ../winking!"), "blobcharv1-winking");
        assert_eq!(short("  "), "picture");
        assert_eq!(short("日本"), "picture");
        let long = "a cat ".repeat(50);
        assert!(short(&long).len() <= SHORT_PROMPT);
    }
}
