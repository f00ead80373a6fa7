//! What comes out of the network, before it is scaled.

use super::Embedding;
use crate::comparable::scaled;

/// A picture as a network sees it: the 1280 means of its last activations as they are, 0 to 6.
///
/// How large they are says how strongly the picture shows what they stand for, which an [`Embedding`] leaves out. Sets of them
/// are compared by [`kid`](crate::kid()). They can only be held against numbers that the same network made: not against those
/// of an Inception network, which published distances come from, and not against those of other weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooled(pub(super) Vec<f32>);

impl Pooled {
    /// The numbers.
    pub fn numbers(&self) -> &[f32] {
        &self.0
    }

    /// The same at length 1, without another pass through the network.
    pub fn into_embedding(self) -> Embedding {
        Embedding(scaled(self.0, 1.0))
    }
}

impl AsRef<[f32]> for Pooled {
    fn as_ref(&self) -> &[f32] {
        self.numbers()
    }
}
