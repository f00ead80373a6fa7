//! Which (concept, style) pairs are kept out of training, to measure whether the base combines what it knows.

use std::collections::HashMap;

use crate::entry::{Entry, Split};
use crate::rng::hash_text;

/// Share of the pairs of each style that are candidates for being held out, in percent.
const HELD_OUT_PERCENT: u64 = 20;
/// In how many styles a held-out concept must remain for training.
const MIN_TRAINED_STYLES: usize = 2;

/// A number that changes when other entries are held out, to tell whether figures about unseen pairs are about pairs that a
/// base has not seen: [`hash_text`] of their sorted ids, one a line, as 16 hexadecimal digits.
pub fn held_out_fingerprint(entries: &[Entry]) -> String {
    let mut ids: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.split == Split::HeldOutPair)
        .map(|entry| entry.id.as_str())
        .collect();
    ids.sort_unstable();
    format!("{:016x}", hash_text(&ids.join("\n")))
}

/// Decides the split of every entry from (concept, style) alone.
pub(crate) fn assign(entries: &mut [Entry]) {
    let mut by_concept: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        by_concept
            .entry(entry.concept.clone())
            .or_default()
            .push(index);
    }
    for indices in by_concept.into_values() {
        let mut ranked: Vec<(u64, usize)> = indices
            .iter()
            .map(|&index| {
                (
                    hash_text(&format!(
                        "{}|{}",
                        entries[index].concept, entries[index].style
                    )),
                    index,
                )
            })
            .collect();
        ranked.sort_unstable();
        let allowed = ranked.len().saturating_sub(MIN_TRAINED_STYLES);
        for (rank, (hash, index)) in ranked.into_iter().enumerate() {
            let held_out = rank < allowed && hash < u64::MAX / 100 * HELD_OUT_PERCENT;
            entries[index].split = if held_out {
                Split::HeldOutPair
            } else {
                Split::Train
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caption::tests::entry;

    #[test]
    fn a_few_pairs_are_held_out_and_each_concept_stays_in_two_styles() {
        let styles = ["a", "b", "c"];
        let mut entries: Vec<Entry> = (0..3000)
            .map(|i| Entry {
                style: styles[i % 3].to_owned(),
                ..entry(&format!("thing {}", i / 3))
            })
            .collect();
        assign(&mut entries);
        let held_out = entries
            .iter()
            .filter(|e| e.split == Split::HeldOutPair)
            .count();
        // A fifth of 3000, less those of concepts that would be left with one style.
        assert!((450..600).contains(&held_out), "{held_out}");
        for triple in entries.chunks(3) {
            assert!(triple.iter().filter(|e| e.split == Split::Train).count() >= 2);
        }
    }

    #[test]
    fn a_concept_of_two_styles_is_always_trained_and_order_is_irrelevant() {
        let mut entries: Vec<Entry> = (0..400)
            .map(|i| Entry {
                style: format!("s{}", i % 4),
                ..entry(&format!("thing {}", i / 4))
            })
            .collect();
        let mut backwards: Vec<Entry> = entries.iter().rev().cloned().collect();
        assign(&mut entries);
        assign(&mut backwards);
        backwards.reverse();
        assert_eq!(entries, backwards);
        let before = held_out_fingerprint(&entries);
        assert_eq!(before, held_out_fingerprint(&backwards));
        entries.retain(|e| e.style == "s0" || e.style == "s1");
        assign(&mut entries);
        assert!(entries.iter().all(|e| e.split == Split::Train));
        assert_ne!(before, held_out_fingerprint(&entries));
    }
}
