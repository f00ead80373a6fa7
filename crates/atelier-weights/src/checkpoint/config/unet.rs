//! `unet/config.json` from shapes.

use serde_json::{Value, json};

use super::super::architecture::Architecture;
use super::super::prediction::PredictionType;
use super::{GROUPS, HEAD_FEATURES, axis, check_groups, count};
use crate::PartTensors;

/// Heads where `proj_in` is a convolution, as in Stable Diffusion 1.
const CONVOLUTION_HEADS: usize = 8;

/// What shapes say about a U-Net.
struct Layout {
    channels: Vec<usize>,
    layers: usize,
    /// Transformer blocks of each level; none where it does not attend.
    depths: Vec<usize>,
    middle_depth: usize,
    linear: bool,
}

/// The configuration of a U-Net.
pub(in crate::checkpoint) fn unet(
    tensors: &PartTensors,
    architecture: Architecture,
    prediction: PredictionType,
) -> Result<Value, String> {
    let layout = Layout::read(tensors)?;
    let block_types = |kind: &str| -> Vec<String> {
        let types = layout.depths.iter().map(|&depth| match depth {
            0 => format!("{kind}Block2D"),
            _ => format!("CrossAttn{kind}Block2D"),
        });
        types.collect()
    };
    let mut up_types = block_types("Up");
    up_types.reverse();
    let middle = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight";
    let mut config = json!({
        "_class_name": "UNet2DConditionModel",
        "act_fn": "silu",
        "addition_embed_type": null,
        "attention_head_dim": layout.heads()?,
        "block_out_channels": layout.channels,
        "center_input_sample": false,
        "class_embed_type": null,
        "cross_attention_dim": axis(tensors, middle, 1)?,
        "down_block_types": block_types("Down"),
        "downsample_padding": 1,
        "flip_sin_to_cos": true,
        "freq_shift": 0,
        "in_channels": axis(tensors, "conv_in.weight", 1)?,
        "layers_per_block": layout.layers,
        "mid_block_scale_factor": 1,
        "norm_eps": 1e-5,
        "norm_num_groups": GROUPS,
        "out_channels": axis(tensors, "conv_out.weight", 0)?,
        "sample_size": sample_size(architecture, prediction),
        "transformer_layers_per_block": layout.transformer_layers(),
        "up_block_types": up_types,
        "use_linear_projection": layout.linear,
    });
    let addition = tensors.info("add_embedding.linear_1.weight");
    match (architecture, addition) {
        (Architecture::Sdxl, _) => {
            let width = axis(tensors, "add_embedding.linear_1.weight", 1)?;
            config["addition_embed_type"] = json!("text_time");
            config["addition_time_embed_dim"] = json!(256);
            config["projection_class_embeddings_input_dim"] = json!(width);
        }
        (_, Some(_)) => {
            return Err(
                "its U-Net takes a class besides the text (`label_emb`), as unCLIP models do; \
                 only text is supported"
                    .to_owned(),
            );
        }
        (Architecture::StableDiffusion2, None) => config["upcast_attention"] = json!(true),
        (Architecture::StableDiffusion1, None) => {}
    }
    Ok(config)
}

/// Side of the latents: Stable Diffusion 2 was published for 512 pixels with epsilon and for 768 with v.
fn sample_size(architecture: Architecture, prediction: PredictionType) -> usize {
    match (architecture, prediction) {
        (Architecture::Sdxl, _) => 128,
        (Architecture::StableDiffusion2, PredictionType::VPrediction) => 96,
        _ => 64,
    }
}

impl Layout {
    fn read(tensors: &PartTensors) -> Result<Self, String> {
        let levels = count(tensors, "down_blocks.")?;
        let layers = count(tensors, "down_blocks.0.resnets.")?;
        let mut channels = Vec::with_capacity(levels);
        let mut depths = Vec::with_capacity(levels);
        for level in 0..levels {
            let first = format!("down_blocks.{level}.resnets.0.conv1.weight");
            channels.push(axis(tensors, &first, 0)?);
            depths.push(depth_of_level(tensors, level, levels, layers)?);
        }
        check_groups("U-Net", &channels)?;
        let middle_depth = count(tensors, "mid_block.attentions.0.transformer_blocks.")?;
        if depths
            .last()
            .is_some_and(|&last| last != 0 && last != middle_depth)
        {
            return Err(
                "its U-Net has a middle block with another number of transformer blocks than the last level, \
                 which is not supported"
                    .to_owned(),
            );
        }
        let projection = tensors.info("mid_block.attentions.0.proj_in.weight");
        Ok(Self {
            channels,
            layers,
            depths,
            middle_depth,
            linear: projection.is_some_and(|info| info.shape.len() == 2),
        })
    }

    /// The number of heads, which diffusers calls `attention_head_dim`.
    fn heads(&self) -> Result<Value, String> {
        let last = self.channels.len() - 1;
        let attends = |level: usize| self.depths[level] > 0 || level == last;
        let divisor = if self.linear {
            HEAD_FEATURES
        } else {
            CONVOLUTION_HEADS
        };
        for (level, channels) in self.channels.iter().enumerate() {
            if attends(level) && !channels.is_multiple_of(divisor) {
                return Err(format!(
                    "its U-Net attends with {channels} channels, expected a multiple of {divisor}"
                ));
            }
        }
        if !self.linear {
            return Ok(json!(CONVOLUTION_HEADS));
        }
        let heads = self.channels.iter().map(|c| (c / HEAD_FEATURES).max(1));
        Ok(json!(heads.collect::<Vec<_>>()))
    }

    /// The last number holds for the middle block too.
    fn transformer_layers(&self) -> Value {
        let mut depths: Vec<_> = self.depths.iter().map(|&depth| depth.max(1)).collect();
        if let Some(last) = depths.last_mut() {
            *last = self.middle_depth;
        }
        if depths.iter().all(|&depth| depth == 1) {
            return json!(1);
        }
        json!(depths)
    }
}

/// Transformer blocks of every attention of a level, on both ways.
fn depth_of_level(
    tensors: &PartTensors,
    level: usize,
    levels: usize,
    layers: usize,
) -> Result<usize, String> {
    let down = (0..layers).map(|layer| format!("down_blocks.{level}.attentions.{layer}"));
    let way_up = levels - 1 - level;
    let up = (0..=layers).map(|layer| format!("up_blocks.{way_up}.attentions.{layer}"));
    let mut depths = down
        .chain(up)
        .map(|start| tensors.count_under(&format!("{start}.transformer_blocks.")));
    let first = depths.next().unwrap_or_default();
    if depths.any(|depth| depth != first) {
        return Err(format!(
            "its U-Net attends unevenly on level {level}, as distilled models such as SSD-1B do, \
             which is not supported; or tensors are missing"
        ));
    }
    Ok(first)
}
