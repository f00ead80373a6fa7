//! Scaled dot-product attention with streaming softmax: logits exist only as tiles of some keys and queries.
//!
//! In a tile keys run down the rows and queries along the vector lanes, so that the greatest logit and the sum of
//! weights of a query need no operation across lanes, and a head size is a number of rows, which need not be whole
//! vectors. Logits are to base 2 (the keys are scaled once), in both passes with the same roundings.
//!
//! [`products`] multiplies tiles, by the walk over vector registers of [`tiles`]; [`weights`] does what lies between the
//! products, [`forward`] and [`backward`] walk over the tiles; [`mod@halves`] is the same with operands rounded to 16 bits.

mod backward;
mod forward;
pub(super) mod halves;
mod products;
mod scratch;
#[cfg(test)]
mod tests;
mod tiles;
mod weights;

pub(crate) use backward::backward;
pub(crate) use forward::forward;
use scratch::Rows;

use crate::kernels::memory::{Shared, chunk, filled};
use crate::kernels::share::share;

/// Sizes of an attention. Queries are `[batch, queries, heads * head_size]`, keys and values
/// `[batch, keys, heads * head_size]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Independent sequences.
    pub batch: usize,
    /// Heads, which divide the values of a token.
    pub heads: usize,
    /// Tokens that ask, per batch.
    pub queries: usize,
    /// Tokens that answer, per batch.
    pub keys: usize,
    /// Values of one head of a token.
    pub head_size: usize,
}

impl Shape {
    /// Values of one token: those of all its heads.
    fn width(&self) -> usize {
        self.heads * self.head_size
    }

    /// Values of the queries, and of the output.
    fn query_values(&self) -> usize {
        self.batch * self.queries * self.width()
    }

    /// Values of the keys, and of the values.
    fn key_values(&self) -> usize {
        self.batch * self.keys * self.width()
    }

    /// # Panics
    /// Unless queries, keys and values are as many numbers as the shape says.
    fn check_operands(&self, [q, k, v]: [usize; 3]) {
        assert_eq!(q, self.query_values(), "queries");
        assert!(k == self.key_values() && v == k, "keys and values");
    }

    /// # Panics
    /// Unless what a forward pass gave, and the gradient of its output, are as many numbers as the shape says.
    fn check_results(&self, out: usize, log_sums: usize, d_out: usize) {
        let queries = self.query_values();
        assert!(
            out == queries && d_out == queries,
            "output and its gradient"
        );
        assert_eq!(
            log_sums,
            self.batch * self.heads * self.queries,
            "logs of sums"
        );
    }

    /// Whether there is nothing to compute.
    fn is_empty(&self) -> bool {
        self.query_values() == 0 || self.keys == 0
    }

    /// What to multiply the keys by, so that a product with a query is a logit to base 2.
    fn scale(&self) -> f32 {
        (f64::from(std::f32::consts::LOG2_E) / (self.head_size as f64).sqrt()) as f32
    }

    /// A range of tokens of one head. `tokens` (per batch) is `queries` or `keys`; `pair` counts batch and heads.
    fn rows<'a>(
        &self,
        values: &'a [f32],
        tokens: usize,
        pair: usize,
        range: std::ops::Range<usize>,
    ) -> Rows<&'a [f32]> {
        let start = self.offset(tokens, pair, range.start);
        self.rows_of(&values[start..], range)
    }

    /// Rows of one head from the first value of the first of them on.
    fn rows_of<V>(&self, values: V, range: std::ops::Range<usize>) -> Rows<V> {
        Rows {
            values,
            stride: self.width(),
            count: range.len(),
            width: self.head_size,
        }
    }

    /// Where a key of a head starts in the result of [`by_head`].
    fn key_offset(&self, pair: usize, key: usize) -> usize {
        (pair * self.keys + key) * self.head_size
    }

    /// Where one head of a token starts.
    fn offset(&self, tokens: usize, pair: usize, token: usize) -> usize {
        let (batch, head) = (pair / self.heads, pair % self.heads);
        (batch * tokens + token) * self.width() + head * self.head_size
    }
}

/// The part `index` of `count` things cut into `parts` of nearly equal size.
fn part(count: usize, parts: usize, index: usize) -> std::ops::Range<usize> {
    count * index / parts..count * (index + 1) / parts
}

/// Keys or values times `scale`, as `[batch, heads, keys, head_size]`: tiles of a head lie in one piece, which the
/// processor reads ahead, as it would not read the short parts of rows far apart.
fn by_head(shape: &Shape, values: &[f32], scale: f32) -> Vec<f32> {
    let tokens = chunk(shape.keys, shape.width());
    let chunks = shape.keys.div_ceil(tokens);
    let write = |to: Shared| {
        share(shape.batch * chunks, |task| {
            let (batch, first) = (task / chunks, task % chunks * tokens);
            for key in first..(first + tokens).min(shape.keys) {
                for head in 0..shape.heads {
                    let pair = batch * shape.heads + head;
                    let from = &values[shape.offset(shape.keys, pair, key)..][..shape.head_size];
                    // SAFETY: this head of this key is this task's alone.
                    unsafe {
                        let to = to.at(shape.key_offset(pair, key));
                        for (i, value) in from.iter().enumerate() {
                            to.add(i).write(value * scale);
                        }
                    }
                }
            }
        });
    };
    // SAFETY: the tasks cover all keys, each once.
    unsafe { filled(values.len(), write) }
}
