//! The kernels against Burn's own operations and against finite differences.

use super::{accelerated, conv2d, fallback, gelu, group_norm_silu, linear, silu};
use burn::tensor::{Device, Tensor, TensorData};

/// Bell-shaped values from a fixed sequence.
fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    let mut state = shape
        .iter()
        .fold(7u64, |state, size| state * 31 + *size as u64);
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 16_777_216.0
    };
    let values = (0..shape.iter().product())
        .map(|_| ((0..6).map(|_| uniform()).sum::<f32>() - 3.0) * 1.4)
        .collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, shape), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// The largest difference relative to the largest expected value.
fn distance(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len());
    assert!(got.iter().all(|v| v.is_finite()));
    let scale = expected.iter().fold(1e-20f32, |m, v| m.max(v.abs()));
    got.iter()
        .zip(expected)
        .fold(0.0f32, |m, (a, b)| m.max((a - b).abs()))
        / scale
}

fn tracked<const D: usize>(tensor: &Tensor<D>) -> Tensor<D> {
    Tensor::from_data(tensor.to_data(), &Device::flex().autodiff()).require_grad()
}

/// Result and gradients of `f(x, weight, bias)`, the output being weighted by the first values of a fixed sequence.
fn outcome<const X: usize, const W: usize>(
    x: &Tensor<X>,
    weight: &Tensor<W>,
    bias: &Tensor<1>,
    f: impl Fn(Tensor<X>, Tensor<W>, Tensor<1>) -> Tensor<X>,
) -> [Vec<f32>; 4] {
    let (x, weight, bias) = (tracked(x), tracked(weight), tracked(bias));
    let y = f(x.clone(), weight.clone(), bias.clone());
    let count = i64::try_from(y.dims().iter().product::<usize>()).unwrap();
    let slope =
        Tensor::<1, burn::tensor::Int>::arange(0..count, &Device::flex().autodiff()).float();
    let slope = (slope * 1.7).sin().reshape(y.dims());
    let grads = (y.clone() * slope).sum().backward();
    let bias = bias.grad(&grads).map(values).unwrap_or_default();
    [
        values(y),
        values(x.grad(&grads).unwrap()),
        values(weight.grad(&grads).unwrap()),
        bias,
    ]
}

fn check(case: &str, got: &[Vec<f32>; 4], expected: &[Vec<f32>; 4], limit: f32) {
    for (part, (got, expected)) in ["output", "dx", "dweight", "dbias"]
        .iter()
        .zip(got.iter().zip(expected))
    {
        let distance = distance(got, expected);
        assert!(distance < limit, "{case}: {part} differs by {distance}");
    }
}

fn check_conv(
    [batch, input, output]: [usize; 3],
    [height, width]: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: usize,
) {
    let (x, weight) = (
        random([batch, input, height, width]),
        random([output, input, kernel, kernel]),
    );
    for with_bias in [false, true] {
        let bias = |bias| with_bias.then_some(bias);
        let run = |fast: bool| {
            outcome(
                &x,
                &weight,
                &Tensor::ones([output], &Device::flex()),
                |x, weight, b| {
                    if fast {
                        conv2d(x, weight, bias(b), stride, padding)
                    } else {
                        fallback::conv2d(x, weight, bias(b), stride, padding)
                    }
                },
            )
        };
        let case = format!(
            "{batch}x{input}->{output} {height}x{width} kernel {kernel} stride {stride} padding {padding}"
        );
        check(&case, &run(true), &run(false), 1.5e-2);
    }
}

#[test]
fn convolution_and_its_gradients_match_at_odd_sizes() {
    for channels in [
        [1, 3, 5],
        [3, 5, 17],
        [3, 17, 3],
        [1, 33, 17],
        [3, 17, 33],
        [2, 4, 1],
    ] {
        for kernel in [1, 3] {
            for stride in [1, 2] {
                for padding in [0, kernel / 2] {
                    check_conv(channels, [5, 7], kernel, stride, padding);
                    check_conv(channels, [6, 4], kernel, stride, padding);
                }
            }
        }
    }
}

#[test]
fn convolution_and_its_gradients_match_at_the_sizes_of_the_models() {
    check_conv([4, 96, 96], [16, 16], 3, 1, 1);
    check_conv([3, 48, 64], [8, 8], 3, 1, 1);
    check_conv([9, 64, 112], [4, 4], 3, 1, 1);
    check_conv([2, 32, 48], [16, 16], 3, 2, 1);
    check_conv([1, 16, 16], [96, 96], 3, 1, 1);
    check_conv([2, 16, 32], [64, 64], 3, 2, 1);
    check_conv([2, 8, 128], [2, 2], 3, 1, 1);
    check_conv([2, 200, 40], [9, 16], 1, 1, 0);
}

#[test]
fn untracked_parents_get_no_gradient() {
    let fixed = Tensor::from_data(random([2, 3, 6, 6]).to_data(), &Device::flex().autodiff());
    let trained = tracked(&random([4, 3, 3, 3]));
    let grads = conv2d(fixed.clone(), trained.clone(), None, 1, 1)
        .sum()
        .backward();
    assert!(fixed.grad(&grads).is_none());
    assert!(trained.grad(&grads).is_some());
}

#[test]
fn inputs_of_any_layout_are_read_in_order() {
    let x = random([2, 6, 5, 4])
        .permute([0, 3, 1, 2])
        .slice([0..2, 0..4, 1..6, 0..5]);
    let weight = random([3, 3, 3, 4]).permute([0, 3, 1, 2]);
    let got = conv2d(x.clone(), weight.clone(), None, 1, 1);
    assert!(
        distance(
            &values(got),
            &values(fallback::conv2d(x, weight, None, 1, 1))
        ) < 1.5e-2
    );
}

#[test]
fn linear_maps_and_their_gradients_match() {
    for [rows, input, output] in [
        [64, 1, 1],
        [67, 5, 17],
        [71, 33, 65],
        [100, 96, 130],
        [1500, 17, 96],
        [2111, 21, 70],
        [64, 1200, 40],
    ] {
        let (x, weight, bias) = (
            random([rows, input]),
            random([output, input]),
            random([output]),
        );
        for with_bias in [false, true] {
            let run = |fast: bool| {
                outcome(&x, &weight, &bias, |x, weight, b| {
                    if fast {
                        linear(x, weight, with_bias.then_some(b))
                    } else {
                        fallback::linear(x, weight, with_bias.then_some(b))
                    }
                })
            };
            check(
                &format!("{rows}x{input}->{output}"),
                &run(true),
                &run(false),
                1.5e-2,
            );
        }
    }
}

#[test]
fn group_norm_and_its_gradients_match() {
    for ([batch, channels, height, width], groups) in [
        ([1, 3, 5, 7], 3),
        ([3, 6, 5, 7], 2),
        ([2, 34, 4, 4], 17),
        ([2, 32, 16, 16], 1),
    ] {
        let x = random([batch, channels, height, width]) * 3.0 + 1.5;
        let (gamma, beta) = (random([channels]), random([channels]));
        for with_silu in [false, true] {
            let run = |fast: bool| {
                outcome(&x, &gamma, &beta, |x, gamma, beta| {
                    if fast {
                        group_norm_silu(x, gamma, beta, groups, 1e-5, with_silu)
                    } else {
                        fallback::group_norm_silu(x, gamma, beta, groups, 1e-5, with_silu)
                    }
                })
            };
            check(
                &format!("{batch}x{channels}x{height}x{width} groups {groups}"),
                &run(true),
                &run(false),
                1e-5,
            );
        }
    }
}

/// Group normalisation with one group and `SiLU`, in f64.
fn norm_f64(x: &[f64], gamma: &[f64], beta: &[f64]) -> f64 {
    let area = x.len() / gamma.len();
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64;
    let value = |(i, v): (usize, &f64)| {
        let u = (v - mean) / (variance + 1e-5).sqrt() * gamma[i / area] + beta[i / area];
        u / (1.0 + (-u).exp()) * f64::from((i as f32 * 1.7).sin())
    };
    x.iter().enumerate().map(value).sum()
}

/// The central difference of `f` in every value of `at`.
fn differences(at: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f32> {
    let step = 1e-5;
    let moved = |i: usize, by: f64| {
        let mut at = at.to_vec();
        at[i] += by;
        f(&at)
    };
    (0..at.len())
        .map(|i| ((moved(i, step) - moved(i, -step)) / (2.0 * step)) as f32)
        .collect()
}

#[test]
fn group_norm_gradients_are_the_finite_differences() {
    let (x, gamma, beta) = (random([1, 3, 3, 5]) * 2.0, random([3]), random([3]));
    let [_, dx, dgamma, dbeta] = outcome(&x, &gamma, &beta, |x, g, b| {
        group_norm_silu(x, g, b, 1, 1e-5, true)
    });
    let wide = |t: Vec<f32>| t.into_iter().map(f64::from).collect::<Vec<_>>();
    let (x, gamma, beta) = (wide(values(x)), wide(values(gamma)), wide(values(beta)));
    assert!(distance(&dx, &differences(&x, |x| norm_f64(x, &gamma, &beta))) < 1e-5);
    assert!(
        distance(
            &dgamma,
            &differences(&gamma, |gamma| norm_f64(&x, gamma, &beta))
        ) < 1e-5
    );
    assert!(
        distance(
            &dbeta,
            &differences(&beta, |beta| norm_f64(&x, &gamma, beta))
        ) < 1e-5
    );
}

/// The error function by its power series, in f64.
fn erf(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn check_curve(name: &str, f: fn(Tensor<1>) -> Tensor<1>, exact: fn(f64) -> f64) {
    let points: Vec<f32> = (-1003..=1003).map(|i| i as f32 * 0.004).collect();
    let x = tracked(&Tensor::<1>::from_floats(
        points.as_slice(),
        &Device::flex(),
    ));
    let y = f(x.clone());
    let slopes = values(x.grad(&y.clone().sum().backward()).unwrap());
    let wide = |i: usize| f64::from(points[i]);
    let expected: Vec<f32> = (0..points.len()).map(|i| exact(wide(i)) as f32).collect();
    let difference = |i: usize| ((exact(wide(i) + 1e-5) - exact(wide(i) - 1e-5)) / 2e-5) as f32;
    let expected_slopes: Vec<f32> = (0..points.len()).map(difference).collect();
    let errors = [
        distance(&values(y), &expected),
        distance(&slopes, &expected_slopes),
    ];
    assert!(
        errors.iter().all(|e| *e < 1e-6),
        "{name}: value and slope differ by {errors:?}"
    );
}

#[test]
fn activations_and_their_slopes_match_f64() {
    check_curve("silu", silu, |x| x / (1.0 + (-x).exp()));
    check_curve("gelu", gelu, |x| x * (1.0 + erf(x / 2f64.sqrt())) / 2.0);
}

#[test]
fn activations_of_far_values_stay_finite() {
    let far = Tensor::<1>::from_floats([-1e30, -200.0, -90.0, 90.0, 200.0, 1e30], &Device::flex());
    assert_eq!(values(silu(far.clone()))[3..], [90.0, 200.0, 1e30]);
    assert_eq!(values(gelu(far.clone()))[3..], [90.0, 200.0, 1e30]);
    assert!(
        values(silu(far.clone()))[..3]
            .iter()
            .chain(&values(gelu(far))[..3])
            .all(|v| v.abs() < 1e-30)
    );
    let nan = Tensor::<1>::from_floats([f32::NAN], &Device::flex());
    assert!(values(silu(nan.clone()))[0].is_nan() && values(gelu(nan))[0].is_nan());
}

#[test]
fn other_types_and_kernels_take_the_fallback() {
    let y = conv2d(random([1, 2, 8, 8]), random([3, 2, 5, 5]), None, 1, 2);
    assert_eq!(y.dims(), [1, 3, 8, 8]);
    let half = random([4]).cast(burn::tensor::DType::F16);
    assert_eq!(silu(half).dtype(), burn::tensor::DType::F16);
}

#[test]
fn acceleration_follows_the_cpu() {
    assert_eq!(
        accelerated(),
        is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512bw")
    );
}
