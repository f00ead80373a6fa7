//! The kernels against Burn's own operations and against finite differences.

use super::*;
use burn::tensor::{Device, Distribution};

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// The largest difference relative to the largest value.
fn distance<const D: usize>(got: Tensor<D>, expected: Tensor<D>) -> f32 {
    assert_eq!(got.dims(), expected.dims());
    let (got, expected) = (values(got), values(expected));
    let scale = expected.iter().fold(1e-20f32, |m, v| m.max(v.abs()));
    got.iter().zip(&expected).fold(0.0f32, |m, (a, b)| if (a - b).is_nan() { f32::INFINITY } else { m.max((a - b).abs()) }) / scale
}

fn tracked<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    tensor.clone().inner_to_autodiff()
}

trait ToAutodiff {
    fn inner_to_autodiff(self) -> Self;
}

impl<const D: usize> ToAutodiff for Tensor<D> {
    fn inner_to_autodiff(self) -> Self {
        Tensor::from_data(self.into_data(), &Device::flex().autodiff()).require_grad()
    }
}

type Outcome = (Tensor<4>, Tensor<4>, Tensor<4>, Option<Tensor<1>>);

fn convolve(fast: bool, x: &Tensor<4>, weight: &Tensor<4>, bias: Option<&Tensor<1>>, stride: usize, padding: usize, slope: &Tensor<4>) -> Outcome {
    let (x, weight, bias) = (tracked(x), tracked(weight), bias.map(tracked));
    let y = conv2d_on(fast, x.clone(), weight.clone(), bias.clone(), stride, padding);
    let slope = Tensor::from_data(slope.to_data(), &Device::flex().autodiff());
    let grads = (y.clone() * slope).sum().backward();
    let bias = bias.map(|bias| bias.grad(&grads).unwrap());
    (y.inner(), x.grad(&grads).unwrap(), weight.grad(&grads).unwrap(), bias)
}

fn check_conv(batch: usize, input: usize, output: usize, [height, width]: [usize; 2], kernel: usize, stride: usize, padding: usize, with_bias: bool) {
    let x = random([batch, input, height, width]);
    let weight = random([output, input, kernel, kernel]);
    let bias = with_bias.then(|| random([output]));
    let size = |n: usize| (n + 2 * padding - kernel) / stride + 1;
    let slope = random([batch, output, size(height), size(width)]);
    let got = convolve(true, &x, &weight, bias.as_ref(), stride, padding, &slope);
    let expected = convolve(false, &x, &weight, bias.as_ref(), stride, padding, &slope);
    let case = format!("batch {batch} {input}->{output} {height}x{width} k{kernel} s{stride} p{padding}");
    let parts = [distance(got.0, expected.0), distance(got.1, expected.1), distance(got.2, expected.2)];
    assert!(parts.iter().all(|d| *d < 1.5e-2), "{case}: output, input and weight gradients differ by {parts:?}");
    if let (Some(got), Some(expected)) = (got.3, expected.3) {
        let bias = distance(got, expected);
        assert!(bias < 1e-4, "{case}: bias gradient differs by {bias}");
    }
}

#[test]
fn this_cpu_runs_the_fast_kernels_or_the_fallback() {
    let y = conv2d(random([1, 3, 5, 5]), random([4, 3, 3, 3]), None, 1, 1);
    assert_eq!(y.dims(), [1, 4, 5, 5]);
}

#[test]
fn convolution_and_its_gradients_match_at_odd_sizes() {
    if !accelerated() {
        return;
    }
    for (batch, input, output) in [(1, 3, 5), (3, 5, 17), (3, 17, 3), (1, 33, 17), (3, 17, 33), (2, 1, 1)] {
        for kernel in [1, 3] {
            for stride in [1, 2] {
                for padding in [0, kernel / 2] {
                    check_conv(batch, input, output, [5, 7], kernel, stride, padding, batch == 3);
                }
            }
        }
    }
}

#[test]
fn convolution_and_its_gradients_match_at_the_sizes_of_the_models() {
    if !accelerated() {
        return;
    }
    for (batch, input, output, size, stride) in
        [(4, 96, 96, 16, 1), (3, 48, 64, 8, 1), (9, 64, 112, 4, 1), (2, 32, 48, 16, 2), (1, 16, 16, 96, 1), (2, 16, 32, 64, 2), (2, 8, 128, 2, 1)]
    {
        check_conv(batch, input, output, [size, size], 3, stride, 1, true);
    }
}

#[test]
fn untracked_parents_get_no_gradient() {
    let device = Device::flex().autodiff();
    let (x, weight) = (random([2, 3, 6, 6]), random([4, 3, 3, 3]));
    let fixed = Tensor::from_data(x.to_data(), &device);
    let trained = tracked(&weight);
    let grads = conv2d(fixed.clone(), trained.clone(), None, 1, 1).sum().backward();
    assert!(fixed.grad(&grads).is_none());
    assert!(trained.grad(&grads).is_some());
}

#[test]
fn inputs_of_any_layout_are_read_in_order() {
    let (x, weight) = (random([2, 6, 5, 4]), random([3, 3, 3, 4]));
    let x = x.permute([0, 3, 1, 2]).slice([0..2, 0..4, 1..6, 0..5]);
    let weight = weight.permute([0, 3, 1, 2]);
    let got = conv2d(x.clone(), weight.clone(), None, 1, 1);
    assert!(distance(got, conv2d_on(false, x, weight, None, 1, 1)) < 1.5e-2);
}
