//! The operations on tensors against the reference composition: values, and gradients of every operand.

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::*;
use crate::gradients::values_of;

/// f32 sums of a few hundred products.
const EXACT: f64 = 1e-5;
/// Products of 16 bits, and activations kept in bf16.
const ROUNDED: f64 = 1e-2;
/// Rows kept as 16-bit integers: an error of 2⁻¹⁶ of the greatest number of a row, and of logits as many times as they have
/// terms.
const WHOLE: f64 = 5e-4;

/// What products of rows may lose that are kept rounded: as much as bf16, where these are quicker.
fn of_rows() -> f64 {
    if level::Level::best().multiplies_matrices() {
        ROUNDED
    } else {
        WHOLE
    }
}

fn device() -> Device {
    Device::flex().autodiff()
}

/// Numbers that look random, without a seed that other tests share.
fn numbers<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::from_data(TensorData::new(values, shape), &device())
}

fn tracked<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    numbers(shape, seed).require_grad()
}

/// The greatest difference over the greatest value.
fn error(got: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let worst = got
        .iter()
        .zip(expected)
        .map(|(a, b)| f64::from((a - b).abs()));
    let greatest = expected.iter().fold(1e-20f32, |m, v| m.max(v.abs()));
    worst.fold(0.0, f64::max) / f64::from(greatest)
}

/// Values of `y`, and the gradients of a fixed sum of them for the tensors that `gather` reads.
fn run<const D: usize>(
    y: Tensor<D>,
    gather: impl FnOnce(&burn::tensor::Gradients) -> Vec<Vec<f32>>,
) -> Vec<Vec<f32>> {
    let weights = numbers(y.dims(), 99);
    let gradients = (y.clone() * weights).sum().backward();
    let mut all = vec![values_of(y)];
    all.extend(gather(&gradients));
    all
}

fn grad<const D: usize>(x: &Tensor<D>, gradients: &burn::tensor::Gradients) -> Vec<f32> {
    values_of(x.grad(gradients).expect("the operand takes part"))
}

fn compare(name: &str, got: &[Vec<f32>], expected: &[Vec<f32>], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let worst = error(got, expected);
        assert!(worst < tolerance, "{name}, result {i}: {worst}");
    }
}

fn formats() -> [(WeightFormat, f64); 2] {
    [(WeightFormat::Float, EXACT), (WeightFormat::Whole, ROUNDED)]
}

#[test]
fn linear_maps_are_those_of_the_reference() {
    let (x, weight, bias) = (tracked([37, 50], 1), tracked([70, 50], 2), tracked([70], 3));
    let y = reference::linear(x.clone(), weight.clone(), Some(bias.clone()));
    let expected = run(y, |g| vec![grad(&x, g), grad(&weight, g), grad(&bias, g)]);
    for (format, tolerance) in formats() {
        let y = trained_linear(x.clone(), weight.clone(), Some(bias.clone()), format);
        let got = run(y, |g| vec![grad(&x, g), grad(&weight, g), grad(&bias, g)]);
        compare("trained", &got, &expected, tolerance);
        let frozen = Frozen::new(
            &values_of(weight.clone()),
            [70, 50, 1],
            Some(values_of(bias.clone())),
            format,
        );
        let y = frozen_linear(x.clone(), &Arc::new(frozen), Keep::Exact);
        let got = run(y, |g| vec![grad(&x, g)]);
        compare("frozen", &got, &expected[..2], tolerance);
    }
}

#[test]
fn convolutions_are_those_of_the_reference() {
    for (stride, padding) in [(1, 1), (2, 1), (2, 0)] {
        let (x, weight) = (tracked([2, 7, 9, 12], 1), tracked([20, 12, 3, 3], 2));
        let bias = tracked([20], 3);
        let y = reference::conv2d(
            x.clone(),
            weight.clone(),
            Some(bias.clone()),
            stride,
            padding,
        );
        let expected = run(y, |g| vec![grad(&x, g), grad(&weight, g), grad(&bias, g)]);
        for (format, tolerance) in formats() {
            let y = trained_conv2d(
                x.clone(),
                weight.clone(),
                Some(bias.clone()),
                format,
                stride,
                padding,
            );
            let got = run(y, |g| vec![grad(&x, g), grad(&weight, g), grad(&bias, g)]);
            compare("trained", &got, &expected, tolerance);
            let frozen = Frozen::new(
                &values_of(weight.clone()),
                [20, 12, 9],
                Some(values_of(bias.clone())),
                format,
            );
            let y = frozen_conv2d(x.clone(), &Arc::new(frozen), stride, padding);
            let got = run(y, |g| vec![grad(&x, g)]);
            compare("frozen", &got, &expected[..2], tolerance);
        }
    }
}

#[test]
fn a_low_rank_adapter_adds_what_the_reference_adds() {
    let (y, x) = (tracked([41, 30], 1), tracked([41, 26], 2));
    let (down, up) = (tracked([5, 26], 3), tracked([30, 5], 4));
    let factors = || [down.clone(), up.clone()];
    let gather =
        |g: &burn::tensor::Gradients| vec![grad(&y, g), grad(&x, g), grad(&down, g), grad(&up, g)];
    let expected = run(
        reference::add_low_rank(y.clone(), x.clone(), factors(), 0.7),
        gather,
    );
    for (keep, tolerance) in [(Keep::Exact, EXACT), (Keep::Rounded, of_rows())] {
        let sum = add_low_rank(y.clone(), x.clone().into(), factors(), 0.7, keep);
        compare("low rank", &run(sum, gather), &expected, tolerance);
    }
}

#[test]
fn an_adapted_map_is_the_map_with_its_adapters() {
    let x = tracked([41, 26], 1);
    let outputs = [30, 70];
    let weights = outputs.map(|outputs| (numbers([outputs, 26], 2), numbers([outputs], 3)));
    let (down, up) = (
        tracked([5, 26], 4),
        outputs.map(|outputs| tracked([outputs, 5], 5)),
    );
    let gather = |g: &burn::tensor::Gradients| {
        vec![
            grad(&x, g),
            grad(&down, g),
            grad(&up[0], g),
            grad(&up[1], g),
        ]
    };
    // two maps of one input, with the same first factor, and a second adapter on each
    let both = |map: &dyn Fn(usize) -> Tensor<2>| run(Tensor::cat(vec![map(0), map(1)], 1), gather);
    let expected = both(&|i| {
        let (weight, bias) = weights[i].clone();
        let y = reference::linear(x.clone(), weight, Some(bias));
        let factors = || [down.clone(), up[i].clone()];
        let y = reference::add_low_rank(y, x.clone(), factors(), 0.7);
        reference::add_low_rank(y, x.clone(), factors(), -0.3)
    });
    for (format, keep, tolerance) in [
        (WeightFormat::Float, Keep::Exact, EXACT),
        (WeightFormat::Float, Keep::Rounded, of_rows()),
        (WeightFormat::Whole, Keep::Rounded, ROUNDED),
        (WeightFormat::Byte, Keep::Rounded, 2.0 * ROUNDED),
    ] {
        let frozen = weights.each_ref().map(|(weight, bias)| {
            let bias = values_of(bias.clone());
            let sizes = [bias.len(), 26, 1];
            Arc::new(Frozen::new(
                &values_of(weight.clone()),
                sizes,
                Some(bias),
                format,
            ))
        });
        for held in [Held::shared(x.clone()), x.clone().into()] {
            let got = both(&|i| {
                let factors = || [down.clone(), up[i].clone()];
                let precision = [keep, Keep::Exact];
                let y = adapted_linear(held.clone(), &frozen[i], factors(), 0.7, precision);
                add_low_rank(y, held.clone(), factors(), -0.3, keep)
            });
            compare(&format!("{format:?} {keep:?}"), &got, &expected, tolerance);
        }
    }
}

/// The operations of a transformer block in f32, and with what lies between two of them rounded to bf16.
#[test]
fn what_lies_between_products_may_be_rounded() {
    // whole lines of units, and others
    for [width, heads] in [[64, 2], [40, 2]] {
        let x = tracked([2 * 9, width], 1);
        let affine = [numbers([width], 2) + 1.0, numbers([width], 3)];
        let square = |seed| numbers([width, width], seed) * 0.2;
        let weights = [square(4), square(5), square(6), square(7)];
        let (wide, back) = (
            numbers([4 * width, width], 8) * 0.2,
            numbers([width, 2 * width], 9) * 0.2,
        );
        let factors: [_; 4] = std::array::from_fn(|i| {
            let seed = 10 + 2 * i as u64;
            [tracked([4, width], seed), tracked([width, 4], seed + 1)]
        });
        let gather = |g: &burn::tensor::Gradients| -> Vec<Vec<f32>> {
            let factors = factors.iter().flatten().map(|factor| grad(factor, g));
            [grad(&x, g)].into_iter().chain(factors).collect()
        };
        let tokens = |x: Tensor<2>| x.reshape([2, 9, width]);
        let flat = |x: Tensor<3>| x.reshape([18, width]);

        let map = |x: &Tensor<2>, i: usize| {
            let y = reference::linear(x.clone(), weights[i].clone(), None);
            reference::add_low_rank(y, x.clone(), factors[i].clone(), 0.5)
        };
        let normal = reference::layer_norm(x.clone(), affine.clone(), 1e-5);
        let operands = [0, 1, 2].map(|i| tokens(map(&normal, i)));
        let y = map(&flat(reference::attend(operands, heads, None)), 3) + x.clone();
        let normal = reference::layer_norm(y.clone(), affine.clone(), 1e-5);
        let gated = reference::geglu(reference::linear(normal, wide.clone(), None));
        let expected = run(reference::linear(gated, back.clone(), None) + y, gather);

        let frozen = |weight: &Tensor<2>| {
            let [outputs, inputs] = weight.dims();
            let values = values_of(weight.clone());
            Arc::new(Frozen::new(
                &values,
                [outputs, inputs, 1],
                None,
                WeightFormat::Whole,
            ))
        };
        let with = |between: Keep| {
            let both = [Keep::Rounded, between];
            let map = |x: Held<2>, i: usize, result| {
                let precision = [Keep::Rounded, result];
                adapted_linear(x, &frozen(&weights[i]), factors[i].clone(), 0.5, precision)
            };
            let normal = Held::shared(layer_norm(x.clone(), affine.clone(), 1e-5, both));
            let operands = [0, 1, 2].map(|i| tokens(map(normal.clone(), i, between)));
            let attended = attend(operands, heads, Keep::Rounded);
            let y = map(attended.rows(), 3, Keep::Exact) + x.clone();
            let normal = layer_norm(y.clone(), affine.clone(), 1e-5, both);
            let gated = frozen_geglu(normal, &frozen(&wide), both);
            assert_eq!(gated.dtype() == DType::BF16, between == Keep::Rounded);
            let gated = Held::between(gated);
            run(
                frozen_linear(gated, &frozen(&back), Keep::Exact) + y,
                gather,
            )
        };
        let errors = [Keep::Exact, Keep::Rounded].map(|between| {
            let got = with(between);
            let all = got.iter().zip(&expected);
            all.map(|(got, expected)| error(got, expected))
                .collect::<Vec<_>>()
        });
        for (exact, rounded) in errors[0].iter().zip(&errors[1]) {
            // products round their operands to bf16 where that is quicker: then it costs nothing to do so before
            let most = if rounds_to_bf16() {
                1.5 * exact + 3e-3
            } else {
                0.2
            };
            assert!(*rounded < most, "{width}: {errors:?}");
        }
    }
}

#[test]
fn a_rounded_picture_serves_a_convolution_and_what_reads_f32() {
    let (x, affine) = (
        tracked([2, 7, 9, 24], 1),
        [numbers([24], 2), numbers([24], 3)],
    );
    let (weight, one) = (numbers([20, 24, 3, 3], 4), numbers([20, 24, 1, 1], 5));
    let gather = |g: &burn::tensor::Gradients| vec![grad(&x, g)];
    let normal = reference::group_norm(x.clone(), affine.clone(), 4, 1e-5, true);
    let y = reference::conv2d(normal.clone(), weight.clone(), None, 1, 1);
    let beside = reference::conv2d(normal, one.clone(), None, 1, 0);
    let expected = run(y + beside, gather);
    for format in [WeightFormat::Float, WeightFormat::Whole, WeightFormat::Byte] {
        let precision = [Keep::Rounded; 2];
        let normal = group_norm(x.clone(), affine.clone(), 4, 1e-5, true, precision);
        assert_eq!(normal.dtype(), DType::BF16);
        let frozen = Frozen::new(&values_of(weight.clone()), [20, 24, 9], None, format);
        let y = frozen_conv2d(normal.clone(), &Arc::new(frozen), 1, 1);
        let beside = reference::conv2d(unrounded(normal), one.clone(), None, 1, 0);
        let got = run(y + beside, gather);
        compare(&format!("{format:?}"), &got, &expected, 2.0 * ROUNDED);
    }
}

#[test]
fn norms_are_those_of_the_reference() {
    let x = tracked([2, 5, 6, 24], 1);
    let (gamma, beta) = (tracked([24], 2), tracked([24], 3));
    let affine = || [gamma.clone(), beta.clone()];
    for (keep, tolerance) in [(Keep::Exact, EXACT), (Keep::Rounded, ROUNDED)] {
        for silu in [false, true] {
            let gather =
                |g: &burn::tensor::Gradients| vec![grad(&x, g), grad(&gamma, g), grad(&beta, g)];
            let expected = run(
                reference::group_norm(x.clone(), affine(), 4, 1e-5, silu),
                gather,
            );
            let got = run(
                group_norm(x.clone(), affine(), 4, 1e-5, silu, [keep, Keep::Exact]),
                gather,
            );
            compare("group", &got, &expected, tolerance);
        }
        let rows = tracked([17, 24], 4);
        let gather =
            |g: &burn::tensor::Gradients| vec![grad(&rows, g), grad(&gamma, g), grad(&beta, g)];
        let expected = run(reference::layer_norm(rows.clone(), affine(), 1e-5), gather);
        let got = run(
            layer_norm(rows.clone(), affine(), 1e-5, [keep, Keep::Exact]),
            gather,
        );
        compare("layer", &got, &expected, tolerance);
    }
}

#[test]
fn activations_are_those_of_the_reference() {
    let x = tracked([9, 30], 1) * 4.0;
    let x =
        Tensor::<2>::from_data(TensorData::new(values_of(x), [9, 30]), &device()).require_grad();
    for (keep, tolerance) in [(Keep::Exact, EXACT), (Keep::Rounded, ROUNDED)] {
        for curve in [Curve::Silu, Curve::Gelu, Curve::QuickGelu] {
            let expected = run(reference::activation(x.clone(), curve), |g| {
                vec![grad(&x, g)]
            });
            let got = run(activation(x.clone(), curve, keep), |g| vec![grad(&x, g)]);
            compare("curve", &got, &expected, tolerance);
        }
        let expected = run(reference::geglu(x.clone()), |g| vec![grad(&x, g)]);
        let got = run(geglu(x.clone(), keep), |g| vec![grad(&x, g)]);
        compare("geglu", &got, &expected, tolerance);
    }
}

#[test]
fn a_gated_map_is_the_gate_of_the_map_in_any_number_of_pieces() {
    // More rows than are computed at a time, and fewer; odd sizes.
    for [rows, inputs, features] in [[401, 7, 5463], [9, 30, 11], [1, 3, 1]] {
        let x = tracked([rows, inputs], 1);
        let (weight, bias) = (
            tracked([2 * features, inputs], 2),
            tracked([2 * features], 3),
        );
        for (format, keep) in [
            (WeightFormat::Float, Keep::Exact),
            (WeightFormat::Whole, Keep::Rounded),
            (WeightFormat::Byte, Keep::Rounded),
        ] {
            let frozen = Arc::new(Frozen::new(
                &values_of(weight.clone()),
                [2 * features, inputs, 1],
                Some(values_of(bias.clone())),
                format,
            ));
            let gather = |g: &burn::tensor::Gradients| vec![grad(&x, g)];
            let expected = run(
                geglu(frozen_linear(x.clone(), &frozen, Keep::Exact), keep),
                gather,
            );
            let got = run(
                frozen_geglu(x.clone(), &frozen, [keep, Keep::Exact]),
                gather,
            );
            assert!(got == expected, "{rows} rows in {format:?} differ");
        }
    }
}

#[test]
fn attention_is_that_of_the_reference() {
    for keys in [19, 77] {
        let query = tracked([2, 19, 40], 1);
        let (key, value) = (tracked([2, keys, 40], 2), tracked([2, keys, 40], 3));
        let operands = || [query.clone(), key.clone(), value.clone()];
        let gather =
            |g: &burn::tensor::Gradients| vec![grad(&query, g), grad(&key, g), grad(&value, g)];
        let expected = run(reference::attend(operands(), 5, None), gather);
        for (keep, tolerance) in [(Keep::Exact, EXACT), (Keep::Rounded, of_rows())] {
            let got = run(attend(operands(), 5, keep).into_tensor(), gather);
            compare("attention", &got, &expected, tolerance);
        }
    }
}

#[test]
fn pictures_are_shifted_joined_enlarged_and_added_as_by_the_reference() {
    let (a, b) = (tracked([2, 3, 5, 8], 1), tracked([2, 3, 5, 11], 2));
    let by = tracked([2, 8], 3);
    let gather = |g: &burn::tensor::Gradients| vec![grad(&a, g), grad(&by, g)];
    let expected = run(a.clone() + by.clone().reshape([2, 1, 1, 8]), gather);
    compare(
        "shift",
        &run(shift(a.clone(), by.clone()), gather),
        &expected,
        EXACT,
    );
    let gather = |g: &burn::tensor::Gradients| vec![grad(&a, g), grad(&b, g)];
    let expected = run(Tensor::cat(vec![a.clone(), b.clone()], 3), gather);
    compare(
        "beside",
        &run(beside(a.clone(), b.clone()), gather),
        &expected,
        1e-9,
    );
    let gather = |g: &burn::tensor::Gradients| vec![grad(&a, g)];
    let expected = run(reference::enlarge(a.clone()), gather);
    compare(
        "enlarge",
        &run(enlarge(a.clone()), gather),
        &expected,
        EXACT,
    );
    let c = tracked([2, 3, 5, 8], 4);
    let gather = |g: &burn::tensor::Gradients| vec![grad(&a, g), grad(&c, g)];
    let expected = run(a.clone() + c.clone(), gather);
    compare(
        "sum",
        &run(sum(a.clone(), c.clone()), gather),
        &expected,
        1e-9,
    );
}

#[test]
fn an_operand_that_others_hold_is_not_changed_in_place() {
    let a = numbers([4, 6], 1).inner();
    let b = numbers([4, 6], 2).inner();
    let before = (values_of(a.clone()), values_of(b.clone()));
    let total = sum(a.clone(), b.clone());
    assert_ne!(values_of(total), before.0);
    assert_eq!((values_of(a), values_of(b)), before);
}
