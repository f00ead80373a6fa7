//! The tokens that captions of the corpus can have. While the base is trained, the table of vectors has rows for these alone:
//! the others' would get no gradient, and are given their first values when the table is written.

use std::collections::BTreeSet;

use atelier_corpus::{Corpus, Entry, Rng, caption_parts, hash_text};
use atelier_diffusion::tokenizer::Tokenizer;
use serde_json::json;

use crate::store::LearntFrom;

/// Rows behind those of the captions' tokens, of words that mean nothing. They keep their first values to the last bit, see
/// [`Store::hold_rows_from`](crate::store::Store::hold_rows_from), as the rows of all tokens that the base has not learned do,
/// so that it learns to pass over them.
pub(crate) const STRANGERS: usize = 2000;
/// The most of them in a caption.
const MOST_STRANGERS: usize = 5;

/// Tokens of the published tokenizer.
pub(crate) const ALL: usize = 49_408;

/// The tokens in order; the place of each is its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vocabulary(Vec<u32>);

impl Vocabulary {
    /// That of the captions of `corpus`: pieces of words do not depend on the words around them.
    pub(crate) fn of(corpus: &Corpus, tokenizer: &Tokenizer) -> Self {
        let parts = corpus.entries.iter().flat_map(caption_parts);
        let parts: BTreeSet<String> = parts.chain([",".to_owned()]).collect();
        let tokens = parts.iter().flat_map(|part| tokenizer.encode_padded(part));
        Self(tokens.collect::<BTreeSet<u32>>().into_iter().collect())
    }

    /// What a training on `corpus` with this table learns from, where the autoencoder has this fingerprint of its encoder.
    pub(crate) fn learnt_from(&self, corpus: &Corpus, encoder: String) -> LearntFrom {
        LearntFrom {
            encoder,
            corpus: corpus_fingerprint(&corpus.entries),
            tokens: format!("{:016x}", hash_text(&json!(self.0).to_string())),
        }
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts a few strangers and a comma before the rows of a caption, as a prompt has the word that calls an adapter, and drops as
    /// many at the end.
    pub(crate) fn put_strangers_before(&self, rows: &mut Vec<usize>, comma: u32, rng: &mut Rng) {
        let count = 1 + rng.below(MOST_STRANGERS);
        let strangers = (0..count).map(|_| self.len() + rng.below(STRANGERS));
        let new: Vec<usize> = strangers.chain([self.row(comma)]).collect();
        rows.truncate(rows.len() - new.len());
        // after the mark of the beginning
        rows.splice(1..1, new);
    }

    /// The row of `token`.
    ///
    /// # Panics
    /// Panics when no caption of the corpus has it.
    pub(crate) fn row(&self, token: u32) -> usize {
        let found = self.0.binary_search(&token);
        found.expect("captions have tokens of the corpus only")
    }

    /// Takes the rows of these tokens out of a table of all tokens; those of the strangers stay as they are.
    pub(crate) fn gather(&self, all: &[f32], rows: &mut [f32]) {
        let width = all.len() / ALL;
        for (row, &token) in rows.chunks_exact_mut(width).zip(&self.0) {
            let at = token as usize * width;
            row.copy_from_slice(&all[at..at + width]);
        }
    }

    /// Puts the rows of a table of these tokens and the strangers into one of all tokens.
    pub(crate) fn spread(&self, rows: &[f32], all: &mut [f32]) {
        let width = rows.len() / (self.len() + STRANGERS);
        for (row, &token) in rows.chunks_exact(width).zip(&self.0) {
            let at = token as usize * width;
            all[at..at + width].copy_from_slice(row);
        }
    }
}

/// A number that changes when other pictures are taken, or the words of their captions or their order change. Of the pixels it
/// knows nothing: where the same pictures are drawn in another way, a new cache is wanted.
pub(crate) fn corpus_fingerprint(entries: &[Entry]) -> String {
    let told = entries
        .iter()
        .map(|entry| json!([entry.id, entry.concept, entry.keywords, entry.style]).to_string());
    format!("{:016x}", hash_text(&told.collect::<Vec<_>>().join("\n")))
}

#[cfg(test)]
mod tests {
    use atelier_corpus::{COLOURS, Split, caption};

    use super::*;
    use crate::export::tokenizer_folder;

    fn corpus() -> Corpus {
        let entry = |concept: &str, keywords: &[&str]| Entry {
            id: concept.to_owned(),
            concept: concept.to_owned(),
            keywords: keywords.iter().map(|&word| word.to_owned()).collect(),
            style: "fluent 3d render".to_owned(),
            group: "food".to_owned(),
            source: "test".to_owned(),
            licence: "CC0-1.0".to_owned(),
            split: Split::Train,
        };
        let entries = vec![
            entry("red apple", &["fruit", "Snow-White's"]),
            entry("crème brûlée", &[]),
        ];
        Corpus::new(1, entries, vec![0; 8]).unwrap()
    }

    #[test]
    fn every_caption_is_made_of_it_and_its_rows_go_where_they_belong() {
        let corpus = corpus();
        let tokenizer = Tokenizer::open(&tokenizer_folder()).unwrap();
        let vocabulary = Vocabulary::of(&corpus, &tokenizer);
        assert!(vocabulary.len() < 200);
        let mut rng = Rng::new(4);
        for _ in 0..200 {
            let entry = &corpus.entries[rng.below(corpus.entries.len())];
            let colour = COLOURS[rng.below(COLOURS.len())].0;
            for token in tokenizer.encode_padded(&caption(entry, Some(colour), &mut rng)) {
                assert_eq!(vocabulary.0[vocabulary.row(token)], token);
            }
        }
        let rows: Vec<f32> = (0..2 * (vocabulary.len() + STRANGERS))
            .map(|i| i as f32)
            .collect();
        let mut all = vec![-1.0; 2 * ALL];
        vocabulary.spread(&rows, &mut all);
        let at = 2 * tokenizer.eos() as usize;
        let row = 2 * vocabulary.row(tokenizer.eos()) as u16;
        assert_eq!(all[at..at + 2], [f32::from(row), f32::from(row + 1)]);
        let mut again = vec![-2.0; rows.len()];
        vocabulary.gather(&all, &mut again);
        let learned = 2 * vocabulary.len();
        assert_eq!(again[..learned], rows[..learned]);
        assert_eq!(again[learned..], vec![-2.0; rows.len() - learned]);
        let learned = all.iter().filter(|value| **value >= 0.0).count();
        assert_eq!(learned, 2 * vocabulary.len());
    }

    #[test]
    fn what_is_learnt_from_changes_with_words_and_order_and_not_with_the_rest() {
        let tokenizer = Tokenizer::open(&tokenizer_folder()).unwrap();
        let of = |change: fn(&mut [Entry])| {
            let mut entries = corpus().entries;
            change(&mut entries);
            let corpus = Corpus::new(1, entries, vec![0; 8]).unwrap();
            Vocabulary::of(&corpus, &tokenizer).learnt_from(&corpus, String::new())
        };
        let first = of(|_| ());
        assert_eq!(first, of(|_| ()));
        assert_eq!(
            first,
            of(|entries| entries[0].source = "another".to_owned())
        );
        let changes: [fn(&mut [Entry]); 6] = [
            |entries| entries.reverse(),
            |entries| entries[0].keywords.reverse(),
            |entries| entries[0].id = "another".to_owned(),
            |entries| entries[0].concept = "apple, red".to_owned(),
            |entries| entries[1].style = "twemoji".to_owned(),
            |entries| {
                let word = entries[0].keywords.remove(0);
                entries[1].keywords.push(word);
            },
        ];
        for (index, change) in changes.into_iter().enumerate() {
            assert_ne!(of(change).corpus, first.corpus, "{index}");
        }
        assert_eq!(of(changes[0]).tokens, first.tokens);
        assert_ne!(of(changes[4]).tokens, first.tokens);
    }

    #[test]
    fn strangers_stand_before_a_caption_and_nothing_else_changes() {
        let tokenizer = Tokenizer::open(&tokenizer_folder()).unwrap();
        let vocabulary = Vocabulary::of(&corpus(), &tokenizer);
        let tokens = tokenizer.encode_padded("red apple");
        let before: Vec<usize> = tokens.into_iter().map(|id| vocabulary.row(id)).collect();
        let mut rng = Rng::new(8);
        let mut counts = BTreeSet::new();
        for _ in 0..100 {
            let mut rows = before.clone();
            vocabulary.put_strangers_before(&mut rows, tokenizer.comma(), &mut rng);
            let is_stranger = |row: &&usize| **row >= vocabulary.len();
            let count = rows[1..].iter().take_while(is_stranger).count();
            assert!(rows.iter().all(|&row| row < vocabulary.len() + STRANGERS));
            assert_eq!((rows.len(), rows[0]), (before.len(), before[0]));
            assert_eq!(rows[count + 1], vocabulary.row(tokenizer.comma()));
            assert_eq!(rows[count + 2..], before[1..before.len() - count - 1]);
            counts.insert(count);
        }
        assert!(counts.into_iter().eq(1..=MOST_STRANGERS));
    }
}
