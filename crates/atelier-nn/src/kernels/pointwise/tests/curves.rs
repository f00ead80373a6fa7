//! Activations and GEGLU.

use super::*;
use crate::kernels::pointwise::activation::{Curve, backward, forward};
use crate::kernels::pointwise::geglu;
use crate::kernels::pointwise::kept::Activation;

/// The error function by its series.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-18 {
        n += 1.0;
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))
}

fn value(curve: Curve, x: f64) -> f64 {
    match curve {
        Curve::Silu => x / (1.0 + (-x).exp()),
        Curve::Gelu => gelu(x),
        Curve::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
    }
}

const CURVES: [Curve; 3] = [Curve::Silu, Curve::Gelu, Curve::QuickGelu];

// the curves have errors of 1e-6 of their own (tested with them)
const TOLERANCE: f64 = 2e-6;

#[test]
fn activations_are_those_of_the_definitions() {
    for level in Level::available() {
        for curve in CURVES {
            for count in [1, 7, 16, 29, 203] {
                let x = numbers(count, 3);
                let what = format!("{curve:?} {level:?} {count}");
                let expected: Vec<f64> = wide(&x).iter().map(|&x| value(curve, x)).collect();
                let got = forward(level, curve, &x);
                assert_close(&got, &expected, TOLERANCE, &what);
                let (mut dx, x64) = (numbers(count, 4), wide(&x));
                let dy = dx.clone();
                backward(level, curve, Kept::Exact(x.clone()).view(), &mut dx);
                assert_gradient(&dx, &x64, 4.0 * TOLERANCE, &what, |x| {
                    dot(&x.iter().map(|&x| value(curve, x)).collect::<Vec<_>>(), &dy)
                });
            }
        }
    }
}

#[test]
fn activations_of_rounded_values_have_their_slope() {
    for level in Level::available() {
        for curve in CURVES {
            let [a, b] = both_kept(level, &numbers(77, 5)).map(|kept| {
                let mut dy = numbers(77, 6);
                backward(level, curve, kept.view(), &mut dy);
                dy
            });
            assert_eq!(a, b, "{level:?} {curve:?}");
        }
    }
}

/// GEGLU in f64.
fn reference(x: &[f64], features: usize) -> Vec<f64> {
    let rows = x.chunks(2 * features);
    rows.flat_map(|row| (0..features).map(|i| row[i] * gelu(row[features + i])))
        .collect()
}

#[test]
fn geglu_is_that_of_the_definition() {
    for level in Level::available() {
        for (rows, features) in [(1, 1), (3, 7), (5, 16), (2, 43), (300, 4)] {
            let what = format!("{level:?} {rows} {features}");
            let x = numbers(rows * 2 * features, 7);
            let got = exact(geglu::forward(level, &x, features));
            let mut halves = Activation::empty(Precision::Rounded);
            geglu::forward_onto(level, &x, features, &mut halves);
            assert_eq!(halves, Activation::Rounded(rounded(level, &got)), "{what}");
            assert_close(
                &got,
                &reference(&wide(&x), features),
                2.0 * TOLERANCE,
                &what,
            );
            let dy = numbers(rows * features, 8);
            let kept = Kept::Exact(x.clone());
            let dx = exact(geglu::backward(
                level,
                kept.view(),
                View::Exact(&dy),
                features,
            ));
            assert_gradient(&dx, &wide(&x), 8.0 * TOLERANCE, &what, |x| {
                dot(&reference(x, features), &dy)
            });
            let [a, b] = both_kept(level, &x).map(|kept| {
                exact(geglu::backward(
                    level,
                    kept.view(),
                    View::Exact(&dy),
                    features,
                ))
            });
            assert_eq!(a, b, "{what}");
            // a gradient that is rounded gives slopes that are
            let [halves, floats] = both_kept(level, &dy);
            let [a, b] =
                [halves, floats].map(|dy| geglu::backward(level, kept.view(), dy.view(), features));
            assert_eq!(a, Activation::Rounded(rounded(level, &exact(b))), "{what}");
        }
    }
}
