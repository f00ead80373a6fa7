//! A small deterministic source of random numbers, so that a corpus sample depends on its seed alone.

/// `SplitMix64`: one addition and three mixing steps per number.
///
/// # Source
/// Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// Starts the sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 (inclusive) to 1 (exclusive).
    pub fn unit(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1_u32 << 24) as f32
    }

    /// A number from `low` (inclusive) to `high` (exclusive).
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// An index from 0 (inclusive) to `count` (exclusive); 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        let wide = u128::from(self.next_u64()) * count as u128;
        (wide >> 64) as usize
    }
}

/// Mixes a text into 64 bits that stay the same on every machine and in every version: the first number of an [`Rng`] that is
/// seeded with the FNV-1a hash of the text's bytes.
pub fn hash_text(text: &str) -> u64 {
    let fnv = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    Rng::new(fnv).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_range_and_cover_it() {
        let mut rng = Rng::new(1);
        let mut seen = [0_usize; 5];
        for _ in 0..1000 {
            seen[rng.below(5)] += 1;
            assert!((0.0..1.0).contains(&rng.unit()));
        }
        assert!(seen.iter().all(|&count| count > 140), "{seen:?}");
    }

    #[test]
    fn first_number_of_seed_zero_is_the_published_one() {
        assert_eq!(Rng::new(0).next_u64(), 0xE220_A839_7B1D_CDAF);
    }
}
