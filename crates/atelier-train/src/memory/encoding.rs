//! How much memory encoding takes, before the steps.

use atelier_diffusion::stable_diffusion::Base;
use atelier_nn::Engine;

use super::program::Program;
use super::step::{F32, part_bytes, text_bytes};
use crate::Result;

/// Bytes that each pixel of a picture takes while it is decoded: three of its own, and where it has a profile of its colours four
/// on either side of the conversion.
const DECODED_BYTES: u64 = 8;

/// What is encoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoded {
    /// Pixels of the square of a picture.
    pub(super) pixels: usize,
    /// Pixels of the largest picture, before it is cut to its square.
    pub(super) largest_pixels: u64,
    /// Arithmetic of the denoiser.
    pub(super) engine: Engine,
    /// Whether operations are composed of the tensor library's.
    pub(super) is_composed: bool,
}

/// The memory that encoding texts and pictures takes before the steps.
pub(super) fn encoding_bytes(base: &Base, what: Encoded) -> Result<u64> {
    let channels = base.vae_config.block_out_channels.first().copied();
    // Input and output of a residual block's convolution, its normalised input and that with a border. Where it is composed,
    // its input in another order of axes, and the input of the block; norms and activations have fewer.
    let bytes = if what.is_composed { 5 * F32 } else { 18 };
    let widest = bytes * (what.pixels * channels.unwrap_or(0)) as u64;
    // A picture is decoded beside the autoencoder, and gone when that works. It never lies in the memory of a card.
    let decoded = if what.is_composed {
        0
    } else {
        DECODED_BYTES * what.largest_pixels
    };
    let vae = part_bytes(base, "vae", what.engine.of_autoencoder())?;
    let pictures = vae + widest.max(decoded);
    Ok(Program::here(what.is_composed).beside_encoding(widest) + text_bytes(base)?.max(pictures))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_picture_counts_while_it_is_decoded() {
        let base = atelier_testkit::checkout().join("assets/atelier-mini");
        let base = Base::open(&base).unwrap();
        let bytes = |largest_pixels, is_composed| {
            let what = Encoded {
                pixels: 64 * 64,
                largest_pixels,
                engine: Engine::Exact,
                is_composed,
            };
            encoding_bytes(&base, what).unwrap()
        };
        // A phone's picture.
        let (small, large) = (bytes(64 * 64, false), bytes(48_000_000, false));
        assert!(large > 8 * 48_000_000 && large - small > 300_000_000);
        assert_eq!(bytes(1_000, false), small, "the work on squares takes more");
        assert_eq!(bytes(48_000_000, true), bytes(0, true));
    }
}
