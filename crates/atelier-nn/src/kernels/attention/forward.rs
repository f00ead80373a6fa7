//! The output of attention.

use std::ops::Range;

use super::products::{Left, Product};
use super::scratch::{Rows, turn, with_scratch};
use super::weights::{NO_REFERENCE, Sums, Tile, weigh};
use super::{Shape, by_head, part};
use crate::kernels::level::Level;
use crate::kernels::memory::{Shared, filled};
use crate::kernels::share::share;

/// Most keys of a tile: a multiple of the rows of a register tile.
const KEYS: usize = 96;
/// Most queries of a task, which reads every key once.
const QUERIES: usize = 256;
/// Most values of the queries of a task, so that they stay in the second-level cache.
const QUERY_VALUES: usize = 65536;

/// `softmax(q kT / sqrt(head_size)) v` per head; `q` is `[batch, queries, heads * head_size]`, `k` and `v` are
/// `[batch, keys, heads * head_size]`.
///
/// Returns the output, shaped like `q`, and `[batch, heads, queries]` logs of the sums of exponentials of logits.
pub(crate) fn forward(
    level: Level,
    shape: &Shape,
    q: &[f32],
    k: &[f32],
    v: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    shape.check_operands([q.len(), k.len(), v.len()]);
    let pairs = shape.batch * shape.heads;
    if shape.is_empty() {
        return (
            vec![0.0; q.len()],
            vec![f32::NEG_INFINITY; pairs * shape.queries],
        );
    }
    let size = block_size(level, shape);
    let blocks = shape.queries.div_ceil(size);
    let mut log_sums = vec![0.0; pairs * shape.queries];
    let logs = Shared::of(&mut log_sums);
    let (k, v) = (by_head(shape, k, shape.scale()), by_head(shape, v, 1.0));
    // SAFETY: the blocks cover all queries of all heads, each once.
    let out = unsafe {
        filled(q.len(), |out| {
            share(pairs * blocks, |task| {
                let (pair, block) = (task / blocks, task % blocks);
                let queries = block * size..((block + 1) * size).min(shape.queries);
                Task {
                    level,
                    shape,
                    pair,
                    queries,
                }
                .run([q, &k, &v], out, logs);
            });
        })
    };
    (out, log_sums)
}

/// Queries of a task: many, but enough tasks for all threads.
fn block_size(level: Level, shape: &Shape) -> usize {
    let panel = level.panel();
    let wanted = rayon::current_num_threads() * 4;
    let mut size = QUERIES.min(QUERY_VALUES / shape.head_size).max(panel) / panel * panel;
    while size >= 2 * panel && shape.batch * shape.heads * shape.queries.div_ceil(size) < wanted {
        size = (size / 2).next_multiple_of(panel);
    }
    size
}

/// Some queries of one head.
struct Task<'a> {
    level: Level,
    shape: &'a Shape,
    /// Batch and head.
    pair: usize,
    queries: Range<usize>,
}

/// Scratch of a task. Queries and sums lie in panels `[head_size, panel]`, each by itself: rows of all queries would be
/// a power of two apart and contend for few cache lines.
struct Pieces<'a> {
    queries: &'a mut [f32],
    sums: &'a mut [f32],
    references: &'a mut [f32],
    weights: &'a mut [f32],
    logits: &'a mut [f32],
    rows: &'a mut [f32],
}

impl Task<'_> {
    fn run(&self, [q, k, v]: [&[f32]; 3], out: Shared, logs: Shared) {
        let panel = self.level.panel();
        let padded = self.shape.head_size.next_multiple_of(self.level.lanes());
        let width = self.queries.len().next_multiple_of(panel);
        let lens = [
            width * padded,
            width * padded,
            width,
            width,
            KEYS * panel,
            panel * padded,
        ];
        with_scratch(
            lens,
            |[queries, sums, references, weights, logits, rows]| {
                let mut pieces = Pieces {
                    queries,
                    sums,
                    references,
                    weights,
                    logits,
                    rows,
                };
                self.pack_queries(q, &mut pieces);
                let tiles = self.shape.keys.div_ceil(KEYS);
                for index in 0..tiles {
                    let range = part(self.shape.keys, tiles, index);
                    let at = self.shape.key_offset(self.pair, range.start);
                    self.absorb([&k[at..], &v[at..]], range.len(), &mut pieces);
                }
                self.finish(&mut pieces, out, logs);
            },
        );
    }

    /// The queries of every panel, and the columns of whole vectors that hold them.
    fn panels(&self) -> impl Iterator<Item = (Range<usize>, usize)> {
        let (panel, lanes) = (self.level.panel(), self.level.lanes());
        self.queries.clone().step_by(panel).map(move |first| {
            let range = first..(first + panel).min(self.queries.end);
            let columns = range.len().next_multiple_of(lanes);
            (range, columns)
        })
    }

    fn pack_queries(&self, q: &[f32], pieces: &mut Pieces) {
        let panel = self.level.panel();
        let padded = pieces.rows.len() / panel;
        let panels = pieces.queries.chunks_exact_mut(padded * panel);
        for ((range, columns), to) in self.panels().zip(panels) {
            let rows = &mut pieces.rows[..columns * padded];
            self.shape
                .rows(q, self.shape.queries, self.pair, range)
                .pack(1.0, rows, padded);
            let block = Rows {
                values: &*rows,
                stride: padded,
                count: columns,
                width: padded,
            };
            turn(self.level, block, to, panel);
        }
        pieces.sums.fill(0.0);
        pieces.references.fill(NO_REFERENCE);
        pieces.weights.fill(0.0);
    }

    /// Adds some keys to the sums of all queries.
    fn absorb(&self, [k, v]: [&[f32]; 2], count: usize, pieces: &mut Pieces) {
        let (level, d, panel) = (self.level, self.shape.head_size, self.level.panel());
        let size = pieces.rows.len();
        for (index, (_, columns)) in self.panels().enumerate() {
            let sums = &mut pieces.sums[index * size..];
            let logits = Product {
                left: k,
                left_stride: d,
                order: Left::Rows,
                right: &pieces.queries[index * size..],
                right_stride: panel,
                rows: count,
                depth: d,
                columns,
            };
            logits.write(level, pieces.logits, panel);
            weigh(
                level,
                &mut Tile {
                    values: pieces.logits,
                    stride: panel,
                    keys: count,
                    columns,
                },
                &mut Sums {
                    references: &mut pieces.references[index * panel..],
                    weights: &mut pieces.weights[index * panel..],
                    values: sums,
                    stride: panel,
                    head_size: d,
                },
            );
            let values = Product {
                left: v,
                order: Left::Columns,
                right: pieces.logits,
                rows: d,
                depth: count,
                ..logits
            };
            values.add(level, sums, panel);
        }
    }

    /// Divides the sums of values by the sums of weights, and takes the logs of these.
    fn finish(&self, pieces: &mut Pieces, out: Shared, logs: Shared) {
        let (d, panel) = (self.shape.head_size, self.level.panel());
        let padded = pieces.rows.len() / panel;
        for (index, (range, columns)) in self.panels().enumerate() {
            let from = &pieces.sums[index * panel * padded..];
            let block = Rows {
                values: from,
                stride: panel,
                count: padded,
                width: columns,
            };
            turn(self.level, block, pieces.rows, padded);
            for (i, query) in range.enumerate() {
                let at = index * panel + i;
                let sums = [pieces.references[at], pieces.weights[at]];
                let row = &mut pieces.rows[i * padded..][..d];
                let log = finish(row, sums);
                let offset = self.shape.offset(self.shape.queries, self.pair, query);
                // SAFETY: this head of this query is this task's alone.
                unsafe {
                    out.at(offset).copy_from_nonoverlapping(row.as_ptr(), d);
                    *logs.at(self.pair * self.shape.queries + query) = log;
                }
            }
        }
    }
}

/// Divides the sums of values of a query by the sum of its weights, and gives the log of this. `sums` are the reference and the
/// sum of weights. Without a logit that is a number above [`NO_REFERENCE`], all of them are not numbers, as in a softmax of
/// negative infinities.
pub(super) fn finish(values: &mut [f32], [reference, weight]: [f32; 2]) -> f32 {
    let weight = if reference > NO_REFERENCE {
        weight
    } else {
        f32::NAN
    };
    for value in values {
        *value *= 1.0 / weight;
    }
    let log = f64::from(reference) + f64::from(weight).log2();
    (log * std::f64::consts::LN_2) as f32
}
