//! The layers of the published models with the shapes of their weights, from the formulas of their architectures.

use atelier_core::AdapterFamily;

use super::{LayerId, Part};

/// What tells the denoisers of the families apart.
struct UnetPlan {
    channels: &'static [usize],
    /// Transformer blocks per attention on the way down; 0 for levels without attention.
    depth: &'static [usize],
    context: usize,
    /// Whether the projections around the transformer blocks are 1×1 convolutions.
    conv_projections: bool,
    /// Width of the vector of added conditions.
    added: Option<usize>,
}

const RESNETS: usize = 2;

const SD1: UnetPlan = UnetPlan {
    channels: &[320, 640, 1280, 1280],
    depth: &[1, 1, 1, 0],
    context: 768,
    conv_projections: true,
    added: None,
};

const SD2: UnetPlan = UnetPlan {
    context: 1024,
    conv_projections: false,
    ..SD1
};

const SDXL: UnetPlan = UnetPlan {
    channels: &[320, 640, 1280],
    depth: &[0, 2, 10],
    context: 2048,
    conv_projections: false,
    added: Some(2816),
};

/// A text encoder: number of layers, width, whether it has a projection.
type TextPlan = (usize, usize, bool);

/// Every layer that an adapter may sit on, with the shape of its weight, and its bias.
pub(crate) fn layers(family: AdapterFamily) -> Vec<(LayerId, Vec<usize>)> {
    let (unet, texts): (_, &[(Part, TextPlan)]) = match family {
        AdapterFamily::Sd1 => (SD1, &[(Part::TextEncoder, (12, 768, false))]),
        AdapterFamily::Sd2 => (SD2, &[(Part::TextEncoder, (23, 1024, false))]),
        AdapterFamily::Sdxl => (
            SDXL,
            &[
                (Part::TextEncoder, (12, 768, false)),
                (Part::TextEncoder2, (32, 1280, true)),
            ],
        ),
    };
    let mut list = List {
        part: Part::Unet,
        layers: Vec::new(),
    };
    list.unet(&unet);
    for (part, plan) in texts {
        list.part = *part;
        list.text(*plan);
    }
    list.layers
}

struct List {
    part: Part,
    layers: Vec<(LayerId, Vec<usize>)>,
}

impl List {
    fn weight(&mut self, path: String, shape: Vec<usize>) {
        self.layers.push((LayerId::new(self.part, path), shape));
    }

    /// A weight, and a bias with one number per output.
    fn layer(&mut self, path: String, shape: Vec<usize>) {
        let layer = LayerId::new(self.part, path);
        self.layers.push((layer.bias(), vec![shape[0]]));
        self.layers.push((layer, shape));
    }

    fn norm(&mut self, path: String, width: usize) {
        self.layer(path, vec![width]);
    }

    fn linear(&mut self, path: String, width_in: usize, width_out: usize) {
        self.layer(path, vec![width_out, width_in]);
    }

    fn linear_without_bias(&mut self, path: String, width_in: usize, width_out: usize) {
        self.weight(path, vec![width_out, width_in]);
    }

    fn conv(&mut self, path: String, channels: (usize, usize), kernel: usize) {
        self.layer(path, vec![channels.1, channels.0, kernel, kernel]);
    }

    fn unet(&mut self, plan: &UnetPlan) {
        let first = plan.channels[0];
        let time = first * 4;
        let levels = plan.channels.len();
        self.conv("conv_in".to_owned(), (4, first), 3);
        self.embedding("time_embedding", first, time);
        if let Some(added) = plan.added {
            self.embedding("add_embedding", added, time);
        }
        let mut before = first;
        // What the way down leaves for the way up, last in first out.
        let mut skips = vec![first];
        for (i, (&channels, &depth)) in plan.channels.iter().zip(plan.depth).enumerate() {
            for j in 0..RESNETS {
                self.resnet(
                    &format!("down_blocks.{i}.resnets.{j}"),
                    (before, channels),
                    time,
                );
                self.attention(
                    &format!("down_blocks.{i}.attentions.{j}"),
                    channels,
                    (depth, plan),
                );
                before = channels;
                skips.push(channels);
            }
            if i + 1 < levels {
                self.conv(
                    format!("down_blocks.{i}.downsamplers.0.conv"),
                    (channels, channels),
                    3,
                );
                skips.push(channels);
            }
        }
        // The middle of SD 1 and 2 has attention although its level has none.
        let middle = plan.depth[levels - 1].max(1);
        self.resnet("mid_block.resnets.0", (before, before), time);
        self.attention("mid_block.attentions.0", before, (middle, plan));
        self.resnet("mid_block.resnets.1", (before, before), time);
        for i in 0..levels {
            let (channels, depth) = (plan.channels[levels - 1 - i], plan.depth[levels - 1 - i]);
            for j in 0..=RESNETS {
                let skip = skips.pop().expect("as many as the way down has pushed");
                self.resnet(
                    &format!("up_blocks.{i}.resnets.{j}"),
                    (before + skip, channels),
                    time,
                );
                self.attention(
                    &format!("up_blocks.{i}.attentions.{j}"),
                    channels,
                    (depth, plan),
                );
                before = channels;
            }
            if i + 1 < levels {
                self.conv(
                    format!("up_blocks.{i}.upsamplers.0.conv"),
                    (channels, channels),
                    3,
                );
            }
        }
        self.norm("conv_norm_out".to_owned(), first);
        self.conv("conv_out".to_owned(), (first, 4), 3);
    }

    fn embedding(&mut self, path: &str, width: usize, time: usize) {
        self.linear(format!("{path}.linear_1"), width, time);
        self.linear(format!("{path}.linear_2"), time, time);
    }

    fn resnet(&mut self, path: &str, channels: (usize, usize), time: usize) {
        self.norm(format!("{path}.norm1"), channels.0);
        self.conv(format!("{path}.conv1"), channels, 3);
        self.linear(format!("{path}.time_emb_proj"), time, channels.1);
        self.norm(format!("{path}.norm2"), channels.1);
        self.conv(format!("{path}.conv2"), (channels.1, channels.1), 3);
        if channels.0 != channels.1 {
            self.conv(format!("{path}.conv_shortcut"), channels, 1);
        }
    }

    fn attention(&mut self, path: &str, width: usize, (depth, plan): (usize, &UnetPlan)) {
        if depth == 0 {
            return;
        }
        self.norm(format!("{path}.norm"), width);
        for projection in ["proj_in", "proj_out"] {
            let path = format!("{path}.{projection}");
            if plan.conv_projections {
                self.conv(path, (width, width), 1);
            } else {
                self.linear(path, width, width);
            }
        }
        for block in 0..depth {
            let path = format!("{path}.transformer_blocks.{block}");
            for norm in ["norm1", "norm2", "norm3"] {
                self.norm(format!("{path}.{norm}"), width);
            }
            for (attention, context) in [("attn1", width), ("attn2", plan.context)] {
                for (part, width_in) in [("to_q", width), ("to_k", context), ("to_v", context)] {
                    self.linear_without_bias(format!("{path}.{attention}.{part}"), width_in, width);
                }
                self.linear(format!("{path}.{attention}.to_out.0"), width, width);
            }
            // The gate doubles the inner width.
            self.linear(format!("{path}.ff.net.0.proj"), width, width * 8);
            self.linear(format!("{path}.ff.net.2"), width * 4, width);
        }
    }

    fn text(&mut self, (count, width, projection): TextPlan) {
        for layer in 0..count {
            let path = format!("encoder.layers.{layer}");
            for norm in ["layer_norm1", "layer_norm2"] {
                self.norm(format!("{path}.{norm}"), width);
            }
            for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                self.linear(format!("{path}.self_attn.{projection}"), width, width);
            }
            self.linear(format!("{path}.mlp.fc1"), width, width * 4);
            self.linear(format!("{path}.mlp.fc2"), width * 4, width);
        }
        self.norm("final_layer_norm".to_owned(), width);
        if projection {
            self.linear_without_bias("text_projection".to_owned(), width, width);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layers that kohya trains by default: everything linear or 1×1 inside the transformers, and the encoders.
    fn count(family: AdapterFamily, part: Part) -> usize {
        layers(family)
            .iter()
            .filter(|(layer, shape)| layer.part == part && shape.len() > 1)
            .filter(|(layer, _)| part != Part::Unet || layer.path.contains("attentions"))
            .filter(|(layer, _)| layer.path != "text_projection")
            .count()
    }

    #[test]
    fn the_published_models_have_as_many_layers_as_training_logs_print() {
        assert_eq!(count(AdapterFamily::Sd1, Part::Unet), 192);
        assert_eq!(count(AdapterFamily::Sd1, Part::TextEncoder), 72);
        assert_eq!(count(AdapterFamily::Sd2, Part::Unet), 192);
        assert_eq!(count(AdapterFamily::Sdxl, Part::Unet), 722);
        assert_eq!(count(AdapterFamily::Sdxl, Part::TextEncoder), 72);
        assert_eq!(count(AdapterFamily::Sdxl, Part::TextEncoder2), 192);
    }

    #[test]
    fn the_weights_and_biases_add_up_to_the_size_of_the_published_denoisers() {
        // All parameters of the U-Nets as diffusers 0.42.1 builds them: weights, and norms and biases.
        for (family, expected) in [
            (AdapterFamily::Sd1, [SD1_WEIGHTS, SD1_ALL]),
            (AdapterFamily::Sd2, [SD2_WEIGHTS, SD2_ALL]),
            (AdapterFamily::Sdxl, [SDXL_WEIGHTS, SDXL_ALL]),
        ] {
            let unet = layers(family);
            let unet = || unet.iter().filter(|(layer, _)| layer.part == Part::Unet);
            let size = |shape: &[usize]| shape.iter().product::<usize>();
            let weights = unet().filter(|(_, shape)| shape.len() > 1);
            let weights: usize = weights.map(|(_, shape)| size(shape)).sum();
            let all: usize = unet().map(|(_, shape)| size(shape)).sum();
            assert_eq!([weights, all], expected, "{family}");
        }
    }

    const SD1_WEIGHTS: usize = 859_077_120;
    const SD1_ALL: usize = 859_520_964;
    const SD2_WEIGHTS: usize = 865_466_880;
    const SD2_ALL: usize = 865_910_724;
    const SDXL_WEIGHTS: usize = 2_565_880_320;
    const SDXL_ALL: usize = 2_567_463_684;
}
