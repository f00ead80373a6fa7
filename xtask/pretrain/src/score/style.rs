//! In which style a drawing is: that of the artist's picture of its concept, among those of every style, which it is nearest to.

use std::collections::BTreeMap;

use atelier_corpus::Corpus;
use atelier_data::RgbPicture;
use atelier_eval::{Comparable, similarity};

use crate::pictures::on_plain;

/// The pictures of each concept in every style that has it, on each background, as features.
pub(super) struct Styles<'a, C> {
    corpus: &'a Corpus,
    by_concept: BTreeMap<&'a str, Vec<usize>>,
    feature: Box<dyn Fn(RgbPicture) -> C + 'a>,
    seen: BTreeMap<(usize, &'static str), C>,
}

impl<'a, C: Comparable> Styles<'a, C> {
    /// Compares by `feature`, with pictures of `corpus`.
    pub(super) fn new(corpus: &'a Corpus, feature: impl Fn(RgbPicture) -> C + 'a) -> Self {
        let mut by_concept: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, entry) in corpus.entries.iter().enumerate() {
            by_concept.entry(&entry.concept).or_default().push(index);
        }
        Self {
            corpus,
            by_concept,
            feature: Box::new(feature),
            seen: BTreeMap::new(),
        }
    }

    /// Whether a drawing is nearer to entry `own` on that background than to the same concept in every other style.
    pub(super) fn is_nearest_to_own(
        &mut self,
        drawn: &C,
        own: usize,
        (name, colour): (&'static str, [u8; 3]),
    ) -> bool {
        let of_concept = &self.by_concept[self.corpus.entries[own].concept.as_str()];
        let mut likeness = |index: usize| {
            let seen = self.seen.entry((index, name));
            let picture =
                seen.or_insert_with(|| (self.feature)(on_plain(self.corpus, index, colour, None)));
            similarity(drawn, picture)
        };
        let to_own = likeness(own);
        let style = |index: usize| &self.corpus.entries[index].style;
        let mut others = of_concept.iter().filter(|&&i| style(i) != style(own));
        others.all(|&other| likeness(other) < to_own)
    }

    /// The share of right answers that guesses would give, for drawings of these entries.
    pub(super) fn chance(&self, drawn: impl Iterator<Item = usize>) -> f64 {
        let (mut count, mut sum) = (0, 0.0);
        for own in drawn {
            let of_concept = &self.by_concept[self.corpus.entries[own].concept.as_str()];
            let mut styles: Vec<_> = of_concept
                .iter()
                .map(|&i| &self.corpus.entries[i].style)
                .collect();
            styles.sort_unstable();
            styles.dedup();
            sum += 1.0 / styles.len() as f64;
            count += 1;
        }
        sum / f64::from(count.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::concept::ColourCells;
    use super::super::test_corpus::{entry, of_squares};
    use super::*;

    /// Two concepts in three styles that draw them at a height of their own, and one in two styles.
    fn corpus() -> Corpus {
        let thing = |i: usize| {
            let entry = entry(format!("thing {}", i / 3), &format!("style {}", i % 3));
            (entry, [i / 3, i % 3])
        };
        of_squares(32, (0..8).map(thing).collect())
    }

    #[test]
    fn a_picture_is_in_its_own_style_and_in_no_other() {
        let corpus = corpus();
        let feature = |picture: RgbPicture| ColourCells::of(&picture);
        let mut styles = Styles::new(&corpus, feature);
        let white = ("white", [255, 255, 255]);
        for own in 0..8 {
            for drawn in 0..8 {
                if corpus.entries[own].concept == corpus.entries[drawn].concept {
                    let picture = feature(on_plain(&corpus, drawn, white.1, None));
                    let found = styles.is_nearest_to_own(&picture, own, white);
                    assert_eq!(found, own == drawn, "{own} {drawn}");
                }
            }
        }
    }

    #[test]
    fn guesses_are_right_as_often_as_there_are_few_styles() {
        let corpus = corpus();
        let styles = Styles::new(&corpus, |picture| ColourCells::of(&picture));
        assert!((styles.chance([0, 7].into_iter()) - f64::midpoint(1.0 / 3.0, 0.5)).abs() < 1e-12);
        assert!(styles.chance(std::iter::empty()).abs() < f64::EPSILON);
    }
}
