//! `NumPy`'s `SeedSequence` with a pool of 24 words: seeds for independent streams, derived by hashing (O'Neill 2015,
//! "Developing a `seed_seq` alternative").

/// Words of the pool.
const POOL: usize = 24;

const INIT_A: u32 = 0x43b0_d7e5;
const MULT_A: u32 = 0x931e_8875;
const INIT_B: u32 = 0x8b51_f9dd;
const MULT_B: u32 = 0x58f3_8ded;
const MIX_LEFT: u32 = 0xca01_f9dd;
const MIX_RIGHT: u32 = 0x4973_f715;
const SHIFT: u32 = 16;

/// The pool that an entropy and a place in a tree of streams hash to.
pub(super) struct SeedSequence {
    pool: [u32; POOL],
}

impl SeedSequence {
    /// `SeedSequence(entropy, spawn_key=spawn_key, pool_size=24)`.
    pub(super) fn new(entropy: u64, spawn_key: &[u64]) -> Self {
        let mut words = words_of(entropy);
        if !spawn_key.is_empty() {
            words.resize(words.len().max(POOL), 0);
            words.extend(spawn_key.iter().flat_map(|&key| words_of(key)));
        }
        let mut hash = Hash(INIT_A);
        let mut pool = [0; POOL];
        for (index, slot) in pool.iter_mut().enumerate() {
            *slot = hash.mixed(words.get(index).copied().unwrap_or(0));
        }
        for source in 0..POOL {
            for target in (0..POOL).filter(|&target| target != source) {
                pool[target] = mix(pool[target], hash.mixed(pool[source]));
            }
        }
        for &word in words.iter().skip(POOL) {
            for slot in &mut pool {
                *slot = mix(*slot, hash.mixed(word));
            }
        }
        Self { pool }
    }

    /// `generate_state(count)`.
    pub(super) fn state(&self, count: usize) -> Vec<u32> {
        let mut hash = INIT_B;
        let words = self.pool.iter().cycle().take(count);
        words
            .map(|&word| {
                let word = word ^ hash;
                hash = hash.wrapping_mul(MULT_B);
                let word = word.wrapping_mul(hash);
                word ^ word >> SHIFT
            })
            .collect()
    }
}

/// The words of a whole number, lowest first; zero is one word.
fn words_of(value: u64) -> Vec<u32> {
    let (low, high) = ((value & 0xffff_ffff) as u32, (value >> 32) as u32);
    if high == 0 {
        vec![low]
    } else {
        vec![low, high]
    }
}

/// The running constant of the hash.
struct Hash(u32);

impl Hash {
    fn mixed(&mut self, value: u32) -> u32 {
        let value = value ^ self.0;
        self.0 = self.0.wrapping_mul(MULT_A);
        let value = value.wrapping_mul(self.0);
        value ^ value >> SHIFT
    }
}

fn mix(x: u32, y: u32) -> u32 {
    let mixed = MIX_LEFT
        .wrapping_mul(x)
        .wrapping_sub(MIX_RIGHT.wrapping_mul(y));
    mixed ^ mixed >> SHIFT
}
