//! Attention of bf16 against its definition in f64, on operands that are bf16 numbers.
#![allow(clippy::undocumented_unsafe_blocks, reason = "tests")]

use super::super::tests::{error, numbers, reference, shape, shown, wide};
use super::{backward, forward};
use crate::kernels::attention::Shape;
use crate::kernels::level::Level;
use crate::kernels::pointwise::kept::{self, Activation, View};
use crate::kernels::product::halves::half;

fn operand(count: usize, seed: u64, size: f32) -> Vec<f32> {
    let numbers = numbers(count, seed, size).into_iter();
    numbers
        .map(|number| f32::from_bits(half(number) << 16))
        .collect()
}

fn floats(level: Level, values: &Activation) -> Vec<f32> {
    match values {
        Activation::Exact(values) => values.clone(),
        Activation::Rounded(halves) => kept::widened(level, halves),
    }
}

/// Output, logs of sums and gradients.
fn both(
    level: Level,
    shape: &Shape,
    [q, k, v, d_out]: [View<'_>; 4],
) -> (Vec<f32>, Vec<f32>, [Vec<f32>; 3]) {
    let (out, log_sums) = forward(level, shape, [q, k, v]);
    let kind = q.precision();
    let gradients = backward(level, shape, [q, k, v], out.view(), &log_sums, d_out, kind);
    let gradients = gradients.each_ref().map(|values| floats(level, values));
    (floats(level, &out), log_sums, gradients)
}

/// Greatest errors of output, logs of sums (absolute) and gradients of q, k, v at a level.
fn errors(level: Level, shape: &Shape, size: f32) -> [f64; 5] {
    let (queries, keys) = (shape.query_values(), shape.key_values());
    let q = operand(queries, 1, size);
    let (k, v) = (operand(keys, 2, size), operand(keys, 3, 1.0));
    let d_out = operand(queries, 4, 1.0);
    let expected = reference(shape, [&wide(&q), &wide(&k), &wide(&v), &wide(&d_out)]);
    let exact = both(level, shape, [&q, &k, &v, &d_out].map(|x| View::Exact(x)));
    let rounded = [&q, &k, &v, &d_out].map(|x| kept::rounded(level, x));
    let rounded = both(level, shape, rounded.each_ref().map(|x| View::Rounded(x)));
    let (out, log_sums, gradients) = exact;
    // the same operands in half the memory, and results rounded, where gradients are of the rounded output
    assert_eq!(rounded.1, log_sums);
    let far = error(&rounded.0, &wide(&out));
    assert!(far < 4e-3, "{level:?} {shape:?}: {far}");
    for (rounded, gradient) in rounded.2.iter().zip(&gradients) {
        let far = error(rounded, &wide(gradient));
        assert!(far < 1e-2, "{level:?} {shape:?}: {far}");
    }
    let greatest = expected.log_sums.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let mut errors = [
        error(&out, &expected.out),
        error(&log_sums, &expected.log_sums) * greatest,
        0.0,
        0.0,
        0.0,
    ];
    for i in 0..3 {
        errors[2 + i] = error(&gradients[i], &expected.gradients[i]);
    }
    errors
}

#[test]
fn attention_is_that_of_the_definition_at_odd_sizes() {
    for sizes in [
        [1, 1, 1, 2, 1],
        [2, 3, 5, 7, 3],
        [1, 2, 64, 77, 40],
        [1, 1, 65, 97, 80],
        [2, 2, 33, 193, 32],
        [1, 1, 130, 50, 64],
        [1, 2, 17, 130, 160],
        [1, 1, 9, 20, 512],
        [1, 1, 300, 11, 24],
        [3, 1, 16, 48, 17],
        [1, 1, 700, 300, 40],
    ] {
        for level in Level::available() {
            let errors = errors(level, &shape(sizes), 1.0);
            println!("{level:?} {sizes:?}: {}", shown(&errors));
            // weights and slopes are rounded by up to 2⁻⁹ each, the logs of sums carry the error of rough exponentials
            let [out, logs, gradients @ ..] = errors;
            assert!(out < 4e-3 && logs < 2e-4, "{level:?} {sizes:?}: {errors:?}");
            // where one weight is nearly all, slopes are differences of near numbers
            assert!(
                gradients.iter().all(|e| *e < 8e-3),
                "{level:?} {sizes:?}: {errors:?}"
            );
        }
    }
}

#[test]
fn large_logits_and_later_greater_keys_are_handled() {
    for level in Level::available() {
        let errors = errors(level, &shape([1, 2, 70, 400, 40]), 4.5);
        println!("{level:?}: {}", shown(&errors));
        assert!(errors.iter().all(|e| *e < 1e-2), "{level:?}: {errors:?}");
        let shape = shape([1, 1, 3, 300, 8]);
        let (q, v) = (vec![1.0; 24], operand(2400, 5, 1.0));
        for slope in [0.015_625, -0.015_625, 0.5] {
            let k: Vec<f32> = (0..2400).map(|i| (i / 8) as f32 * slope).collect();
            let k: Vec<f32> = k
                .into_iter()
                .map(|k| f32::from_bits(half(k) << 16))
                .collect();
            let expected = reference(&shape, [&wide(&q), &wide(&k), &wide(&v), &[0.0; 24]]);
            let (out, log_sums) = forward(level, &shape, [&q, &k, &v].map(|x| View::Exact(x)));
            let out = floats(level, &out);
            assert!(error(&out, &expected.out) < 4e-3, "{level:?} {slope}");
            assert!(
                error(&log_sums, &expected.log_sums) < 1e-4,
                "{level:?} {slope}"
            );
        }
    }
}

#[test]
fn a_value_that_is_no_number_reaches_only_what_depends_on_it() {
    let shape = shape([1, 2, 20, 30, 16]);
    let mut q = operand(640, 1, 1.0);
    let (k, v) = (operand(960, 2, 1.0), operand(960, 3, 1.0));
    q[3 * 32 + 5] = f32::NAN;
    for level in Level::available() {
        let (out, log_sums) = forward(level, &shape, [&q, &k, &v].map(|x| View::Exact(x)));
        let out = floats(level, &out);
        for (i, row) in out.chunks(16).enumerate() {
            assert!(row.iter().all(|x| x.is_nan() == (i == 6)), "{level:?} {i}");
        }
        assert!(log_sums[3].is_nan() && log_sums.iter().filter(|x| x.is_nan()).count() == 1);
    }
}

#[test]
fn no_keys_and_no_queries_are_no_error() {
    let none = shape([1, 2, 0, 5, 4]);
    let level = Level::best();
    let (nothing, keys) = (View::Exact(&[]), View::Exact(&[0.0; 40]));
    let (out, log_sums, gradients) = both(level, &none, [nothing, keys, keys, nothing]);
    assert!(out.is_empty() && log_sums.is_empty());
    assert_eq!(gradients, [vec![], vec![0.0; 40], vec![0.0; 40]]);
}
