//! The U-Net: `input_blocks`, `middle_block` and `output_blocks` are the levels of `down_blocks`, `mid_block` and `up_blocks`.

use super::{Target, any_under, count_under, leading_index, renamed, same};
use std::collections::BTreeMap;

/// Layers outside of the blocks.
const OUTER: [(&str, &str); 7] = [
    ("time_embed.0", "time_embedding.linear_1"),
    ("time_embed.2", "time_embedding.linear_2"),
    ("label_emb.0.0", "add_embedding.linear_1"),
    ("label_emb.0.2", "add_embedding.linear_2"),
    ("input_blocks.0.0", "conv_in"),
    ("out.0", "conv_norm_out"),
    ("out.2", "conv_out"),
];
/// Layers of a residual block.
const RESNET: [(&str, &str); 6] = [
    ("in_layers.0", "norm1"),
    ("in_layers.2", "conv1"),
    ("emb_layers.1", "time_emb_proj"),
    ("out_layers.0", "norm2"),
    ("out_layers.3", "conv2"),
    ("skip_connection", "conv_shortcut"),
];

/// What the numbers of blocks are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::checkpoint) struct Frame {
    /// Levels of resolution.
    pub(in crate::checkpoint) levels: usize,
    /// Residual blocks of each level on the way down.
    pub(in crate::checkpoint) layers: usize,
}

impl Frame {
    /// The frame of a U-Net with these original names. The first downsampler closes the first level.
    pub(in crate::checkpoint) fn of<V>(names: &BTreeMap<String, V>) -> Result<Self, String> {
        let blocks = count_under(names, "input_blocks.");
        let first_down = (1..blocks).find(|i| any_under(names, &format!("input_blocks.{i}.0.op.")));
        let per_level = first_down.unwrap_or(blocks);
        if per_level < 2 || !blocks.is_multiple_of(per_level) {
            return Err(format!(
                "its U-Net has {blocks} input blocks, which do not make levels of {per_level}"
            ));
        }
        Ok(Self {
            levels: blocks / per_level,
            layers: per_level - 1,
        })
    }

    fn per_level(self) -> usize {
        self.layers + 1
    }
}

/// The tensors of diffusers for an original name; none when it belongs to no U-Net of this frame.
pub(in crate::checkpoint) fn targets(name: &str, frame: Frame) -> Vec<Target> {
    target(name, frame).map(same).unwrap_or_default()
}

fn target(name: &str, frame: Frame) -> Option<String> {
    if let Some(outer) = renamed(&OUTER, name) {
        return Some(outer);
    }
    let (way, rest) = name.split_once('.')?;
    let (block, rest) = leading_index(rest)?;
    match way {
        "input_blocks" => down(block, rest, frame),
        "middle_block" => middle(block, rest),
        "output_blocks" => up(block, rest, frame),
        _ => None,
    }
}

fn down(block: usize, rest: &str, frame: Frame) -> Option<String> {
    let block = block.checked_sub(1)?;
    let (level, layer) = (block / frame.per_level(), block % frame.per_level());
    let closes_level = layer == frame.layers;
    if level >= frame.levels {
        return None;
    }
    match leading_index(rest)? {
        (0, rest) if closes_level => {
            let rest = rest.strip_prefix("op.")?;
            Some(format!("down_blocks.{level}.downsamplers.0.conv.{rest}"))
        }
        (0, rest) => {
            let rest = renamed(&RESNET, rest)?;
            Some(format!("down_blocks.{level}.resnets.{layer}.{rest}"))
        }
        (1, rest) if !closes_level => {
            Some(format!("down_blocks.{level}.attentions.{layer}.{rest}"))
        }
        _ => None,
    }
}

fn middle(block: usize, rest: &str) -> Option<String> {
    match block {
        0 => Some(format!("mid_block.resnets.0.{}", renamed(&RESNET, rest)?)),
        1 => Some(format!("mid_block.attentions.0.{rest}")),
        2 => Some(format!("mid_block.resnets.1.{}", renamed(&RESNET, rest)?)),
        _ => None,
    }
}

/// A level that does not attend has its upsampler where others have their attention.
fn up(block: usize, rest: &str, frame: Frame) -> Option<String> {
    let (level, layer) = (block / frame.per_level(), block % frame.per_level());
    if level >= frame.levels {
        return None;
    }
    let (place, rest) = leading_index(rest)?;
    let upsampler = rest.strip_prefix("conv.");
    match (place, upsampler) {
        (0, _) => {
            let rest = renamed(&RESNET, rest)?;
            Some(format!("up_blocks.{level}.resnets.{layer}.{rest}"))
        }
        (1 | 2, Some(rest)) if layer == frame.layers => {
            Some(format!("up_blocks.{level}.upsamplers.0.conv.{rest}"))
        }
        (1, None) => Some(format!("up_blocks.{level}.attentions.{layer}.{rest}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_two_layers_are_numbered_as_in_published_models() {
        let frame = Frame {
            levels: 4,
            layers: 2,
        };
        for (old, new) in [
            ("input_blocks.0.0.weight", "conv_in.weight"),
            (
                "input_blocks.3.0.op.bias",
                "down_blocks.0.downsamplers.0.conv.bias",
            ),
            (
                "input_blocks.11.0.in_layers.2.weight",
                "down_blocks.3.resnets.1.conv1.weight",
            ),
            (
                "input_blocks.5.1.proj_in.weight",
                "down_blocks.1.attentions.1.proj_in.weight",
            ),
            (
                "middle_block.2.out_layers.3.bias",
                "mid_block.resnets.1.conv2.bias",
            ),
            (
                "output_blocks.2.1.conv.weight",
                "up_blocks.0.upsamplers.0.conv.weight",
            ),
            (
                "output_blocks.5.2.conv.weight",
                "up_blocks.1.upsamplers.0.conv.weight",
            ),
            (
                "output_blocks.11.0.skip_connection.weight",
                "up_blocks.3.resnets.2.conv_shortcut.weight",
            ),
            (
                "output_blocks.11.1.norm.weight",
                "up_blocks.3.attentions.2.norm.weight",
            ),
        ] {
            assert_eq!(target(old, frame).as_deref(), Some(new));
        }
        for foreign in [
            "input_blocks.12.0.in_layers.2.weight",
            "input_blocks.3.1.proj_in.weight",
            "input_blocks.1.0.op.weight",
            "input_blocks.01.0.in_layers.2.weight",
            "output_blocks.12.0.in_layers.2.weight",
            "output_blocks.1.2.conv.weight",
            "middle_block.3.in_layers.2.weight",
            "time_embed.1.weight",
        ] {
            assert_eq!(target(foreign, frame), None, "{foreign}");
        }
    }

    #[test]
    fn the_frame_follows_from_the_first_downsampler() {
        let names = |names: &[&str]| names.iter().map(|&n| (n.to_owned(), 0)).collect();
        let two_levels: BTreeMap<_, u8> = names(&[
            "input_blocks.0.0.weight",
            "input_blocks.1.0.in_layers.0.weight",
            "input_blocks.2.0.op.weight",
            "input_blocks.3.0.in_layers.0.weight",
        ]);
        let frame = Frame {
            levels: 2,
            layers: 1,
        };
        assert_eq!(Frame::of(&two_levels), Ok(frame));
        let torn: BTreeMap<_, u8> = names(&[
            "input_blocks.0.0.weight",
            "input_blocks.1.0.in_layers.0.weight",
            "input_blocks.2.0.op.weight",
        ]);
        assert!(Frame::of(&torn).is_err());
        assert!(Frame::of(&BTreeMap::<String, u8>::new()).is_err());
    }
}
