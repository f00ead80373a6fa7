//! The flags of `atelier generate`: one for each field of `GenerateRequest`. What is not given comes from the recipe of `--from`,
//! then from the defaults.

use std::path::PathBuf;

use anyhow::Result;
use atelier_core::{
    DeviceChoice, ErrorCode, GenerateRequest, NoiseKind, Precision, PromptSyntax, SamplerKind,
    ScheduleKind, Seed, StartImage, VaeTiling,
};
use atelier_failure::failed;
use clap::Args;

use crate::commands::library_models::AdapterWord;
use crate::commands::{choice, seed};

/// What `atelier generate` can be told.
#[derive(Debug, Default, Args)]
pub(crate) struct GenerateArgs {
    /// What the picture shows.
    #[arg(long, required_unless_present_any = ["prompts", "from"])]
    pub(super) prompt: Option<String>,
    /// A file with one prompt per line, each drawn as often as `--count` says.
    #[arg(long, value_name = "FILE", conflicts_with = "prompt")]
    pub(super) prompts: Option<PathBuf>,
    /// Draw the picture in a PNG of this program again; flags given with it change its recipe.
    #[arg(long, value_name = "PNG")]
    pub(super) from: Option<PathBuf>,
    /// What the second text encoder reads, in bases that have one [default: the prompt].
    #[arg(long, value_name = "PROMPT")]
    prompt_2: Option<String>,
    /// What the picture must not show. Absent is not the same as empty: some bases take zeros for it.
    #[arg(long)]
    negative: Option<String>,
    /// What the second text encoder reads of it [default: the negative prompt].
    #[arg(long, value_name = "PROMPT")]
    negative_2: Option<String>,
    /// Whether brackets, braces and `<lora:...>` in prompts have a meaning [default: weighted].
    #[arg(long, value_parser = choice::<PromptSyntax>(PromptSyntax::ALL.iter().map(|s| s.name())))]
    prompt_syntax: Option<PromptSyntax>,
    /// A name from `base list`, a folder, a file, or `hf:owner/repo[@revision][/file.safetensors]` [default: that of the model that
    /// `--adapter` names, else atelier-mini].
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO")]
    pub(super) base: Option<String>,
    /// A name from `model list` or an adapter file, and its strength, 0 to 1.5, or two: on the denoiser, on the text encoders;
    /// may be repeated.
    #[arg(long, value_name = "NAME|FILE[:STRENGTH[:TEXT]]")]
    pub(super) adapter: Vec<AdapterWord>,
    /// Where adapters lie that a prompt names [default: `adapters` in the program's own place].
    #[arg(long, value_name = "DIR")]
    pub(super) adapters_folder: Option<PathBuf>,
    /// Sampler steps [default: 30].
    #[arg(long)]
    steps: Option<usize>,
    /// How strictly the prompt is followed; 1 or less draws without guidance [default: 7].
    #[arg(long)]
    guidance: Option<f32>,
    /// How far the guided prediction is brought back to the spread of the unguided one, 0 to 1 [default: 0].
    #[arg(long)]
    guidance_rescale: Option<f32>,
    /// The rule that walks from noise to picture [default: ddim].
    #[arg(long, value_parser = choice::<SamplerKind>(SamplerKind::ALL.iter().map(|s| s.name())))]
    sampler: Option<SamplerKind>,
    /// How the steps spread over the noise levels [default: base].
    #[arg(long, value_parser = choice::<ScheduleKind>(ScheduleKind::ALL.iter().map(|s| s.name())))]
    schedule: Option<ScheduleKind>,
    /// Seed of the first picture; the n-th uses seed + n. A negative one counts down from 2^64, as in `PyTorch` [default: 0].
    #[arg(long, value_parser = seed)]
    seed: Option<Seed>,
    /// Whose random numbers the seed stands for [default: torch-cpu].
    #[arg(long, value_parser = choice::<NoiseKind>(NoiseKind::ALL.iter().map(|n| n.name())))]
    noise: Option<NoiseKind>,
    /// Width in pixels [default: that of the start picture, or the base's own].
    #[arg(long)]
    width: Option<usize>,
    /// Height in pixels [default: that of the start picture, or the base's own].
    #[arg(long)]
    height: Option<usize>,
    /// Pictures per prompt [default: 1].
    #[arg(long)]
    count: Option<usize>,
    /// How many last layers of the text encoder are skipped [default: 0].
    #[arg(long)]
    clip_skip: Option<usize>,
    /// The arithmetic of the base [default: f32].
    #[arg(long, value_parser = choice::<Precision>(Precision::ALL.iter().map(|p| p.name())))]
    precision: Option<Precision>,
    /// Where networks compute: `auto` takes the first discrete graphics processor, else the processor [default: auto].
    #[arg(long, value_name = "auto|cpu|vulkan:N")]
    pub(super) device: Option<DeviceChoice>,
    /// Whether the autoencoder works tile by tile; `auto` does above 1536x1536 [default: auto].
    #[arg(long, value_parser = choice::<VaeTiling>(VaeTiling::ALL.iter().map(|t| t.name())))]
    vae_tiling: Option<VaeTiling>,
    /// A picture to start from; one of another shape is cropped in the middle.
    #[arg(long, value_name = "FILE")]
    init_image: Option<PathBuf>,
    /// The share of the steps that is drawn over it, above 0 to 1 [default: 0.6].
    #[arg(long)]
    denoise: Option<f64>,
    /// A picture that is white where something new is drawn and black where the start stays.
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,
    /// The folder for the pictures; nothing in it is overwritten.
    #[arg(long, value_name = "DIR", default_value = "pictures")]
    pub(super) out: PathBuf,
}

impl GenerateArgs {
    /// Whether adapters are named by flags.
    pub(super) fn has_adapters(&self) -> bool {
        !self.adapter.is_empty()
    }

    /// Whether a start picture, or a mask, is named by a flag.
    pub(super) fn has_start(&self) -> [bool; 2] {
        [self.init_image.is_some(), self.mask.is_some()]
    }

    /// Puts every given flag into its field.
    pub(super) fn apply_to(&self, request: &mut GenerateRequest) -> Result<()> {
        set(&mut request.prompt, self.prompt.as_ref());
        if self.prompts.is_some() {
            // Each line brings its own.
            request.prompt.clear();
        }
        set_some(&mut request.prompt_2, self.prompt_2.as_ref());
        set_some(&mut request.negative, self.negative.as_ref());
        set_some(&mut request.negative_2, self.negative_2.as_ref());
        set(&mut request.prompt_syntax, self.prompt_syntax.as_ref());
        set(&mut request.steps, self.steps.as_ref());
        set(&mut request.guidance, self.guidance.as_ref());
        set(
            &mut request.guidance_rescale,
            self.guidance_rescale.as_ref(),
        );
        set(&mut request.sampler, self.sampler.as_ref());
        set(&mut request.schedule, self.schedule.as_ref());
        set(&mut request.seed, self.seed.as_ref());
        set(&mut request.noise, self.noise.as_ref());
        set_some(&mut request.width, self.width.as_ref());
        set_some(&mut request.height, self.height.as_ref());
        set(&mut request.count, self.count.as_ref());
        set(&mut request.clip_skip, self.clip_skip.as_ref());
        set(&mut request.precision, self.precision.as_ref());
        set(&mut request.vae_tiling, self.vae_tiling.as_ref());
        if self.has_adapters() {
            let used = self.adapter.iter().map(|word| word.used.clone());
            request.adapters = used.collect();
        }
        self.apply_to_start(&mut request.start)
    }

    fn apply_to_start(&self, start: &mut Option<StartImage>) -> Result<()> {
        if let Some(path) = &self.init_image {
            let before = start.take();
            *start = Some(StartImage {
                path: path.clone(),
                denoise: before
                    .as_ref()
                    .map_or(StartImage::USUAL_DENOISE, |start| start.denoise),
                mask: before.and_then(|start| start.mask),
            });
        }
        if let Some(start) = start {
            set(&mut start.denoise, self.denoise.as_ref());
            set_some(&mut start.mask, self.mask.as_ref());
            return Ok(());
        }
        let flags = [
            ("--denoise", self.denoise.is_some()),
            ("--mask", self.mask.is_some()),
        ];
        match flags.into_iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(failed(
                ErrorCode::InvalidInput,
                format!("`{flag}` needs a picture to start from, give one with `--init-image`"),
            )),
            None => Ok(()),
        }
    }
}

fn set<T: Clone>(field: &mut T, flag: Option<&T>) {
    if let Some(value) = flag {
        field.clone_from(value);
    }
}

fn set_some<T: Clone>(field: &mut Option<T>, flag: Option<&T>) {
    if flag.is_some() {
        *field = flag.cloned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{Command, parse};

    fn request(words: &str) -> Result<GenerateRequest> {
        let words = words.split_whitespace();
        let cli = parse(["atelier", "generate"].into_iter().chain(words))?;
        let Command::Generate(args) = cli.command else {
            unreachable!("the words name this command")
        };
        let mut request = GenerateRequest::default();
        args.apply_to(&mut request)?;
        Ok(request)
    }

    #[test]
    fn every_field_has_a_flag_that_reaches_it() {
        let set = request(
            "--prompt p --prompt-2 q --negative n --negative-2 m --prompt-syntax plain --steps 5 --guidance 3.5 \
             --guidance-rescale 0.5 --sampler dpmpp-2m --schedule karras --seed -1 --noise torch-cuda --width 64 \
             --height 32 --count 2 --clip-skip 1 --precision bf16 --vae-tiling on --adapter a:0.5:0 --init-image i.png \
             --denoise 0.25 --mask m.png",
        );
        let set = serde_json::to_value(set.unwrap()).unwrap();
        let default = serde_json::to_value(GenerateRequest::default()).unwrap();
        for (key, value) in set.as_object().unwrap() {
            let before = default.get(key);
            assert!(
                before.is_none_or(|before| before != value),
                "`{key}` has no flag"
            );
        }
        assert_eq!(set.as_object().unwrap().len(), 20, "{set}");
        let start = serde_json::json!({"path": "i.png", "denoise": 0.25, "mask": "m.png"});
        assert_eq!(set["start"], start);
        assert_eq!(set["seed"], u64::MAX);
    }

    #[test]
    fn an_absent_negative_prompt_is_not_an_empty_one() {
        assert_eq!(request("--prompt p").unwrap().negative, None);
        let empty = request("--prompt p --negative=").unwrap();
        assert_eq!(empty.negative.as_deref(), Some(""));
    }

    #[test]
    fn a_start_picture_is_needed_where_something_is_said_about_it() {
        let start = request("--prompt p --init-image i.png").unwrap().start;
        assert!((start.unwrap().denoise - StartImage::USUAL_DENOISE).abs() < f64::EPSILON);
        for flag in ["--denoise 0.5", "--mask m.png"] {
            let error = request(&format!("--prompt p {flag}")).unwrap_err();
            assert!(error.to_string().contains("give one with `--init-image`"));
        }
    }

    #[test]
    fn something_must_say_what_is_drawn() {
        assert!(request("--steps 4").is_err());
        assert!(request("--prompt p --prompts f").is_err());
        for words in ["--prompts f", "--from f.png", "--from f.png --prompt p"] {
            request(words).unwrap();
        }
    }
}
