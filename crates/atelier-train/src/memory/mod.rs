//! What a run needs of the machine's memory, before it starts.

mod step;

use atelier_core::{Recompute, TrainConfig};
use atelier_diffusion::stable_diffusion::Base;
use atelier_nn::Engine;

pub use step::{StepMemory, StepShape};

use crate::trainer::training_side;
use crate::{Error, Result};

/// The memory of a run, and what it computes twice to keep to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// What backward passes compute again; never `Auto`.
    pub recompute: Recompute,
    /// The steps at their peak.
    pub step: StepMemory,
    /// Encoding pictures and captions, before the steps.
    pub encoding_bytes: u64,
}

impl MemoryPlan {
    /// Plans a run on `base`. With `Auto` it is the fastest plan that fits into `free_bytes`, where these are known.
    ///
    /// # Errors
    /// With `Auto`, when nothing fits. A choice of the user's is never refused.
    pub fn new(base: &Base, config: &TrainConfig, free_bytes: Option<u64>) -> Result<Self> {
        let engine = Engine::from(config.precision);
        let side = training_side(config, base);
        let latent = side / base.vae_config.pixels_per_latent();
        let encoding_bytes = step::encoding_bytes(base, side * side, engine)?;
        let plan = |recompute| {
            let shape = StepShape {
                latent: [latent; 2],
                batch: config.batch_size,
                rank: config.rank,
                targets: config.targets,
                engine,
                recompute,
            };
            let step = shape.memory(base)?;
            Ok(Self {
                recompute,
                step,
                encoding_bytes,
            })
        };
        let (Recompute::Auto, Some(free_bytes)) = (config.recompute, free_bytes) else {
            return plan(match config.recompute {
                Recompute::Auto => Recompute::None,
                other => other,
            });
        };
        for recompute in [Recompute::None, Recompute::Block] {
            let plan = plan(recompute)?;
            if plan.peak_bytes() <= free_bytes {
                return Ok(plan);
            }
        }
        let least = plan(Recompute::Layer)?;
        if least.peak_bytes() <= free_bytes {
            return Ok(least);
        }
        Err(Error::Memory {
            needed_bytes: least.peak_bytes(),
            free_bytes,
        })
    }

    /// The most memory that the run takes at a time.
    pub fn peak_bytes(&self) -> u64 {
        self.step.total().max(self.encoding_bytes)
    }
}
