//! CLIP's byte-pair tokenizer, read from a diffusers `tokenizer/` folder: prompt → token ids.
//!
//! Normalisation, splitting and merging follow what transformers 5 builds for `CLIPTokenizer`. The words of special tokens
//! may stand in the text itself; they become their own id there.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

mod bpe;
mod clip;
mod files;
#[cfg(test)]
mod tests;

use bpe::Merger;
pub use clip::ClipPadding;
pub use files::TokenizerError;
use files::TokenizerFiles;

/// Ids that a text encoder takes, `bos` and `eos` included.
pub const CONTEXT_LENGTH: usize = 77;

/// The result of everything in this module.
pub type Result<T, E = TokenizerError> = std::result::Result<T, E>;

/// Contractions, words, single digits, runs of anything else. White space falls away. The special words count as one piece
/// also where their spelling is not that of the token.
static PIECES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+",
    )
    .expect("the pattern is valid")
});

/// A token that is recognised in the text before anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
struct AddedToken {
    content: String,
    id: u32,
    /// Whether it is looked for after normalisation, so that `<|ENDOFTEXT|>` counts too.
    normalized: bool,
    /// The ids that come after its own, of a word that stands for several vectors.
    following: Vec<u32>,
}

impl AddedToken {
    /// Finds what follows each: with `<cat>_1` and `<cat>_2` beside it, `<cat>` stands for all three, as in the pipelines of
    /// diffusers.
    fn follow(added: &mut [Self]) {
        let ids: HashMap<_, _> = added
            .iter()
            .map(|token| (token.content.clone(), token.id))
            .collect();
        for token in added {
            let next = |number: u32| ids.get(&format!("{}_{number}", token.content)).copied();
            token.following = (1..).map_while(next).collect();
        }
    }
}

/// Turns prompts into token ids.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    merger: Merger,
    raw_added: Vec<AddedToken>,
    normalized_added: Vec<AddedToken>,
    bos: u32,
    eos: u32,
    pad: u32,
}

impl Tokenizer {
    /// Reads `vocab.json` and `merges.txt`, or else `tokenizer.json`, the names of the special tokens from
    /// `tokenizer_config.json` and `special_tokens_map.json`, and the words of `added_tokens.json`, where these exist.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::from_files(&TokenizerFiles::read(dir)?, dir)
    }

    fn from_files(files: &TokenizerFiles, dir: &Path) -> Result<Self> {
        let (bos, eos, pad) = (files.id("bos")?, files.id("eos")?, files.id("pad")?);
        let unknown = files.id("unk")?;
        let mut added = files.added_tokens();
        AddedToken::follow(&mut added);
        let merger = Merger::new(&files.vocabulary, &files.merges, unknown).map_err(|detail| {
            TokenizerError::Malformed {
                path: dir.to_owned(),
                detail,
            }
        })?;
        let (mut normalized_added, raw_added): (Vec<_>, Vec<_>) =
            added.into_iter().partition(|token| token.normalized);
        for token in &mut normalized_added {
            token.content = normalize(&token.content);
        }
        Ok(Self {
            merger,
            raw_added,
            normalized_added,
            bos,
            eos,
            pad,
        })
    }

    /// The id that opens every prompt.
    pub fn bos(&self) -> u32 {
        self.bos
    }

    /// The id that closes every prompt.
    pub fn eos(&self) -> u32 {
        self.eos
    }

    /// The id that fills a prompt up.
    pub fn pad(&self) -> u32 {
        self.pad
    }

    /// The id of a comma that stands alone.
    pub fn comma(&self) -> u32 {
        self.merger.last_id(b',')
    }

    /// The ids of a text, without opening and closing ids.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        split_at_added(text, &self.raw_added, &mut ids, |raw, ids| {
            split_at_added(
                &normalize(raw),
                &self.normalized_added,
                ids,
                |plain, ids| {
                    self.encode_plain(plain, ids);
                },
            );
        });
        ids
    }

    /// The [`CONTEXT_LENGTH`] ids that a text encoder takes: opened, cut to size, closed, filled up.
    pub fn encode_padded(&self, text: &str) -> Vec<u32> {
        let mut ids = vec![self.bos];
        ids.extend(self.encode(text));
        ids.truncate(CONTEXT_LENGTH - 1);
        ids.push(self.eos);
        ids.resize(CONTEXT_LENGTH, self.pad);
        ids
    }

    /// The number of ids of a text, without opening and closing ids; 75 of them fit into one prompt.
    pub fn pieces(&self, text: &str) -> usize {
        self.encode(text).len()
    }

    /// The text that ids stand for: small letters, a space after each word.
    pub fn decode(&self, ids: &[u32]) -> String {
        let each = self.bytes_of(ids).concat();
        String::from_utf8_lossy(&each).trim_end().to_owned()
    }

    /// The text that each id stands for by itself, in small letters.
    pub fn decode_each(&self, ids: &[u32]) -> Vec<String> {
        let each = self.bytes_of(ids).into_iter();
        each.map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned())
            .collect()
    }

    /// The bytes that each id stands for, with a space behind the last of a word.
    fn bytes_of(&self, ids: &[u32]) -> Vec<Vec<u8>> {
        let table = self.merger.bytes_by_id();
        let of_id = |id: &u32| {
            let mut added = self.raw_added.iter().chain(&self.normalized_added);
            if let Some(token) = added.find(|token| token.id == *id) {
                return [token.content.as_bytes(), b" "].concat();
            }
            table.get(id).map_or_else(Vec::new, |(word, ends)| {
                let space: &[u8] = if *ends { b" " } else { b"" };
                [word.as_slice(), space].concat()
            })
        };
        ids.iter().map(of_id).collect()
    }

    fn encode_plain(&self, text: &str, ids: &mut Vec<u32>) {
        for piece in PIECES.find_iter(text) {
            let piece = piece.as_str();
            match piece
                .strip_prefix("<|")
                .and_then(|rest| rest.strip_suffix("|>"))
            {
                Some(word) if !word.is_empty() && word.chars().all(char::is_alphabetic) => {
                    for part in ["<|", word, "|>"] {
                        self.merger.encode(part.as_bytes(), ids);
                    }
                }
                _ => self.merger.encode(piece.as_bytes(), ids),
            }
        }
    }
}

/// Composes the letters and writes them small, one by one (a final sigma is not special).
fn normalize(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).collect()
}

/// Pushes the ids of added tokens, the leftmost and then longest first, and hands what lies between them to `rest`.
fn split_at_added(
    text: &str,
    added: &[AddedToken],
    ids: &mut Vec<u32>,
    mut rest: impl FnMut(&str, &mut Vec<u32>),
) {
    let mut start = 0;
    // Each token's next place is kept, so that a long text is searched once per token and not once per find.
    let mut places: Vec<Option<usize>> = added.iter().map(|t| text.find(&t.content)).collect();
    while let Some((at, token)) = places
        .iter()
        .zip(added)
        .filter_map(|(place, token)| Some(((*place)?, token)))
        .min_by_key(|(at, token)| (*at, usize::MAX - token.content.len()))
    {
        rest(&text[start..at], ids);
        ids.push(token.id);
        ids.extend(&token.following);
        start = at + token.content.len();
        for (place, token) in places.iter_mut().zip(added) {
            if place.is_some_and(|at| at < start) {
                *place = text[start..].find(&token.content).map(|at| start + at);
            }
        }
    }
    rest(&text[start..], ids);
}
