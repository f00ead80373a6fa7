//! Byte-pair merging: the bytes of one piece → token ids.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// What the last symbol of a piece ends in.
pub(super) const END_OF_WORD: &str = "</w>";

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

    /// Id of a byte that ends a piece.
    pub(super) fn last_id(&self, byte: u8) -> u32 {
        self.last[usize::from(byte)]
    }

    /// Pushes the ids of one piece.
    pub(super) fn encode(&self, piece: &[u8], ids: &mut Vec<u32>) {
        let Some((&last, inner)) = piece.split_last() else {
            return;
        };
        let inner = inner.iter().map(|&byte| self.inner[usize::from(byte)]);
        let mut chain = Chain::new(inner.chain([self.last_id(last)]).collect());
        let mut waiting = BinaryHeap::new();
        for place in 0..piece.len() {
            waiting.extend(self.merge_at(&chain, place).map(|m| Reverse((m.0, place))));
        }
        while let Some(Reverse((rank, place))) = waiting.pop() {
            let Some((_, merged)) = self.merge_at(&chain, place).filter(|m| m.0 == rank) else {
                continue; // one of the two has become part of something else since
            };
            chain.merge(place, merged);
            for place in [Some(place), chain.before(place)].into_iter().flatten() {
                waiting.extend(self.merge_at(&chain, place).map(|m| Reverse((m.0, place))));
            }
        }
        ids.extend(chain.symbols());
    }

    /// Rank and result of joining the symbol at `place` with the one after it.
    fn merge_at(&self, chain: &Chain, place: usize) -> Option<(usize, u32)> {
        self.merges.get(&chain.pair(place)?).copied()
    }

    /// What each id stands for, and whether it ends a word.
    pub(super) fn bytes_by_id(&self) -> HashMap<u32, (Vec<u8>, bool)> {
        let mut table = HashMap::with_capacity(self.merges.len() + 512);
        for byte in 0..=u8::MAX {
            table.insert(self.inner[usize::from(byte)], (vec![byte], false));
            table.insert(self.last[usize::from(byte)], (vec![byte], true));
        }
        let mut merges: Vec<_> = self.merges.iter().collect();
        merges.sort_unstable_by_key(|(_, (rank, _))| *rank);
        for (pair, (_, merged)) in merges {
            if let (Some((left, _)), Some((right, ends))) = (table.get(&pair.0), table.get(&pair.1))
            {
                let joined = [left.as_slice(), right].concat();
                table.insert(*merged, (joined, *ends));
            }
        }
        table
    }
}

/// Symbols that know their neighbours, so that joining two of a long piece moves none of the others.
struct Chain {
    /// A symbol that was joined to the one before it is `None`.
    symbols: Vec<Option<u32>>,
    next: Vec<usize>,
    before: Vec<usize>,
}

impl Chain {
    fn new(symbols: Vec<u32>) -> Self {
        let length = symbols.len();
        Self {
            symbols: symbols.into_iter().map(Some).collect(),
            next: (1..=length).collect(),
            before: (0..length).map(|place| place.wrapping_sub(1)).collect(),
        }
    }

    fn pair(&self, place: usize) -> Option<(u32, u32)> {
        let left = self.symbols[place]?;
        let right = self.symbols.get(self.next[place]).copied().flatten()?;
        Some((left, right))
    }

    fn before(&self, place: usize) -> Option<usize> {
        Some(self.before[place]).filter(|&before| before != usize::MAX)
    }

    fn merge(&mut self, place: usize, merged: u32) {
        let gone = self.next[place];
        self.symbols[place] = Some(merged);
        self.symbols[gone] = None;
        self.next[place] = self.next[gone];
        if let Some(before) = self.before.get_mut(self.next[gone]) {
            *before = place;
        }
    }

    fn symbols(self) -> impl Iterator<Item = u32> {
        self.symbols.into_iter().flatten()
    }
}

/// The letter that stands for each byte in vocabularies: itself where it prints, else one from U+0100 on.
pub(super) fn byte_letters() -> [char; 256] {
    let mut spare = 0x100..;
    std::array::from_fn(|byte| {
        let code = if is_printed(byte) {
            byte as u32
        } else {
            spare.next().unwrap_or_default()
        };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}

/// Whether a byte stands for itself in vocabularies.
pub(super) fn is_printed(byte: usize) -> bool {
    matches!(byte, 33..=126 | 161..=172 | 174..=255)
}
