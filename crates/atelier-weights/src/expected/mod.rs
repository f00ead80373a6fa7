//! Names and shapes of the tensors that a network needs, from its configuration: what a report of missing tensors
//! compares with, without building the network.

mod text;
mod unet;
mod vae;

use std::collections::BTreeMap;

use serde_json::Value;

/// Largest counts that are believed, so that a hostile configuration cannot ask for millions of names.
const MAX_LEVELS: usize = 8;
const MAX_LAYERS: usize = 16;
const MAX_DEPTH: usize = 64;
const MAX_TEXT_LAYERS: usize = 256;

/// Names and shapes of a part's tensors under their diffusers names; none when the configuration describes a network
/// that is not known here.
pub fn expected_tensors(part: &str, config: &Value) -> Option<BTreeMap<String, Vec<usize>>> {
    let mut tensors = Expected::default();
    match part {
        "unet" => unet::add(&mut tensors, config)?,
        "vae" => vae::add(&mut tensors, config)?,
        "text_encoder" | "text_encoder_2" => text::add(&mut tensors, config)?,
        _ => return None,
    }
    Some(tensors.0)
}

/// Tensors being listed.
#[derive(Default)]
struct Expected(BTreeMap<String, Vec<usize>>);

/// Sides of a residual block's channels.
#[derive(Clone, Copy)]
struct Sides {
    input: usize,
    output: usize,
}

impl Expected {
    fn weight(&mut self, name: &str, shape: &[usize]) {
        self.0.insert(format!("{name}.weight"), shape.to_vec());
    }

    /// A weight, and a bias with one number per output.
    fn layer(&mut self, name: &str, shape: &[usize]) {
        self.weight(name, shape);
        self.0.insert(format!("{name}.bias"), vec![shape[0]]);
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.layer(name, &[width]);
    }

    fn conv(&mut self, name: &str, sides: Sides, kernel: usize) {
        self.layer(name, &[sides.output, sides.input, kernel, kernel]);
    }

    /// A residual block, with the width of the time embedding where it has one.
    fn resnet(&mut self, name: &str, sides: Sides, time: Option<usize>) {
        let Sides { input, output } = sides;
        self.norm(&format!("{name}.norm1"), input);
        self.conv(&format!("{name}.conv1"), sides, 3);
        if let Some(time) = time {
            self.layer(&format!("{name}.time_emb_proj"), &[output, time]);
        }
        self.norm(&format!("{name}.norm2"), output);
        self.conv(
            &format!("{name}.conv2"),
            Sides {
                input: output,
                output,
            },
            3,
        );
        if input != output {
            self.conv(&format!("{name}.conv_shortcut"), sides, 1);
        }
    }
}

/// A positive number of a configuration, up to `most`.
fn count(value: &Value, most: usize) -> Option<usize> {
    let count = usize::try_from(value.as_u64()?).ok()?;
    (1..=most).contains(&count).then_some(count)
}

/// A width, or the one that the library has where the configuration is silent.
fn width(config: &Value, key: &str, default: usize) -> Option<usize> {
    config.get(key).map_or(Some(default), width_of)
}

fn width_of(value: &Value) -> Option<usize> {
    count(value, 1 << 24)
}

/// Channels of each level.
fn channels(config: &Value) -> Option<Vec<usize>> {
    let levels = config.get("block_out_channels")?.as_array()?;
    if levels.is_empty() || levels.len() > MAX_LEVELS {
        return None;
    }
    levels.iter().map(width_of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn levels_that_do_not_attend_have_no_transformers_whatever_is_said_of_them() {
        let config = |depths: Option<[u8; 2]>| {
            let mut config = json!({
                "block_out_channels": [32, 64],
                "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
                "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
            });
            if let Some(depths) = depths {
                config["transformer_layers_per_block"] = json!(depths);
            }
            expected_tensors("unet", &config).unwrap()
        };
        let plain = config(None);
        assert_eq!(config(Some([0, 1])), plain);
        assert!(plain.contains_key("down_blocks.1.attentions.1.norm.weight"));
        assert!(config(Some([0, 2])).len() > plain.len());
    }

    #[test]
    fn absurd_configurations_are_not_followed() {
        for (key, value) in [
            ("layers_per_block", json!(4_000_000_000_u64)),
            ("transformer_layers_per_block", json!(1e300)),
            ("block_out_channels", json!(vec![32; 1000])),
            ("block_out_channels", json!([])),
            ("cross_attention_dim", json!(-1)),
            ("down_block_types", json!(["DownBlock2D", "KDownBlock2D"])),
            ("class_embed_type", json!("timestep")),
        ] {
            let mut config = json!({
                "block_out_channels": [32, 64],
                "cross_attention_dim": 8,
                "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
                "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
                "layers_per_block": 1,
                "in_channels": 4,
                "out_channels": 4,
            });
            assert!(expected_tensors("unet", &config).is_some());
            config[key] = value;
            assert!(expected_tensors("unet", &config).is_none(), "{key}");
        }
        assert!(
            expected_tensors("text_encoder", &json!({"num_hidden_layers": u64::MAX})).is_none()
        );
        assert!(expected_tensors("vae", &json!([])).is_none());
        assert!(expected_tensors("scheduler", &json!({})).is_none());
    }
}
