//! Muon: the matrices of a network move by the orthogonal part of their averaged gradient, in which every direction counts
//! alike, where single gradients are ruled by a few.
//!
//! # Source
//! Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks" (iteration and its coefficients); Liu et al.
//! 2025, "Muon is scalable for LLM training" (decay, and the factor that makes rates of `AdamW` fit).

use atelier_nn::adamw::Moments;
use atelier_nn::gradients::values_of;
use burn::tensor::{Device, Tensor, TensorData};

/// Share of the average that a step keeps.
const MOMENTUM: f32 = 0.95;
/// The same of the squares, which a training that goes on with `AdamW` needs.
const SQUARES_KEPT: f32 = 0.999;
/// Rounds of the iteration towards the orthogonal part.
const ROUNDS: usize = 5;
/// Its polynomial: `a x + b x³ + c x⁵` of every singular value.
const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];
/// What moves by a step, as a root of the mean square relative to the rate: about that of `AdamW`.
const RELATIVE_MOVE: f32 = 0.2;

/// What a step multiplies and moves by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Muon {
    pub(crate) rate: f32,
    pub(crate) weight_decay: f32,
}

impl Muon {
    /// Moves the matrix `values` of so many rows against `gradient`, whose averages go on.
    pub(crate) fn update(
        self,
        rows: usize,
        values: &mut [f32],
        gradient: &[f32],
        moments: &mut Moments,
    ) {
        for (square, gradient) in moments.second.iter_mut().zip(gradient) {
            *square += (1.0 - SQUARES_KEPT) * (gradient * gradient - *square);
        }
        let ahead = |(first, &gradient): (&mut f32, &f32)| {
            *first += (1.0 - MOMENTUM) * (gradient - *first);
            *first + (1.0 - MOMENTUM) * (gradient - *first)
        };
        let ahead: Vec<f32> = moments.first.iter_mut().zip(gradient).map(ahead).collect();
        let columns = values.len() / rows;
        let reach = self.rate * RELATIVE_MOVE * (rows.max(columns) as f32).sqrt();
        let kept = 1.0 - self.rate * self.weight_decay;
        for (value, part) in values.iter_mut().zip(orthogonal(ahead, rows, columns)) {
            *value = *value * kept - reach * part;
        }
    }
}

/// The matrix with its singular values brought near to 1 (0.7 to 1.2), as `[rows, columns]`: those above some two thousandths of its
/// norm; smaller ones grow 485 times.
///
/// Rounds are taken on the square of the narrow side, since each is a polynomial of that square times the matrix.
fn orthogonal(matrix: Vec<f32>, rows: usize, columns: usize) -> Vec<f32> {
    let norm = matrix.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-12);
    let device = Device::flex();
    let matrix = Tensor::<2>::from_data(TensorData::new(matrix, [rows, columns]), &device) / norm;
    let narrow = rows.min(columns);
    let mut square = if rows <= columns {
        matrix.clone().matmul(matrix.clone().transpose())
    } else {
        matrix.clone().transpose().matmul(matrix.clone())
    };
    let [a, b, c] = COEFFICIENTS;
    let unit = Tensor::<2>::eye(narrow, &device);
    let mut product: Option<Tensor<2>> = None;
    for round in 0..ROUNDS {
        let factor =
            unit.clone() * a + square.clone() * b + square.clone().matmul(square.clone()) * c;
        if round + 1 < ROUNDS {
            square = factor.clone().matmul(square).matmul(factor.clone());
        }
        product = Some(match product {
            None => factor,
            Some(product) => factor.matmul(product),
        });
    }
    let product = product.expect("there is at least one round");
    let turned = if rows <= columns {
        product.matmul(matrix)
    } else {
        matrix.matmul(product)
    };
    values_of(turned)
}

#[cfg(test)]
mod tests {
    use atelier_corpus::Rng;

    use super::*;

    fn random(count: usize) -> Vec<f32> {
        let mut rng = Rng::new(5);
        (0..count).map(|_| rng.unit() - 0.5).collect()
    }

    fn times(a: &[f64], b: &[f64], [rows, inner, columns]: [usize; 3]) -> Vec<f64> {
        let cell = |at: usize| {
            let (row, column) = (at / columns, at % columns);
            (0..inner)
                .map(|i| a[row * inner + i] * b[i * columns + column])
                .sum()
        };
        (0..rows * columns).map(cell).collect()
    }

    fn transpose(a: &[f64], rows: usize) -> Vec<f64> {
        let columns = a.len() / rows;
        (0..a.len())
            .map(|at| a[at % rows * columns + at / rows])
            .collect()
    }

    /// The iteration as the paper writes it, on the whole matrix and in f64.
    fn iterated(matrix: &[f32], rows: usize) -> Vec<f64> {
        let columns = matrix.len() / rows;
        let mut x: Vec<f64> = matrix.iter().map(|&v| f64::from(v)).collect();
        let norm = x.iter().map(|v| v * v).sum::<f64>().sqrt();
        for value in &mut x {
            *value /= norm;
        }
        let [a, b, c] = COEFFICIENTS.map(f64::from);
        for _ in 0..ROUNDS {
            let square = times(&x, &transpose(&x, rows), [rows, columns, rows]);
            let third = times(&square, &x, [rows, rows, columns]);
            let fifth = times(&square, &third, [rows, rows, columns]);
            let next = |((x, third), fifth): ((&f64, &f64), &f64)| a * x + b * third + c * fifth;
            x = x.iter().zip(&third).zip(&fifth).map(next).collect();
        }
        x
    }

    #[test]
    fn rounds_on_the_square_give_what_rounds_on_the_matrix_give() {
        for (rows, columns) in [(1, 4), (7, 5), (5, 33), (16, 16)] {
            let matrix = random(rows * columns);
            let expected = iterated(&matrix, rows);
            let found = orthogonal(matrix, rows, columns);
            // Rounding of f32 in squares of singular values, through five rounds that enlarge small ones up to 485 times.
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    (f64::from(*found) - expected).abs() < 2e-3,
                    "{rows} {columns} {found} {expected}"
                );
            }
        }
    }

    #[test]
    fn what_a_matrix_does_not_have_stays_away() {
        // the second row is twice the first, so that one direction is missing
        let found = orthogonal(vec![1.0, -2.0, 0.5, 2.0, -4.0, 1.0], 2, 3);
        let norm = found.iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!((0.65..1.25).contains(&norm), "{norm}");
        for (first, second) in found[..3].iter().zip(&found[3..]) {
            assert!((2.0 * first - second).abs() < 1e-3, "{found:?}");
        }
    }

    #[test]
    fn every_direction_of_a_gradient_moves_alike_and_nothing_moves_without_one() {
        let muon = Muon {
            rate: 0.1,
            weight_decay: 0.5,
        };
        let (mut values, mut moments) = (vec![1.0; 4], Moments::zeros(4));
        muon.update(2, &mut values, &[3.0, 0.0, 0.0, -0.2], &mut moments);
        let Moments { first, second } = &moments;
        assert!((second[0] - 0.009).abs() < 1e-6);
        let moved: Vec<f32> = values.iter().map(|v| 0.95 - v).collect();
        let reach = 0.1 * RELATIVE_MOVE * 2.0_f32.sqrt();
        for (moved, sign) in moved.iter().zip([1.0, 0.0, 0.0, -1.0]) {
            assert!(
                (0.65..1.25).contains(&(moved * sign / reach)) || sign == 0.0 && moved.abs() < 1e-6,
                "{moved}"
            );
        }
        assert!((first[0] - 0.15).abs() < 1e-6 && (first[3] + 0.01).abs() < 1e-6);
        let mut still = vec![2.0; 2];
        muon.update(1, &mut still, &[0.0; 2], &mut Moments::zeros(2));
        assert_eq!(still, [1.9; 2]);
    }
}
