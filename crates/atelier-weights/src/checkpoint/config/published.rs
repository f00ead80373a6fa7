//! What the folders of diffusers say besides the networks: the noise schedule and the index.

use serde_json::{Value, json};

use super::super::architecture::Architecture;
use super::super::prediction::Prediction;

/// `scheduler/scheduler_config.json`.
pub(in crate::checkpoint) fn scheduler(
    architecture: Architecture,
    prediction: &Prediction,
) -> Value {
    let mut config = json!({
        "_class_name": scheduler_class(architecture),
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "clip_sample": false,
        "num_train_timesteps": 1000,
        "prediction_type": prediction.kind.name(),
        "rescale_betas_zero_snr": prediction.rescale_betas_zero_snr,
        "set_alpha_to_one": false,
        "skip_prk_steps": true,
        "steps_offset": 1,
        "timestep_spacing": "leading",
        "trained_betas": null,
    });
    if architecture == Architecture::Sdxl {
        config["interpolation_type"] = json!("linear");
        config["sample_max_value"] = json!(1.0);
        config["use_karras_sigmas"] = json!(false);
    }
    config
}

fn scheduler_class(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::StableDiffusion1 => "PNDMScheduler",
        Architecture::StableDiffusion2 => "DDIMScheduler",
        Architecture::Sdxl => "EulerDiscreteScheduler",
    }
}

/// `model_index.json`.
pub(in crate::checkpoint) fn index(architecture: Architecture) -> Value {
    let mut index = json!({
        "_class_name": architecture.class_name(),
        "scheduler": ["diffusers", scheduler_class(architecture)],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    });
    if architecture == Architecture::Sdxl {
        index["force_zeros_for_empty_prompt"] = json!(true);
        index["text_encoder_2"] = json!(["transformers", "CLIPTextModelWithProjection"]);
        index["tokenizer_2"] = json!(["transformers", "CLIPTokenizer"]);
    }
    index
}
