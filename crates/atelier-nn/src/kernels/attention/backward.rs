//! The gradients of attention. Logits are computed anew from the operands, and weights from the logs of their sums.

use std::ops::Range;

use super::products::{Left, Product};
use super::scratch::{Rows, turn, with_scratch};
use super::weights::{Tile, slopes};
use super::{Shape, by_head, part};
use crate::kernels::level::Level;
use crate::kernels::memory::{Shared, filled};
use crate::kernels::pointwise::kept::Room;
use crate::kernels::share::share;

/// Most keys of a tile: a multiple of the rows of a register tile.
const KEYS: usize = 96;
/// Queries of a tile.
const SPAN: usize = 64;
/// Distance of the rows of a tile. Not a power of two, or the rows would contend for few cache lines.
const STRIDE: usize = SPAN + 16;
/// Most values of the queries that one tile of keys is packed for, so that they stay in the second-level cache.
const QUERY_VALUES: usize = 12288;
/// Tasks that a backward pass has at least, where there are queries enough. A fixed number, since sums are joined by task.
const TASKS: usize = 16;
/// Keys whose sums are joined before they are written.
const GATHERED: usize = 64;
/// Most sums of gradients of keys and values that are kept per head.
const MOST_PARTS: usize = 8;

/// Gradients of the operands `q`, `k`, `v` of [`super::forward`], from its results and the gradient of its output.
pub(crate) fn backward(
    level: Level,
    shape: &Shape,
    operands: [&[f32]; 3],
    out: &[f32],
    log_sums: &[f32],
    d_out: &[f32],
) -> [Vec<f32>; 3] {
    let [q, k, v] = operands;
    let pairs = shape.batch * shape.heads;
    shape.check_operands(operands.map(<[f32]>::len));
    shape.check_results(out.len(), log_sums.len(), d_out.len());
    if shape.is_empty() {
        return operands.map(|x| vec![0.0; x.len()]);
    }
    let spans = shape.queries.div_ceil(SPAN);
    let parts = TASKS.div_ceil(pairs).min(MOST_PARTS).min(spans);
    let padded = shape.head_size.next_multiple_of(level.lanes());
    // gradients of keys and of values, per task
    let size = shape.keys * padded;
    let mut sums = vec![0.0; pairs * parts * 2 * size];
    let shared = Shared::of(&mut sums);
    let (k, v) = (by_head(shape, k, shape.scale()), by_head(shape, v, 1.0));
    // SAFETY: the tasks cover all queries of all heads, each once.
    let d_q = unsafe {
        filled(q.len(), |d_q| {
            share(pairs * parts, |index| {
                let spans = part(spans, parts, index % parts);
                let queries = spans.start * SPAN..(spans.end * SPAN).min(shape.queries);
                // SAFETY: these sums are this task's alone.
                let sums = std::slice::from_raw_parts_mut(shared.at(index * 2 * size), 2 * size);
                let task = Task {
                    level,
                    shape,
                    pair: index / parts,
                    queries,
                    padded,
                    log_sums,
                };
                task.run([q, &k, &v, out, d_out], sums, d_q);
            });
        })
    };
    let scale = 1.0 / (shape.head_size as f32).sqrt();
    let blocks = [2 * parts, padded];
    let gathered = |sums: &[f32], scale: f32| {
        let write = |to| {
            // SAFETY: there is room for all keys.
            unsafe { gather((level, shape), sums, blocks, size, scale, Room::Exact(to)) };
        };
        // SAFETY: every head of every key is written.
        unsafe { filled(shape.key_values(), write) }
    };
    [d_q, gathered(&sums, scale), gathered(&sums[size..], 1.0)]
}

/// Writes the sums of all tasks of a head, every second of `count` blocks of `size` values, `[keys, stride]` of them, times
/// `scale`: every head of every key once.
///
/// # Safety
/// There must be room for all keys, which nobody else uses.
pub(super) unsafe fn gather(
    (level, shape): (Level, &Shape),
    sums: &[f32],
    [count, stride]: [usize; 2],
    size: usize,
    scale: f32,
    to: Room,
) {
    let width = shape.head_size;
    share(shape.batch * shape.heads, |pair| {
        let mut rows = vec![0.0; GATHERED * width];
        for first in (0..shape.keys).step_by(GATHERED) {
            let keys = first..shape.keys.min(first + GATHERED);
            let rows = &mut rows[..keys.len() * width];
            for (key, sum) in keys.zip(rows.chunks_exact_mut(width)) {
                let row = |j: usize| &sums[(pair * count + j) * size + key * stride..];
                for (sum, first) in sum.iter_mut().zip(row(0)) {
                    *sum = first * scale;
                }
                for j in (2..count).step_by(2) {
                    for (sum, more) in sum.iter_mut().zip(row(j)) {
                        *sum += more * scale;
                    }
                }
            }
            let at = shape.offset(shape.keys, pair, first);
            // SAFETY: this head of these keys is this task's alone.
            unsafe { to.at(at).put(level, rows, [width; 2], shape.width()) };
        }
    });
}

/// Some queries of one head.
struct Task<'a> {
    level: Level,
    shape: &'a Shape,
    /// Batch and head.
    pair: usize,
    queries: Range<usize>,
    /// The head size, rounded up to whole vectors.
    padded: usize,
    log_sums: &'a [f32],
}

/// Scratch of a task. What is `turned` lies in spans `[head_size, STRIDE]`.
struct Pieces<'a> {
    queries: &'a mut [f32],
    turned_queries: &'a mut [f32],
    outputs: &'a mut [f32],
    turned_outputs: &'a mut [f32],
    turned_gradients: &'a mut [f32],
    log_sums: &'a mut [f32],
    means: &'a mut [f32],
    logits: &'a mut [f32],
    slopes: &'a mut [f32],
}

impl Task<'_> {
    /// Writes the gradients of the queries, and adds to `sums` those of the keys (but for a factor) and of the values.
    fn run(&self, [q, k, v, out, d_out]: [&[f32]; 5], sums: &mut [f32], d_q: Shared) {
        let spans = (QUERY_VALUES / self.padded / SPAN).max(1);
        let (natural, turned) = (spans * SPAN * self.padded, spans * STRIDE * self.padded);
        let (line, square) = (spans * SPAN, KEYS * STRIDE);
        let lens = [
            natural, turned, natural, turned, turned, line, line, square, square,
        ];
        with_scratch(lens, |pieces| {
            let [
                queries,
                turned_queries,
                outputs,
                turned_outputs,
                turned_gradients,
                log_sums,
                means,
                logits,
                slopes,
            ] = pieces;
            let mut pieces = Pieces {
                queries,
                turned_queries,
                outputs,
                turned_outputs,
                turned_gradients,
                log_sums,
                means,
                logits,
                slopes,
            };
            let (d_keys, d_values) = sums.split_at_mut(self.shape.keys * self.padded);
            for first in self.queries.clone().step_by(line) {
                let block = first..(first + line).min(self.queries.end);
                self.pack_queries([q, out, d_out], block.clone(), &mut pieces);
                let tiles = self.shape.keys.div_ceil(KEYS);
                for index in 0..tiles {
                    let range = part(self.shape.keys, tiles, index);
                    let at = range.start * self.padded;
                    let [d_keys, d_values] = [&mut d_keys[at..], &mut d_values[at..]];
                    let from = self.shape.key_offset(self.pair, range.start);
                    let operands = [&k[from..], &v[from..]];
                    for (first, count) in Self::spans(block.len()) {
                        let size = [range.len(), first, count];
                        self.cross(operands, size, &mut pieces);
                        self.gradients(
                            operands[0],
                            size,
                            &mut pieces,
                            [&mut *d_keys, &mut *d_values],
                        );
                    }
                }
                self.finish(block, &mut pieces, d_q);
            }
        });
    }

    /// The spans of some queries: the first query and the number of them.
    fn spans(count: usize) -> impl Iterator<Item = (usize, usize)> {
        (0..count)
            .step_by(SPAN)
            .map(move |first| (first, SPAN.min(count - first)))
    }

    /// Brings all that belongs to some queries into scratch.
    fn pack_queries(&self, [q, out, d_out]: [&[f32]; 3], block: Range<usize>, pieces: &mut Pieces) {
        let (level, shape, padded) = (self.level, self.shape, self.padded);
        pieces.turned_gradients.fill(0.0);
        for (first, count) in Self::spans(block.len()) {
            let columns = count.next_multiple_of(level.lanes());
            let range = block.start + first..block.start + first + count;
            let from = |x| shape.rows(x, shape.queries, self.pair, range.clone());
            let (natural, turned) = (first * padded, first / SPAN * STRIDE * padded);
            let pack = |x, rows: &mut [f32], to: &mut [f32]| {
                let rows = &mut rows[natural..natural + columns * padded];
                from(x).pack(1.0, rows, padded);
                let block = Rows {
                    values: &*rows,
                    stride: padded,
                    count: columns,
                    width: padded,
                };
                turn(level, block, &mut to[turned..], STRIDE);
            };
            pack(q, pieces.queries, pieces.turned_queries);
            pack(d_out, pieces.outputs, pieces.turned_outputs);
            let means = &mut pieces.means[first..first + columns];
            let log_sums = &mut pieces.log_sums[first..first + columns];
            means.fill(0.0);
            log_sums.fill(0.0);
            for (i, query) in range.enumerate() {
                let at = shape.offset(shape.queries, self.pair, query);
                let row = at..at + shape.head_size;
                means[i] = inner(&out[row.clone()], &d_out[row]);
                let log = self.log_sums[self.pair * shape.queries + query];
                log_sums[i] = (f64::from(log) * std::f64::consts::LOG2_E) as f32;
            }
        }
    }

    /// The weights of a tile, and the gradients of its logits.
    fn cross(&self, [k, v]: [&[f32]; 2], [keys, first, count]: [usize; 3], pieces: &mut Pieces) {
        let (level, d) = (self.level, self.shape.head_size);
        let turned = first / SPAN * STRIDE * self.padded;
        let columns = count.next_multiple_of(level.lanes());
        let logits = Product {
            left: k,
            left_stride: d,
            order: Left::Rows,
            right: &pieces.turned_queries[turned..],
            right_stride: STRIDE,
            rows: keys,
            depth: d,
            columns,
        };
        logits.write(level, pieces.logits, STRIDE);
        let gradients = Product {
            left: v,
            right: &pieces.turned_outputs[turned..],
            ..logits
        };
        gradients.write(level, pieces.slopes, STRIDE);
        slopes(
            level,
            &mut Tile {
                values: pieces.logits,
                stride: STRIDE,
                keys,
                columns,
            },
            pieces.slopes,
            &pieces.log_sums[first..],
            &pieces.means[first..],
        );
    }

    /// Adds the products of weights and slopes of a tile to the gradients of the operands.
    fn gradients(
        &self,
        k: &[f32],
        [keys, first, count]: [usize; 3],
        pieces: &mut Pieces,
        [d_keys, d_values]: [&mut [f32]; 2],
    ) {
        let (level, d, padded) = (self.level, self.shape.head_size, self.padded);
        let turned = first / SPAN * STRIDE * padded;
        let values = Product {
            left: pieces.logits,
            left_stride: STRIDE,
            order: Left::Rows,
            right: &pieces.outputs[first * padded..],
            right_stride: padded,
            rows: keys,
            depth: count,
            columns: padded,
        };
        values.add(level, d_values, padded);
        let of_keys = Product {
            left: pieces.slopes,
            right: &pieces.queries[first * padded..],
            ..values
        };
        of_keys.add(level, d_keys, padded);
        let of_queries = Product {
            left: k,
            left_stride: d,
            order: Left::Columns,
            right: pieces.slopes,
            right_stride: STRIDE,
            rows: d,
            depth: keys,
            columns: count.next_multiple_of(level.lanes()),
        };
        of_queries.add(level, &mut pieces.turned_gradients[turned..], STRIDE);
    }

    /// Writes the gradients of some queries.
    fn finish(&self, block: Range<usize>, pieces: &mut Pieces, d_q: Shared) {
        let (level, d, padded) = (self.level, self.shape.head_size, self.padded);
        for (first, count) in Self::spans(block.len()) {
            let from = &pieces.turned_gradients[first / SPAN * STRIDE * padded..];
            let width = count.next_multiple_of(level.lanes());
            turn(
                level,
                Rows {
                    values: from,
                    stride: STRIDE,
                    count: padded,
                    width,
                },
                pieces.queries,
                padded,
            );
            for (i, row) in pieces.queries.chunks_exact(padded).take(count).enumerate() {
                let at = self
                    .shape
                    .offset(self.shape.queries, self.pair, block.start + first + i);
                let to = d_q.at(at);
                // the packed keys bear the logits' scale to base 2, the gradient that to base e
                for (i, from) in row[..d].iter().enumerate() {
                    // SAFETY: this head of this query is this task's alone.
                    unsafe { to.add(i).write(from * std::f32::consts::LN_2) };
                }
            }
        }
    }
}

/// The inner product of two rows.
pub(super) fn inner(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a
        .remainder()
        .iter()
        .zip(b.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    rest + sums.iter().sum::<f32>()
}
