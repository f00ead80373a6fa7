//! The Mersenne Twister mt19937.

use serde::{Deserialize, Serialize};

const WORDS: usize = 624;
const MIDDLE: usize = 397;

/// The state of the twister: 624 words and the position of the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub(super) struct Engine {
    words: [u32; WORDS],
    next: usize,
}

/// What is written to a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    words: Vec<u32>,
    next: usize,
}

impl From<Engine> for Stored {
    fn from(engine: Engine) -> Self {
        Self {
            words: engine.words.to_vec(),
            next: engine.next,
        }
    }
}

impl TryFrom<Stored> for Engine {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let count = stored.words.len();
        let words = stored
            .words
            .try_into()
            .map_err(|_| format!("generator state has {count} words, expected {WORDS}"))?;
        if stored.next > WORDS {
            return Err(format!(
                "generator position must not exceed {WORDS}, got {}",
                stored.next
            ));
        }
        Ok(Self {
            words,
            next: stored.next,
        })
    }
}

impl Engine {
    /// The state after `init_genrand(seed)` of the reference implementation.
    pub(super) fn new(seed: u32) -> Self {
        let mut words = [seed; WORDS];
        for index in 1..WORDS {
            let before = words[index - 1];
            words[index] = 1_812_433_253_u32
                .wrapping_mul(before ^ before >> 30)
                .wrapping_add(index as u32);
        }
        Self { words, next: WORDS }
    }

    /// The next word, tempered.
    pub(super) fn next_u32(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut word = self.words[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        word ^ word >> 18
    }

    fn twist(&mut self) {
        for index in 0..WORDS {
            let mixed =
                self.words[index] & 0x8000_0000 | self.words[(index + 1) % WORDS] & 0x7fff_ffff;
            let feedback = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
            self.words[index] = self.words[(index + MIDDLE) % WORDS] ^ mixed >> 1 ^ feedback;
        }
        self.next = 0;
    }
}
