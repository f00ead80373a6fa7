//! `vae/config.json` from shapes.

use serde_json::{Value, json};

use super::super::architecture::Architecture;
use super::{GROUPS, axis, check_groups, count};
use crate::PartTensors;

/// The configuration of an autoencoder.
pub(in crate::checkpoint) fn vae(
    tensors: &PartTensors,
    architecture: Architecture,
) -> Result<Value, String> {
    let levels = count(tensors, "decoder.up_blocks.")?;
    // The decoder's levels run from the smallest resolution to the largest.
    let mut channels = Vec::with_capacity(levels);
    for level in (0..levels).rev() {
        let first = format!("decoder.up_blocks.{level}.resnets.0.conv1.weight");
        channels.push(axis(tensors, &first, 0)?);
    }
    check_groups("VAE", &channels)?;
    let layers = count(tensors, "decoder.up_blocks.0.resnets.")?;
    if layers < 2 {
        return Err("its VAE has levels of one residual block, expected at least two".to_owned());
    }
    Ok(json!({
        "_class_name": "AutoencoderKL",
        "act_fn": "silu",
        "block_out_channels": channels,
        "down_block_types": vec!["DownEncoderBlock2D"; levels],
        "force_upcast": true,
        "in_channels": axis(tensors, "encoder.conv_in.weight", 1)?,
        "latent_channels": axis(tensors, "decoder.conv_in.weight", 1)?,
        "layers_per_block": layers - 1,
        "norm_num_groups": GROUPS,
        "out_channels": axis(tensors, "decoder.conv_out.weight", 0)?,
        "sample_size": sample_size(architecture),
        "scaling_factor": scaling_factor(architecture),
        "up_block_types": vec!["UpDecoderBlock2D"; levels],
        "use_post_quant_conv": tensors.info("post_quant_conv.weight").is_some(),
        "use_quant_conv": tensors.info("quant_conv.weight").is_some(),
    }))
}

/// As published: not measured from the weights.
fn scaling_factor(architecture: Architecture) -> f64 {
    match architecture {
        Architecture::StableDiffusion1 | Architecture::StableDiffusion2 => 0.18215,
        Architecture::Sdxl => 0.13025,
    }
}

fn sample_size(architecture: Architecture) -> usize {
    match architecture {
        Architecture::StableDiffusion1 => 512,
        Architecture::StableDiffusion2 => 768,
        Architecture::Sdxl => 1024,
    }
}
