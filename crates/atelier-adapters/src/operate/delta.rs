//! What an adapter layer does to a weight, in full: for baking it into a base and for measuring it.

use atelier_core::{Delta, Factor, Magnitude, MagnitudeAxis, MagnitudeRule, Matrix, WeightChange};

use super::linalg::product;

/// The matrix `[out, columns]` that a change adds at strength 1, scaled, before any magnitude.
pub fn delta(change: &WeightChange) -> Matrix {
    let mut whole = match &change.delta {
        Delta::Plain(factor) => expand(factor),
        Delta::Hadamard(first, second) => {
            let (mut first, second) = (expand(first), expand(second));
            for (value, other) in first.values.iter_mut().zip(&second.values) {
                *value *= other;
            }
            first
        }
        Delta::Kronecker(first, second) => kronecker(&expand(first), &expand(second)),
    };
    for value in &mut whole.values {
        *value *= change.scale;
    }
    whole
}

/// How many products [`delta`] forms, about; no integer, since the shapes in a file may multiply to more than any.
pub(super) fn work(change: &WeightChange) -> f64 {
    match &change.delta {
        Delta::Plain(factor) => expansion(factor) + size(factor),
        Delta::Hadamard(first, second) => expansion(first) + expansion(second) + size(first),
        Delta::Kronecker(first, second) => {
            expansion(first) + expansion(second) + size(first) * size(second)
        }
    }
}

/// Numbers in the matrix of a factor.
fn size(factor: &Factor<Matrix>) -> f64 {
    match factor {
        Factor::Whole(whole) => whole.values.len() as f64,
        Factor::Product { left, right } => left.rows as f64 * right.columns as f64,
        Factor::Tucker { core, left, right } => {
            let positions = core.columns / right.rows.max(1);
            left.rows as f64 * right.columns as f64 * positions as f64
        }
    }
}

/// Products that [`expand`] forms.
fn expansion(factor: &Factor<Matrix>) -> f64 {
    match factor {
        Factor::Whole(_) => 0.0,
        Factor::Product { right, .. } => size(factor) * right.rows as f64,
        Factor::Tucker { core, left, right } => {
            let outer = left.rows as f64 * core.rows as f64 * core.columns as f64;
            outer + size(factor) * right.rows as f64
        }
    }
}

/// Changes a weight of `rows` rows at a strength; at strength 0 not a bit of it.
///
/// What a strength means for a magnitude, its rule says.
///
/// # Panics
/// When the change is for a weight of another size; [`super::super::AdapterFile::fit`] makes sure of it.
pub fn apply_to_weight(change: &WeightChange, weight: &mut [f32], strength: f32) {
    if strength == 0.0 {
        return;
    }
    let delta = delta(change);
    assert_eq!(
        delta.values.len(),
        weight.len(),
        "the change fits the weight"
    );
    let Some(magnitude) = &change.magnitude else {
        for (value, difference) in weight.iter_mut().zip(&delta.values) {
            *value += strength * difference;
        }
        return;
    };
    let (share, way) = match magnitude.rule {
        MagnitudeRule::Interpolate => (1.0, strength),
        MagnitudeRule::ScaleDelta => (strength, 1.0),
    };
    let mut changed = delta;
    for (value, base) in changed.values.iter_mut().zip(&*weight) {
        *value = base + share * *value;
    }
    bring_to(&mut changed, magnitude);
    for (value, whole) in weight.iter_mut().zip(&changed.values) {
        *value += way * (whole - *value);
    }
}

/// Brings the rows, or all columns of each input channel, to their lengths.
fn bring_to(weight: &mut Matrix, magnitude: &Magnitude<Matrix>) {
    let lengths = &magnitude.lengths.values;
    let (columns, per_channel) = (weight.columns, weight.columns / lengths.len().max(1));
    let channel = |index: usize| match magnitude.axis {
        MagnitudeAxis::Output => index / columns,
        MagnitudeAxis::Input => index % columns / per_channel,
    };
    let mut squares = vec![0.0f64; lengths.len()];
    for (index, value) in weight.values.iter().enumerate() {
        squares[channel(index)] += f64::from(*value).powi(2);
    }
    let factors: Vec<f32> = lengths
        .iter()
        .zip(&squares)
        .map(|(length, square)| length / (square.sqrt() as f32 + f32::EPSILON))
        .collect();
    for (index, value) in weight.values.iter_mut().enumerate() {
        *value *= factors[channel(index)];
    }
}

/// The matrix of a factor.
pub(super) fn expand(factor: &Factor<Matrix>) -> Matrix {
    match factor {
        Factor::Whole(whole) => whole.clone(),
        Factor::Product { left, right } => product(left, right),
        Factor::Tucker { core, left, right } => tucker(core, left, right),
    }
}

fn tucker(core: &Matrix, left: &Matrix, right: &Matrix) -> Matrix {
    let (rank, channels) = (right.rows, right.columns);
    let positions = core.columns / rank.max(1);
    // `[rows, rank · positions]`, then the channel in place of the inner rank.
    let outer = product(left, core);
    let mut values = vec![0.0; outer.rows * channels * positions];
    for row in 0..outer.rows {
        for j in 0..rank {
            let kernel = &outer.values[row * outer.columns + j * positions..][..positions];
            for c in 0..channels {
                let factor = right.values[j * channels + c];
                let out = &mut values[(row * channels + c) * positions..][..positions];
                for (sum, value) in out.iter_mut().zip(kernel) {
                    *sum += factor * value;
                }
            }
        }
    }
    Matrix {
        rows: outer.rows,
        columns: channels * positions,
        values,
    }
}

fn kronecker(first: &Matrix, second: &Matrix) -> Matrix {
    let (rows, columns) = (first.rows * second.rows, first.columns * second.columns);
    let mut values = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let factors = &first.values[row / second.rows * first.columns..][..first.columns];
        let inner = &second.values[row % second.rows * second.columns..][..second.columns];
        for factor in factors {
            values.extend(inner.iter().map(|value| factor * value));
        }
    }
    Matrix {
        rows,
        columns,
        values,
    }
}
