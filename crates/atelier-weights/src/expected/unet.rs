//! The tensors of a `UNet2DConditionModel`.

use serde_json::Value;

use super::{Expected, MAX_DEPTH, MAX_LAYERS, Sides, channels, count, width, width_of};

/// Settings that would add or change layers; anything but null or false is unknown here.
const OTHER_LAYERS: [&str; 7] = [
    "class_embed_type",
    "num_class_embeds",
    "encoder_hid_dim",
    "encoder_hid_dim_type",
    "time_cond_proj_dim",
    "only_cross_attention",
    "reverse_transformer_layers_per_block",
];

struct Unet {
    channels: Vec<usize>,
    layers: usize,
    down_attends: Vec<bool>,
    up_attends: Vec<bool>,
    depths: Vec<usize>,
    context: usize,
    linear: bool,
}

/// Adds all tensors.
pub(super) fn add(out: &mut Expected, config: &Value) -> Option<()> {
    let unet = Unet::read(config)?;
    let (first, time) = (unet.channels[0], 4 * unet.channels[0]);
    let ends = |input, output| Sides { input, output };
    out.conv("conv_in", ends(width(config, "in_channels", 4)?, first), 3);
    out.layer("time_embedding.linear_1", &[time, first]);
    out.layer("time_embedding.linear_2", &[time, time]);
    match config.get("addition_embed_type").and_then(Value::as_str) {
        None => {}
        Some("text_time") => {
            let added = width_of(config.get("projection_class_embeddings_input_dim")?)?;
            out.layer("add_embedding.linear_1", &[time, added]);
            out.layer("add_embedding.linear_2", &[time, time]);
        }
        Some(_) => return None,
    }
    unet.down(out, time);
    unet.middle(out, time);
    unet.up(out, time);
    out.norm("conv_norm_out", first);
    out.conv(
        "conv_out",
        ends(first, width(config, "out_channels", 4)?),
        3,
    );
    Some(())
}

impl Unet {
    fn read(config: &Value) -> Option<Self> {
        let plain = |key: &str| {
            let value = config.get(key).unwrap_or(&Value::Null);
            matches!(value, Value::Null | Value::Bool(false))
        };
        if !OTHER_LAYERS.iter().all(|key| plain(key)) {
            return None;
        }
        let channels = channels(config)?;
        let levels = channels.len();
        let middle = config.get("mid_block_type").and_then(Value::as_str);
        if middle.is_some_and(|middle| middle != "UNetMidBlock2DCrossAttn") {
            return None;
        }
        Some(Self {
            layers: match config.get("layers_per_block") {
                // As the library has it.
                None => 2,
                Some(layers) => count(layers, MAX_LAYERS)?,
            },
            down_attends: attends(config, "down_block_types", "Down", levels)?,
            up_attends: attends(config, "up_block_types", "Up", levels)?,
            depths: depths(config, levels)?,
            context: width(config, "cross_attention_dim", 1280)?,
            linear: config.get("use_linear_projection") == Some(&Value::Bool(true)),
            channels,
        })
    }

    fn down(&self, out: &mut Expected, time: usize) {
        let mut input = self.channels[0];
        for (level, &output) in self.channels.iter().enumerate() {
            let start = format!("down_blocks.{level}");
            for layer in 0..self.layers {
                let name = format!("{start}.resnets.{layer}");
                out.resnet(&name, Sides { input, output }, Some(time));
                input = output;
                if self.down_attends[level] {
                    self.attention(out, &format!("{start}.attentions.{layer}"), level);
                }
            }
            if level + 1 < self.channels.len() {
                let sides = Sides { input, output };
                out.conv(&format!("{start}.downsamplers.0.conv"), sides, 3);
            }
        }
    }

    fn middle(&self, out: &mut Expected, time: usize) {
        let last = self.channels.len() - 1;
        let width = self.channels[last];
        let sides = Sides {
            input: width,
            output: width,
        };
        for layer in 0..2 {
            out.resnet(&format!("mid_block.resnets.{layer}"), sides, Some(time));
        }
        self.attention(out, "mid_block.attentions.0", last);
    }

    /// Every layer on the way up takes what the layer of the same level on the way down gave, besides its own input.
    fn up(&self, out: &mut Expected, time: usize) {
        let levels = self.channels.len();
        let mut input = self.channels[levels - 1];
        for way_up in 0..levels {
            let level = levels - 1 - way_up;
            let (output, below) = (self.channels[level], self.channels[level.saturating_sub(1)]);
            let start = format!("up_blocks.{way_up}");
            for layer in 0..=self.layers {
                let skipped = if layer == self.layers { below } else { output };
                let sides = Sides {
                    input: input + skipped,
                    output,
                };
                out.resnet(&format!("{start}.resnets.{layer}"), sides, Some(time));
                input = output;
                if self.up_attends[way_up] {
                    self.attention(out, &format!("{start}.attentions.{layer}"), level);
                }
            }
            if way_up + 1 < levels {
                let sides = Sides { input, output };
                out.conv(&format!("{start}.upsamplers.0.conv"), sides, 3);
            }
        }
    }

    fn attention(&self, out: &mut Expected, name: &str, level: usize) {
        let width = self.channels[level];
        let square = [width, width];
        let projection = [width, width, 1, 1];
        let projection = if self.linear {
            &square[..]
        } else {
            &projection[..]
        };
        out.norm(&format!("{name}.norm"), width);
        out.layer(&format!("{name}.proj_in"), projection);
        out.layer(&format!("{name}.proj_out"), projection);
        for depth in 0..self.depths[level] {
            let block = format!("{name}.transformer_blocks.{depth}");
            for norm in ["norm1", "norm2", "norm3"] {
                out.norm(&format!("{block}.{norm}"), width);
            }
            for (attention, context) in [("attn1", width), ("attn2", self.context)] {
                out.weight(&format!("{block}.{attention}.to_q"), &square);
                out.weight(&format!("{block}.{attention}.to_k"), &[width, context]);
                out.weight(&format!("{block}.{attention}.to_v"), &[width, context]);
                out.layer(&format!("{block}.{attention}.to_out.0"), &square);
            }
            out.layer(&format!("{block}.ff.net.0.proj"), &[8 * width, width]);
            out.layer(&format!("{block}.ff.net.2"), &[width, 4 * width]);
        }
    }
}

/// Which levels attend.
fn attends(config: &Value, key: &str, way: &str, levels: usize) -> Option<Vec<bool>> {
    let types = config.get(key)?.as_array()?;
    let attends = types.iter().map(|kind| {
        let kind = kind.as_str()?;
        let (plain, crossed) = (format!("{way}Block2D"), format!("CrossAttn{way}Block2D"));
        (kind == plain || kind == crossed).then_some(kind == crossed)
    });
    let attends: Vec<_> = attends.collect::<Option<_>>()?;
    (attends.len() == levels).then_some(attends)
}

/// Transformer blocks of a level: none where it does not attend.
fn depth(value: &Value) -> Option<usize> {
    match value.as_u64() {
        Some(0) => Some(0),
        _ => count(value, MAX_DEPTH),
    }
}

/// Transformer blocks of each level: one number for all, or one for each.
fn depths(config: &Value, levels: usize) -> Option<Vec<usize>> {
    let depths = match config.get("transformer_layers_per_block") {
        None => vec![1; levels],
        Some(Value::Array(depths)) => {
            let depths = depths.iter().map(depth);
            depths.collect::<Option<_>>()?
        }
        Some(all) => vec![depth(all)?; levels],
    };
    (depths.len() == levels).then_some(depths)
}
