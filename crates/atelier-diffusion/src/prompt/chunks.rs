//! Token ids with weights, in portions that a text encoder takes.

use atelier_core::PromptSyntax;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::{Part, Prompt};
use crate::tokenizer::{CONTEXT_LENGTH, Tokenizer};

/// Tokens of the prompt in one chunk; the opening and the closing id come on top.
pub const CHUNK_TOKENS: usize = CONTEXT_LENGTH - 2;

/// Chunks of the longest prompt that is drawn. Text states and attention grow with each.
pub const MAX_CHUNKS: usize = 64;

/// Bytes of the longest prompt that is read: several times what [`MAX_CHUNKS`] hold of any language.
pub const MAX_PROMPT_BYTES: usize = 1 << 16;

/// How far back a chunk may end at a comma, so that the words behind it stay together in the next one.
const COMMA_REACH: usize = 20;

/// A prompt as its text encoder takes it, at least one chunk.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunks {
    /// The ids of each chunk: opened, closed, filled up.
    pub ids: Vec<[u32; CONTEXT_LENGTH]>,
    /// The weight of each id; 1 where it is not a word of the prompt.
    pub weights: Vec<[f32; CONTEXT_LENGTH]>,
    /// What did not fit and is not drawn, as the tokenizer spells it; only plain prompts are cut.
    pub cut: Option<String>,
    /// The ids of a chunk without words.
    empty: [u32; CONTEXT_LENGTH],
}

impl Prompt {
    /// The prompt's chunks for the text encoder of `tokenizer`.
    pub fn chunks(&self, tokenizer: &Tokenizer) -> Chunks {
        match self.syntax() {
            PromptSyntax::Plain => plain_chunks(&self.parts, tokenizer),
            PromptSyntax::Weighted => weighted_chunks(&self.parts, tokenizer),
        }
    }
}

impl Chunks {
    fn new(tokenizer: &Tokenizer) -> Self {
        let mut chunks = Self {
            ids: Vec::new(),
            weights: Vec::new(),
            cut: None,
            empty: [tokenizer.pad(); CONTEXT_LENGTH],
        };
        chunks.empty[..2].copy_from_slice(&[tokenizer.bos(), tokenizer.eos()]);
        chunks
    }

    /// Number of chunks.
    pub fn count(&self) -> usize {
        self.ids.len()
    }

    /// Whether every weight is 1, so that the states need no arithmetic.
    pub fn is_plain(&self) -> bool {
        self.weights.iter().all(is_plain)
    }

    /// Appends chunks without words until there are `count`, for encoders or prompts that are to have equally many.
    pub fn extend_to(&mut self, count: usize) {
        let count = count.max(self.count());
        self.ids.resize(count, self.empty);
        self.weights.resize(count, [1.0; CONTEXT_LENGTH]);
    }

    /// The ids, `[chunks, 77]`.
    pub fn tensor(&self, device: &Device) -> Tensor<2, Int> {
        let ids: Vec<i32> = self
            .ids
            .iter()
            .flatten()
            .map(|&id| id.cast_signed())
            .collect();
        Tensor::from_data(TensorData::new(ids, [self.count(), CONTEXT_LENGTH]), device)
    }

    fn push(&mut self, tokens: &[(u32, f32)]) {
        let (mut ids, mut weights) = (self.empty, [1.0; CONTEXT_LENGTH]);
        let eos = self.empty[1];
        for (place, (id, weight)) in tokens.iter().enumerate() {
            (ids[place + 1], weights[place + 1]) = (*id, *weight);
        }
        ids[tokens.len() + 1] = eos;
        self.ids.push(ids);
        self.weights.push(weights);
    }
}

/// Whether a chunk has no weight but 1.
#[expect(clippy::float_cmp, reason = "exactly 1 is what changes nothing")]
pub(super) fn is_plain(weights: &[f32; CONTEXT_LENGTH]) -> bool {
    weights.iter().all(|&weight| weight == 1.0)
}

fn plain_chunks(parts: &[Part], tokenizer: &Tokenizer) -> Chunks {
    let mut filling = Filling::new(tokenizer);
    let ids: Vec<u32> = parts
        .iter()
        .filter_map(Part::words)
        .flat_map(|(text, _)| tokenizer.encode(text))
        .collect();
    let (kept, rest) = ids.split_at(ids.len().min(CHUNK_TOKENS));
    filling.open = kept.iter().map(|&id| (id, 1.0)).collect();
    filling.close();
    filling.chunks.cut = (!rest.is_empty()).then(|| tokenizer.decode(rest));
    filling.chunks
}

fn weighted_chunks(parts: &[Part], tokenizer: &Tokenizer) -> Chunks {
    let mut filling = Filling::new(tokenizer);
    for part in parts {
        let Some((text, weight)) = part.words() else {
            filling.close();
            continue;
        };
        for id in tokenizer.encode(text) {
            filling.push(id, weight as f32);
        }
    }
    if !filling.open.is_empty() || filling.chunks.ids.is_empty() {
        filling.close();
    }
    filling.chunks
}

/// Chunks that are being filled.
struct Filling {
    chunks: Chunks,
    /// The tokens of the chunk that is not closed yet, with their weights.
    open: Vec<(u32, f32)>,
    /// Where its last comma stands.
    comma: Option<usize>,
    comma_id: u32,
}

impl Filling {
    fn new(tokenizer: &Tokenizer) -> Self {
        Self {
            chunks: Chunks::new(tokenizer),
            open: Vec::with_capacity(CHUNK_TOKENS),
            comma: None,
            comma_id: tokenizer.comma(),
        }
    }

    fn push(&mut self, id: u32, weight: f32) {
        let is_full = self.open.len() == CHUNK_TOKENS;
        let near_comma = self
            .comma
            .filter(|comma| self.open.len() - comma <= COMMA_REACH);
        if id == self.comma_id {
            self.comma = Some(self.open.len());
        } else if let Some(comma) = near_comma.filter(|_| is_full) {
            let moved = self.open.split_off(comma + 1);
            self.close();
            self.open = moved;
        }
        if self.open.len() == CHUNK_TOKENS {
            self.close();
        }
        self.open.push((id, weight));
    }

    fn close(&mut self) {
        self.chunks.push(&self.open);
        self.open.clear();
        self.comma = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::ClipPadding;

    fn clip() -> Tokenizer {
        Tokenizer::clip(ClipPadding::EndOfText)
    }

    fn chunks(text: &str) -> Chunks {
        Prompt::read(text, PromptSyntax::Weighted)
            .unwrap()
            .chunks(&clip())
    }

    /// Tokens of each chunk, up to its first closing id.
    fn lengths(chunks: &Chunks) -> Vec<usize> {
        let length = |ids: &[u32; 77]| ids.iter().position(|&id| id == 49_407).unwrap() - 1;
        chunks.ids.iter().map(length).collect()
    }

    #[test]
    fn a_short_prompt_is_one_chunk_with_the_ids_of_diffusers() {
        for text in ["", "a photo of a cat", &"word ".repeat(75)] {
            for syntax in [PromptSyntax::Weighted, PromptSyntax::Plain] {
                let chunks = Prompt::read(text, syntax).unwrap().chunks(&clip());
                assert_eq!(chunks.ids.concat(), clip().encode_padded(text), "{text}");
                assert!(chunks.is_plain() && chunks.cut.is_none());
            }
        }
    }

    #[test]
    fn plain_prompts_are_cut_and_say_what_is_missing() {
        let text = format!("{} (Red:1.5) cat", "word ".repeat(74));
        let chunks = Prompt::plain(&text).chunks(&clip());
        assert_eq!(chunks.ids.concat(), clip().encode_padded(&text));
        assert_eq!(chunks.cut.as_deref(), Some("red : 1 . 5 ) cat"));
        assert!(chunks.is_plain());
    }

    #[test]
    fn every_token_has_the_weight_of_its_fragment() {
        let chunks = chunks("a (red hat:1.5) b");
        assert_eq!(chunks.weights[0][..6], [1.0, 1.0, 1.5, 1.5, 1.0, 1.0]);
        assert_eq!(chunks.count(), 1);
        assert!(!chunks.is_plain());
    }

    #[test]
    fn long_prompts_become_full_chunks() {
        let chunks = chunks(&"word ".repeat(160));
        assert_eq!(lengths(&chunks), [75, 75, 10]);
        assert!(
            chunks
                .ids
                .iter()
                .all(|ids| ids[0] == 49_406 && ids[76] == 49_407)
        );
    }

    #[test]
    fn a_chunk_ends_at_a_comma_within_twenty_tokens() {
        let with_comma_at = |place: usize, more: usize| {
            let text = format!("{}, {}", "word ".repeat(place), "(word:1.5) ".repeat(more));
            chunks(&text)
        };
        assert_eq!(lengths(&with_comma_at(55, 20)), [56, 20]);
        assert_eq!(lengths(&with_comma_at(54, 21)), [75, 1]);
        assert_eq!(lengths(&with_comma_at(55, 19)), [75]);
        assert_eq!(lengths(&with_comma_at(74, 1)), [75, 1]);
        assert_eq!(lengths(&with_comma_at(75, 3)), [75, 4]);
        let moved = with_comma_at(55, 20);
        assert!(
            moved.weights[1][1..21]
                .iter()
                .all(|w| (w - 1.5).abs() < 1e-6)
        );
        assert!(
            moved.weights[0][57..]
                .iter()
                .all(|w| (w - 1.0).abs() < 1e-6)
        );
    }

    #[test]
    fn a_break_fills_the_chunk_up() {
        assert_eq!(lengths(&chunks("a BREAK b c")), [1, 2]);
        assert_eq!(lengths(&chunks("BREAK a BREAK BREAK b")), [0, 1, 0, 1]);
        assert_eq!(lengths(&chunks("a BREAK")), [1]);
        assert_eq!(lengths(&chunks("BREAK")), [0]);
        assert_eq!(
            lengths(&chunks(&format!("{} BREAK b", "word ".repeat(75)))),
            [75, 1]
        );
    }

    #[test]
    fn padding_is_the_tokenizers_and_empty_chunks_can_be_added() {
        let tokenizer = Tokenizer::clip(ClipPadding::Exclamation);
        let prompt = Prompt::read("(cat:1.2)", PromptSyntax::Weighted).unwrap();
        let mut chunks = prompt.chunks(&tokenizer);
        assert_eq!(chunks.ids[0][..4], [49_406, 2368, 49_407, 0]);
        chunks.extend_to(3);
        chunks.extend_to(1);
        assert_eq!(chunks.count(), 3);
        assert_eq!(chunks.ids[2].to_vec(), tokenizer.encode_padded(""));
        assert!(is_plain(&chunks.weights[2]));
        assert_eq!(chunks.tensor(&Device::flex()).dims(), [3, 77]);
    }
}
