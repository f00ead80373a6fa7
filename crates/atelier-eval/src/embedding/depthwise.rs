//! The convolution of each channel by itself, whose padding is `TensorFlow`'s: as many pixels come out as the stride leaves,
//! and of an odd number of missing ones the greater part is at the right and at the bottom.

use std::ops::Range;

use atelier_nn::Params;
use atelier_nn::gradients::values_of;
use atelier_nn::params::{Init, ParamError};
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::relu6::clip;

/// Channels that are computed together, of which the network has multiples everywhere.
const LANES: usize = 16;

/// A convolution of each channel with its own square kernel, then the activation.
#[derive(Debug)]
pub(super) struct Depthwise {
    /// For each group of channels the kernel, from left to right and from top to bottom.
    kernels: Vec<[f32; LANES]>,
    /// For each group of channels.
    biases: Vec<[f32; LANES]>,
    kernel: usize,
    stride: usize,
}

impl Depthwise {
    /// A convolution of `channels`, of which there must be a multiple of 16.
    pub(super) fn new(
        params: &Params<'_>,
        channels: usize,
        kernel: usize,
        stride: usize,
    ) -> Result<Self, ParamError> {
        let taps = kernel * kernel;
        let shape = [channels, 1, kernel, kernel];
        let weight = values_of(params.tensor("weight", shape, Init::FanIn(taps))?);
        let bias = values_of(params.tensor("bias", [channels], Init::Zeros)?);
        let at = |row: usize| {
            let (first, tap) = (row / taps * LANES, row % taps);
            std::array::from_fn(|lane| weight[(first + lane) * taps + tap])
        };
        Ok(Self {
            kernels: (0..channels / LANES * taps).map(at).collect(),
            biases: bias.as_chunks().0.to_vec(),
            kernel,
            stride,
        })
    }

    /// Convolves `x_bhwc` and clips.
    ///
    /// # Shapes
    /// - `x_bhwc`: `[b, h, w, c]`
    /// - returns: `[b, ⌈h / stride⌉, ⌈w / stride⌉, c]`
    pub(super) fn forward(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        let ([b, h, w, c], device) = (x_bhwc.dims(), x_bhwc.device());
        let x = values_of(x_bhwc);
        let (rows, columns) = (h.div_ceil(self.stride), w.div_ceil(self.stride));
        let mut y = vec![0.0; b * rows * columns * c];
        let each_row = y.par_chunks_mut(columns * c).enumerate();
        each_row.for_each(|(index, y)| {
            let (picture, row) = (index / rows, index % rows);
            let (inside, skipped) = self.reach(row, h);
            let start = (picture * h + inside.start) * w * c;
            let x = &x[start..start + inside.len() * w * c];
            self.convolve_row(x, y, [w, c], skipped);
        });
        let shape = [b, rows, columns, c];
        Tensor::from_data(TensorData::new(y, shape), &device)
    }

    /// The pixels under the kernel at `place` of an axis of `length`, and how many of the kernel's are left of the first.
    fn reach(&self, place: usize, length: usize) -> (Range<usize>, usize) {
        let places = length.div_ceil(self.stride);
        let padding = ((places - 1) * self.stride + self.kernel).saturating_sub(length);
        let (start, before) = (place * self.stride, padding / 2);
        let inside = start.saturating_sub(before)..(start + self.kernel - before).min(length);
        (inside, before.saturating_sub(start))
    }

    /// One row of the result from the rows of `x` under the kernel, whose first `skipped` rows lie above the picture.
    fn convolve_row(&self, x: &[f32], y: &mut [f32], [w, c]: [usize; 2], skipped: usize) {
        let taps = self.kernel * self.kernel;
        let each_kernel = self.kernels.chunks_exact(taps).zip(&self.biases);
        for (group, (kernel, bias)) in each_kernel.enumerate() {
            for (column, y) in y.chunks_exact_mut(c).enumerate() {
                let (inside, left) = self.reach(column, w);
                let mut sums = *bias;
                for (row, x) in x.chunks_exact(w * c).enumerate() {
                    let kernel = &kernel[(skipped + row) * self.kernel + left..];
                    let pixels = x[inside.start * c..inside.end * c].chunks_exact(c);
                    for (pixel, weights) in pixels.zip(kernel) {
                        add_products(&mut sums, &pixel[group * LANES..], weights);
                    }
                }
                y[group * LANES..][..LANES].copy_from_slice(&sums.map(clip));
            }
        }
    }
}

#[inline]
fn add_products(sums: &mut [f32; LANES], values: &[f32], weights: &[f32; LANES]) {
    if let Some(values) = values.first_chunk::<LANES>() {
        for lane in 0..LANES {
            sums[lane] += values[lane] * weights[lane];
        }
    }
}

#[cfg(test)]
mod tests {
    use atelier_nn::Engine;
    use atelier_nn::init::RandomParams;
    use burn::tensor::{Device, Distribution, module, ops::ConvOptions};

    use super::*;

    /// Against the tensor library, which is given the zeros around the picture.
    #[test]
    fn every_size_kernel_and_stride_is_the_grouped_convolution() {
        let device = Device::flex();
        for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
            for [h, w] in [[7, 7], [8, 10], [1, 2], [13, 3]] {
                let mut source = RandomParams::new(3);
                let params = Params::new(&mut source, &device, Engine::Exact);
                let layer = Depthwise::new(&params, 32, kernel, stride).unwrap();
                let mut source = RandomParams::new(3);
                let params = Params::new(&mut source, &device, Engine::Exact);
                let shape = [32, 1, kernel, kernel];
                let weight = params
                    .tensor("weight", shape, Init::FanIn(kernel * kernel))
                    .unwrap();
                let x = Tensor::random([2, h, w, 32], Distribution::Uniform(0.0, 6.0), &device);
                let missing = |length: usize| {
                    let needed = (length.div_ceil(stride) - 1) * stride + kernel;
                    needed.saturating_sub(length)
                };
                let [high, wide] = [missing(h), missing(w)];
                let mut padded = Tensor::<4>::zeros([2, h + high, w + wide, 32], &device);
                let place = [0..2, high / 2..high / 2 + h, wide / 2..wide / 2 + w, 0..32];
                padded = padded.slice_assign(place, x.clone());
                let options = ConvOptions::new([stride; 2], [0; 2], [1; 2], 32);
                let expected = module::conv2d(padded.permute([0, 3, 1, 2]), weight, None, options);
                let expected = expected.permute([0, 2, 3, 1]).clamp(0.0, 6.0);
                let found = layer.forward(x);
                assert_eq!(found.dims(), expected.dims());
                let error = (found - expected).abs().max().into_scalar::<f32>();
                assert!(error < 1e-5, "{kernel} {stride} {h}x{w}: {error}");
            }
        }
    }
}
