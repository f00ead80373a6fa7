//! The vocabulary that every CLIP text encoder shares, for checkpoints in one file, which carry no tokenizer.
//!
//! It follows from the list of merges alone: the bytes, the bytes that end a word, one word per merge, two special words.

use std::collections::HashMap;
use std::path::Path;

use super::bpe::{END_OF_WORD, byte_letters, is_printed};
use super::files::{TokenizerFiles, merges_from_text};
use super::{Result, Tokenizer};

/// The merges of `OpenAI`'s CLIP, which the embedded base carries too.
const MERGES: &str = include_str!("../../../../assets/atelier-mini/tokenizer/merges.txt");

/// What fills a prompt up to the length that the text encoder takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipPadding {
    /// The closing token, as `OpenAI`'s CLIP-L was trained: SD 1.x, and the first encoder of SDXL.
    EndOfText,
    /// Id 0, which is `!`, as `OpenCLIP` was trained: SD 2.x, and the second encoder of SDXL. As in their published
    /// folders, a `!` in a prompt becomes that id as well.
    Exclamation,
}

impl Tokenizer {
    /// CLIP's own tokenizer, from the merges inside the program.
    ///
    /// # Panics
    /// Never: a test builds both kinds.
    pub fn clip(padding: ClipPadding) -> Self {
        let pad = match padding {
            ClipPadding::EndOfText => "<|endoftext|>",
            ClipPadding::Exclamation => "!",
        };
        embedded_files(pad)
            .and_then(|files| Self::from_files(&files, Path::new("")))
            .expect("the merges inside the program are complete")
    }
}

pub(super) fn embedded_files(pad: &str) -> Result<TokenizerFiles> {
    let merges = merges_from_text(MERGES, Path::new("merges.txt"))?;
    Ok(TokenizerFiles::from_memory(
        vocabulary(&merges),
        merges,
        pad,
    ))
}

/// Word → id, in the order in which CLIP numbers them.
fn vocabulary(merges: &[(String, String)]) -> HashMap<String, u32> {
    let letters = byte_letters();
    let (printed, other): (Vec<_>, Vec<_>) = (0..letters.len()).partition(|&byte| is_printed(byte));
    let bytes: Vec<char> = printed
        .into_iter()
        .chain(other)
        .map(|b| letters[b])
        .collect();
    let inner = bytes.iter().map(char::to_string);
    let last = bytes.iter().map(|letter| format!("{letter}{END_OF_WORD}"));
    let joined = merges.iter().map(|(left, right)| format!("{left}{right}"));
    let special = ["<|startoftext|>", "<|endoftext|>"].map(str::to_owned);
    inner
        .chain(last)
        .chain(joined)
        .chain(special)
        .zip(0..)
        .collect()
}
