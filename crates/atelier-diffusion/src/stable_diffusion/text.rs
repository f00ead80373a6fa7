//! Prompts to what the denoiser is told: states of every text encoder, joined, and the pooled state where there is one.

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::networks::{AddedConditioning, Conditioning, TextEncoder};
use super::opened::{Base, TextSide};
use crate::families::HiddenStates;
use crate::tokenizer::CONTEXT_LENGTH;
use crate::{Error, Result};

/// What the text encoders say about one text.
#[derive(Debug, Clone)]
pub struct TextStates {
    /// `[1, s, d]`, features of all encoders side by side.
    pub states_bsd: Tensor<3>,
    /// `[1, projection]` in families with a projected encoder.
    pub pooled_bd: Option<Tensor<2>>,
}

impl TextStates {
    /// Zeros of the same shapes, which some bases were trained to take for an absent text.
    #[must_use]
    pub fn zeros(&self) -> Self {
        Self {
            states_bsd: self.states_bsd.zeros_like(),
            pooled_bd: self.pooled_bd.as_ref().map(Tensor::zeros_like),
        }
    }

    /// What the denoiser is told for a picture of these sizes.
    pub fn conditioning(&self, time_ids: [f32; 6]) -> Conditioning {
        Conditioning {
            states_bsd: self.states_bsd.clone(),
            added: self.pooled_bd.clone().map(|pooled_bd| AddedConditioning {
                pooled_bd,
                time_ids: vec![time_ids],
            }),
        }
    }

    /// What the denoiser is told for a batch of texts, all of one length, each with the sizes of its picture.
    ///
    /// # Panics
    /// Panics when the batch is empty.
    pub fn batch<'a>(
        texts: impl Iterator<Item = (&'a Self, [f32; 6])>,
        device: &Device,
    ) -> Conditioning {
        let (mut states, mut pooled, mut time_ids) = (Vec::new(), Vec::new(), Vec::new());
        for (text, sizes) in texts {
            states.push(text.states_bsd.clone());
            pooled.extend(text.pooled_bd.clone());
            time_ids.push(sizes);
        }
        let added = (!pooled.is_empty()).then(|| AddedConditioning {
            pooled_bd: Tensor::cat(pooled, 0).to_device(device),
            time_ids,
        });
        Conditioning {
            states_bsd: Tensor::cat(states, 0).to_device(device),
            added,
        }
    }
}

/// The sizes that SDXL is told for a picture that was neither enlarged nor cropped: original size, crop, target size, each
/// height first.
pub fn time_ids(width: usize, height: usize) -> [f32; 6] {
    let (width, height) = (width as f32, height as f32);
    [height, width, 0.0, 0.0, height, width]
}

impl Base {
    /// Encodes one text, with its last `clip_skip` layers left out; `encoders` are those of this base.
    pub fn encode(
        &self,
        encoders: &[TextEncoder],
        text: &str,
        clip_skip: usize,
        device: &Device,
    ) -> Result<TextStates> {
        let mut states = Vec::new();
        let mut pooled_bd = None;
        for (side, encoder) in self.texts.iter().zip(encoders) {
            let ids = side.tokenizer.encode_padded(text);
            let tokens = side.tokens(&ids, device)?;
            match self.family.hidden_states {
                HiddenStates::LastNormed => states.push(encoder.forward(tokens, clip_skip)),
                HiddenStates::Penultimate => {
                    let ends = [side.config.end_of(&ids)];
                    let output = encoder.forward_penultimate(tokens, clip_skip, &ends);
                    states.push(output.states_bsd);
                    pooled_bd = output.pooled_bd.or(pooled_bd);
                }
            }
        }
        Ok(TextStates {
            states_bsd: Tensor::cat(states, 2),
            pooled_bd,
        })
    }
}

impl TextSide {
    /// Token ids as a tensor, after checking that the encoder has a vector for each.
    ///
    /// # Shapes
    /// - returns: `[ids / 77, 77]`
    pub fn tokens(&self, ids: &[u32], device: &Device) -> Result<Tensor<2, Int>> {
        let count = self.config.vocab_size;
        if let Some(id) = ids.iter().find(|&&id| id as usize >= count) {
            return Err(Error::Config {
                part: self.place.part,
                key: "vocab_size".to_owned(),
                problem: format!("is {count}, but the tokenizer gave the id {id}"),
            });
        }
        let ids: Vec<i32> = ids.iter().map(|&id| id.cast_signed()).collect();
        let shape = [ids.len() / CONTEXT_LENGTH, CONTEXT_LENGTH];
        Ok(Tensor::from_data(TensorData::new(ids, shape), device))
    }
}
