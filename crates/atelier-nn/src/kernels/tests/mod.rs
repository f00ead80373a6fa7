//! The operations on tensors against the reference composition: values, and gradients of every operand.

mod between;

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

/// What attention may lose with what it keeps rounded: as much as bf16, where its products are of that.
fn of_attention() -> f64 {
    if level::Level::best().multiplies_halves() {
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
        let y = trained_linear(x.clone().into(), weight.clone(), Some(bias.clone()), format);
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
        for (keep, tolerance) in [(Keep::Exact, EXACT), (Keep::Rounded, of_attention())] {
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
