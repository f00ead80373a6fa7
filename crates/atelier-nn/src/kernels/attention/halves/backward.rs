//! The gradients of attention. Logits are computed anew from the operands, and weights from the logs of their sums.

use std::ops::Range;

use super::packed::{
    TokenRows, as_units, by_pair, inner_products, rows, tokens, tokens_by_value, turned,
};
use super::products::{MOST_PARTS, Product, Unit, with_unit};
use super::weights::{Slopes, Tile, slopes};
use super::{KEYS, PANEL, Shape};
use crate::kernels::attention::backward::gather;
use crate::kernels::attention::part;
use crate::kernels::attention::scratch::{Rows, turn, with_scratch};
use crate::kernels::level::Level;
use crate::kernels::memory::{Shared, filled};
use crate::kernels::pointwise::kept::{Activation, Precision, Room, View};
use crate::kernels::share::share;

/// Most values of the queries that one tile of keys is read for, so that they stay in the second-level cache.
const QUERY_VALUES: usize = 32768;
/// Units of a tile of weights or slopes.
const TILE: usize = KEYS * PANEL / 2;
/// Tasks that a backward pass has at least, where there are queries enough. A fixed number, since sums are joined by task.
const TASKS: usize = 16;
/// Most sums of gradients of keys and values that are kept per head.
const MOST_SUMS: usize = 8;

/// As [`crate::kernels::attention::backward`], with products of bf16. Gradients are written as `precision` says.
pub(crate) fn backward(
    level: Level,
    shape: &Shape,
    [q, k, v]: [View<'_>; 3],
    out: View<'_>,
    log_sums: &[f32],
    d_out: View<'_>,
    precision: Precision,
) -> [Activation; 3] {
    shape.check_operands([q.len(), k.len(), v.len()]);
    shape.check_results(out.len(), log_sums.len(), d_out.len());
    if shape.is_empty() {
        return [q, k, v].map(|x| Activation::zeros(x.len(), precision));
    }
    let panels = shape.queries.div_ceil(PANEL);
    let parts = TASKS.div_ceil(shape.pairs()).min(MOST_SUMS).min(panels);
    let columns = shape.head_columns();
    // gradients of keys and of values, per task
    let size = shape.keys_held() * columns;
    let keys = Keys {
        rows: [k, v].map(|values| TokenRows::new(level, shape, values)),
        by_value: tokens_by_value(level, shape, k),
    };
    let run = |sums: Shared, d_q: Room| {
        share(shape.pairs() * parts, |index| {
            let panels = part(panels, parts, index % parts);
            // SAFETY: these sums are this task's alone; they begin as zeros.
            let sums = unsafe {
                let sums = sums.at(index * 2 * size);
                sums.write_bytes(0, 2 * size);
                std::slice::from_raw_parts_mut(sums, 2 * size)
            };
            let task = Task {
                level,
                shape,
                pair: index / parts,
                queries: panels.start * PANEL..(panels.end * PANEL).min(shape.queries),
                log_sums,
                keys: &keys,
            };
            with_unit(level, |unit| task.run(unit, [q, out, d_out], sums, d_q));
        });
    };
    let mut d_q = Activation::empty(precision);
    // SAFETY: the tasks cover all queries of all heads, each once, and all sums.
    let sums = unsafe {
        filled(shape.pairs() * parts * 2 * size, |sums| {
            d_q.append(q.len(), |d_q| run(sums, d_q));
        })
    };
    let scale = 1.0 / (shape.head_size as f32).sqrt();
    let blocks = [2 * parts, columns];
    let gathered = |sums: &[f32], scale: f32| {
        let write = |to| {
            // SAFETY: there is room for all keys.
            unsafe { gather((level, shape), sums, blocks, size, scale, to) };
        };
        // SAFETY: every head of every key is written.
        unsafe { Activation::filled(shape.key_values(), precision, write) }
    };
    [d_q, gathered(&sums, scale), gathered(&sums[size..], 1.0)]
}

/// Keys and values of all heads.
struct Keys {
    /// Keys and values, row after row.
    rows: [TokenRows; 2],
    /// Keys, to be summed over.
    by_value: Vec<u32>,
}

/// Some queries of one head.
struct Task<'a> {
    level: Level,
    shape: &'a Shape,
    /// Batch and head.
    pair: usize,
    queries: Range<usize>,
    log_sums: &'a [f32],
    keys: &'a Keys,
}

/// Scratch of a task. What belongs to queries lies in panels.
struct Pieces<'a> {
    /// Queries and gradients of the output, to be multiplied with keys and values.
    queries: &'a mut [u32],
    outputs: &'a mut [u32],
    query_scales: &'a mut [f32],
    output_scales: &'a mut [f32],
    /// The same as pairs of queries, to be multiplied with slopes and weights.
    paired_queries: &'a mut [u32],
    paired_outputs: &'a mut [u32],
    gradients: &'a mut [f32],
    log_sums: &'a mut [f32],
    means: &'a mut [f32],
    products: &'a mut [f32],
    of_weights: &'a mut [f32],
    weights: &'a mut [u32],
    slopes: &'a mut [u32],
    paired_slopes: &'a mut [u32],
    rows: &'a mut [f32],
}

impl Task<'_> {
    /// Writes the gradients of the queries, and adds to `sums` those of the keys (but for a factor) and of the values.
    fn run(&self, unit: &Unit, [q, out, d_out]: [View<'_>; 3], sums: &mut [f32], d_q: Room) {
        let shape = self.shape;
        let (units, rows, columns) = (shape.head_units(), shape.head_rows(), shape.head_columns());
        let panels = (QUERY_VALUES / (columns * PANEL)).clamp(1, MOST_PARTS);
        let line = panels * PANEL;
        let lens = [
            line * units,
            line * units,
            line,
            line,
            line / 2 * columns,
            line / 2 * columns,
            line * rows,
            line,
            line,
            KEYS * PANEL,
            KEYS * PANEL,
            panels * TILE,
            panels * TILE,
            TILE,
            PANEL * units.max(rows),
        ];
        with_scratch(lens, |pieces| {
            let [
                queries,
                outputs,
                query_scales,
                output_scales,
                paired_queries,
                paired_outputs,
                gradients,
                log_sums,
                means,
                products,
                of_weights,
                weights,
                slopes,
                paired_slopes,
                rows,
            ] = pieces;
            let mut pieces = Pieces {
                queries: as_units(queries),
                outputs: as_units(outputs),
                query_scales,
                output_scales,
                paired_queries: as_units(paired_queries),
                paired_outputs: as_units(paired_outputs),
                gradients,
                log_sums,
                means,
                products,
                of_weights,
                weights: as_units(weights),
                slopes: as_units(slopes),
                paired_slopes: as_units(paired_slopes),
                rows,
            };
            let (d_keys, d_values) = sums.split_at_mut(shape.keys_held() * columns);
            for first in self.queries.clone().step_by(line) {
                let block = first..(first + line).min(self.queries.end);
                self.pack_queries([q, out, d_out], block.clone(), &mut pieces);
                let panels = block.len().div_ceil(PANEL);
                for tile in shape.tiles() {
                    for panel in 0..panels {
                        self.cross(unit, tile, panel, &mut pieces);
                        self.of_queries(unit, tile, panel, &mut pieces);
                    }
                    self.of_keys(unit, tile, panels, &pieces, [&mut *d_keys, &mut *d_values]);
                }
                self.finish(block, &mut pieces, d_q);
            }
        });
    }

    /// Brings all that belongs to some queries into scratch.
    fn pack_queries(
        &self,
        [q, out, d_out]: [View<'_>; 3],
        block: Range<usize>,
        pieces: &mut Pieces,
    ) {
        let (level, shape) = (self.level, self.shape);
        let (units, columns) = (shape.head_units(), shape.head_columns());
        pieces.gradients.fill(0.0);
        pieces.means.fill(0.0);
        pieces.log_sums.fill(0.0);
        for (panel, first) in block.clone().step_by(PANEL).enumerate() {
            let range = first..(first + PANEL).min(block.end);
            let mut pack = |values: View<'_>,
                            (by_head, scales): (&mut [u32], &mut [f32]),
                            paired: &mut [u32]| {
                let from = tokens(shape, values, shape.queries, self.pair, range.clone());
                let by_row = as_units(&mut pieces.rows[..PANEL * units]);
                rows(level, from, by_row, &mut scales[panel * PANEL..][..PANEL]);
                let to = &mut by_head[panel * PANEL * units..][..PANEL * units];
                turned(level, by_row, [PANEL, units], to, PANEL);
                let to = &mut paired[panel * PANEL / 2 * columns..][..PANEL / 2 * columns];
                by_pair(level, from, to, columns);
            };
            let queries = (&mut *pieces.queries, &mut *pieces.query_scales);
            pack(q, queries, pieces.paired_queries);
            let outputs = (&mut *pieces.outputs, &mut *pieces.output_scales);
            pack(d_out, outputs, pieces.paired_outputs);
            let rows = |values| tokens(shape, values, shape.queries, self.pair, range.clone());
            let means = &mut pieces.means[panel * PANEL..][..range.len()];
            inner_products(level, rows(out), rows(d_out), means);
            for (i, query) in range.enumerate() {
                let log = self.log_sums[self.pair * shape.queries + query];
                pieces.log_sums[panel * PANEL + i] =
                    (f64::from(log) * std::f64::consts::LOG2_E) as f32;
            }
        }
    }

    /// The weights of a tile, and the gradients of its logits.
    fn cross(
        &self,
        unit: &Unit,
        [first, count, held]: [usize; 3],
        panel: usize,
        pieces: &mut Pieces,
    ) {
        let (level, shape) = (self.level, self.shape);
        let units = shape.head_units();
        let key = self.pair * shape.keys_held() + first;
        let [keys, values] = &self.keys.rows;
        let queries = panel * PANEL * units;
        let (products, of_weights) = (
            &mut pieces.products[..held * PANEL],
            &mut pieces.of_weights[..held * PANEL],
        );
        let size = [count, shape.head_size.div_ceil(2), PANEL];
        let cross = |left: &TokenRows, (right, scales): (&[u32], &[f32]), to: &mut [f32]| {
            let of_rows = left.scales_from(key);
            let (left, right) = (&left.units[key * units..], &right[queries..]);
            let product = Product::new((left, units), (right, PANEL), size);
            let product = product.scaled([of_rows, &scales[panel * PANEL..]]);
            product.write(unit, to, PANEL);
        };
        cross(keys, (pieces.queries, pieces.query_scales), products);
        cross(values, (pieces.outputs, pieces.output_scales), of_weights);
        let size = held * PANEL / 2;
        let tile = Tile {
            products,
            keys: count,
            scale: shape.scale(),
        };
        let queries = [&pieces.log_sums, &pieces.means].map(|x| &x[panel * PANEL..]);
        slopes(
            level,
            tile,
            of_weights,
            queries,
            &mut Slopes {
                weights: &mut pieces.weights[panel * TILE..][..size],
                by_key: &mut pieces.slopes[panel * TILE..][..size],
                paired: &mut pieces.paired_slopes[..size],
            },
        );
    }

    /// Adds the products of slopes of a tile to the gradients of the queries of a panel.
    fn of_queries(
        &self,
        unit: &Unit,
        [first, count, held]: [usize; 3],
        panel: usize,
        pieces: &mut Pieces,
    ) {
        let (rows, of_head) = (self.shape.head_rows(), self.shape.keys_held());
        let keys = &self.keys.by_value[(self.pair * of_head + first) * rows / 2..];
        let (left, right) = ((keys, held / 2), (&*pieces.paired_slopes, PANEL));
        let product = Product::new(
            left,
            right,
            [self.shape.head_size, count.div_ceil(2), PANEL],
        );
        let to = &mut pieces.gradients[panel * PANEL * rows..];
        product.add(unit, to, PANEL);
    }

    /// Adds the products of weights and slopes of a tile, of all panels, to the gradients of keys and values.
    fn of_keys(
        &self,
        unit: &Unit,
        [first, count, _]: [usize; 3],
        panels: usize,
        pieces: &Pieces,
        [d_keys, d_values]: [&mut [f32]; 2],
    ) {
        let columns = self.shape.head_columns();
        let of_tiles = |tiles: &[u32], queries: &[u32], to: &mut [f32]| {
            let (left, right) = ((tiles, PANEL / 2), (queries, columns));
            let product = Product::new(left, right, [count, PANEL / 2, self.shape.head_size]);
            let sum = product.summed(panels, [TILE, PANEL / 2 * columns]);
            sum.add(unit, &mut to[first * columns..], columns);
        };
        of_tiles(pieces.weights, pieces.paired_outputs, d_values);
        of_tiles(pieces.slopes, pieces.paired_queries, d_keys);
    }

    /// Writes the gradients of some queries.
    fn finish(&self, block: Range<usize>, pieces: &mut Pieces, d_q: Room) {
        let (d, rows) = (self.shape.head_size, self.shape.head_rows());
        let scale = 1.0 / (d as f32).sqrt();
        for (panel, first) in block.clone().step_by(PANEL).enumerate() {
            let from = Rows {
                values: &pieces.gradients[panel * PANEL * rows..],
                stride: PANEL,
                count: rows,
                width: PANEL,
            };
            turn(self.level, from, pieces.rows, rows);
            let queries = first..(first + PANEL).min(block.end);
            let all = &mut pieces.rows[..queries.len() * rows];
            for value in &mut *all {
                *value *= scale;
            }
            let at = self.shape.offset(self.shape.queries, self.pair, first);
            // SAFETY: this head of these queries is this task's alone.
            unsafe {
                let to = d_q.at(at);
                to.put(self.level, all, [rows, d], self.shape.width());
            }
        }
    }
}
