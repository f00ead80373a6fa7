//! The normal values of PyTorch's CUDA generator, computed without a GPU: Philox 4x32-10 (Salmon et al. 2011) with cuRAND's
//! single-precision Box-Muller transform.
//!
//! A thread of the GPU owns a sequence of its own, numbered by its index, and PyTorch launches no more threads than fit on the
//! GPU at once. A tensor with at most as many elements takes the first value of each thread's sequence, on every GPU. A larger
//! one wraps around, which then depends on the GPU: value `i` is number `i / threads` of thread `i mod threads`. This file
//! assumes [`LAUNCH_THREADS`]; latents of 1024 by 1024 pixels have 65,536 values and lie below it.

use atelier_core::Seed;

use super::NoiseSource;

/// Threads that PyTorch launches at most: 2,048 on each of the 108 multiprocessors of an A100.
pub const LAUNCH_THREADS: usize = 108 * 2048;

/// Threads per block, to a multiple of which PyTorch rounds a smaller launch.
const BLOCK: usize = 256;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
const KEY_STEPS: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];

/// 2^-32 and 2 pi times it, as cuRAND rounds them.
const UNIT: f32 = 2.328_306_4e-10;
const TURN: f32 = 2.328_306_4e-10 * std::f32::consts::TAU;

/// `torch.Generator("cuda")` as a source.
#[derive(Debug, Clone)]
pub struct TorchCudaNoise {
    seed: Seed,
    /// Values that each thread has drawn, in fours.
    drawn: u64,
}

impl TorchCudaNoise {
    /// The source that `torch.Generator("cuda").manual_seed(seed)` gives.
    pub fn new(seed: Seed) -> Self {
        Self { seed, drawn: 0 }
    }
}

impl NoiseSource for TorchCudaNoise {
    fn values(&mut self, count: usize) -> Vec<f32> {
        if count == 0 {
            return Vec::new();
        }
        let threads = LAUNCH_THREADS.min(count.div_ceil(BLOCK) * BLOCK);
        let values = (0..count).map(|index| {
            let (thread, number) = (index % threads, index / threads);
            let counter = self.drawn + (number / 4) as u64;
            normal_values(philox(counter, thread as u64, self.seed.0))[number % 4]
        });
        let values = values.collect();
        self.drawn += count.div_ceil(threads * 4) as u64;
        values
    }

    fn seed(&self) -> Seed {
        self.seed
    }

    fn reseeded(&self, seed: Seed) -> Box<dyn NoiseSource> {
        Box::new(Self::new(seed))
    }
}

/// Four random words: block `counter` of sequence `sequence`.
fn philox(counter: u64, sequence: u64, key: u64) -> [u32; 4] {
    let halves = |value: u64| [(value & 0xffff_ffff) as u32, (value >> 32) as u32];
    let ([a, b], [c, d]) = (halves(counter), halves(sequence));
    let (mut words, mut key) = ([a, b, c, d], halves(key));
    for _ in 0..ROUNDS {
        let [low0, high0] = halves(u64::from(MULTIPLIERS[0]) * u64::from(words[0]));
        let [low1, high1] = halves(u64::from(MULTIPLIERS[1]) * u64::from(words[2]));
        words = [
            high1 ^ words[1] ^ key[0],
            low1,
            high0 ^ words[3] ^ key[1],
            low0,
        ];
        key = [
            key[0].wrapping_add(KEY_STEPS[0]),
            key[1].wrapping_add(KEY_STEPS[1]),
        ];
    }
    words
}

/// Box-Muller on two pairs of words, sines first.
fn normal_values(words: [u32; 4]) -> [f32; 4] {
    let pair = |first: u32, second: u32| {
        let share = first as f32 * UNIT + UNIT / 2.0;
        let angle = second as f32 * TURN + TURN / 2.0;
        let radius = (-2.0 * share.ln()).sqrt();
        [angle.sin() * radius, angle.cos() * radius]
    };
    let ([a, b], [c, d]) = (pair(words[0], words[1]), pair(words[2], words[3]));
    [a, b, c, d]
}
