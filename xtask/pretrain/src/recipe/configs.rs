//! The recipe's shapes as the configuration files of a diffusers folder.

use serde_json::{Value, json};

use super::{Recipe, Schedule, TextRecipe};

impl Recipe {
    /// Configuration of the autoencoder.
    pub(crate) fn vae_config(&self, scaling_factor: f64) -> Value {
        let levels = self.vae.channels.len();
        json!({
            "_class_name": "AutoencoderKL", "_diffusers_version": "0.42.1", "act_fn": "silu",
            "block_out_channels": self.vae.channels,
            "down_block_types": vec!["DownEncoderBlock2D"; levels],
            "up_block_types": vec!["UpDecoderBlock2D"; levels],
            "in_channels": 3, "out_channels": 3, "latent_channels": self.vae.latent_channels, "layers_per_block": 1,
            "norm_num_groups": self.vae.norm_groups,
            "sample_size": self.side, "scaling_factor": scaling_factor, "force_upcast": false,
        })
    }

    /// Configuration of the denoiser.
    pub(crate) fn unet_config(&self) -> Value {
        let denoiser = &self.denoiser;
        let name = |attends: &bool, with, without| if *attends { with } else { without };
        let down = denoiser.attention.iter();
        let down: Vec<&str> = down
            .map(|a| name(a, "CrossAttnDownBlock2D", "DownBlock2D"))
            .collect();
        let up = denoiser.attention.iter().rev();
        let up: Vec<&str> = up
            .map(|a| name(a, "CrossAttnUpBlock2D", "UpBlock2D"))
            .collect();
        json!({
            "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.42.1", "act_fn": "silu",
            "sample_size": self.latent_side(), "in_channels": self.vae.latent_channels,
            "out_channels": self.vae.latent_channels, "center_input_sample": false,
            "block_out_channels": denoiser.channels, "layers_per_block": 1, "norm_num_groups": 32, "norm_eps": 1e-5,
            "down_block_types": down, "up_block_types": up,
            "cross_attention_dim": self.text.width, "attention_head_dim": denoiser.heads, "downsample_padding": 1,
            "flip_sin_to_cos": true, "freq_shift": 0, "mid_block_scale_factor": 1,
            "mid_block_type": "UNetMidBlock2DCrossAttn", "transformer_layers_per_block": 1,
            "use_linear_projection": false,
        })
    }

    /// Configuration of the text encoder for so many tokens.
    pub(crate) fn text_config(&self, tokens: usize) -> Value {
        let TextRecipe {
            width,
            layers,
            heads,
        } = self.text;
        json!({
            "architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "hidden_act": "gelu",
            "vocab_size": tokens, "hidden_size": width, "intermediate_size": 4 * width, "projection_dim": width,
            "num_hidden_layers": layers, "num_attention_heads": heads, "max_position_embeddings": 77,
            "layer_norm_eps": 1e-5, "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407,
            "attention_dropout": 0.0, "dtype": "float16",
        })
    }

    /// Noise schedule, with velocity prediction, since the last timestep is pure noise: the cosine ends so near to it that only
    /// the other one is rescaled.
    pub(crate) fn scheduler(&self) -> Value {
        let (betas, is_rescaled) = match self.denoiser.schedule {
            Schedule::Cosine => ("squaredcos_cap_v2", false),
            Schedule::ScaledLinear => ("scaled_linear", true),
        };
        json!({
            "_class_name": "DDIMScheduler", "_diffusers_version": "0.42.1", "num_train_timesteps": 1000,
            "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": betas, "trained_betas": null,
            "prediction_type": "v_prediction", "clip_sample": false, "set_alpha_to_one": true, "steps_offset": 1,
            "timestep_spacing": "trailing", "rescale_betas_zero_snr": is_rescaled, "thresholding": false,
        })
    }
}

/// `model_index.json`.
pub(crate) fn model_index() -> Value {
    json!({
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",
        "feature_extractor": [null, null], "image_encoder": [null, null],
        "requires_safety_checker": false, "safety_checker": [null, null],
        "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    })
}

#[cfg(test)]
mod tests {
    use atelier_core::{SamplerKind, ScheduleKind};
    use atelier_diffusion::samplers;
    use atelier_diffusion::schedule::{NoiseSchedule, PredictionType, ScheduleConfig};

    use super::*;

    #[test]
    fn each_level_is_named_as_it_is_built() {
        let config = Recipe::default().unet_config();
        assert_eq!(config["sample_size"], 16);
        assert_eq!(config["down_block_types"][0], "DownBlock2D");
        assert_eq!(config["up_block_types"][2], "UpBlock2D");
        assert_eq!(config["up_block_types"][0], "CrossAttnUpBlock2D");
    }

    #[test]
    fn drawings_begin_where_no_schedule_keeps_anything_of_the_picture() {
        let [cosine, linear] = [Schedule::Cosine, Schedule::ScaledLinear].map(|schedule| {
            let mut recipe = Recipe::default();
            recipe.denoiser.schedule = schedule;
            let config = ScheduleConfig::from_json(&recipe.scheduler().to_string()).unwrap();
            let noise = NoiseSchedule::new(&config);
            assert_eq!(noise.prediction_type, PredictionType::VPrediction);
            assert_eq!(noise.len(), 1000);
            let (first, last) = (noise.alphas_cumprod[0], noise.alphas_cumprod[999]);
            assert!(
                first > 0.99 && (0.0..1e-6).contains(&last),
                "{first} {last}"
            );
            let base = ScheduleKind::Base;
            let walk = samplers::build(SamplerKind::Ddim, base, &config, 25).unwrap();
            assert!((walk.timesteps()[0] - 999.0).abs() < 1e-6);
            noise
        });
        // in the middle the linear one keeps less
        let middle = [&cosine, &linear].map(|noise| noise.alphas_cumprod[500]);
        assert!(middle[0] > middle[1] + 0.1, "{middle:?}");
    }

    #[test]
    fn the_cosine_is_that_of_the_shipped_base() {
        let shipped =
            include_str!("../../../../assets/atelier-mini/scheduler/scheduler_config.json");
        let shipped: Value = serde_json::from_str(shipped).unwrap();
        assert_eq!(Recipe::default().scheduler(), shipped);
    }
}
