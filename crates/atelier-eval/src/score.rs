//! Numbers about pictures: how alike two are, which is nearest, how alike a set is to another.

use crate::Comparable;

/// How alike two pictures are, -1 to 1: 1 is the same, 0 nothing in common. Below 0, which embeddings never reach, features
/// have their colours the other way round.
pub fn similarity<C: Comparable>(a: &C, b: &C) -> f32 {
    let pairs = a.numbers().iter().zip(b.numbers());
    let product: f32 = pairs.map(|(x, y)| x * y).sum();
    product.clamp(-1.0, 1.0)
}

/// The candidate that is most alike, with its similarity; of equals the first. `None` without candidates.
pub fn nearest<C: Comparable>(picture: &C, candidates: &[C]) -> Option<(usize, f32)> {
    let mut best: Option<(usize, f32)> = None;
    for (index, candidate) in candidates.iter().enumerate() {
        let score = similarity(picture, candidate);
        if best.is_none_or(|(_, highest)| score > highest) {
            best = Some((index, score));
        }
    }
    best
}

/// How alike pictures are to references: the mean over the pictures of the mean similarity to all references. 0 when
/// either is missing.
pub fn likeness<C: Comparable>(pictures: &[C], references: &[C]) -> f32 {
    let pairs = pictures.iter().flat_map(|picture| {
        references
            .iter()
            .map(move |other| similarity(picture, other))
    });
    mean(pairs)
}

/// How alike pictures are to each other: the mean similarity over all pairs of two different ones. 0 for fewer than two.
pub fn mutual_likeness<C: Comparable>(pictures: &[C]) -> f32 {
    let pairs = pictures.iter().enumerate().flat_map(|(index, picture)| {
        let others = pictures[index + 1..].iter();
        others.map(move |other| similarity(picture, other))
    });
    mean(pairs)
}

fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0f64, 0usize), |(sum, count), value| {
        (sum + f64::from(value), count + 1)
    });
    (sum / count.max(1) as f64) as f32
}

/// A measurement repeated with other seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f32,
    /// The standard deviation of the sample; 0 for fewer than two values.
    pub standard_deviation: f32,
}

impl Spread {
    /// The spread of values, one per seed. Both numbers are 0 without values.
    pub fn of(values: &[f32]) -> Self {
        let mean = mean(values.iter().copied());
        let squares: f32 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let freedom = values.len().saturating_sub(1);
        Self {
            mean,
            standard_deviation: if freedom == 0 {
                0.0
            } else {
                (squares / freedom as f32).sqrt()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Feature;

    #[test]
    fn the_spread_is_that_of_a_sample() {
        let spread = Spread::of(&[1.0, 2.0, 3.0]);
        assert!((spread.mean - 2.0).abs() < 1e-6 && (spread.standard_deviation - 1.0).abs() < 1e-6);
        assert_eq!(
            Spread::of(&[4.0]),
            Spread {
                mean: 4.0,
                standard_deviation: 0.0
            }
        );
        assert!(Spread::of(&[]).mean.abs() < f32::EPSILON);
    }

    #[test]
    fn the_nearest_is_found_and_nothing_is_nearest_to_nothing() {
        let axis =
            |index: usize| Feature((0..3).map(|i| f32::from(u8::from(i == index))).collect());
        let candidates = [axis(0), axis(1), axis(2)];
        assert_eq!(nearest(&axis(1), &candidates), Some((1, 1.0)));
        assert_eq!(nearest(&axis(1), &[]), None);
    }

    #[test]
    fn likeness_is_the_mean_over_all_pairs() {
        let (a, b) = (Feature(vec![1.0, 0.0]), Feature(vec![0.0, 1.0]));
        assert!((likeness(std::slice::from_ref(&a), &[a.clone(), b.clone()]) - 0.5).abs() < 1e-6);
        assert!((mutual_likeness(&[a.clone(), a.clone(), b]) - 1.0 / 3.0).abs() < 1e-6);
        assert!(likeness(&[a], &[]).abs() < f32::EPSILON);
    }
}
