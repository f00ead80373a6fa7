//! How much memory a training step takes, from shapes alone.
//!
//! What the operations of `atelier-nn` keep for the backward pass is counted layer by layer, with the buffers that are in
//! use at the same time; `docs/dev/engine.md` has the table of what is kept.

use atelier_core::{Recompute, Targets};
use atelier_diffusion::stable_diffusion::recipe::is_target;
use atelier_diffusion::stable_diffusion::{Base, UnetConfig};
use atelier_diffusion::tokenizer::CONTEXT_LENGTH;
use atelier_nn::Engine;
use atelier_nn::kernels::reference::MOST_LOGITS;
use atelier_nn::kernels::{GATE_VALUES, Keep, WeightFormat};

use super::program::Program;
use crate::Result;

/// Bytes of an f32.
pub(super) const F32: u64 = 4;
/// For each trained value: itself, in the model and beside it, two moments, its gradient.
const BYTES_OF_TRAINED: u64 = 5 * F32;
/// Places of the kernel of a convolution.
const KERNEL: u64 = 9;
/// Bytes of a value between a gated map and its gate, in pieces: with its gradient, also rounded.
const BYTES_OF_GATED: u64 = 2 * F32 + 4;

/// A training step whose memory is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepShape {
    /// Height and width of the latents.
    pub latent: [usize; 2],
    /// Pictures per step.
    pub batch: usize,
    /// Rank of the adapter.
    pub rank: usize,
    /// Layers with an adapter.
    pub targets: Targets,
    /// Arithmetic of the denoiser.
    pub engine: Engine,
    /// What is computed again; `Auto` counts as nothing.
    pub recompute: Recompute,
    /// Whether operations are composed of the tensor library's, which keep more of their insides.
    pub is_composed: bool,
}

/// The memory of a training step in bytes, at its peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepMemory {
    /// The frozen weights.
    pub weights: u64,
    /// The adapter, its moments and gradients.
    pub adapter: u64,
    /// What passes keep, and the buffers that they work in.
    pub activations: u64,
    /// The program itself, scratch of its threads, and gaps between buffers.
    pub beside: u64,
}

impl StepMemory {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights + self.adapter + self.activations + self.beside
    }
}

impl StepShape {
    /// The memory that such a step on the denoiser of `base` takes.
    pub fn memory(&self, base: &Base) -> Result<StepMemory> {
        let activations = activations(&base.unet_config, self);
        let halves = part_bytes(base, "unet", Engine::Mixed)?;
        Ok(StepMemory {
            weights: part_bytes(base, "unet", self.engine)?,
            adapter: self.trained_values(base)? * BYTES_OF_TRAINED,
            activations,
            beside: Program::here(self.is_composed).beside_step(activations, halves),
        })
    }

    /// Values of the adapter's factors.
    fn trained_values(&self, base: &Base) -> Result<u64> {
        let tensors = base.files().tensors("unet")?;
        let targets = tensors.names().filter_map(|name| {
            let layer = name.strip_suffix(".weight")?;
            let info = tensors.info(name)?;
            let is_target = info.shape.len() > 1 && is_target(layer, self.targets);
            is_target.then(|| {
                let outputs = info.shape[0];
                outputs + info.shape.iter().product::<usize>() / outputs.max(1)
            })
        });
        Ok((targets.sum::<usize>() * self.rank) as u64)
    }
}

/// Memory of the text encoders' weights.
pub(super) fn text_bytes(base: &Base) -> Result<u64> {
    let texts = base.texts.iter();
    let texts = texts.map(|side| part_bytes(base, side.place.part, Engine::Exact));
    texts.sum()
}

/// Memory of a part's weights, with two hundredths for scales, biases and the gaps that loading leaves.
pub(super) fn part_bytes(base: &Base, part: &str, engine: Engine) -> Result<u64> {
    let tensors = base.files().tensors(part)?;
    let shapes = tensors.names().filter_map(|name| tensors.info(name));
    let bytes = shapes.map(
        |info| match (info.shape.as_slice(), engine.frozen_format()) {
            ([outputs, inputs, kernel @ ..], Some(format)) => {
                format.packed_bytes([*outputs, *inputs, kernel.iter().product()])
            }
            (shape, _) => shape.iter().product::<usize>() * size_of::<f32>(),
        },
    );
    let bytes: u64 = bytes.map(|bytes| bytes as u64).sum();
    Ok(bytes + bytes / 50)
}

/// What is kept so far, the most that was held at a time, and how much of that was kept.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    kept: u64,
    peak: u64,
    kept_at_peak: u64,
}

impl Tally {
    /// Keeps `bytes` until the backward pass.
    fn keep(&mut self, bytes: u64) {
        self.kept += bytes;
        self.hold(0);
    }

    /// Holds `bytes` for a moment.
    fn hold(&mut self, bytes: u64) {
        self.reach(self.kept + bytes, self.kept);
    }

    /// A part of which only `inputs` bytes are kept, and whose inside comes back in the backward pass, where the gradient of
    /// its output of `outputs` bytes waits for it.
    fn twice(&mut self, inputs: u64, outputs: u64, inside: Self) {
        self.keep(inputs);
        let kept = self.kept + outputs;
        self.reach(kept + inside.peak, kept + inside.kept_at_peak);
    }

    fn reach(&mut self, bytes: u64, kept: u64) {
        if bytes > self.peak {
            (self.peak, self.kept_at_peak) = (bytes, kept);
        }
    }
}

/// The shapes of one level and what its operations keep.
struct Level<'a> {
    shape: &'a StepShape,
    /// Pixels of all pictures.
    pixels: u64,
    channels: u64,
    heads: u64,
    depth: usize,
    attends: bool,
}

/// The peak of a forward pass from which no gradient is wanted: what is carried to the way up, and what one layer works in.
pub(super) fn forward_activations(config: &UnetConfig, shape: &StepShape) -> u64 {
    let inside = StepShape {
        recompute: Recompute::Layer,
        ..*shape
    };
    activations(config, &inside)
}

/// The peak of a forward and backward pass, without weights and adapter.
fn activations(config: &UnetConfig, shape: &StepShape) -> u64 {
    let levels = config.block_out_channels.len();
    let (heads, depths) = (config.heads().ok(), config.depths().ok());
    let of_level = |index: usize, attends: bool| {
        let sides = shape.latent.map(|side| side.div_ceil(1 << index));
        let at = |values: &Option<Vec<usize>>| values.as_ref().map_or(1, |values| values[index]);
        Level {
            shape,
            pixels: (shape.batch * sides[0] * sides[1]) as u64,
            channels: config.block_out_channels[index] as u64,
            heads: at(&heads) as u64,
            depth: at(&depths),
            attends,
        }
    };
    let mut tally = Tally::default();
    let first = config.block_out_channels[0] as u64;
    let mut skips = vec![first];
    let mut channels = first;
    for index in 0..levels {
        let level = of_level(
            index,
            config.down_block_types[index].starts_with("CrossAttn"),
        );
        for _ in 0..config.layers_per_block {
            level.layer(&mut tally, channels, 0);
            channels = level.channels;
            skips.push(channels);
        }
        if index + 1 < levels {
            skips.push(channels);
            level.sampler(&mut tally, [level.pixels, level.pixels / 4]);
        }
    }
    let lowest = of_level(levels - 1, true);
    lowest.layer(&mut tally, channels, 0);
    lowest.with_attention(false).layer(&mut tally, channels, 0);
    for index in 0..levels {
        let attends = config.up_block_types[index].starts_with("CrossAttn");
        let level = of_level(levels - 1 - index, attends);
        for _ in 0..=config.layers_per_block {
            let skip = skips.pop().unwrap_or(0);
            level.layer(&mut tally, channels, skip);
            channels = level.channels;
        }
        if index + 1 < levels {
            // it moves over the enlarged picture
            level.sampler(&mut tally, [4 * level.pixels; 2]);
        }
    }
    // Buffers of many sizes leave gaps between them, and what is kept lies between those that come and go, the more so where
    // it is a rounded copy of one of them: all of it, or what is not rounded as it is written.
    let between = match (shape.engine.keep(), shape.engine.between()) {
        (Keep::Exact, _) if shape.is_composed => tally.kept_at_peak,
        (Keep::Exact, _) => 0,
        (Keep::Rounded, Keep::Exact) => 2 * tally.kept_at_peak,
        (Keep::Rounded, Keep::Rounded) => 3 * tally.kept_at_peak / 2,
    };
    tally.peak + (tally.peak + between) / 10
}

impl Level<'_> {
    fn with_attention(self, attends: bool) -> Self {
        Self { attends, ..self }
    }

    /// Bytes of a value that an operation keeps of its own input.
    fn kept(&self) -> u64 {
        match self.shape.engine.keep() {
            Keep::Exact => F32,
            Keep::Rounded => F32 / 2,
        }
    }

    /// A residual block on `hidden + skip` channels, and the transformer after it.
    fn layer(&self, tally: &mut Tally, hidden: u64, skip: u64) {
        let inputs = F32 * self.pixels * (hidden + skip);
        if self.shape.recompute != Recompute::Layer {
            self.inside(tally, hidden + skip);
            return;
        }
        let mut inside = Tally::default();
        self.inside(&mut inside, hidden + skip);
        tally.twice(inputs, F32 * self.pixels * self.channels, inside);
    }

    fn inside(&self, tally: &mut Tally, input: u64) {
        let pixels = self.pixels;
        // Inputs of both norms; with adapters the inputs of the convolutions too, of the third one where the number of channels
        // changes.
        tally.keep(self.kept() * pixels * (input + self.channels));
        let changes = input != self.channels;
        if self.shape.is_composed {
            // Each norm with its activation keeps two more; the convolutions always keep their inputs.
            tally.keep(3 * F32 * pixels * (input + self.channels));
        } else if self.convolves() {
            let inputs = if changes { 2 * input } else { input };
            tally.keep(F32 * pixels * (inputs + self.channels));
        }
        if self.convolves() {
            self.factors(tally, [input, self.channels, KERNEL], pixels);
            self.factors(tally, [self.channels, self.channels, KERNEL], pixels);
            if changes {
                self.factors(tally, [input, self.channels, 1], pixels);
            }
        }
        // Input, its normalised form, that with a border, and the output, or their gradients.
        tally.hold(pixels * (10 * input + 2 * F32 * self.channels));
        if self.attends {
            self.transformer(tally);
        }
    }

    /// The convolution after a change of size, from one number of pixels to another, with an adapter.
    fn sampler(&self, tally: &mut Tally, [before, behind]: [u64; 2]) {
        if self.convolves() {
            tally.keep(F32 * before * self.channels);
            self.factors(tally, [self.channels, self.channels, KERNEL], behind);
        }
    }

    /// Whether convolutions have adapters.
    fn convolves(&self) -> bool {
        self.shape.targets == Targets::TransformerAndConvolution
    }

    /// What an adapter on a convolution keeps beside the input: both factors as products read them, in f32, and the narrow
    /// picture between them. `sizes` are the channels before and behind, and the places of the kernel.
    fn factors(&self, tally: &mut Tally, [inputs, outputs, places]: [u64; 3], pixels: u64) {
        let rank = self.shape.rank as u64;
        let packed = |sizes: [u64; 3]| {
            WeightFormat::Float.packed_bytes(sizes.map(|size| size as usize)) as u64
        };
        if !self.shape.is_composed {
            tally.keep(packed([rank, inputs, places]) + packed([outputs, rank, 1]));
        }
        tally.keep(F32 * pixels * rank);
    }

    fn transformer(&self, tally: &mut Tally) {
        let values = self.pixels * self.channels;
        let projects = self.shape.targets != Targets::Attention;
        tally.keep(self.kept() * values);
        if projects {
            tally.keep(2 * F32 * values);
            for _ in 0..2 {
                self.factors(tally, [self.channels, self.channels, 1], self.pixels);
            }
        }
        for _ in 0..self.depth {
            if matches!(self.shape.recompute, Recompute::Block | Recompute::Layer) {
                let mut inside = Tally::default();
                self.block(&mut inside);
                tally.twice(F32 * values, F32 * values, inside);
            } else {
                self.block(tally);
            }
        }
    }

    /// What a block keeps beside the rest where it is composed: weights of attention as exponentials and as shares, of the
    /// pixels and of the text, and the steps of the gate.
    fn composed_inside(&self, tally: &mut Tally) {
        let all = F32 * self.pixels * self.heads;
        let side = self.pixels / self.shape.batch.max(1) as u64;
        let logits = all * side;
        tally.keep(2 * (logits + all * CONTEXT_LENGTH as u64));
        tally.keep(12 * F32 * self.pixels * self.channels);
        // Logits, the same less their maximum, and a gradient of them.
        tally.hold(3 * logits.min(F32 * MOST_LOGITS as u64));
    }

    /// Self-attention, cross-attention and feed-forward.
    fn block(&self, tally: &mut Tally) {
        let values = self.pixels * self.channels;
        let rank = self.shape.rank as u64;
        let low = match self.shape.engine.between() {
            Keep::Exact => F32 * self.pixels * rank,
            // rows are filled up for products
            Keep::Rounded => F32 / 2 * self.pixels * rank.next_multiple_of(32),
        };
        let words = (self.shape.batch * CONTEXT_LENGTH) as u64 * self.channels;
        let sums = F32 * self.pixels * self.heads;
        let kept = self.kept();
        if self.shape.is_composed {
            self.composed_inside(tally);
        }
        // Self-attention: the input of its norm, the output of that for three adapters, queries, keys, values, the output,
        // sums of exponentials.
        tally.keep(6 * kept * values + sums + 4 * low);
        tally.hold(6 * F32 * values);
        // Cross-attention: the same with keys and values of the text, and the text itself.
        tally.keep(4 * kept * values + sums + 2 * low + 3 * kept * words);
        // Feed-forward: norm, and the gate's input of eight widths.
        tally.keep(kept * values + 8 * kept * values);
        let has_adapters = self.shape.targets != Targets::Attention;
        if has_adapters {
            tally.keep(5 * kept * values + 2 * low);
        }
        if !has_adapters && !self.shape.is_composed {
            // The gate's input and its gradient in pieces; its output of four widths or the gradient of that, rounded too.
            let gated = (8 * values).min(GATE_VALUES as u64);
            tally.hold(BYTES_OF_GATED * gated + 10 * F32 * values);
        } else {
            // The gate's input (unless it is kept) and output, or their gradients, beside the residual; rounded forms of them.
            let wide = if kept == F32 { 4 } else { 12 };
            tally.hold((wide + 11) * F32 * values);
        }
    }
}
