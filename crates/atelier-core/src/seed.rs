//! The number from which every random choice of a run or a picture follows.

use serde::{Deserialize, Serialize};

/// A seed. The same seed with the same inputs gives the same bits on the same device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed of the `index`-th picture of a batch: `seed + index`, wrapping.
    #[must_use]
    pub fn nth(self, index: u64) -> Self {
        Self(self.0.wrapping_add(index))
    }
}

impl std::fmt::Display for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
