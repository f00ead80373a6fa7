//! Attention whose products are of pairs of 16 bits, for processors that multiply bf16 more quickly than f32: operands, weights
//! and slopes are rounded to bf16, and exponentials are only as exact as that. In vectors, which multiply whole numbers as
//! quickly, the products that become logits or gradients of weights are of these, with a scale for each token.
//!
//! A unit is a pair along the summed dimension. Left operands lie row after row, right ones as rows of units, and all of them
//! have room for whole registers of the matrix unit, filled up with zeros where there is one. Keys are not scaled, so that they
//! are the same numbers in both passes; logits are, where products become weights.

mod backward;
mod forward;
mod packed;
mod products;
#[cfg(test)]
mod tests;
mod vectors;
mod weights;

pub(crate) use backward::backward;
pub(crate) use forward::forward;

use super::Shape;
use crate::kernels::product::halves::units_of;

/// Keys of a tile.
const KEYS: usize = 128;
/// Queries of a panel: the columns of its products.
const PANEL: usize = 64;

impl Shape {
    /// Units of a token of one head.
    fn head_units(&self) -> usize {
        units_of(self.head_size)
    }

    /// Rows of an operand whose rows are the values of a head.
    fn head_rows(&self) -> usize {
        self.head_size.next_multiple_of(16)
    }

    /// Columns of an operand whose columns are the values of a head.
    fn head_columns(&self) -> usize {
        self.head_size.next_multiple_of(32)
    }

    /// Keys of a head with the zeros behind them.
    fn keys_held(&self) -> usize {
        2 * units_of(self.keys)
    }

    /// Batches and heads.
    fn pairs(&self) -> usize {
        self.batch * self.heads
    }

    /// The tiles of keys: the first key, how many there are, and how many with the zeros behind them.
    fn tiles(&self) -> impl Iterator<Item = [usize; 3]> + use<> {
        let keys = self.keys;
        (0..keys).step_by(KEYS).map(move |first| {
            let count = KEYS.min(keys - first);
            [first, count, 2 * units_of(count)]
        })
    }
}
