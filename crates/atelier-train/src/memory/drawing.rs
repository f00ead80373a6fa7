//! How much memory it takes to draw with the networks of a training.

use atelier_core::Recompute;
use atelier_diffusion::stable_diffusion::Base;

use super::step::{F32, PROGRAM_BYTES, StepMemory, StepShape, forward_activations, part_bytes};
use crate::Result;

impl StepShape {
    /// The memory that previews of this size take beside what a training keeps between its steps: the passes of the denoiser,
    /// two pictures at a time, then the decoder.
    pub(super) fn preview_bytes(&self, base: &Base, step: StepMemory) -> Result<u64> {
        let passes = Self {
            batch: 2,
            recompute: Recompute::None,
            ..*self
        };
        let passes = forward_activations(&base.unet_config, &passes);
        let decoding = self.decoding_bytes(base)?;
        // The adapter once more, as the checkpoint has it.
        let adapter = step.adapter + step.adapter / 5;
        Ok(PROGRAM_BYTES + step.weights + adapter + passes.max(decoding))
    }

    /// The autoencoder, and what its decoder works in.
    fn decoding_bytes(&self, base: &Base) -> Result<u64> {
        let config = &base.vae_config;
        let pixels = self.latent.map(|side| side * config.pixels_per_latent());
        let pixels = (pixels[0] * pixels[1]) as u64;
        let channels = |level: usize| config.block_out_channels.get(level).copied();
        let first = channels(0).unwrap_or(0) as u64;
        let before = channels(1).map_or(first, |channels| channels as u64);
        // At the last doubling: the picture of the level before, with a border, and what becomes of it.
        let doubling = pixels * before * 3 * F32;
        // In the residual block after it: its input, that normalised, with a border, and its output.
        let block = pixels * (before * 5 * F32 / 2 + first * F32);
        let weights = part_bytes(base, "vae", self.engine.of_autoencoder())?;
        let widest = doubling.max(block);
        // Buffers of other sizes than those before them find no place among what is freed and kept: measured on the embedded
        // base, docs/dev/measurements.md.
        Ok(weights + widest + 3 * widest / 4)
    }
}
