//! Every number of the embedded base in one place: shapes, schedule, what it learns from, how long a batch is.

use serde_json::{Value, json};

/// Side of the pictures in pixels.
pub(crate) const SIDE: usize = 128;
/// Groups of the corpus that the autoencoder learns to give back.
pub(crate) const GROUPS: &[&str] = &["faces", "animals", "food", "weather", "plants", "hearts"];
/// Groups that the denoiser learns to draw: few, so that they are drawn well in the hours that a processor has.
pub(crate) const DRAWN_GROUPS: &[&str] = &["faces", "hearts", "weather"];
/// Steps of the whole autoencoder.
pub(crate) const VAE_STEPS: u64 = 4600;
/// Further steps of its decoder alone.
pub(crate) const DECODER_STEPS: u64 = 2000;
/// Steps of denoiser and text encoder.
pub(crate) const STEPS: u64 = 4200;
/// Pictures that the autoencoder sees at once.
pub(crate) const VAE_BATCH: usize = 8;
/// Peak learning rate of the autoencoder.
pub(crate) const VAE_RATE: f64 = 1e-3;
/// Weight of the divergence from the unit normal, per latent value.
pub(crate) const KL_WEIGHT: f32 = 1e-4;
/// Backgrounds, flips and shifts under which each picture is encoded.
pub(crate) const VARIANTS: usize = 8;
/// Pictures that the denoiser sees at once.
pub(crate) const BATCH: usize = 32;
/// Peak learning rate of denoiser and text encoder.
pub(crate) const RATE: f64 = 6e-4;
/// Steps of the linear rise of the rate.
pub(crate) const WARMUP_STEPS: u64 = 200;
/// Decay of the averaged weights that are shipped.
pub(crate) const EMA_DECAY: f64 = 0.999;
/// Every random choice follows from it.
pub(crate) const SEED: u64 = 20;

/// Configuration of the autoencoder.
pub(crate) fn vae(scaling_factor: f64) -> Value {
    json!({
        "_class_name": "AutoencoderKL", "_diffusers_version": "0.42.1", "act_fn": "silu",
        "block_out_channels": [16, 32, 64, 128],
        "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
        "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
        "in_channels": 3, "out_channels": 3, "latent_channels": 8, "layers_per_block": 1, "norm_num_groups": 16,
        "sample_size": SIDE, "scaling_factor": scaling_factor, "force_upcast": false,
    })
}

/// Configuration of the denoiser.
pub(crate) fn unet() -> Value {
    json!({
        "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.42.1", "act_fn": "silu",
        "sample_size": SIDE / 8, "in_channels": 8, "out_channels": 8, "center_input_sample": false,
        "block_out_channels": [96, 160, 192], "layers_per_block": 1, "norm_num_groups": 32, "norm_eps": 1e-5,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "cross_attention_dim": 112, "attention_head_dim": [3, 5, 6], "downsample_padding": 1,
        "flip_sin_to_cos": true, "freq_shift": 0, "mid_block_scale_factor": 1,
        "mid_block_type": "UNetMidBlock2DCrossAttn", "transformer_layers_per_block": 1, "use_linear_projection": false,
    })
}

/// Configuration of the text encoder.
pub(crate) fn text_encoder() -> Value {
    json!({
        "architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "hidden_act": "gelu",
        "vocab_size": 49408, "hidden_size": 112, "intermediate_size": 448, "projection_dim": 112,
        "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 77, "layer_norm_eps": 1e-5,
        "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407, "attention_dropout": 0.0,
        "dtype": "float16",
    })
}

/// Noise schedule: cosine with velocity prediction, whose last timestep is pure noise, so that plain backgrounds of any
/// colour can be drawn (Lin et al. 2024).
pub(crate) fn scheduler() -> Value {
    json!({
        "_class_name": "DDIMScheduler", "_diffusers_version": "0.42.1", "num_train_timesteps": 1000,
        "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "squaredcos_cap_v2", "trained_betas": null,
        "prediction_type": "v_prediction", "clip_sample": false, "set_alpha_to_one": true, "steps_offset": 1,
        "timestep_spacing": "trailing", "rescale_betas_zero_snr": false, "thresholding": false,
    })
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
