//! Where a sampler's noise comes from: one trait, and PyTorch's CPU generator behind it.

use atelier_core::{NoiseKind, Seed};
use burn::tensor::{Device, Tensor, TensorData};

use super::TorchGenerator;
use super::philox::TorchCudaNoise;

/// Gives normal values, call by call, as `torch.randn` with one generator does.
pub trait NoiseSource: Send {
    /// The next values of unit variance; call by call they are those of consecutive `torch.randn`.
    fn values(&mut self, count: usize) -> Vec<f32>;

    /// The seed that the source started from.
    fn seed(&self) -> Seed;

    /// A fresh source of the same kind from another seed.
    fn reseeded(&self, seed: Seed) -> Box<dyn NoiseSource>;

    /// The next tensor of unit variance.
    fn normal(&mut self, shape: [usize; 4], device: &Device) -> Tensor<4> {
        let values = self.values(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

/// The source that a seed stands for.
pub fn noise_source(kind: NoiseKind, seed: Seed) -> Box<dyn NoiseSource> {
    match kind {
        NoiseKind::TorchCpu => Box::new(TorchCpuNoise::new(seed)),
        NoiseKind::TorchCuda => Box::new(TorchCudaNoise::new(seed)),
    }
}

/// `torch.Generator("cpu")` as a source.
#[derive(Debug, Clone)]
pub struct TorchCpuNoise {
    generator: TorchGenerator,
    seed: Seed,
}

impl TorchCpuNoise {
    /// The source that `torch.Generator("cpu").manual_seed(seed)` gives.
    pub fn new(seed: Seed) -> Self {
        Self {
            generator: TorchGenerator::new(seed),
            seed,
        }
    }
}

impl NoiseSource for TorchCpuNoise {
    fn values(&mut self, count: usize) -> Vec<f32> {
        self.generator.randn(count)
    }

    fn seed(&self) -> Seed {
        self.seed
    }

    fn reseeded(&self, seed: Seed) -> Box<dyn NoiseSource> {
        Box::new(Self::new(seed))
    }
}
