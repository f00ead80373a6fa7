//! The output of attention.

use std::ops::Range;

use super::packed::{TokenRows, as_units, rows, tokens, tokens_by_value, turned};
use super::products::{Product, Unit, with_unit};
use super::weights::{Sums, Tile, weigh};
use super::{KEYS, PANEL, Shape};
use crate::kernels::attention::forward::finish;
use crate::kernels::attention::scratch::{Rows, turn, with_scratch};
use crate::kernels::attention::weights::NO_REFERENCE;
use crate::kernels::level::Level;
use crate::kernels::memory::Shared;
use crate::kernels::pointwise::kept::{Activation, Room, View};
use crate::kernels::share::share;

/// Most panels of queries of a task, which reads every key once.
const PANELS: usize = 4;

/// As [`crate::kernels::attention::forward`], with products of bf16. The output is rounded if the queries are.
pub(crate) fn forward(
    level: Level,
    shape: &Shape,
    [q, k, v]: [View<'_>; 3],
) -> (Activation, Vec<f32>) {
    shape.check_operands([q.len(), k.len(), v.len()]);
    let precision = q.precision();
    let mut log_sums = vec![f32::NEG_INFINITY; shape.pairs() * shape.queries];
    if shape.is_empty() {
        return (Activation::zeros(q.len(), precision), log_sums);
    }
    let logs = Shared::of(&mut log_sums);
    let panels = shape.queries.div_ceil(PANEL);
    let wanted = rayon::current_num_threads() * 4;
    let parts = panels.div_ceil(PANELS).max(wanted / shape.pairs());
    let size = panels.div_ceil(parts) * PANEL;
    let blocks = shape.queries.div_ceil(size);
    let keys = TokenRows::new(level, shape, k);
    let values = tokens_by_value(level, shape, v);
    // SAFETY: the blocks cover all queries of all heads, each once.
    let out = unsafe {
        Activation::filled(q.len(), precision, |out| {
            share(shape.pairs() * blocks, |task| {
                let (pair, block) = (task / blocks, task % blocks);
                let task = Task {
                    level,
                    shape,
                    pair,
                    queries: block * size..((block + 1) * size).min(shape.queries),
                };
                with_unit(level, |unit| task.run(unit, q, (&keys, &values), out, logs));
            });
        })
    };
    (out, log_sums)
}

/// Some queries of one head.
struct Task<'a> {
    level: Level,
    shape: &'a Shape,
    /// Batch and head.
    pair: usize,
    queries: Range<usize>,
}

/// Scratch of a task. Queries and sums lie in panels.
struct Pieces<'a> {
    queries: &'a mut [u32],
    scales: &'a mut [f32],
    sums: &'a mut [f32],
    references: &'a mut [f32],
    weights: &'a mut [f32],
    products: &'a mut [f32],
    paired: &'a mut [u32],
    rows: &'a mut [f32],
}

impl Task<'_> {
    fn run(&self, unit: &Unit, q: View<'_>, keys: (&TokenRows, &[u32]), out: Room, logs: Shared) {
        let (units, rows) = (self.shape.head_units(), self.shape.head_rows());
        let width = self.queries.len().next_multiple_of(PANEL);
        let lens = [
            width * units,
            width,
            width * rows,
            width,
            width,
            KEYS * PANEL,
            KEYS / 2 * PANEL,
            PANEL * units.max(rows),
        ];
        with_scratch(lens, |pieces| {
            let [
                queries,
                scales,
                sums,
                references,
                weights,
                products,
                paired,
                rows,
            ] = pieces;
            let mut pieces = Pieces {
                queries: as_units(queries),
                scales,
                sums,
                references,
                weights,
                products,
                paired: as_units(paired),
                rows,
            };
            self.pack_queries(q, &mut pieces);
            for tile in self.shape.tiles() {
                self.absorb(unit, keys, tile, &mut pieces);
            }
            self.finish(&mut pieces, out, logs);
        });
    }

    /// The queries of every panel.
    fn panels(&self) -> impl Iterator<Item = Range<usize>> {
        let end = self.queries.end;
        let firsts = self.queries.clone().step_by(PANEL);
        firsts.map(move |first| first..(first + PANEL).min(end))
    }

    fn pack_queries(&self, q: View<'_>, pieces: &mut Pieces) {
        let (level, units) = (self.level, self.shape.head_units());
        let panels = pieces.queries.chunks_exact_mut(PANEL * units);
        let scales = pieces.scales.chunks_exact_mut(PANEL);
        for ((range, to), scales) in self.panels().zip(panels).zip(scales) {
            let by_row = as_units(&mut pieces.rows[..PANEL * units]);
            let from = tokens(self.shape, q, self.shape.queries, self.pair, range);
            rows(level, from, by_row, scales);
            turned(level, by_row, [PANEL, units], to, PANEL);
        }
        pieces.sums.fill(0.0);
        pieces.references.fill(NO_REFERENCE);
        pieces.weights.fill(0.0);
    }

    /// Adds some keys to the sums of all queries.
    fn absorb(
        &self,
        unit: &Unit,
        (keys, values): (&TokenRows, &[u32]),
        [first, count, held]: [usize; 3],
        pieces: &mut Pieces,
    ) {
        let (level, shape) = (self.level, self.shape);
        let (units, rows, of_head) = (shape.head_units(), shape.head_rows(), shape.keys_held());
        let used = shape.head_size.div_ceil(2);
        let key = self.pair * of_head + first;
        let (keys, of_keys) = (&keys.units[key * units..], keys.scales_from(key));
        let values = &values[(self.pair * of_head + first) * rows / 2..];
        for index in 0..self.panels().count() {
            let products = &mut pieces.products[..held * PANEL];
            let queries = (&pieces.queries[index * PANEL * units..], PANEL);
            let product = Product::new((keys, units), queries, [count, used, PANEL]);
            let of_queries = &pieces.scales[index * PANEL..];
            let product = product.scaled([of_keys, of_queries]);
            product.write(unit, products, PANEL);
            let paired = &mut pieces.paired[..held / 2 * PANEL];
            let sums = &mut pieces.sums[index * PANEL * rows..][..PANEL * rows];
            let mut so_far = Sums {
                references: &mut pieces.references[index * PANEL..][..PANEL],
                weights: &mut pieces.weights[index * PANEL..][..PANEL],
                values: sums,
            };
            let tile = Tile {
                products,
                keys: count,
                scale: shape.scale(),
            };
            weigh(level, tile, &mut so_far, paired);
            let (left, right) = ((values, held / 2), (&*paired, PANEL));
            let product = Product::new(left, right, [shape.head_size, count.div_ceil(2), PANEL]);
            product.add(unit, sums, PANEL);
        }
    }

    /// Divides the sums of values by the sums of weights, and takes the logs of these.
    fn finish(&self, pieces: &mut Pieces, out: Room, logs: Shared) {
        let (d, rows) = (self.shape.head_size, self.shape.head_rows());
        for (index, range) in self.panels().enumerate() {
            let block = Rows {
                values: &pieces.sums[index * PANEL * rows..],
                stride: PANEL,
                count: rows,
                width: PANEL,
            };
            turn(self.level, block, pieces.rows, rows);
            let all = &mut pieces.rows[..range.len() * rows];
            let offset = self
                .shape
                .offset(self.shape.queries, self.pair, range.start);
            for (i, (query, row)) in range.zip(all.chunks_exact_mut(rows)).enumerate() {
                let at = index * PANEL + i;
                let sums = [pieces.references[at], pieces.weights[at]];
                let log = finish(&mut row[..d], sums);
                // SAFETY: this head of this query is this task's alone.
                unsafe { *logs.at(self.pair * self.shape.queries + query) = log };
            }
            // SAFETY: this head of these queries is this task's alone.
            unsafe {
                let to = out.at(offset);
                to.put(self.level, all, [rows, d], self.shape.width());
            }
        }
    }
}
