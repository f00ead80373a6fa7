//! How far two sets of pictures lie apart as a network sees them: kernel inception distance, which needs fewer pictures than
//! other distances of sets.
//!
//! # Source
//! Bińkowski et al. 2018, "Demystifying MMD GANs"; the estimate is the unbiased one of Gretton et al. 2012, lemma 6.

mod subsets;

use rayon::prelude::*;

use crate::Error;

pub use subsets::{KidSpread, Subsets, kid_subsets};

/// The least rows that have a pair of two different ones.
const LEAST_ROWS: usize = 2;

/// Kernel inception distance of two sets of rows of features, such as [`Pooled`](crate::Pooled): 0 for sets of one origin,
/// more for others.
///
/// The estimate of the squared maximum mean discrepancy with the kernel `(x·y / d + 1)³` for rows of `d` numbers. It is right
/// in the mean, so that it may fall below 0 where the sets hardly differ, and it scatters the more the fewer rows there are:
/// see [`kid_subsets`]. Published distances are those of another network, which ours cannot be held against.
pub fn kid<R: AsRef<[f32]>>(a: &[R], b: &[R]) -> Result<f64, Error> {
    let sets = rows_of(a, b, LEAST_ROWS)?;
    Ok(discrepancy([&sets[0], &sets[1]]))
}

type Row<'a> = &'a [f32];

/// The rows of both sets, if each has as many as required and all are of one length.
fn rows_of<'a, R: AsRef<[f32]>>(
    a: &'a [R],
    b: &'a [R],
    required: usize,
) -> Result<[Vec<Row<'a>>; 2], Error> {
    let sets = [a, b].map(|set| set.iter().map(AsRef::as_ref).collect::<Vec<Row>>());
    let rows = sets[0].len().min(sets[1].len());
    if rows < required {
        return Err(Error::TooFewRows { rows, required });
    }
    let expected = sets[0].first().map_or(0, |row| row.len()).max(1);
    let mut lengths = sets.iter().flatten().map(|row| row.len());
    match lengths.find(|&got| got != expected) {
        Some(got) => Err(Error::RowLength { got, expected }),
        None => Ok(sets),
    }
}

/// Equation 3 of Gretton et al. with sets of any two sizes.
fn discrepancy([a, b]: [&[Row]; 2]) -> f64 {
    within(a) + within(b) - 2.0 * between(a, b)
}

/// The mean of the kernel over all pairs of two different rows.
fn within(set: &[Row]) -> f64 {
    let of_row = |index: usize| kernels(set[index], &set[index + 1..]);
    2.0 * in_order(set.len(), of_row) / (set.len() * (set.len() - 1)) as f64
}

/// The mean of the kernel over all pairs from both sets.
fn between(a: &[Row], b: &[Row]) -> f64 {
    in_order(a.len(), |index| kernels(a[index], b)) / (a.len() * b.len()) as f64
}

/// A sum that does not depend on the number of threads.
fn in_order(count: usize, value: impl Fn(usize) -> f64 + Send + Sync) -> f64 {
    let values: Vec<f64> = (0..count).into_par_iter().map(value).collect();
    values.iter().sum()
}

fn kernels(row: Row, others: &[Row]) -> f64 {
    let kernel = |other: &Row| (dot(row, other) / row.len() as f64 + 1.0).powi(3);
    others.iter().map(kernel).sum()
}

/// The product of two rows in double precision; sums that stand side by side are what processors are quick at.
fn dot(x: Row, y: Row) -> f64 {
    const LANES: usize = 8;
    let product = |(&x, &y): (&f32, &f32)| f64::from(x) * f64::from(y);
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (x, y) in x.iter().zip(y) {
        for (sum, pair) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += product(pair);
        }
    }
    sums.iter().sum::<f64>() + x_rest.iter().zip(y_rest).map(product).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_that_of_the_formula() {
        // Kernels: within a (0·2/1 + 1)³ = 1, within b (1·3 + 1)³ = 64, between 1, 1, (2 + 1)³ = 27 and (6 + 1)³ = 343.
        let (a, b) = ([[0.0], [2.0]], [[1.0], [3.0]]);
        assert_eq!(kid(&a, &b), Ok(1.0 + 64.0 - 2.0 * 372.0 / 4.0));
        assert_eq!(kid(&a, &b), kid(&b, &a));
    }

    #[test]
    fn a_row_is_not_compared_with_itself_so_that_equal_sets_may_lie_below_zero() {
        let set = [[0.0], [2.0]];
        assert_eq!(kid(&set, &set), Ok(1.0 + 1.0 - 2.0 * 128.0 / 4.0));
    }

    #[test]
    fn rows_of_any_length_are_multiplied_whole() {
        for length in [1, 7, 8, 9, 64, 67] {
            let x: Vec<f32> = (0..length).map(|i| i as f32).collect();
            let expected: usize = (0..length).map(|i| i * i).sum();
            assert!((dot(&x, &x) - expected as f64).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn sets_of_fewer_than_two_rows_are_refused() {
        let (two, one) = (vec![[1.0], [2.0]], vec![[1.0]]);
        for (a, b) in [(&two, &one), (&one, &two), (&one, &one)] {
            let error = kid(a, b).unwrap_err();
            assert_eq!(
                error.to_string(),
                "cannot compare a set of 1 rows of features, needs at least 2"
            );
        }
        assert!(kid::<[f32; 1]>(&[], &[]).is_err());
    }

    #[test]
    fn rows_of_two_lengths_or_without_numbers_are_refused() {
        let (long, short) = (vec![vec![1.0; 3]; 2], vec![vec![1.0; 2]; 2]);
        let (got, expected) = (2, 3);
        assert_eq!(kid(&long, &short), Err(Error::RowLength { got, expected }));
        let nothing = vec![Vec::new(); 2];
        assert!(kid::<Vec<f32>>(&nothing, &nothing).is_err());
    }
}
