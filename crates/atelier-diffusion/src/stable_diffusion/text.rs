//! Prompts to what the denoiser is told: states of every text encoder, joined, and the pooled state where there is one.

use burn::tensor::{Device, Tensor};

use super::networks::{AddedConditioning, Conditioning, TextEncoder};
use super::opened::{Base, TextSide};
use crate::families::HiddenStates;
use crate::prompt::{Chunks, Prompt, weigh};
use crate::{Error, Result};

/// What the text encoders say about one text.
#[derive(Debug, Clone)]
pub struct TextStates {
    /// `[1, s, d]`, features of all encoders side by side.
    pub states_bsd: Tensor<3>,
    /// `[1, projection]` in families with a projected encoder.
    pub pooled_bd: Option<Tensor<2>>,
}

/// An encoded prompt.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// What the encoders say.
    pub states: TextStates,
    /// Words that did not fit and are not drawn.
    pub cut: Option<String>,
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

    /// The same on another device.
    #[must_use]
    pub fn to_device(&self, device: &Device) -> Self {
        let pooled = self.pooled_bd.as_ref();
        Self {
            states_bsd: self.states_bsd.clone().to_device(device),
            pooled_bd: pooled.map(|pooled| pooled.clone().to_device(device)),
        }
    }

    /// The memory that they take.
    pub(super) fn bytes(&self) -> usize {
        let pooled = self.pooled_bd.as_ref();
        let pooled = pooled.map_or(0, |pooled| pooled.shape().num_elements());
        (self.states_bsd.shape().num_elements() + pooled) * size_of::<f32>()
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
    /// Encodes a caption whose every character means itself, with all layers, as trainings do.
    pub fn encode_plain(
        &self,
        encoders: &[TextEncoder],
        text: &str,
        device: &Device,
    ) -> Result<TextStates> {
        let prompts = vec![Prompt::plain(text); self.texts.len()];
        Ok(self.encode(encoders, &prompts, 0, device)?.states)
    }

    /// Encodes one prompt for each text encoder, with the last `clip_skip` layers left out; `encoders` are those of this base.
    ///
    /// Each encoder's states are weighted before they are joined; the pooled state is that of the first chunk.
    pub fn encode(
        &self,
        encoders: &[TextEncoder],
        prompts: &[Prompt],
        clip_skip: usize,
        device: &Device,
    ) -> Result<Encoded> {
        let sides = self.texts.iter().zip(prompts);
        let mut chunks: Vec<Chunks> = sides
            .map(|(side, prompt)| prompt.chunks(&side.tokenizer))
            .collect();
        let longest = chunks.iter().map(Chunks::count).max().unwrap_or(1);
        for chunks in &mut chunks {
            chunks.extend_to(longest);
        }
        let (mut states, mut pooled_bd) = (Vec::new(), None);
        for ((side, encoder), chunks) in self.texts.iter().zip(encoders).zip(&chunks) {
            side.check_ids(chunks)?;
            let tokens = chunks.tensor(device);
            let mut raw = Vec::with_capacity(chunks.count());
            // One at a time: what an encoder needs for its work does not grow with the prompt.
            for (place, ids) in chunks.ids.iter().enumerate() {
                let tokens = tokens.clone().narrow(0, place, 1);
                raw.push(match self.family.hidden_states {
                    HiddenStates::LastNormed => encoder.forward(tokens, clip_skip),
                    HiddenStates::Penultimate => {
                        let end = side.config.end_of(ids);
                        let output = encoder.forward_penultimate(tokens, clip_skip, &[end]);
                        if place == 0 {
                            pooled_bd = output.pooled_bd.or(pooled_bd);
                        }
                        output.states_bsd
                    }
                });
            }
            states.push(weigh(Tensor::cat(raw, 0), chunks));
        }
        let states = TextStates {
            states_bsd: Tensor::cat(states, 2),
            pooled_bd,
        };
        let cut = chunks.into_iter().find_map(|chunks| chunks.cut);
        Ok(Encoded { states, cut })
    }
}

impl TextSide {
    /// The encoder must have a vector for each id.
    fn check_ids(&self, chunks: &Chunks) -> Result<()> {
        let count = self.config.vocab_size;
        let Some(id) = chunks
            .ids
            .iter()
            .flatten()
            .find(|&&id| id as usize >= count)
        else {
            return Ok(());
        };
        Err(Error::Config {
            part: self.place.part,
            key: "vocab_size".to_owned(),
            problem: format!("is {count}, but the tokenizer gave the id {id}"),
        })
    }
}
