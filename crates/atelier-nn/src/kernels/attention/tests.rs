//! Attention against its definition in f64.
#![allow(clippy::undocumented_unsafe_blocks, reason = "tests")]

use super::{Shape, backward, forward};
use crate::kernels::level::Level;

/// Attention and its gradients by definition: output, logs of sums, gradients of q, k, v.
pub(super) struct Reference {
    pub(super) out: Vec<f64>,
    pub(super) log_sums: Vec<f64>,
    pub(super) gradients: [Vec<f64>; 3],
}

pub(super) fn reference(shape: &Shape, [q, k, v, d_out]: [&[f64]; 4]) -> Reference {
    let (d, scale) = (shape.head_size, 1.0 / (shape.head_size as f64).sqrt());
    let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut out = vec![0.0; q.len()];
    let mut log_sums = Vec::new();
    let mut gradients = [vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]];
    let row = |tokens, pair, token| {
        let at = shape.offset(tokens, pair, token);
        at..at + d
    };
    for pair in 0..shape.batch * shape.heads {
        for query in 0..shape.queries {
            let query_row = row(shape.queries, pair, query);
            let keys: Vec<_> = (0..shape.keys)
                .map(|key| row(shape.keys, pair, key))
                .collect();
            let logit = |key: &std::ops::Range<usize>| {
                scale * inner(&q[query_row.clone()], &k[key.clone()])
            };
            let logits: Vec<f64> = keys.iter().map(logit).collect();
            let greatest = logits.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = logits.iter().map(|x| (x - greatest).exp()).sum();
            let log_sum = greatest + sum.ln();
            log_sums.push(log_sum);
            let weights: Vec<f64> = logits.iter().map(|x| (x - log_sum).exp()).collect();
            for (key, weight) in keys.iter().zip(&weights) {
                for (out, v) in out[query_row.clone()].iter_mut().zip(&v[key.clone()]) {
                    *out += weight * v;
                }
            }
            let mean = inner(&d_out[query_row.clone()], &out[query_row.clone()]);
            for (key, weight) in keys.iter().zip(&weights) {
                let slope = inner(&d_out[query_row.clone()], &v[key.clone()]) - mean;
                for i in 0..d {
                    let (at_query, at_key) = (query_row.start + i, key.start + i);
                    gradients[0][at_query] += weight * slope * scale * k[at_key];
                    gradients[1][at_key] += weight * slope * scale * q[at_query];
                    gradients[2][at_key] += weight * d_out[at_query];
                }
            }
        }
    }
    Reference {
        out,
        log_sums,
        gradients,
    }
}

/// Numbers that look random, of about standard deviation `size`.
pub(super) fn numbers(count: usize, seed: u64, size: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 16_777_216.0 - 0.5
    };
    (0..count)
        .map(|_| (next() + next() + next() + next()) * 1.732 * size)
        .collect()
}

pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// The greatest error, relative to the greatest value.
pub(super) fn error(got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let greatest = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let worst = got
        .iter()
        .zip(expected)
        .map(|(&g, &e)| (f64::from(g) - e).abs());
    let worst = worst.fold(0.0, |m, e| if e > m || e.is_nan() { e } else { m });
    worst / greatest.max(f64::MIN_POSITIVE)
}

/// Greatest errors of output, logs of sums (absolute) and gradients of q, k, v, over all levels.
fn errors(shape: &Shape, size: f32) -> [f64; 5] {
    let (queries, keys) = (shape.query_values(), shape.key_values());
    let q = numbers(queries, 1, size);
    let (k, v) = (numbers(keys, 2, size), numbers(keys, 3, 1.0));
    let d_out = numbers(queries, 4, 1.0);
    let expected = reference(shape, [&wide(&q), &wide(&k), &wide(&v), &wide(&d_out)]);
    let mut worst = [0.0f64; 5];
    for level in Level::available() {
        let (out, log_sums) = forward(level, shape, &q, &k, &v);
        let [d_q, d_k, d_v] = backward(level, shape, [&q, &k, &v], &out, &log_sums, &d_out);
        let greatest = expected.log_sums.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let errors = [
            error(&out, &expected.out),
            error(&log_sums, &expected.log_sums) * greatest,
            error(&d_q, &expected.gradients[0]),
            error(&d_k, &expected.gradients[1]),
            error(&d_v, &expected.gradients[2]),
        ];
        for (worst, error) in worst.iter_mut().zip(errors) {
            *worst = if error.is_nan() {
                f64::INFINITY
            } else {
                worst.max(error)
            };
        }
    }
    worst
}

pub(super) fn shape([batch, heads, queries, keys, head_size]: [usize; 5]) -> Shape {
    Shape {
        batch,
        heads,
        queries,
        keys,
        head_size,
    }
}

#[test]
fn attention_is_that_of_the_definition_at_odd_sizes() {
    for sizes in [
        [1, 1, 1, 1, 1],
        [2, 3, 5, 7, 3],
        [1, 2, 64, 77, 40],
        [1, 1, 65, 97, 80],
        [2, 2, 33, 193, 32],
        [1, 1, 130, 50, 64],
        [1, 2, 17, 100, 160],
        [1, 1, 9, 20, 512],
        [1, 1, 300, 11, 24],
        [3, 1, 16, 48, 17],
    ] {
        // f32 sums of this length keep about 2^-24 times the root of their length
        let worst = errors(&shape(sizes), 1.0);
        println!("{sizes:?}: {}", shown(&worst));
        assert!(worst.iter().all(|e| *e < 3e-6), "{sizes:?}: {worst:?}");
    }
}

#[test]
fn attention_of_many_tokens_keeps_its_precision() {
    let worst = errors(&shape([1, 1, 200, 2000, 40]), 1.5);
    println!("{}", shown(&worst));
    assert!(worst.iter().all(|e| *e < 3e-6), "{worst:?}");
}

#[test]
fn large_logits_and_a_dominant_key_are_handled() {
    // logits reach 80 and more, and an f32 logit of that size is known to about 4e-6, as is its exponential
    let worst = errors(&shape([1, 2, 70, 200, 40]), 4.5);
    println!("{}", shown(&worst));
    assert!(worst.iter().all(|e| *e < 3e-5), "{worst:?}");
}

#[test]
fn a_later_key_may_exceed_all_before_it() {
    let shape = shape([1, 1, 3, 300, 8]);
    let q = vec![1.0; 24];
    let v = numbers(2400, 5, 1.0);
    for level in Level::available() {
        for slope in [0.02, -0.02, 0.5] {
            let k: Vec<f32> = (0..2400).map(|i| (i / 8) as f32 * slope).collect();
            let expected = reference(&shape, [&wide(&q), &wide(&k), &wide(&v), &[0.0; 24]]);
            let (out, log_sums) = forward(level, &shape, &q, &k, &v);
            // logits up to 420, known to 3e-5
            assert!(error(&out, &expected.out) < 1e-4);
            assert!(error(&log_sums, &expected.log_sums) < 1e-6);
        }
    }
}

#[test]
fn the_reference_gradients_are_finite_differences() {
    let shape = shape([1, 2, 2, 3, 2]);
    let sizes = [8, 12, 12];
    let mut operands: Vec<Vec<f64>> = sizes
        .iter()
        .enumerate()
        .map(|(i, n)| wide(&numbers(*n, i as u64 + 7, 1.0)))
        .collect();
    let d_out = wide(&numbers(8, 11, 1.0));
    let value = |x: &[Vec<f64>]| {
        let out = reference(&shape, [&x[0], &x[1], &x[2], &d_out]).out;
        out.iter().zip(&d_out).map(|(a, b)| a * b).sum::<f64>()
    };
    let expected = reference(&shape, [&operands[0], &operands[1], &operands[2], &d_out]).gradients;
    for operand in 0..3 {
        for i in 0..sizes[operand] {
            let step = 1e-5;
            let kept = operands[operand][i];
            operands[operand][i] = kept + step;
            let above = value(&operands);
            operands[operand][i] = kept - step;
            let below = value(&operands);
            operands[operand][i] = kept;
            let slope = (above - below) / (2.0 * step);
            // the error of a central difference is about step^2
            assert!((slope - expected[operand][i]).abs() < 1e-8);
        }
    }
}

#[test]
fn a_value_that_is_no_number_reaches_only_what_depends_on_it() {
    let shape = shape([1, 2, 20, 30, 16]);
    let (mut q, k, v) = (
        numbers(640, 1, 1.0),
        numbers(960, 2, 1.0),
        numbers(960, 3, 1.0),
    );
    q[3 * 32 + 5] = f32::NAN;
    for level in Level::available() {
        let (out, log_sums) = forward(level, &shape, &q, &k, &v);
        for (i, row) in out.chunks(16).enumerate() {
            assert!(row.iter().all(|x| x.is_nan() == (i == 6)), "{level:?}");
        }
        assert!(log_sums[3].is_nan() && log_sums.iter().filter(|x| x.is_nan()).count() == 1);
    }
}

/// One feature of a query is infinite, and every key is negative there: a softmax of nothing but negative infinities.
pub(super) fn of_no_logit() -> (Shape, [Vec<f32>; 3]) {
    let shape = shape([1, 1, 20, 300, 8]);
    let (mut q, mut k, v) = (
        numbers(160, 1, 1.0),
        numbers(2400, 2, 1.0),
        numbers(2400, 3, 1.0),
    );
    q[5 * 8 + 2] = f32::INFINITY;
    for key in k.chunks_mut(8) {
        key[2] = -1.0;
    }
    (shape, [q, k, v])
}

#[test]
fn a_query_without_any_logit_has_no_output() {
    let (shape, [q, k, v]) = of_no_logit();
    for level in Level::available() {
        let (out, _) = forward(level, &shape, &q, &k, &v);
        for (i, row) in out.chunks(8).enumerate() {
            assert!(row.iter().all(|x| x.is_nan() == (i == 5)), "{level:?} {i}");
        }
    }
}

#[test]
fn no_keys_and_no_queries_are_no_error() {
    let none = shape([1, 2, 0, 5, 4]);
    let level = Level::best();
    let (out, log_sums) = forward(level, &none, &[], &[0.0; 40], &[0.0; 40]);
    assert!(out.is_empty() && log_sums.is_empty());
    let [d_q, d_k, d_v] = backward(level, &none, [&[], &[0.0; 40], &[0.0; 40]], &[], &[], &[]);
    assert!(d_q.is_empty() && d_k == [0.0; 40] && d_v == [0.0; 40]);
}

pub(super) fn shown(errors: &[f64]) -> String {
    let shown: Vec<String> = errors.iter().map(|e| format!("{e:.1e}")).collect();
    shown.join(" ")
}

#[test]
fn an_infinite_query_changes_no_other_of_its_vector() {
    for level in Level::available() {
        let lanes = level.lanes();
        let shape = Shape {
            batch: 1,
            heads: 1,
            queries: lanes,
            keys: 200,
            head_size: 8,
        };
        // The logits grow by more than an exponential can hold between the first tile of keys and the next.
        let key = |i: usize| if i < 96 * 8 { 0.01 } else { 60.0 };
        let k: Vec<f32> = (0..1600).map(key).collect();
        let v: Vec<f32> = (0..1600).map(|i| (i as f32 * 0.37).sin()).collect();
        let (expected, expected_logs) = forward(level, &shape, &vec![1.0; lanes * 8], &k, &v);
        for lane in 0..lanes {
            let mut q = vec![1.0f32; lanes * 8];
            q[lane * 8 + 2] = f32::INFINITY;
            let (out, logs) = forward(level, &shape, &q, &k, &v);
            for other in (0..lanes).filter(|&other| other != lane) {
                let rows = [&out, &expected].map(|rows| &rows[other * 8..][..8]);
                let is_near = rows[0]
                    .iter()
                    .zip(rows[1])
                    .all(|(a, b)| (a - b).abs() < 1e-5);
                let is_same = (logs[other] - expected_logs[other]).abs() < 1e-3;
                assert!(is_near && is_same, "{level:?}: {lane} changes {other}");
            }
        }
    }
}
