//! Which pairs of concept and style are drawn, on which backgrounds.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use atelier_corpus::{COLOURS, Corpus, Split};

use super::SUBSETS;

/// One drawing to make.
pub(super) struct Pair {
    pub(super) entry: usize,
    pub(super) colour: (&'static str, [u8; 3]),
    pub(super) seed: u64,
    /// Whether the concept was trained in no other style of the same family.
    pub(super) alone: bool,
}

/// Pairs of concept and style, each with a background and a seed.
pub(super) struct Pairs {
    pub(super) drawn: Vec<Pair>,
    /// How many are different; when more are wanted, they come again with other backgrounds and seeds.
    pub(super) different: usize,
}

impl Pairs {
    /// `count` pairs, evenly spread over those of a corpus that are in a split.
    ///
    /// # Errors
    /// When they are too few to be measured.
    pub(super) fn spread(corpus: &Corpus, split: Split, count: usize) -> anyhow::Result<Self> {
        let family = |style: &str| style.split(' ').next().map(str::to_owned);
        let (mut trained, mut wanted) = (BTreeMap::<_, BTreeSet<&str>>::new(), Vec::new());
        for (index, entry) in corpus.entries.iter().enumerate() {
            if entry.split == Split::Train {
                let concept = (entry.concept.as_str(), family(&entry.style));
                trained.entry(concept).or_default().insert(&entry.style);
            }
            if entry.split == split {
                wanted.push(index);
            }
        }
        let different = count.min(wanted.len());
        ensure!(
            different > 2 * SUBSETS.size,
            "{count} drawings of {} pairs are too few, more than {} are needed",
            wanted.len(),
            2 * SUBSETS.size
        );
        let pair = |i: usize| {
            let index = wanted[i % different * wanted.len() / different];
            let entry = &corpus.entries[index];
            let styles = trained.get(&(entry.concept.as_str(), family(&entry.style)));
            let is_other = |style: &&str| *style != entry.style;
            Pair {
                entry: index,
                colour: COLOURS[(i * 5 + i / COLOURS.len()) % COLOURS.len()],
                seed: 1000 + i as u64,
                alone: !styles.is_some_and(|styles| styles.iter().any(is_other)),
            }
        };
        Ok(Self {
            drawn: (0..count).map(pair).collect(),
            different,
        })
    }
}

#[cfg(test)]
mod tests {
    use atelier_corpus::Entry;

    use super::super::test_corpus::entry;
    use super::*;

    #[test]
    fn pairs_are_unseen_and_different_as_long_as_there_are_any_and_backgrounds_are_even() {
        let styles = ["fluent flat", "fluent gradient", "twemoji"];
        let entries: Vec<Entry> = (0..900)
            .map(|i| Entry {
                // Of every second thing the flat one is not shown, of the others twemoji's.
                split: if i % 6 == 0 || i % 6 == 5 {
                    Split::HeldOutPair
                } else {
                    Split::Train
                },
                ..entry(format!("thing {}", i / 3), styles[i % 3])
            })
            .collect();
        let corpus = Corpus::new(1, entries, vec![0; 4 * 900]).unwrap();
        let pairs = Pairs::spread(&corpus, Split::HeldOutPair, 360).unwrap();
        assert_eq!(pairs.different, 300);
        let entries: BTreeSet<usize> = pairs.drawn[..300].iter().map(|pair| pair.entry).collect();
        assert_eq!(entries.len(), 300);
        let mut colours = BTreeMap::new();
        for (index, pair) in pairs.drawn.iter().enumerate() {
            let entry = &corpus.entries[pair.entry];
            assert_eq!(entry.split, Split::HeldOutPair);
            assert_eq!(pair.alone, entry.style == "twemoji");
            assert_eq!(pair.seed, 1000 + index as u64);
            *colours.entry(pair.colour.0).or_insert(0) += 1;
        }
        assert_eq!(colours.len(), COLOURS.len());
        assert!(colours.values().all(|count| *count == 30), "{colours:?}");
        assert!(Pairs::spread(&corpus, Split::HeldOutPair, 100).is_err());
        let pairs = Pairs::spread(&corpus, Split::Train, 600).unwrap();
        assert_eq!(pairs.different, 600);
        for pair in &pairs.drawn {
            let entry = &corpus.entries[pair.entry];
            assert_eq!(entry.split, Split::Train);
            // The gradient one has its flat sibling where that was not held out.
            let alone = match entry.style.as_str() {
                "fluent flat" => false,
                "fluent gradient" => pair.entry % 6 == 1,
                _ => true,
            };
            assert_eq!(pair.alone, alone, "{}", pair.entry);
        }
    }
}
