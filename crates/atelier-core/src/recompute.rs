//! What a training computes twice to need less memory.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// Which parts of the denoiser are computed again in the backward pass, so that nothing inside them is kept. The numbers
/// of a training do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recompute {
    /// The first of the others that fits into the memory that is free.
    #[default]
    Auto,
    /// Nothing: the fastest.
    None,
    /// Every transformer block: attention and feed-forward.
    Block,
    /// Every residual block with its transformer, and inside it every transformer block once more: the least memory.
    Layer,
}

closed_choice!(Recompute, "recompute", {
    Auto => "auto",
    None => "none",
    Block => "block",
    Layer => "layer",
});
