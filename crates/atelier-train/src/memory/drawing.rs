//! How much memory it takes to draw, with the networks of a training and without one.

use atelier_adapters::AdapterFile;
use atelier_core::{GenerateRequest, Recompute, Targets};
use atelier_diffusion::stable_diffusion::Base;
use atelier_nn::Engine;
use atelier_weights::TensorFile;

use super::program::Program;
use super::step::{F32, StepMemory, StepShape, forward_activations, part_bytes, text_bytes};
use crate::Result;

/// How often a weight is in memory while anything but a product of thin matrices changes it: as it was, both factors of what
/// is added, and the sum.
const COMPUTED_COPIES: u64 = 4;

/// The memory that a drawing takes at most, in bytes, one picture at a time. Text encoders and denoiser take turns; the
/// autoencoder comes with the first picture and stays.
///
/// # Errors
/// When the base or an adapter cannot be read, or the base cannot draw it.
pub fn drawing_bytes(base: &Base, request: &GenerateRequest, is_composed: bool) -> Result<u64> {
    drawn_by(Program::here(is_composed), base, request, is_composed)
}

fn drawn_by(
    program: Program,
    base: &Base,
    request: &GenerateRequest,
    is_composed: bool,
) -> Result<u64> {
    let native = base.native_size();
    let sides = [request.height, request.width].map(|side| side.unwrap_or(native));
    let factor = base.vae_config.pixels_per_latent().max(1);
    let shape = StepShape {
        latent: sides.map(|side| side.div_ceil(factor)),
        // With guidance, one pass with the prompt and one without.
        batch: 1 + usize::from(request.guidance > 1.0),
        rank: 0,
        targets: Targets::Attention,
        engine: Engine::from(request.precision),
        recompute: Recompute::None,
        is_composed,
    };
    let tile = base.vae_config.tile_latents();
    let decoded = StepShape {
        latent: if base.is_tiled(request)? {
            shape.latent.map(|side| side.min(tile))
        } else {
            shape.latent
        },
        ..shape
    };
    // Three planes as the decoder gives them, and once more as the picture's values.
    let picture = 2 * 3 * F32 * sides.iter().product::<usize>() as u64;
    let passes = forward_activations(&base.unet_config, &shape);
    // Most of what passes worked in is kept for the next one, in sizes that are of no use to the decoder: measured on the
    // embedded base, docs/dev/measurements.md.
    let decoding = decoded.decoder_buffers(base) + picture + 4 * passes / 5;
    let work = passes.max(decoding);
    let drawing = part_bytes(base, "unet", shape.engine)? + work + adapter_bytes(request)?;
    let autoencoder = part_bytes(base, "vae", shape.engine.of_autoencoder())?;
    Ok(program.beside_drawing(work) + autoencoder + drawing.max(text_bytes(base)?))
}

/// What the request's adapters take: their numbers as they were read, and once more as the layers have them; and where a
/// layer's weight is computed whole in every pass, what the largest one takes. Those with a strength of zero are not loaded.
fn adapter_bytes(request: &GenerateRequest) -> Result<u64> {
    let adapters = request.adapters.iter();
    let acting =
        adapters.filter(|adapter| adapter.strength != 0.0 || adapter.text_strength() != 0.0);
    let (mut values, mut computed) = (0, 0);
    for adapter in acting {
        let file = TensorFile::open(AdapterFile::weights_path(&adapter.path))?;
        let shapes = file.names().filter_map(|name| file.info(name));
        values += shapes
            .map(|info| info.shape.iter().product::<usize>() as u64)
            .sum::<u64>();
        computed = computed.max(AdapterFile::largest_computed_weight(&file)? as u64);
    }
    let computed = F32.saturating_mul(COMPUTED_COPIES).saturating_mul(computed);
    Ok((2 * F32 * values).saturating_add(computed))
}

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
        let autoencoder = part_bytes(base, "vae", self.engine.of_autoencoder())?;
        let decoding = self.decoder_buffers(base);
        // The adapter once more, as the checkpoint has it.
        let adapter = step.adapter + step.adapter / 5;
        let beside = Program::here(self.is_composed).beside_drawing(passes.max(decoding));
        Ok(beside + step.weights + adapter + passes.max(autoencoder + decoding))
    }

    /// What the autoencoder's decoder works in.
    fn decoder_buffers(&self, base: &Base) -> u64 {
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
        let widest = doubling.max(block);
        // Buffers of other sizes than those before them find no place among what is freed and kept: measured on the embedded
        // base, docs/dev/measurements.md.
        widest + 3 * widest / 4
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use atelier_core::{AdapterUse, Precision};
    use atelier_weights::{DType, OutTensor, write_tensors};

    use super::*;

    /// Sides of pictures, and the peaks of drawing them in MB.
    type Peaks = &'static [(usize, u64)];

    /// Those of `atelier generate` with the embedded base, by threads and arithmetic: docs/dev/measurements.md.
    const MEASURED: [(usize, Precision, Peaks); 6] = [
        (
            2,
            Precision::F32,
            &[(64, 152), (128, 176), (256, 213), (512, 389), (768, 596)],
        ),
        (
            2,
            Precision::Bf16,
            &[(64, 129), (128, 136), (256, 183), (512, 317), (768, 528)],
        ),
        (
            2,
            Precision::Int8,
            &[(64, 101), (128, 120), (256, 182), (512, 318), (768, 517)],
        ),
        (8, Precision::F32, &[(64, 161), (256, 235), (768, 600)]),
        (8, Precision::Bf16, &[(64, 145), (256, 223), (768, 601)]),
        (8, Precision::Int8, &[(64, 114), (256, 241), (768, 564)]),
    ];

    #[test]
    fn a_drawing_takes_no_more_than_is_planned_and_not_much_less() {
        let base = atelier_testkit::checkout().join("assets/atelier-mini");
        let base = Base::open(&base).unwrap();
        for (threads, precision, peaks) in MEASURED {
            for &(side, measured) in peaks {
                let request = GenerateRequest {
                    width: Some(side),
                    height: Some(side),
                    precision,
                    ..GenerateRequest::default()
                };
                let program = Program::with_threads(threads);
                let planned = drawn_by(program, &base, &request, false).unwrap();
                let share = planned as f64 / (measured * 1_000_000) as f64;
                let setting = format!("{threads} threads, {precision}, {side}");
                println!("{setting}: planned {planned}, {share:.2}");
                assert!((1.0..1.5).contains(&share), "{setting}: {share}");
            }
        }
    }

    /// Writes an adapter of ones.
    fn put(path: &Path, dtype: DType, tensors: &[(&str, &[usize])]) {
        let tensors = tensors.iter().map(|(name, shape)| OutTensor {
            name: format!("layer.{name}"),
            dtype,
            shape: shape.to_vec(),
            data: vec![1.0; shape.iter().product()],
        });
        write_tensors(path, &tensors.collect::<Vec<_>>(), &BTreeMap::new()).unwrap();
    }

    #[test]
    fn adapters_are_there_twice_and_weights_that_they_change_whole_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("adapter.safetensors");
        let base = atelier_testkit::checkout().join("assets/atelier-mini");
        let base = Base::open(&base).unwrap();
        let planned = |adapters: &[AdapterUse]| {
            let request = GenerateRequest {
                adapters: adapters.to_vec(),
                ..GenerateRequest::default()
            };
            drawing_bytes(&base, &request, false)
        };
        let without = planned(&[]).unwrap();
        let acting = AdapterUse::new(&file, 0.5);
        // 125,000 numbers as f32, whatever the file has
        let plain: [(&str, &[usize]); 2] = [
            ("lora_down.weight", &[125, 400]),
            ("lora_up.weight", &[600, 125]),
        ];
        for dtype in [DType::F32, DType::F16] {
            put(&file, dtype, &plain);
            let one = planned(std::slice::from_ref(&acting)).unwrap();
            assert_eq!(one, without + 1_000_000, "{dtype}");
            let both = planned(&[acting.clone(), acting.clone()]).unwrap();
            assert_eq!(both, without + 2_000_000, "{dtype}");
        }
        // 1,000 numbers, and a weight of 60,000 in four copies
        let lokr: [(&str, &[usize]); 3] = [
            ("lokr_w1", &[10, 10]),
            ("lokr_w2_a", &[20, 18]),
            ("lokr_w2_b", &[18, 30]),
        ];
        put(&file, DType::F16, &lokr);
        let one = planned(std::slice::from_ref(&acting)).unwrap();
        assert_eq!(one, without + 8_000 + 960_000);
        // not twice, since adapters act one after the other
        let both = planned(&[acting.clone(), acting]).unwrap();
        assert_eq!(both, without + 16_000 + 960_000);
        assert_eq!(planned(&[AdapterUse::new(&file, 0.0)]).unwrap(), without);
        let gone = AdapterUse::new(folder.path().join("gone.safetensors"), 1.0);
        assert!(planned(&[gone]).unwrap_err().to_string().contains("gone"));
    }
}
