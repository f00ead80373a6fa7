//! `atelier generate`: pictures from a prompt.

use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_core::{
    AdapterUse, ErrorCode, GenerateRequest, Generator as _, NoiseKind, Outcome, Precision,
    Progress, ProgressSink, PromptSyntax, SamplerKind, ScheduleKind, Seed, StartImage, StartPixels,
    VaeTiling,
};
use atelier_diffusion::prompt::read_prompt_file;
use atelier_diffusion::stable_diffusion::{Base, Pipeline};
use burn::tensor::Device;
use clap::Args;
use serde_json::{Value, json};

use super::{choice, picture_file, seed, start_picture, wording};
use crate::bases;
use crate::context::{App, ExitKind};
use crate::embedded;
use crate::failure::{CodedResult as _, failed};
use crate::recipe::Recipe;

/// The share of the steps that is drawn over a start picture, where nothing else is said.
const USUAL_DENOISE: f64 = 0.6;

/// What `atelier generate` can be told.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// What the picture shows.
    #[arg(long, required_unless_present = "prompts")]
    prompt: Option<String>,
    /// A file with one prompt per line, each drawn as often as `--count` says.
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    prompts: Option<PathBuf>,
    /// What the second text encoder reads, in bases that have one [default: the prompt].
    #[arg(long, value_name = "PROMPT")]
    prompt_2: Option<String>,
    /// What the picture must not show. Absent is not the same as empty: some bases take zeros for it.
    #[arg(long)]
    negative: Option<String>,
    /// What the second text encoder reads of it [default: the negative prompt].
    #[arg(long, value_name = "PROMPT")]
    negative_2: Option<String>,
    /// Whether brackets, braces and `<lora:...>` in prompts have a meaning.
    #[arg(long, default_value = "weighted", value_parser = choice::<PromptSyntax>(PromptSyntax::ALL.iter().map(|s| s.name())))]
    prompt_syntax: PromptSyntax,
    /// A name from `base list`, a diffusers folder, or a checkpoint file.
    #[arg(long, value_name = "NAME|FOLDER|FILE", default_value = embedded::NAME)]
    base: String,
    /// An adapter file and its strength, 0 to 1.5, or two: on the denoiser, on the text encoders; may be repeated.
    #[arg(long, value_name = "FILE:STRENGTH")]
    adapter: Vec<AdapterUse>,
    /// Where adapters lie that a prompt names [default: `adapters` in the program's own place].
    #[arg(long, value_name = "DIR")]
    adapters_folder: Option<PathBuf>,
    /// Sampler steps.
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// How strictly the prompt is followed; 1 or less draws without guidance.
    #[arg(long, default_value_t = 7.0)]
    guidance: f32,
    /// How far the guided prediction is brought back to the spread of the unguided one, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    guidance_rescale: f32,
    /// The rule that walks from noise to picture.
    #[arg(long, default_value = "ddim", value_parser = choice::<SamplerKind>(SamplerKind::ALL.iter().map(|s| s.name())))]
    sampler: SamplerKind,
    /// How the steps spread over the noise levels.
    #[arg(long, default_value = "base", value_parser = choice::<ScheduleKind>(ScheduleKind::ALL.iter().map(|s| s.name())))]
    schedule: ScheduleKind,
    /// Seed of the first picture; the n-th uses seed + n. A negative one counts down from 2^64, as in `PyTorch`.
    #[arg(long, default_value_t = Seed(0), value_parser = seed, allow_negative_numbers = true)]
    seed: Seed,
    /// Whose random numbers the seed stands for.
    #[arg(long, default_value = "torch-cpu", value_parser = choice::<NoiseKind>(NoiseKind::ALL.iter().map(|n| n.name())))]
    noise: NoiseKind,
    /// Width in pixels [default: that of the start picture, or the base's own].
    #[arg(long)]
    width: Option<usize>,
    /// Height in pixels [default: that of the start picture, or the base's own].
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
    /// Whether the autoencoder works tile by tile; `auto` does above 1536x1536.
    #[arg(long, default_value = "auto", value_parser = choice::<VaeTiling>(VaeTiling::ALL.iter().map(|t| t.name())))]
    vae_tiling: VaeTiling,
    /// A picture to start from.
    #[arg(long, value_name = "FILE")]
    init_image: Option<PathBuf>,
    /// The share of the steps that is drawn over it, above 0 to 1 [default: 0.6].
    #[arg(long, requires = "init_image")]
    denoise: Option<f64>,
    /// A picture that is white where something new is drawn and black where the start stays.
    #[arg(long, value_name = "FILE", requires = "init_image")]
    mask: Option<PathBuf>,
    /// The folder for the pictures; nothing in it is overwritten.
    #[arg(long, value_name = "DIR", default_value = "pictures")]
    out: PathBuf,
}

/// Does it.
pub(super) fn run(args: &GenerateArgs, app: &App) -> Result<ExitKind> {
    if args.count == 0 || args.steps == 0 {
        let message = "`--count` and `--steps` must be at least 1";
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    // Everything that can be refused is, before minutes go into loading and drawing.
    let found = bases::find(app, &args.base)?;
    let base = Base::open(&found.path).coded()?;
    let (requests, start) = requests(args, app, &base)?;
    let hash = base.files().hash().coded()?;
    picture_file::prepare(&args.out)?;
    let device = Device::flex();
    let mut pipeline = Pipeline::in_turn(base, &device, args.precision.into());
    let progress = app.output.progress();
    let (mut files, mut notes) = (Vec::new(), Vec::new());
    for batch in requests.chunk_by(|a, b| a.adapters == b.adapters) {
        // All words first, so that the text encoders are loaded once and leave memory.
        pipeline.prepare(batch).coded()?;
        for request in batch {
            let part = PartOfMany {
                whole: &progress,
                index: files.len() as u64,
                count: requests.len() as u64,
            };
            let outcome = pipeline.generate(request, start.as_ref(), app.run_context(&part));
            notes.extend(pipeline.take_notes());
            let Outcome::Completed(pictures) = outcome.coded()? else {
                drop(progress);
                app.output
                    .note(format_args!("stopped after {} pictures", files.len()));
                app.output
                    .document(&json!({"outcome": "cancelled", "files": files}))?;
                return Ok(ExitKind::Cancelled);
            };
            // Each picture is on the disk as soon as it is drawn.
            let recipe = Recipe::new(request, &found, hash.clone())?;
            for picture in pictures {
                files.push(picture_file::save(
                    picture,
                    &recipe,
                    &request.prompt,
                    &args.out,
                )?);
            }
        }
    }
    drop(progress);
    tell(app, &files, &notes)?;
    Ok(ExitKind::Completed)
}

fn tell(app: &App, files: &[Value], notes: &[String]) -> Result<()> {
    for note in notes {
        app.output.note(note);
    }
    for file in files {
        app.output.line(file["path"].as_str().unwrap_or_default());
    }
    let mut document = json!({"outcome": "completed", "files": files});
    if !notes.is_empty() {
        document["notes"] = json!(notes);
    }
    app.output.document(&document)
}

/// One request for each picture, checked against the base, and the pixels that all start from.
fn requests(
    args: &GenerateArgs,
    app: &App,
    base: &Base,
) -> Result<(Vec<GenerateRequest>, Option<StartPixels>)> {
    let mut whole = args.request();
    let start = start_picture::load(&mut whole, base)?;
    let prompts = match &args.prompts {
        Some(path) => read_prompt_file(path, args.prompt_syntax)
            .coded()?
            .into_iter()
            .map(|line| line.text)
            .collect(),
        None => vec![whole.prompt.clone()],
    };
    let folder = args.adapters_folder.clone();
    let folder = folder.or_else(|| app.settings.adapters_folder());
    let mut requests = Vec::new();
    for prompt in prompts {
        let asked = GenerateRequest {
            prompt,
            ..whole.clone()
        };
        for index in 0..args.count as u64 {
            let request = wording::of_picture(&asked, index, folder.as_deref())?;
            base.check(&request).coded()?;
            requests.push(request);
        }
    }
    check_adapters(&requests, base)?;
    Ok((requests, start))
}

/// Every adapter must fit the base.
fn check_adapters(requests: &[GenerateRequest], base: &Base) -> Result<()> {
    let mut fitted: Vec<&Path> = Vec::new();
    for adapter in requests.iter().flat_map(|request| &request.adapters) {
        if !fitted.contains(&adapter.path.as_path()) {
            base.fit_adapter(adapter).coded()?;
            fitted.push(&adapter.path);
        }
    }
    Ok(())
}

impl GenerateArgs {
    fn request(&self) -> GenerateRequest {
        GenerateRequest {
            prompt: self.prompt.clone().unwrap_or_default(),
            prompt_2: self.prompt_2.clone(),
            negative: self.negative.clone(),
            negative_2: self.negative_2.clone(),
            prompt_syntax: self.prompt_syntax,
            steps: self.steps,
            guidance: self.guidance,
            guidance_rescale: self.guidance_rescale,
            sampler: self.sampler,
            schedule: self.schedule,
            seed: self.seed,
            noise: self.noise,
            width: self.width,
            height: self.height,
            count: self.count,
            clip_skip: self.clip_skip,
            precision: self.precision,
            vae_tiling: self.vae_tiling,
            adapters: self.adapter.clone(),
            start: self.init_image.clone().map(|path| StartImage {
                path,
                denoise: self.denoise.unwrap_or(USUAL_DENOISE),
                mask: self.mask.clone(),
            }),
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
