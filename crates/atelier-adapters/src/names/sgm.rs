//! Where a layer of a diffusers U-Net stands in the original (SGM) layout.
//!
//! Block numbers follow from the number of residual blocks per level, as in the original code: level `i` of the way
//! down starts at `input_blocks.(i·(n+1)+1)`, of the way up at `output_blocks.(i·(n+1))`.

use std::collections::BTreeSet;

/// What the block numbers of one U-Net depend on.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlockMap {
    /// Residual blocks per level on the way down; one more on the way up.
    per_level: usize,
    /// Levels on the way up that have attention.
    attention_up: BTreeSet<usize>,
}

impl BlockMap {
    /// Reads the numbers off the paths of a U-Net's layers.
    pub(crate) fn of<'a>(paths: impl Iterator<Item = &'a str>) -> Self {
        let mut map = Self::default();
        for path in paths {
            let parts: Vec<_> = path.split('.').collect();
            match parts[..] {
                ["down_blocks", _, "resnets", j, ..] => {
                    map.per_level = map.per_level.max(number(j).map_or(0, |j| j + 1));
                }
                ["up_blocks", i, "attentions", ..] => map.attention_up.extend(number(i)),
                _ => {}
            }
        }
        if map.per_level == 0 {
            // A model without residual blocks on the way down: the number of every published one.
            map.per_level = 2;
        }
        map
    }

    /// The SGM path of a layer, if it has one.
    pub(crate) fn path(&self, diffusers: &str) -> Option<String> {
        let parts: Vec<_> = diffusers.split('.').collect();
        let stride = self.per_level + 1;
        let place = match parts[..] {
            ["conv_in"] => "input_blocks.0.0".to_owned(),
            ["conv_norm_out"] => "out.0".to_owned(),
            ["conv_out"] => "out.2".to_owned(),
            ["time_embedding", "linear_1"] => "time_embed.0".to_owned(),
            ["time_embedding", "linear_2"] => "time_embed.2".to_owned(),
            ["add_embedding", "linear_1"] => "label_emb.0.0".to_owned(),
            ["add_embedding", "linear_2"] => "label_emb.0.2".to_owned(),
            ["mid_block", kind, j, ref rest @ ..] => {
                let (block, rest) = match (kind, j) {
                    ("resnets", "0") => (0, resnet(rest)?),
                    ("attentions", "0") => (1, rest.join(".")),
                    ("resnets", "1") => (2, resnet(rest)?),
                    _ => return None,
                };
                format!("middle_block.{block}.{rest}")
            }
            ["down_blocks", i, "downsamplers", "0", "conv"] => {
                format!("input_blocks.{}.0.op", stride * (number(i)? + 1))
            }
            ["down_blocks", i, kind, j, ref rest @ ..] => {
                let j = number(j).filter(|j| *j < self.per_level)?;
                format!(
                    "input_blocks.{}.{}",
                    stride * number(i)? + j + 1,
                    member(kind, rest)?
                )
            }
            ["up_blocks", i, "upsamplers", "0", "conv"] => {
                let i = number(i)?;
                let after = 1 + usize::from(self.attention_up.contains(&i));
                format!("output_blocks.{}.{after}.conv", stride * i + self.per_level)
            }
            ["up_blocks", i, kind, j, ref rest @ ..] => {
                let j = number(j).filter(|j| *j <= self.per_level)?;
                format!(
                    "output_blocks.{}.{}",
                    stride * number(i)? + j,
                    member(kind, rest)?
                )
            }
            _ => return None,
        };
        Some(place)
    }

    /// Both places that an upsampler may have, whichever levels have attention.
    pub(crate) fn other_upsampler(sgm: &str) -> Option<String> {
        let place = sgm.strip_suffix(".conv")?;
        if let Some(block) = place.strip_suffix(".1") {
            return Some(format!("{block}.2.conv"));
        }
        place
            .strip_suffix(".2")
            .map(|block| format!("{block}.1.conv"))
    }
}

/// The rest of a path inside a level: `0.…` for residual blocks, `1.…` for attention.
fn member(kind: &str, rest: &[&str]) -> Option<String> {
    match kind {
        "resnets" => Some(format!("0.{}", resnet(rest)?)),
        "attentions" => Some(format!("1.{}", rest.join("."))),
        _ => None,
    }
}

fn resnet(rest: &[&str]) -> Option<String> {
    let [layer] = rest else { return None };
    let place = match *layer {
        "norm1" => "in_layers.0",
        "conv1" => "in_layers.2",
        "time_emb_proj" => "emb_layers.1",
        "norm2" => "out_layers.0",
        "conv2" => "out_layers.3",
        "conv_shortcut" => "skip_connection",
        _ => return None,
    };
    Some(place.to_owned())
}

/// A small number; larger ones are no block of any model.
fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number| *number < 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_the_published_layouts() {
        let paths = [
            "down_blocks.0.resnets.1.conv1",
            "up_blocks.1.attentions.0.proj_in",
        ];
        let map = BlockMap::of(paths.into_iter());
        for (diffusers, sgm) in [
            ("conv_in", "input_blocks.0.0"),
            (
                "down_blocks.0.resnets.0.conv1",
                "input_blocks.1.0.in_layers.2",
            ),
            ("down_blocks.0.downsamplers.0.conv", "input_blocks.3.0.op"),
            (
                "down_blocks.1.attentions.1.proj_in",
                "input_blocks.5.1.proj_in",
            ),
            (
                "down_blocks.2.attentions.0.transformer_blocks.9.attn2.to_out.0",
                "input_blocks.7.1.transformer_blocks.9.attn2.to_out.0",
            ),
            ("mid_block.attentions.0.proj_out", "middle_block.1.proj_out"),
            ("mid_block.resnets.1.conv2", "middle_block.2.out_layers.3"),
            (
                "up_blocks.0.resnets.2.conv_shortcut",
                "output_blocks.2.0.skip_connection",
            ),
            ("up_blocks.0.upsamplers.0.conv", "output_blocks.2.1.conv"),
            ("up_blocks.1.upsamplers.0.conv", "output_blocks.5.2.conv"),
            (
                "up_blocks.1.attentions.2.proj_in",
                "output_blocks.5.1.proj_in",
            ),
            ("time_embedding.linear_2", "time_embed.2"),
            ("add_embedding.linear_1", "label_emb.0.0"),
            ("conv_out", "out.2"),
        ] {
            assert_eq!(map.path(diffusers).as_deref(), Some(sgm), "{diffusers}");
        }
        for path in [
            "",
            "down_blocks",
            "down_blocks.0.resnets.2.conv1",
            "down_blocks.x.resnets.0.conv1",
        ] {
            assert_eq!(map.path(path), None, "{path}");
        }
    }
}
