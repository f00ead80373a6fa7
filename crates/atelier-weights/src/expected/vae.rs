//! The tensors of an `AutoencoderKL`.

use serde_json::Value;

use super::{Expected, MAX_LAYERS, Sides, channels, count, width};

/// Adds all tensors.
pub(super) fn add(out: &mut Expected, config: &Value) -> Option<()> {
    let channels = channels(config)?;
    let layers = count(config.get("layers_per_block")?, MAX_LAYERS)?;
    let latents = width(config, "latent_channels", 4)?;
    let set = |key: &str| {
        config
            .get(key)
            .is_none_or(|value| value == &Value::Bool(true))
    };
    if !set("mid_block_add_attention") {
        return None;
    }
    let sides = |input, output| Sides { input, output };
    let (first, last) = (channels[0], channels[channels.len() - 1]);
    out.conv(
        "encoder.conv_in",
        sides(width(config, "in_channels", 3)?, first),
        3,
    );
    encoder_levels(out, &channels, layers);
    middle(out, "encoder.mid_block", last);
    out.norm("encoder.conv_norm_out", last);
    // Mean and log-variance.
    out.conv("encoder.conv_out", sides(last, 2 * latents), 3);
    if set("use_quant_conv") {
        out.conv("quant_conv", sides(2 * latents, 2 * latents), 1);
    }
    if set("use_post_quant_conv") {
        out.conv("post_quant_conv", sides(latents, latents), 1);
    }
    out.conv("decoder.conv_in", sides(latents, last), 3);
    middle(out, "decoder.mid_block", last);
    decoder_levels(out, &channels, layers);
    out.norm("decoder.conv_norm_out", first);
    out.conv(
        "decoder.conv_out",
        sides(first, width(config, "out_channels", 3)?),
        3,
    );
    Some(())
}

fn encoder_levels(out: &mut Expected, channels: &[usize], layers: usize) {
    let mut input = channels[0];
    for (level, &output) in channels.iter().enumerate() {
        let start = format!("encoder.down_blocks.{level}");
        for layer in 0..layers {
            out.resnet(
                &format!("{start}.resnets.{layer}"),
                Sides { input, output },
                None,
            );
            input = output;
        }
        if level + 1 < channels.len() {
            out.conv(
                &format!("{start}.downsamplers.0.conv"),
                Sides { input, output },
                3,
            );
        }
    }
}

fn decoder_levels(out: &mut Expected, channels: &[usize], layers: usize) {
    let mut input = channels[channels.len() - 1];
    for (level, &output) in channels.iter().rev().enumerate() {
        let start = format!("decoder.up_blocks.{level}");
        for layer in 0..=layers {
            out.resnet(
                &format!("{start}.resnets.{layer}"),
                Sides { input, output },
                None,
            );
            input = output;
        }
        if level + 1 < channels.len() {
            out.conv(
                &format!("{start}.upsamplers.0.conv"),
                Sides { input, output },
                3,
            );
        }
    }
}

fn middle(out: &mut Expected, start: &str, width: usize) {
    let sides = Sides {
        input: width,
        output: width,
    };
    for layer in 0..2 {
        out.resnet(&format!("{start}.resnets.{layer}"), sides, None);
    }
    let attention = format!("{start}.attentions.0");
    out.norm(&format!("{attention}.group_norm"), width);
    for projection in ["to_q", "to_k", "to_v", "to_out.0"] {
        out.layer(&format!("{attention}.{projection}"), &[width, width]);
    }
}
