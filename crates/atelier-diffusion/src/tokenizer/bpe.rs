//! Byte-pair merging: the bytes of one piece → token ids.

use std::collections::HashMap;

/// What the last symbol of a piece ends in.
const END_OF_WORD: &str = "</w>";

/// The merges, by ids.
#[derive(Debug, Clone)]
pub(super) struct Merger {
    /// Id of each byte inside a piece.
    inner: [u32; 256],
    /// Id of each byte at the end of a piece.
    last: [u32; 256],
    /// Two neighbours → (rank, what they become). Lower ranks go first.
    merges: HashMap<(u32, u32), (usize, u32)>,
}

impl Merger {
    /// Looks every symbol up; a byte that the vocabulary lacks becomes `unknown`.
    pub(super) fn new(
        vocabulary: &HashMap<String, u32>,
        merges: &[(String, String)],
        unknown: u32,
    ) -> Result<Self, String> {
        let id = |word: &str| {
            let found = vocabulary.get(word).copied();
            found.ok_or_else(|| format!("the merges use `{word}`, which the vocabulary lacks"))
        };
        let mut by_pair = HashMap::with_capacity(merges.len());
        for (rank, (left, right)) in merges.iter().enumerate() {
            let merged = id(&format!("{left}{right}"))?;
            by_pair.insert((id(left)?, id(right)?), (rank, merged));
        }
        let letters = byte_letters();
        let byte_ids = |end: &str| {
            letters.map(|letter| {
                let word = format!("{letter}{end}");
                vocabulary.get(&word).copied().unwrap_or(unknown)
            })
        };
        Ok(Self {
            inner: byte_ids(""),
            last: byte_ids(END_OF_WORD),
            merges: by_pair,
        })
    }

    /// Pushes the ids of one piece.
    pub(super) fn encode(&self, piece: &[u8], ids: &mut Vec<u32>) {
        let Some((&last, inner)) = piece.split_last() else {
            return;
        };
        let mut symbols: Vec<u32> = inner
            .iter()
            .map(|&byte| self.inner[usize::from(byte)])
            .collect();
        symbols.push(self.last[usize::from(last)]);
        while let Some((pair, merged)) = self.best_merge(&symbols) {
            merge_all(&mut symbols, pair, merged);
        }
        ids.extend(symbols);
    }

    fn best_merge(&self, symbols: &[u32]) -> Option<((u32, u32), u32)> {
        symbols
            .windows(2)
            .filter_map(|two| {
                let pair = (two[0], two[1]);
                let (rank, merged) = self.merges.get(&pair)?;
                Some((*rank, pair, *merged))
            })
            .min_by_key(|(rank, ..)| *rank)
            .map(|(_, pair, merged)| (pair, merged))
    }
}

/// Replaces every occurrence of `pair`, from the left.
fn merge_all(symbols: &mut Vec<u32>, pair: (u32, u32), merged: u32) {
    let mut write = 0;
    let mut read = 0;
    while read < symbols.len() {
        if read + 1 < symbols.len() && (symbols[read], symbols[read + 1]) == pair {
            symbols[write] = merged;
            read += 2;
        } else {
            symbols[write] = symbols[read];
            read += 1;
        }
        write += 1;
    }
    symbols.truncate(write);
}

/// The letter that stands for each byte in vocabularies: itself where it prints, else one from U+0100 on.
pub(super) fn byte_letters() -> [char; 256] {
    let mut spare = 0x100..;
    std::array::from_fn(|byte| {
        let printed = matches!(byte, 33..=126 | 161..=172 | 174..=255);
        let code = if printed {
            byte as u32
        } else {
            spare.next().unwrap_or_default()
        };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}
