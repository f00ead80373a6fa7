//! The autoencoder: `down` and `up` are levels, and the decoder counts its levels from the largest resolution.

use super::{Form, Target, leading_index, renamed, same};
use crate::part::{current_name_of_attention, is_attention_weight};

/// Layers outside of the blocks, behind `encoder.` or `decoder.`.
const OUTER: [(&str, &str); 3] = [
    ("conv_in", "conv_in"),
    ("norm_out", "conv_norm_out"),
    ("conv_out", "conv_out"),
];
/// Layers of a residual block.
const RESNET: [(&str, &str); 5] = [
    ("norm1", "norm1"),
    ("conv1", "conv1"),
    ("norm2", "norm2"),
    ("conv2", "conv2"),
    ("nin_shortcut", "conv_shortcut"),
];
/// Layers of an attention.
const ATTENTION: [(&str, &str); 5] = [
    ("norm", "group_norm"),
    ("q", "to_q"),
    ("k", "to_k"),
    ("v", "to_v"),
    ("proj_out", "to_out.0"),
];
/// Layers between encoder and decoder.
const BETWEEN: [(&str, &str); 2] = [
    ("quant_conv", "quant_conv"),
    ("post_quant_conv", "post_quant_conv"),
];
/// What only a file in the names of diffusers has.
const DIFFUSERS: [&str; 6] = [
    "encoder.down_blocks.",
    "encoder.mid_block.",
    "encoder.conv_norm_out.",
    "decoder.up_blocks.",
    "decoder.mid_block.",
    "decoder.conv_norm_out.",
];

/// The tensors of diffusers for an original name; none when it belongs to no autoencoder of so many levels.
pub(in crate::checkpoint) fn targets(name: &str, levels: usize) -> Vec<Target> {
    let Some(name) = target(name, levels) else {
        return Vec::new();
    };
    if is_attention_weight(&name) {
        return vec![Target::new(name, Form::Matrix)];
    }
    same(name)
}

fn target(name: &str, levels: usize) -> Option<String> {
    if DIFFUSERS.iter().any(|prefix| name.starts_with(prefix)) {
        return Some(current_name_of_attention(name));
    }
    if let Some(between) = renamed(&BETWEEN, name) {
        return Some(between);
    }
    let (side, rest) = name.split_once('.')?;
    if !matches!(side, "encoder" | "decoder") {
        return None;
    }
    let rest = renamed(&OUTER, rest)
        .or_else(|| middle(rest))
        .or_else(|| level(side, rest, levels))?;
    Some(format!("{side}.{rest}"))
}

fn middle(rest: &str) -> Option<String> {
    let rest = rest.strip_prefix("mid.")?;
    let (block, rest) = rest.split_once('.')?;
    match block {
        "block_1" => Some(format!("mid_block.resnets.0.{}", renamed(&RESNET, rest)?)),
        "block_2" => Some(format!("mid_block.resnets.1.{}", renamed(&RESNET, rest)?)),
        "attn_1" => Some(format!(
            "mid_block.attentions.0.{}",
            renamed(&ATTENTION, rest)?
        )),
        _ => None,
    }
}

fn level(side: &str, rest: &str, levels: usize) -> Option<String> {
    let (way, rest) = rest.split_once('.')?;
    let (level, rest) = leading_index(rest)?;
    let (blocks, level, sampler) = match (side, way) {
        ("encoder", "down") if level < levels => ("down_blocks", level, "downsample"),
        ("decoder", "up") => ("up_blocks", levels.checked_sub(level + 1)?, "upsample"),
        _ => return None,
    };
    let (kind, rest) = rest.split_once('.')?;
    if kind == sampler {
        let rest = rest.strip_prefix("conv.")?;
        return Some(format!("{blocks}.{level}.{sampler}rs.0.conv.{rest}"));
    }
    if kind != "block" {
        return None;
    }
    let (layer, rest) = leading_index(rest)?;
    let rest = renamed(&RESNET, rest)?;
    Some(format!("{blocks}.{level}.resnets.{layer}.{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoder_counts_from_the_other_end() {
        for (old, new) in [
            (
                "encoder.down.0.block.1.nin_shortcut.bias",
                "encoder.down_blocks.0.resnets.1.conv_shortcut.bias",
            ),
            (
                "encoder.down.2.downsample.conv.bias",
                "encoder.down_blocks.2.downsamplers.0.conv.bias",
            ),
            (
                "decoder.up.3.block.2.norm1.bias",
                "decoder.up_blocks.0.resnets.2.norm1.bias",
            ),
            (
                "decoder.up.1.upsample.conv.bias",
                "decoder.up_blocks.2.upsamplers.0.conv.bias",
            ),
            (
                "decoder.mid.block_2.conv1.bias",
                "decoder.mid_block.resnets.1.conv1.bias",
            ),
            ("encoder.norm_out.bias", "encoder.conv_norm_out.bias"),
            ("post_quant_conv.bias", "post_quant_conv.bias"),
        ] {
            assert_eq!(target(old, 4).as_deref(), Some(new));
        }
        for foreign in [
            "encoder.down.4.block.0.conv1.weight",
            "decoder.up.4.block.0.conv1.weight",
            "encoder.down.0.attn.0.q.weight",
            "encoder.up.0.block.0.conv1.weight",
            "loss.logvar",
        ] {
            assert_eq!(target(foreign, 4), None, "{foreign}");
        }
    }

    #[test]
    fn attention_weights_become_matrices_in_every_spelling() {
        let name = "encoder.mid_block.attentions.0.to_out.0.weight".to_owned();
        let matrix = Target::new(name, Form::Matrix);
        for old in [
            "encoder.mid.attn_1.proj_out.weight",
            "encoder.mid_block.attentions.0.proj_attn.weight",
            "encoder.mid_block.attentions.0.to_out.0.weight",
        ] {
            assert_eq!(targets(old, 4), std::slice::from_ref(&matrix));
        }
        let bias = targets("encoder.mid.attn_1.q.bias", 4);
        assert_eq!(bias[0].form, Form::Same);
    }
}
