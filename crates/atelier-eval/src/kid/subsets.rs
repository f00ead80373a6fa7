//! The distance over many random parts of two sets, which is how it is published.

use atelier_core::Seed;
use rayon::prelude::*;

use super::{LEAST_ROWS, Row, discrepancy, rows_of};
use crate::Error;

/// What [`kid_subsets`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KidSpread {
    /// The mean over the subsets.
    pub mean: f64,
    /// The standard deviation over the subsets as a population, which is what the authors' program and others print.
    pub population_deviation: f64,
}

/// Which parts of two sets are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subsets {
    /// Rows of each part.
    pub size: usize,
    /// Pairs of parts.
    pub count: usize,
    /// The choice follows from it.
    pub seed: Seed,
}

/// [`kid`](super::kid()) of pairs of random subsets, none of which takes a row twice.
///
/// Published numbers have subsets of 1000 rows. Only numbers with equal sizes can be compared in their deviation, which is not
/// the error of the mean: subsets share rows, all of them when the sets have no more.
pub fn kid_subsets<R: AsRef<[f32]>>(
    a: &[R],
    b: &[R],
    subsets: Subsets,
) -> Result<KidSpread, Error> {
    let Subsets { size, count, seed } = subsets;
    if size < LEAST_ROWS {
        let (rows, required) = (size, LEAST_ROWS);
        return Err(Error::TooFewRows { rows, required });
    }
    if count == 0 {
        return Err(Error::NoSubsets);
    }
    let sets = rows_of(a, b, size)?;
    let mut random = SplitMix64(seed.0);
    let mut draw = || [&sets[0], &sets[1]].map(|set| random.chosen(set, size));
    let subsets: Vec<[Vec<Row>; 2]> = (0..count).map(|_| draw()).collect();
    let distances = subsets.par_iter().map(|[a, b]| discrepancy([a, b]));
    Ok(KidSpread::of(&distances.collect::<Vec<f64>>()))
}

impl KidSpread {
    fn of(distances: &[f64]) -> Self {
        let mean_of = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let mean = mean_of(distances);
        let squares: Vec<f64> = distances.iter().map(|d| (d - mean).powi(2)).collect();
        Self {
            mean,
            population_deviation: mean_of(&squares).sqrt(),
        }
    }
}

/// Random numbers of Steele, Lea and Flood 2014.
struct SplitMix64(u64);

impl SplitMix64 {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ (value >> 31)
    }

    /// The first `size` rows after a shuffle, of which there must be so many.
    fn chosen<'a>(&mut self, rows: &[Row<'a>], size: usize) -> Vec<Row<'a>> {
        let mut rows = rows.to_vec();
        for place in 0..size {
            let rest = (rows.len() - place) as u64;
            rows.swap(place, place + (self.draw() % rest) as usize);
        }
        rows.truncate(size);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subsets(size: usize, count: usize, seed: u64) -> Subsets {
        Subsets {
            size,
            count,
            seed: Seed(seed),
        }
    }

    fn rows(count: usize) -> Vec<[f32; 2]> {
        (0..count).map(|i| [i as f32, (i * i % 7) as f32]).collect()
    }

    #[test]
    fn the_generator_draws_its_published_numbers() {
        let mut random = SplitMix64(1_234_567);
        assert_eq!(
            [random.draw(), random.draw(), random.draw()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn a_subset_has_no_row_twice_and_misses_none_in_the_end() {
        let set = rows(9);
        let set: Vec<Row> = set.iter().map(AsRef::as_ref).collect();
        let mut random = SplitMix64(3);
        let mut seen = [false; 9];
        for _ in 0..100 {
            let mut chosen: Vec<f32> = random.chosen(&set, 4).iter().map(|row| row[0]).collect();
            chosen.sort_by(f32::total_cmp);
            chosen.dedup();
            assert_eq!(chosen.len(), 4);
            for place in chosen {
                #[expect(clippy::cast_sign_loss, reason = "a place is not negative")]
                let place = place as usize;
                seen[place] = true;
            }
        }
        assert_eq!(seen, [true; 9]);
    }

    #[test]
    fn subsets_that_are_whole_sets_have_the_distance_of_the_sets() {
        let (a, b) = (rows(5), rows(12).split_off(7));
        let found = kid_subsets(&a, &b, subsets(5, 4, 1)).unwrap();
        let expected = crate::kid(&a, &b).unwrap();
        assert!((found.mean - expected).abs() < 1e-9 * expected.abs());
        assert!(found.population_deviation < 1e-9 * expected.abs());
    }

    #[test]
    fn one_seed_draws_the_same_again_and_another_does_not() {
        let (a, b) = (rows(20), rows(30));
        let of = |seed| kid_subsets(&a, &b, subsets(8, 5, seed)).unwrap();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn subsets_that_cannot_be_drawn_are_refused() {
        let (a, b) = (rows(5), rows(8));
        let of = |size, count| kid_subsets(&a, &b, subsets(size, count, 0)).unwrap_err();
        let too_few = |rows, required| Error::TooFewRows { rows, required };
        assert_eq!(of(6, 1), too_few(5, 6));
        assert_eq!(of(1, 1), too_few(1, 2));
        assert_eq!(of(5, 0), Error::NoSubsets);
    }
}
