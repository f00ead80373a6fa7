//! Attention of bf16 against its definition in f64, on operands that are bf16 numbers.
#![allow(clippy::undocumented_unsafe_blocks, reason = "tests")]

use std::panic::catch_unwind;

use super::super::tests::{error, numbers, of_no_logit, reference, shape, shown, wide};
use super::packed::{as_units, by_row, rows, turned};
use super::products::{Product, with_unit};
use super::{PANEL, backward, forward};
use crate::kernels::attention::Shape;
use crate::kernels::attention::scratch::Rows;
use crate::kernels::level::Level;
use crate::kernels::pointwise::kept::{self, Activation, View};
use crate::kernels::product::halves::{half, units_of};

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

/// Rows of `width` numbers as the right operand of their products with other rows, with their scales.
fn columns(level: Level, values: &[f32], width: usize) -> (Vec<u32>, Vec<f32>) {
    let units = units_of(width);
    let (mut by_row, mut scales) = (vec![0; PANEL * units], vec![0.0; PANEL]);
    rows(level, all_rows(values, width), &mut by_row, &mut scales);
    let mut turned_rows = vec![0.0; PANEL * units];
    turned(
        level,
        &by_row,
        [PANEL, units],
        as_units(&mut turned_rows),
        PANEL,
    );
    (as_units(&mut turned_rows).to_vec(), scales)
}

fn all_rows(values: &[f32], width: usize) -> Rows<View<'_>> {
    Rows {
        values: View::Exact(values),
        stride: width,
        count: values.len() / width,
        width,
    }
}

#[test]
fn products_of_tokens_lose_little_however_large_each_is() {
    let (count, others) = (21, 37);
    for width in [1, 7, 40, 160] {
        // tokens of 1e-3 to 1e3, and one of zeros
        let token = |i: usize| 10f32.powf((i % 7) as f32 - 3.0) * f32::from(u8::from(i != 4));
        let scaled = |count: usize, seed: u64| -> Vec<f32> {
            let numbers = numbers(count * width, seed, 1.0).into_iter().enumerate();
            numbers.map(|(i, x)| x * token(i / width)).collect()
        };
        let (a, b) = (scaled(count, 1), scaled(others, 2));
        for level in Level::available() {
            if level.multiplies_matrices() {
                continue;
            }
            let units = units_of(width);
            let (mut left, mut scales) = (vec![0; count * units], vec![0.0; count]);
            rows(level, all_rows(&a, width), &mut left, &mut scales);
            let (right, of_columns) = columns(level, &b, width);
            let size = [count, width.div_ceil(2), others];
            let product = Product::new((&left, units), (&right, PANEL), size);
            let product = product.scaled([&scales, &of_columns]);
            let mut out = vec![f32::NAN; count * PANEL];
            product.checked(level, &mut out, PANEL, false);
            for (i, x) in a.chunks(width).enumerate() {
                for (j, y) in b.chunks(width).enumerate() {
                    let norm =
                        |x: &[f32]| x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
                    let products = x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y));
                    let off = f64::from(out[i * PANEL + j]) - products.sum::<f64>();
                    // each number is off by half of a step at most, of which a norm has 32,767 at least
                    let limit = norm(x) * norm(y) * (width as f64).sqrt() / 32_000.0;
                    assert!(
                        off.abs() <= limit,
                        "{level:?} {width} {i} {j}: {off} {limit}"
                    );
                }
            }
        }
    }
}

#[test]
fn sizes_of_whole_registers_give_the_same_product() {
    let (count, width, others) = (21, 40, 37);
    let (a, b) = (
        operand(count * width, 1, 1.0),
        operand(others * width, 2, 1.0),
    );
    let units = units_of(width);
    for level in Level::available() {
        let mut left = vec![0; count.next_multiple_of(16) * units];
        by_row(level, all_rows(&a, width), &mut left);
        let (mut by, mut right) = (vec![0; PANEL * units], vec![0.0; PANEL * units]);
        by_row(level, all_rows(&b, width), &mut by);
        turned(level, &by, [PANEL, units], as_units(&mut right), PANEL);
        let right = as_units(&mut right);
        let size = [count, width / 2, others];
        let product = Product::new((&left, units), (right, PANEL), size);
        let whole = product.of_registers();
        assert_eq!([whole.rows, whole.depth, whole.columns], [32, 32, 64]);
        let mut out = vec![f32::NAN; 32 * PANEL];
        with_unit(level, |_| whole.checked(level, &mut out, PANEL, false));
        for (i, x) in a.chunks(width).enumerate() {
            for (j, y) in b.chunks(width).enumerate() {
                let products = x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y));
                let off = f64::from(out[i * PANEL + j]) - products.sum::<f64>();
                assert!(off.abs() < 1e-5, "{level:?} {i} {j}: {off}");
            }
        }
        assert!(out[count * PANEL..].iter().all(|&x| x == 0.0), "{level:?}");
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
fn a_query_without_any_logit_has_no_output() {
    let (shape, operands) = of_no_logit();
    for level in Level::available() {
        let (out, _) = forward(level, &shape, operands.each_ref().map(|x| View::Exact(x)));
        for (i, row) in floats(level, &out).chunks(8).enumerate() {
            assert!(row.iter().all(|x| x.is_nan() == (i == 5)), "{level:?} {i}");
        }
    }
}

#[test]
fn operands_of_another_length_are_refused() {
    let values = vec![1.0; 40 * 2];
    let of_13 = shape([1, 3, 2, 2, 13]);
    let operands = [View::Exact(&values); 3];
    let refused = catch_unwind(|| forward(Level::best(), &of_13, operands)).unwrap_err();
    let message = refused.downcast_ref::<String>().unwrap();
    assert!(message.contains("queries"), "{message}");
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
