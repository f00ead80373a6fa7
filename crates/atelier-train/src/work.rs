//! How many multiplications a training step takes, from shapes alone: what its time is guessed from before it was ever made.

use atelier_core::Recompute;
use atelier_diffusion::stable_diffusion::{Base, UnetConfig};
use atelier_diffusion::tokenizer::CONTEXT_LENGTH;

use crate::Result;
use crate::memory::StepShape;

/// The multiplications of a step, each with its addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepWork {
    /// Of one forward pass: linear maps and convolutions.
    pub forward_layers: u64,
    /// Of one forward pass: the products of attention.
    pub forward_attention: u64,
    /// Of the whole step, with the backward pass and what is computed again.
    pub step: u64,
    /// Layers that a pass goes through, each of which takes some time whatever its size.
    pub layers: u64,
}

impl StepShape {
    /// The work of such a step on the denoiser of `base`. The adapter's own is left out, which is small beside it.
    pub fn work(&self, base: &Base) -> Result<StepWork> {
        let tensors = base.files().tensors("unet")?;
        let shapes = tensors.names().filter_map(|name| {
            let shape = tensors.info(name)?.shape.clone();
            Some((name.to_owned(), shape))
        });
        Ok(self.work_of(&base.unet_config, shapes))
    }

    fn work_of(
        &self,
        config: &UnetConfig,
        shapes: impl Iterator<Item = (String, Vec<usize>)>,
    ) -> StepWork {
        let mut work = StepWork::default();
        let (mut transformers, mut all) = (0, 0);
        for (name, shape) in shapes {
            let Some(layer) = name.strip_suffix(".weight").filter(|_| shape.len() > 1) else {
                continue;
            };
            let place = Place::of(layer, config.block_out_channels.len());
            let rows = place.rows(self);
            let products = rows * shape.iter().product::<usize>() as u64;
            work.forward_layers += products;
            work.layers += 1;
            all += products;
            if layer.contains("attentions") {
                transformers += products;
            }
            if layer.ends_with("attn1.to_q") || layer.ends_with("attn2.to_q") {
                let keys = if layer.ends_with("attn1.to_q") {
                    place.pixels(self)
                } else {
                    CONTEXT_LENGTH as u64
                };
                // Queries with keys, and their shares with values.
                let products = 2 * rows * keys * shape[0] as u64;
                work.forward_attention += products;
                transformers += products;
                all += products;
            }
        }
        let again = match self.recompute {
            Recompute::None | Recompute::Auto => 0,
            Recompute::Block => transformers,
            Recompute::Layer => all,
        };
        // Backwards, a frozen layer makes only the gradient of its input; attention makes its weights again and three gradients.
        work.step = 2 * work.forward_layers + 7 * work.forward_attention / 2 + again;
        work
    }
}

/// The multiplications of the autoencoder's decoder, each with its addition, for a picture of `side` × `side` pixels.
pub(crate) fn decoder_work(base: &Base, side: usize) -> Result<u64> {
    let tensors = base.files().tensors("vae")?;
    let shapes = tensors.names().filter_map(|name| {
        let shape = tensors.info(name)?.shape.clone();
        Some((name.to_owned(), shape))
    });
    let levels = base.vae_config.block_out_channels.len();
    Ok(decoder_work_of(levels, side, shapes))
}

fn decoder_work_of(
    levels: usize,
    side: usize,
    shapes: impl Iterator<Item = (String, Vec<usize>)>,
) -> u64 {
    let mut work = 0;
    for (name, shape) in shapes {
        let layer = name.strip_prefix("decoder.");
        let layer = layer.and_then(|layer| layer.strip_suffix(".weight"));
        let Some(layer) = layer.filter(|_| shape.len() > 1) else {
            continue;
        };
        let numbered = |prefix: &str| {
            let rest = layer.strip_prefix(prefix)?;
            rest.split('.').next()?.parse::<usize>().ok()
        };
        // How often the latents were doubled before it.
        let doublings = match numbered("up_blocks.") {
            Some(index) => index + usize::from(layer.contains("upsamplers")),
            None if layer.starts_with("conv_out") => levels - 1,
            None => 0,
        };
        let halvings = (levels - 1).saturating_sub(doublings);
        let pixels = (side.div_ceil(1 << halvings) as u64).pow(2);
        work += pixels * shape.iter().product::<usize>() as u64;
        if layer.ends_with("to_q") {
            // Queries with keys, and their shares with values.
            work += 2 * pixels * pixels * shape[0] as u64;
        }
    }
    work
}

/// Where in the denoiser a layer lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On the pixels of a level, from 0 for the widest.
    Level(usize),
    /// On the words of the prompt.
    Words,
    /// Once for each picture.
    Picture,
}

impl Place {
    fn of(layer: &str, levels: usize) -> Self {
        if layer.ends_with("attn2.to_k") || layer.ends_with("attn2.to_v") {
            return Self::Words;
        }
        if layer.contains("time_emb") || layer.contains("add_embedding") {
            return Self::Picture;
        }
        let numbered = |prefix: &str| {
            let rest = layer.strip_prefix(prefix)?;
            rest.split('.').next()?.parse::<usize>().ok()
        };
        if let Some(index) = numbered("down_blocks.") {
            return Self::Level(index + usize::from(layer.contains("downsamplers")));
        }
        if let Some(index) = numbered("up_blocks.") {
            let above = usize::from(layer.contains("upsamplers"));
            return Self::Level(levels.saturating_sub(1 + index + above));
        }
        if layer.starts_with("mid_block") {
            return Self::Level(levels.saturating_sub(1));
        }
        Self::Level(0)
    }

    /// Pixels of one picture there.
    fn pixels(self, shape: &StepShape) -> u64 {
        let Self::Level(level) = self else {
            return 1;
        };
        let sides = shape.latent.map(|side| side.div_ceil(1 << level));
        (sides[0] * sides[1]) as u64
    }

    /// How often the layer is applied in a pass.
    fn rows(self, shape: &StepShape) -> u64 {
        let of_picture = match self {
            Self::Words => CONTEXT_LENGTH as u64,
            place => place.pixels(shape),
        };
        of_picture * shape.batch as u64
    }
}

#[cfg(test)]
mod tests {
    use atelier_core::Targets;
    use atelier_nn::Engine;
    use atelier_weights::expected_tensors;
    use serde_json::{Value, json};

    use super::*;

    fn work(config: &Value, latent: usize, batch: usize, recompute: Recompute) -> StepWork {
        let shapes = expected_tensors("unet", config).unwrap();
        let config = serde_json::from_value(config.clone()).unwrap();
        let shape = StepShape {
            latent: [latent; 2],
            batch,
            rank: 16,
            targets: Targets::Attention,
            engine: Engine::Exact,
            recompute,
            is_composed: false,
        };
        shape.work_of(&config, shapes.into_iter())
    }

    fn sd15() -> Value {
        json!({
            "in_channels": 4, "out_channels": 4, "layers_per_block": 2, "cross_attention_dim": 768,
            "block_out_channels": [320, 640, 1280, 1280], "attention_head_dim": 8, "norm_num_groups": 32,
            "down_block_types": [
                "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D",
            ],
            "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
        })
    }

    #[test]
    fn a_pass_of_stable_diffusion_has_the_published_number_of_multiplications() {
        // Kim et al. 2023 (BK-SDM): 338.7 billion for one pass of the denoiser at 512 x 512, which counts layers with their
        // biases and not the products of attention.
        let one = work(&sd15(), 64, 1, Recompute::None);
        let ratio = one.forward_layers as f64 / 338.7e9;
        assert!((ratio - 1.0).abs() < 0.002, "{}", one.forward_layers);
        let four = work(&sd15(), 64, 4, Recompute::None);
        assert_eq!(four.step, 4 * one.step);
    }

    #[test]
    fn the_decoder_of_stable_diffusion_has_the_known_number_of_multiplications() {
        // 1.24 trillion for 512 x 512, as counters of operations say of diffusers' `AutoencoderKL.decode`.
        let config = json!({"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2});
        let shapes = expected_tensors("vae", &config).unwrap();
        let work = decoder_work_of(4, 512, shapes.into_iter());
        let ratio = work as f64 / 1.24e12;
        assert!((ratio - 1.0).abs() < 0.05, "{work}");
    }

    #[test]
    fn what_is_computed_again_is_more_work_and_no_other() {
        let [none, block, layer] = [Recompute::None, Recompute::Block, Recompute::Layer]
            .map(|recompute| work(&sd15(), 32, 1, recompute));
        assert!(none.step < block.step && block.step < layer.step);
        assert_eq!(
            layer.step - none.step,
            none.forward_layers + none.forward_attention
        );
    }
}
