//! What a denoiser is told beside latents and timestep.

use burn::tensor::Tensor;

/// What SDXL adds to the timestep: the pooled text and the picture's sizes (Podell et al. 2023, section 2.2).
#[derive(Debug, Clone)]
pub struct AddedConditioning {
    /// `[b, projection]`, the pooled state of the second text encoder.
    pub pooled_bd: Tensor<2>,
    /// The sizes of each picture of the batch: original height and width, top and left of the crop, target height and width,
    /// in pixels.
    pub time_ids: Vec<[f32; 6]>,
}

/// Text states, and what else the family adds.
#[derive(Debug, Clone)]
pub struct Conditioning {
    /// `[b, s, d]`.
    pub states_bsd: Tensor<3>,
    /// `None` in families without it.
    pub added: Option<AddedConditioning>,
}

impl Conditioning {
    /// Text states alone, as Stable Diffusion 1.x and 2.x want them.
    pub fn states(states_bsd: Tensor<3>) -> Self {
        Self {
            states_bsd,
            added: None,
        }
    }
}

impl Conditioning {
    /// The batches of both, one after the other; `None` when their texts differ in length.
    pub fn join(&self, other: &Self) -> Option<Self> {
        let ([_, own, _], [_, theirs, _]) = (self.states_bsd.dims(), other.states_bsd.dims());
        if own != theirs {
            return None;
        }
        let both = |a: &Tensor<3>, b: &Tensor<3>| Tensor::cat(vec![a.clone(), b.clone()], 0);
        let added = match (&self.added, &other.added) {
            (Some(a), Some(b)) => Some(AddedConditioning {
                pooled_bd: Tensor::cat(vec![a.pooled_bd.clone(), b.pooled_bd.clone()], 0),
                time_ids: [a.time_ids.as_slice(), &b.time_ids].concat(),
            }),
            _ => None,
        };
        Some(Self {
            states_bsd: both(&self.states_bsd, &other.states_bsd),
            added,
        })
    }
}
