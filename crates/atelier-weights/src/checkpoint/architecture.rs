//! What a single file holds, found by the names and shapes of its tensors.

use super::sections::{Sections, UNET};
use crate::TensorFile;

/// A published architecture that single files come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// Stable Diffusion 1.x: CLIP-L, 512 pixels.
    StableDiffusion1,
    /// Stable Diffusion 2.x: `OpenCLIP-H`, 512 or 768 pixels.
    StableDiffusion2,
    /// SDXL: CLIP-L and `OpenCLIP-bigG`, 1024 pixels.
    Sdxl,
}

impl Architecture {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::StableDiffusion1 => "Stable Diffusion 1",
            Self::StableDiffusion2 => "Stable Diffusion 2",
            Self::Sdxl => "Stable Diffusion XL",
        }
    }

    /// The family that loads it.
    pub fn family(self) -> &'static str {
        match self {
            Self::StableDiffusion1 | Self::StableDiffusion2 => "sd15",
            Self::Sdxl => "sdxl",
        }
    }

    /// The pipeline class of its diffusers folders.
    pub fn class_name(self) -> &'static str {
        match self {
            Self::StableDiffusion1 | Self::StableDiffusion2 => "StableDiffusionPipeline",
            Self::Sdxl => "StableDiffusionXLPipeline",
        }
    }

    /// The parts with weights, sorted.
    pub(super) fn weighted_parts(self) -> &'static [&'static str] {
        match self {
            Self::StableDiffusion1 | Self::StableDiffusion2 => &["text_encoder", "unet", "vae"],
            Self::Sdxl => &["text_encoder", "text_encoder_2", "unet", "vae"],
        }
    }

    /// Finds the architecture, or says what the file is instead.
    pub(super) fn of(file: &TensorFile, sections: &Sections) -> Result<Self, String> {
        if let Some(problem) = something_else(file, sections) {
            return Err(problem);
        }
        let has_file = |prefix: &str| file.names().any(|name| name.starts_with(prefix));
        let (clip, openclip) = (!sections.clip.is_empty(), !sections.openclip.is_empty());
        match (clip, openclip, has_file("conditioner.")) {
            (true, true, true) => Ok(Self::Sdxl),
            (true, false, false) => Ok(Self::StableDiffusion1),
            (false, true, false) => Ok(Self::StableDiffusion2),
            (true, false, true) => Err(
                "its second text encoder is missing: there is no tensor under `conditioner.embedders.1.model.`".into(),
            ),
            (false, true, true) => Err(
                "its first text encoder is missing: there is no tensor under `conditioner.embedders.0.transformer.`"
                    .into(),
            ),
            (true, true, false) => Err(
                "it has the text encoders of two architectures under `cond_stage_model.`, expected one".into(),
            ),
            (false, false, _) => Err(
                "its text encoder is missing; it seems to be a U-Net for programs that load the parts one by one".into(),
            ),
        }
    }
}

/// Names that only one kind of file has: where they stand in a name, and what the file is then.
const MARKS: [(Place, &str, &str); 37] = [
    (Place::End, ".lora_down.weight", LORA),
    (Place::End, ".lora_up.weight", LORA),
    (Place::End, ".lora_A.weight", LORA),
    (Place::End, ".lora.down.weight", LORA),
    (Place::End, "_lora.down.weight", LORA),
    (Place::End, ".hada_w1_a", LORA),
    (Place::End, ".lokr_w1", LORA),
    (Place::End, ".lokr_w1_a", LORA),
    (Place::Start, "emb_params", EMBEDDING),
    (Place::Start, "string_to_param.", EMBEDDING),
    (Place::Start, "control_model.", CONTROLNET),
    (Place::Start, "controlnet_cond_embedding.", CONTROLNET),
    (Place::Start, "controlnet_down_blocks.", CONTROLNET),
    (Place::Start, "input_hint_block.", CONTROLNET),
    (Place::Start, "zero_convs.", CONTROLNET),
    (
        Place::Inside,
        "motion_modules.",
        "a motion module (AnimateDiff), which moves the pictures of a base",
    ),
    (
        Place::Inside,
        ".time_stack.",
        "a video model (Stable Video Diffusion)",
    ),
    (
        Place::Start,
        "conditioner.embedders.0.model.",
        "the SDXL refiner, which only finishes pictures of the base",
    ),
    (
        Place::Start,
        "conditioner.embedders.0.open_clip.",
        "a video model (Stable Video Diffusion)",
    ),
    (
        Place::Start,
        "embedder.",
        "an unCLIP model, which takes pictures as prompts",
    ),
    (
        Place::Start,
        "noise_augmentor.",
        "an unCLIP model, which takes pictures as prompts",
    ),
    (
        Place::Start,
        "depth_model.",
        "a depth-to-picture model, which needs a depth map",
    ),
    (Place::Start, "low_scale_model.", "an upscaler"),
    (
        Place::Start,
        "edm_mean",
        "Playground 2.5, whose noise (EDM) differs from that of SDXL",
    ),
    (
        Place::Start,
        "edm_vpred.",
        "CosXL, whose noise (EDM) differs from that of SDXL",
    ),
    (
        Place::Start,
        "ip_adapter.",
        "an IP-Adapter, which gives a base pictures as prompts",
    ),
    (Place::Inside, "joint_blocks.", "Stable Diffusion 3"),
    (Place::Inside, "double_blocks.", "FLUX or a relative of it"),
    (
        Place::Inside,
        "single_transformer_blocks.",
        "FLUX or a relative of it",
    ),
    (Place::Inside, "double_layers.", "AuraFlow"),
    (Place::Inside, "double_stream_blocks.", "HiDream"),
    (
        Place::Inside,
        "cap_embedder.",
        "Lumina 2 or a relative of it",
    ),
    (Place::Inside, "head.modulation", "Wan, a video model"),
    (Place::Inside, "patchify_proj.", "LTX-Video, a video model"),
    (Place::Inside, "adaLN_modulation", "a diffusion transformer"),
    (Place::Inside, "clip_txt_mapper.", "Stable Cascade"),
    (Place::Inside, "channelwise.", "Stable Cascade"),
];
const LORA: &str = "an adapter (LoRA or a relative of it), which is used together with a base";
const EMBEDDING: &str = "an embedding (textual inversion), which is used together with a base";
const CONTROLNET: &str = "a ControlNet, which steers a base";

/// Where a mark stands in a name.
#[derive(Clone, Copy)]
enum Place {
    Start,
    Inside,
    End,
}

impl Place {
    fn holds(self, name: &str, mark: &str) -> bool {
        match self {
            // Many programs save with the prefix of the U-Net in front.
            Self::Start => {
                name.starts_with(mark)
                    || name
                        .strip_prefix(UNET)
                        .is_some_and(|rest| rest.starts_with(mark))
            }
            Self::Inside => name.contains(mark),
            Self::End => name.ends_with(mark),
        }
    }
}

/// What a file is that cannot be a base.
fn something_else(file: &TensorFile, sections: &Sections) -> Option<String> {
    if file.names().len() == 0 {
        return Some("it holds no tensors".to_owned());
    }
    let marked = MARKS.iter().find_map(|(place, mark, what)| {
        let name = file.names().find(|name| place.holds(name, mark))?;
        Some((name, *what))
    });
    if let Some((name, what)) = marked {
        return Some(format!(
            "it is {what}; a base of Stable Diffusion 1, 2 or XL is expected (seen by tensor `{name}`)"
        ));
    }
    if let Some(problem) = input_channels(sections) {
        return Some(problem);
    }
    sections.unet.is_empty().then(|| without_unet(file))
}

/// Models whose U-Net looks at more than the latents.
fn input_channels(sections: &Sections) -> Option<String> {
    let first = sections.unet.get("input_blocks.0.0.weight")?;
    let channels = *first.info.shape.get(1)?;
    let what = match channels {
        4 => return None,
        5 => "a depth-to-picture model, which needs a depth map",
        7 => "an upscaler",
        8 => "an instruction model (InstructPix2Pix), which changes a given picture",
        9 => "an inpainting model, which needs a mask; an ordinary base can inpaint too",
        _ => "a model of another kind",
    };
    Some(format!(
        "it is {what}: its U-Net takes {channels} channels, expected 4"
    ))
}

fn without_unet(file: &TensorFile) -> String {
    let any = |prefixes: &[&str]| {
        file.names()
            .any(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
    };
    let what = if any(&[
        "input_blocks.",
        "output_blocks.",
        "down_blocks.",
        "up_blocks.",
    ]) {
        "a U-Net alone, without text encoder and VAE"
    } else if any(&[
        "encoder.down",
        "decoder.up",
        "first_stage_model.",
        "decoder.mid",
    ]) {
        "a VAE alone; name it `NAME.vae.safetensors` beside the base `NAME.safetensors` to use it with that"
    } else if any(&[
        "text_model.",
        "transformer.resblocks.",
        "cond_stage_model.",
        "conditioner.",
    ]) {
        "a text encoder alone"
    } else if any(&["clip_l", "clip_g"]) {
        EMBEDDING
    } else {
        let names = crate::error::first_names(file.names());
        return format!(
            "it is no base of Stable Diffusion 1, 2 or XL: there is no tensor under `{UNET}`; it has {names}"
        );
    };
    format!("it is {what}; a base of Stable Diffusion 1, 2 or XL is expected")
}
