//! What a run needs of the machine's memory, before it starts.

mod drawing;
mod encoding;
mod program;
mod step;

use atelier_core::{Recompute, TrainConfig, TrainingPictures};
use atelier_diffusion::stable_diffusion::Base;
use atelier_diffusion::tokenizer::CONTEXT_LENGTH;
use atelier_nn::Engine;
use atelier_nn::device::is_processor;
use burn::tensor::Device;

pub use drawing::drawing_bytes;
pub use step::{StepMemory, StepShape};

use self::encoding::{Encoded, encoding_bytes};
use self::program::PREPARED_BYTES;
use crate::previews::PreviewPlan;
use crate::trainer::training_side;
use crate::{Error, Result};

/// The memory that a run may take, and how operations are made there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How much there is, where it is known: what is free of the processor's memory, what can be taken of another device's.
    pub bytes: Option<u64>,
    /// Whether operations are composed of the tensor library's, as away from the processor, and keep more.
    pub is_composed: bool,
}

impl Room {
    /// So much on a device.
    pub fn on(device: &Device, bytes: Option<u64>) -> Self {
        Self {
            bytes,
            is_composed: !is_processor(device),
        }
    }
}

/// How a note begins that follows from the memory of the moment.
pub(crate) const NO_PREVIEWS: &str = "no previews: ";

/// What previews take of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewMemory {
    /// None are drawn.
    None,
    /// There is room for them.
    Fits {
        /// How much they take with everything else that is in memory then.
        bytes: u64,
    },
    /// They are left out, since they take more than there is.
    LeftOut {
        /// How much they would take.
        bytes: u64,
        /// How much there is.
        free_bytes: u64,
    },
}

impl PreviewMemory {
    /// What is worth telling.
    pub fn note(self) -> Option<String> {
        let Self::LeftOut { bytes, free_bytes } = self else {
            return None;
        };
        let [needed, free] = [bytes, free_bytes].map(|bytes| bytes as f64 / 1e9);
        Some(format!(
            "{NO_PREVIEWS}drawing them takes about {needed:.1} GB of memory, and there are {free:.1} GB"
        ))
    }

    fn of(bytes: u64, room: Room) -> Self {
        match room.bytes {
            Some(free_bytes) if bytes > free_bytes => Self::LeftOut { bytes, free_bytes },
            _ => Self::Fits { bytes },
        }
    }
}

/// How many pictures a step of a training has with so many altogether: never more than an epoch.
pub fn step_batch(config: &TrainConfig, pictures: usize) -> usize {
    let epoch = config.steps(pictures).pictures_per_epoch();
    config.batch_size.min(epoch.max(1))
}

/// A step of a training with so many pictures, which computes so much again.
pub(crate) fn step_shape(
    base: &Base,
    config: &TrainConfig,
    pictures: usize,
    recompute: Recompute,
) -> StepShape {
    let latent = training_side(config, base) / base.vae_config.pixels_per_latent();
    StepShape {
        latent: [latent; 2],
        batch: step_batch(config, pictures),
        rank: config.rank,
        targets: config.targets,
        engine: Engine::from(config.precision),
        recompute,
        is_composed: false,
    }
}

/// The memory of a run, and what it computes twice to keep to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPlan {
    /// What backward passes compute again; never `Auto`.
    pub recompute: Recompute,
    /// A step.
    pub shape: StepShape,
    /// The steps at their peak.
    pub step: StepMemory,
    /// Encoding pictures and captions, before the steps.
    pub encoding_bytes: u64,
    /// What was encoded, which stays for the whole run.
    pub cache_bytes: u64,
    /// Drawing previews, between the steps.
    pub previews: PreviewMemory,
}

impl MemoryPlan {
    /// Plans a run on `base` with such pictures. With `Auto` it is the fastest plan that fits into `room`, where that
    /// is known.
    ///
    /// # Errors
    /// With `Auto`, when nothing fits. A choice of the user's is never refused.
    pub fn new(
        base: &Base,
        config: &TrainConfig,
        pictures: TrainingPictures,
        room: Room,
    ) -> Result<Self> {
        let TrainingPictures {
            count: pictures,
            largest_pixels,
        } = pictures;
        let side = training_side(config, base);
        let latent = side / base.vae_config.pixels_per_latent();
        let states = CONTEXT_LENGTH * base.states_width() + base.pooled_width().unwrap_or(0);
        let latents = base.unet_config.in_channels * latent * latent;
        let cached = (pictures + 1) * states + pictures * latents;
        let encoded = Encoded {
            pixels: side * side,
            largest_pixels,
            engine: Engine::from(config.precision),
            is_composed: room.is_composed,
        };
        let encoding_bytes = encoding_bytes(base, encoded)?;
        let cache_bytes = (cached * size_of::<f32>()) as u64;
        let has_previews = !PreviewPlan::new(base, config, pictures)?.epochs.is_empty();
        let plan = |recompute| {
            let shape = StepShape {
                is_composed: room.is_composed,
                ..step_shape(base, config, pictures, recompute)
            };
            let step = shape.memory(base)?;
            let previews = if has_previews {
                PreviewMemory::of(shape.preview_bytes(base, step)? + cache_bytes, room)
            } else {
                PreviewMemory::None
            };
            Ok(Self {
                recompute,
                shape,
                step,
                encoding_bytes,
                cache_bytes,
                previews,
            })
        };
        let (Recompute::Auto, Some(free_bytes)) = (config.recompute, room.bytes) else {
            return plan(match config.recompute {
                Recompute::Auto => Recompute::None,
                other => other,
            });
        };
        for recompute in [Recompute::None, Recompute::Block] {
            let plan = plan(recompute)?;
            // A plan may be some hundredths low; where there is a smaller one, it is the better choice.
            let peak = plan.training_bytes();
            if peak + peak / 20 <= free_bytes {
                return Ok(plan);
            }
        }
        let least = plan(Recompute::Layer)?;
        if least.training_bytes() <= free_bytes {
            return Ok(least);
        }
        Err(Error::Memory {
            needed_bytes: least.training_bytes(),
            free_bytes,
            whose: if room.is_composed {
                "can be taken of the device"
            } else {
                "are free"
            },
        })
    }

    /// The most memory that the run takes at a time.
    pub fn peak_bytes(&self) -> u64 {
        match self.previews {
            PreviewMemory::Fits { bytes } => self.training_bytes().max(bytes),
            PreviewMemory::None | PreviewMemory::LeftOut { .. } => self.training_bytes(),
        }
    }

    /// The same without previews, which no run depends on.
    fn training_bytes(&self) -> u64 {
        let steps = PREPARED_BYTES + self.step.total();
        steps.max(self.encoding_bytes) + self.cache_bytes
    }
}
