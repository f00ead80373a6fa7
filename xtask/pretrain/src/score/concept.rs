//! How often a drawing is nearer to its own concept than to 49 others, as the artists drew them in the same style and on the
//! same background. Chance is 2 %.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use atelier_corpus::{Corpus, Rng, hash_text};
use atelier_data::RgbPicture;
use atelier_eval::{Comparable, similarity};

use crate::pictures::on_plain;
use crate::recipe::SEED;

/// Concepts that a drawing is compared with, its own among them.
pub(super) const CANDIDATES: usize = 50;
/// Cells across and down in which colours are averaged.
const CELLS: usize = 16;

/// Mean colour of each of 16×16 cells about the picture's own mean, at length 1; all zero for a plain picture.
#[derive(Debug, Clone)]
pub(super) struct ColourCells(Vec<f32>);

impl Comparable for ColourCells {
    fn numbers(&self) -> &[f32] {
        &self.0
    }
}

impl ColourCells {
    /// Those of a picture.
    pub(super) fn of(picture: &RgbPicture) -> Self {
        let (width, height) = (picture.width, picture.height);
        let mut areas = [0.0_f32; CELLS * CELLS];
        let mut sums = vec![0.0; CELLS * CELLS * 3];
        for (index, pixel) in picture.rgb.chunks_exact(3).enumerate() {
            let (x, y) = (
                index % width * CELLS / width,
                index / width * CELLS / height,
            );
            areas[y * CELLS + x] += 1.0;
            let cell = &mut sums[(y * CELLS + x) * 3..][..3];
            for (sum, value) in cell.iter_mut().zip(pixel) {
                *sum += f32::from(*value);
            }
        }
        for (cell, area) in sums.chunks_exact_mut(3).zip(areas) {
            for sum in cell {
                *sum /= area.max(1.0);
            }
        }
        for channel in 0..3 {
            let mean = sums.iter().skip(channel).step_by(3).sum::<f32>() / (CELLS * CELLS) as f32;
            let values = sums.iter_mut().skip(channel).step_by(3);
            values.for_each(|value| *value -= mean);
        }
        let norm = sums.iter().map(|v| v * v).sum::<f32>().sqrt();
        let factor = if norm > 1e-3 { 1.0 / norm } else { 0.0 };
        Self(sums.into_iter().map(|value| value * factor).collect())
    }
}

/// The 49 other concepts for each style and background, as features.
pub(super) struct Others<'a, C> {
    corpus: &'a Corpus,
    by_style: BTreeMap<&'a str, Vec<usize>>,
    feature: Box<dyn Fn(RgbPicture) -> C + 'a>,
    pools: BTreeMap<(&'a str, &'static str), Vec<(usize, C)>>,
}

impl<'a, C: Comparable> Others<'a, C> {
    /// Compares by `feature`, with pictures of `corpus`.
    ///
    /// # Errors
    /// When a style has too few concepts.
    pub(super) fn new(
        corpus: &'a Corpus,
        feature: impl Fn(RgbPicture) -> C + 'a,
    ) -> anyhow::Result<Self> {
        let mut by_style: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, entry) in corpus.entries.iter().enumerate() {
            by_style.entry(&entry.style).or_default().push(index);
        }
        for (style, indices) in &by_style {
            let concepts = indices.iter().map(|&i| &corpus.entries[i].concept);
            let count = concepts.collect::<BTreeSet<_>>().len();
            ensure!(
                count > CANDIDATES,
                "style `{style}` has {count} concepts, and each is compared with {} others",
                CANDIDATES - 1
            );
        }
        Ok(Self {
            corpus,
            by_style,
            feature: Box::new(feature),
            pools: BTreeMap::new(),
        })
    }

    /// Whether a drawing is nearer to entry `own` on that background than to every other concept of the pool. Of two concepts
    /// with one picture the other is no candidate, since no drawing could be nearer to either.
    pub(super) fn is_nearest_to_own(
        &mut self,
        drawn: &C,
        own: usize,
        background: (&'static str, [u8; 3]),
    ) -> bool {
        let truth = (self.feature)(on_plain(self.corpus, own, background.1, None));
        let corpus = self.corpus;
        let similarity_to_own = similarity(drawn, &truth);
        let pool = self.pool(&corpus.entries[own].style, background);
        others_of(corpus, pool, own).all(|other| similarity(drawn, other) < similarity_to_own)
    }

    /// [`CANDIDATES`] different concepts of a style, so that 49 are left without the drawn one.
    fn pool(&mut self, style: &str, (name, colour): (&'static str, [u8; 3])) -> &[(usize, C)] {
        let (corpus, feature) = (self.corpus, &self.feature);
        let (style, indices) = self
            .by_style
            .get_key_value(style)
            .expect("the style is one of the corpus");
        self.pools.entry((style, name)).or_insert_with(|| {
            let mut rng = Rng::new(SEED ^ hash_text(&format!("{style} {name}")));
            let mut seen = BTreeSet::new();
            let mut pool = Vec::new();
            let mut left = indices.clone();
            while pool.len() < CANDIDATES && !left.is_empty() {
                let index = left.swap_remove(rng.below(left.len()));
                let concept = corpus.entries[index].concept.as_str();
                if seen.insert(concept) {
                    pool.push((index, feature(on_plain(corpus, index, colour, None))));
                }
            }
            pool
        })
    }
}

/// At most 49 of a pool that are another concept and another picture.
fn others_of<'p, C>(
    corpus: &'p Corpus,
    pool: &'p [(usize, C)],
    own: usize,
) -> impl Iterator<Item = &'p C> {
    let concept = &corpus.entries[own].concept;
    let others = pool.iter().filter(move |(index, _)| {
        corpus.entries[*index].concept != *concept && !corpus.same_picture(*index, own)
    });
    others.map(|(_, feature)| feature).take(CANDIDATES - 1)
}

#[cfg(test)]
mod tests {
    use super::super::test_corpus::{entry, of_squares};
    use super::*;

    /// Sixty concepts of one style.
    fn corpus() -> Corpus {
        let thing = |i: usize| (entry(format!("thing {i}"), "s"), [i % 8, i / 8]);
        of_squares(16, (0..60).map(thing).collect())
    }

    #[test]
    fn a_picture_is_nearest_to_itself_and_not_to_another() {
        let corpus = corpus();
        let feature = |picture: RgbPicture| ColourCells::of(&picture);
        let mut others = Others::new(&corpus, feature).unwrap();
        let white = ("white", [255, 255, 255]);
        for own in 0..60 {
            let drawn = feature(on_plain(&corpus, own, white.1, None));
            assert!(others.is_nearest_to_own(&drawn, own, white), "{own}");
        }
        let pool: Vec<usize> = others
            .pool("s", white)
            .iter()
            .map(|(index, _)| *index)
            .collect();
        assert_eq!(pool.len(), CANDIDATES);
        let outside = (0..60).find(|index| !pool.contains(index)).unwrap();
        for own in [pool[0], outside] {
            let others = others_of(&corpus, others.pool("s", white), own);
            assert_eq!(others.count(), CANDIDATES - 1);
        }
        let own = (pool[0] + 1) % 60;
        let drawn = feature(on_plain(&corpus, pool[0], white.1, None));
        assert!(!others.is_nearest_to_own(&drawn, own, white));
    }

    #[test]
    fn cells_of_a_picture_are_those_of_a_larger_copy() {
        let striped = |side: usize| {
            let stripe = |i: usize| (i % side * 8 / side % 2 * 200) as u8;
            RgbPicture {
                width: side,
                height: side,
                rgb: (0..side * side).flat_map(|i| [stripe(i), 30, 0]).collect(),
            }
        };
        let [small, large, uneven] = [128, 192, 100].map(|side| ColourCells::of(&striped(side)));
        let off = |a: &ColourCells, b: &ColourCells| {
            let pairs = a.0.iter().zip(&b.0);
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(off(&small, &large) < 1e-6 && off(&small, &uneven) < 0.03);
        assert!(small.0.iter().any(|value| *value > 0.05));
    }

    #[test]
    fn a_concept_with_the_same_picture_is_no_other() {
        let thing = |i: usize| (entry(format!("thing {i}"), "s"), [i / 2 % 8, i / 16]);
        let corpus = of_squares(16, (0..120).map(thing).collect());
        let feature = |picture: RgbPicture| ColourCells::of(&picture);
        let mut others = Others::new(&corpus, feature).unwrap();
        let white = ("white", [255, 255, 255]);
        for own in 0..120 {
            let drawn = feature(on_plain(&corpus, own, white.1, None));
            assert!(others.is_nearest_to_own(&drawn, own, white), "{own}");
        }
    }
}
