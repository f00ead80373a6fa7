//! A corpus for tests: every picture is a dark square at a place of its own.

use atelier_corpus::{Corpus, Entry, Split};

/// Side of every picture, in pixels.
const SIDE: usize = 128;

/// A trained thing of a style.
pub(crate) fn entry(concept: String, style: &str) -> Entry {
    Entry {
        id: format!("{style}/{concept}"),
        concept,
        keywords: Vec::new(),
        style: style.to_owned(),
        group: "things".to_owned(),
        source: "test".to_owned(),
        licence: "CC0-1.0".to_owned(),
        split: Split::Train,
    }
}

/// Entries with the place of their square, counted in squares of `size` pixels from the left and from above.
pub(crate) fn of_squares(size: usize, entries: Vec<(Entry, [usize; 2])>) -> Corpus {
    let mut pixels = Vec::new();
    for (_, [column, row]) in &entries {
        pixels.extend((0..SIDE * SIDE).flat_map(|at| {
            let is_inside = at % SIDE / size == *column && at / SIDE / size == *row;
            [20, 20, 20, if is_inside { 255 } else { 0 }]
        }));
    }
    let entries = entries.into_iter().map(|(entry, _)| entry).collect();
    Corpus::new(SIDE, entries, pixels).expect("every entry has its pixels")
}
