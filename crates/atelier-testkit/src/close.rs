//! The one measure of agreement: the largest difference over the largest expected magnitude.

use std::fmt::Write as _;

use crate::parity;

/// How far `actual` lies from `expected`: `max|a - b| / max|b|`, and the position of that largest difference.
///
/// A value that is not a number counts as infinitely far. Where everything expected is zero, the difference itself counts.
///
/// # Panics
/// When the two differ in length.
pub fn relative_error(actual: &[f32], expected: &[f32]) -> (f64, usize) {
    assert_eq!(
        actual.len(),
        expected.len(),
        "{} values where {} are expected",
        actual.len(),
        expected.len()
    );
    let largest = expected
        .iter()
        .fold(0.0_f64, |m, &b| m.max(f64::from(b).abs()));
    let mut worst = (0.0_f64, 0);
    for (position, (&a, &b)) in actual.iter().zip(expected).enumerate() {
        let difference = (f64::from(a) - f64::from(b)).abs();
        if difference.is_nan() {
            return (f64::INFINITY, position);
        }
        if difference > worst.0 {
            worst = (difference, position);
        }
    }
    let scale = if largest > 0.0 { largest } else { 1.0 };
    (worst.0 / scale, worst.1)
}

/// Fails unless every value lies within `tolerance` of the one that is expected.
///
/// # Panics
/// With both values where they lie furthest apart, when that is too far, or when the two differ in length.
#[track_caller]
pub fn assert_near(case: &str, actual: &[f32], expected: &[f32], tolerance: f64) {
    assert_eq!(actual.len(), expected.len(), "{case}");
    let differences = actual.iter().zip(expected).map(|(&a, &b)| {
        let difference = (f64::from(a) - f64::from(b)).abs();
        if difference.is_nan() {
            f64::INFINITY
        } else {
            difference
        }
    });
    let worst = differences.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let (position, error) = worst.unwrap_or_default();
    parity::absolute(case, error, tolerance);
    assert!(
        error <= tolerance,
        "{case}, value {position}: got {}, expected {}",
        actual[position],
        expected[position]
    );
}

/// Fails unless `max|a - b| / max|b|` is at most `relative_tolerance`.
///
/// # Panics
/// With both values at the worst position and their neighbours, when the two lie too far apart.
#[track_caller]
pub fn assert_close(actual: &[f32], expected: &[f32], relative_tolerance: f64) {
    assert_case_close("", actual, expected, relative_tolerance);
}

/// [`assert_close`] for one of several cases, recorded under its name.
///
/// # Panics
/// As [`assert_close`].
#[track_caller]
pub fn assert_case_close(case: &str, actual: &[f32], expected: &[f32], relative_tolerance: f64) {
    let (error, position) = relative_error(actual, expected);
    parity::relative(case, error, relative_tolerance);
    if error <= relative_tolerance {
        return;
    }
    let start = position.saturating_sub(2);
    let end = (position + 3).min(expected.len());
    let mut message = format!(
        "{case}{}relative error {error:.3e} exceeds {relative_tolerance:.1e} at position {position} of {}",
        if case.is_empty() { "" } else { ": " },
        expected.len()
    );
    let _ = write!(
        message,
        "\n  got      {:?}\n  expected {:?}\n  around it, from position {start}:\n  got      {:?}\n  expected {:?}",
        actual[position],
        expected[position],
        &actual[start..end],
        &expected[start..end]
    );
    panic!("{message}");
}
