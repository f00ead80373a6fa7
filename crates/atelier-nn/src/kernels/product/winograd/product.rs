//! The products of all frequencies: blocks of tiles, pieces of the summed dimension, panels.
//!
//! For each of 36 frequencies the left operand has a row for every tile, the right one is a panel of weights.

use std::cell::RefCell;
use std::ops::Range;

use super::super::super::level::TILE_ROWS;
use super::super::super::memory::Shared;
use super::super::packed::Packed;
use super::super::scratch::with_units;
use super::super::tile::{Onto, Piece, Row, Target};
use super::super::units::Units;
use super::super::walk::{Direction, float_panel_at};
use super::grid::Grid;
use super::source::Source;
use super::transforms::{FREQUENCIES, Finish, LINE, LINES, patch_at, tile_at};
use crate::kernels::share::share;

/// Most channels that are summed at a time: what a task reads of weights and patches stays in the caches.
const PIECE: usize = 192;
/// Most tiles of a block. More share the transformed weights, but take more of the caches.
const BLOCK_TILES: usize = 128;
/// Most values that the sums of a block may take: 20 MiB.
const SUMS: usize = 5 << 20;
/// Tasks that a block is cut into at least, where its tiles are enough.
const TASKS: usize = 10;
/// Tiles of a task at least, for which weights are transformed once more.
const TASK_TILES: usize = 48;
/// Tiles whose patches a task writes.
const PATCHES: usize = 4;
/// Added to the distance of frequencies: a multiple of a page would put all of them into the same lines of a cache.
const APART: usize = 16;

/// A convolution to be computed.
pub(super) struct Convolution<'a> {
    weights: &'a Packed,
    direction: Direction,
    grid: Grid,
    from: &'a [f32],
    bias: Option<&'a [f32]>,
    /// Channels that are summed over.
    depth: usize,
    /// Channels of the result.
    pub(super) columns: usize,
    /// Tiles of a block.
    block: usize,
    /// Length of the pieces of the summed dimension.
    piece: usize,
}

/// A block of tiles and a piece of the summed dimension.
#[derive(Clone, Copy)]
struct Block<'a> {
    tiles: &'a Range<usize>,
    piece: &'a Range<usize>,
    /// The frequencies of the patches.
    values: Shared,
    /// Values between frequencies.
    step: usize,
    /// The sums of all panels, where they outlast a piece.
    sums: Option<Shared>,
}

impl Block<'_> {
    /// Where the lines of a tile begin.
    fn line(&self, tile: usize) -> *mut f32 {
        let depth = self.piece.len().next_multiple_of(LINE);
        let row = tile / TILE_ROWS * TILE_ROWS * depth + tile % TILE_ROWS * LINE;
        self.values.at(row)
    }
}

/// What a thread works with.
#[derive(Default)]
struct Room {
    /// A piece of a panel as it is packed, where that must be turned or widened.
    turned: Units,
    /// The frequencies of a piece of a panel.
    weights: Units,
    /// The frequencies of the result, where they do not outlast a piece.
    sums: Units,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

impl<'a> Convolution<'a> {
    pub(super) fn new(
        weights: &'a Packed,
        direction: Direction,
        grid: Grid,
        from: &'a [f32],
        bias: Option<&'a [f32]>,
    ) -> Self {
        let (depth, columns) = match direction {
            Direction::Forward => (weights.depth, weights.columns),
            Direction::Gradient => (weights.columns, weights.depth),
        };
        assert_eq!(from.len(), grid.pixels() * depth, "pixels of the pictures");
        let most = (SUMS / (FREQUENCIES * columns)).clamp(TASK_TILES, BLOCK_TILES);
        let blocks = grid.tiles().div_ceil(most);
        let pieces = depth.div_ceil(PIECE);
        Self {
            weights,
            direction,
            grid,
            from,
            bias,
            depth,
            columns,
            block: grid.tiles().div_ceil(blocks).next_multiple_of(TILE_ROWS),
            // whole panels, so that they can be turned
            piece: depth
                .div_ceil(pieces)
                .next_multiple_of(weights.level.panel()),
        }
    }

    /// Writes the result to `to`.
    pub(super) fn run(&self, to: Shared) {
        let depth = self.piece.min(self.depth).next_multiple_of(LINE);
        let step = self.block * depth + APART;
        let sums = if self.piece < self.depth {
            self.panels() * self.sums()
        } else {
            0
        };
        let zeros = vec![0.0f32; self.depth];
        with_units(FREQUENCIES * step + sums, |units| {
            let values = Shared::from_ptr(units.as_mut_ptr().cast());
            for first in (0..self.grid.tiles()).step_by(self.block) {
                let tiles = first..self.grid.tiles().min(first + self.block);
                for start in (0..self.depth).step_by(self.piece) {
                    let block = Block {
                        tiles: &tiles,
                        piece: &(start..self.depth.min(start + self.piece)),
                        values,
                        step,
                        sums: (sums > 0).then(|| values.from(FREQUENCIES * step)),
                    };
                    self.patches(block, &zeros);
                    self.products(block, to);
                }
            }
        });
    }

    /// Panels of the result's channels.
    fn panels(&self) -> usize {
        self.columns.div_ceil(self.weights.level.panel())
    }

    /// Values between the frequencies of a panel's sums.
    fn sums_step(&self) -> usize {
        self.block * self.weights.level.panel() + APART
    }

    /// Values that the sums of a panel take.
    fn sums(&self) -> usize {
        FREQUENCIES * self.sums_step()
    }

    /// Writes the frequencies of all patches of a block.
    fn patches(&self, block: Block<'_>, zeros: &[f32]) {
        let (start, depth) = (block.piece.start, block.piece.len());
        let fold = match self.direction {
            Direction::Forward => None,
            // they belong to the channels that are summed
            Direction::Gradient => Some(&self.weights.scales[block.piece.clone()]),
        };
        let tiles = &block.tiles;
        share(tiles.len().div_ceil(PATCHES), |part| {
            let fold = fold.map_or(std::ptr::null(), <[f32]>::as_ptr);
            let first = tiles.start + part * PATCHES;
            for tile in first..tiles.end.min(first + PATCHES) {
                let patch = self.grid.patch(self.from, tile, start, zeros);
                let to = block.line(tile - tiles.start);
                // SAFETY: a tile has its own lines for every frequency; pixels and scales have `depth` values.
                unsafe { patch_at(self.weights.level, &patch, fold, depth, to, block.step) };
            }
        });
    }

    /// Multiplies a block with all weights.
    fn products(&self, block: Block<'_>, to: Shared) {
        let (panels, tiles) = (self.panels(), block.tiles.len());
        let parts = TASKS.div_ceil(panels).min(tiles / TASK_TILES).max(1);
        let length = tiles.div_ceil(parts).next_multiple_of(TILE_ROWS);
        let parts = tiles.div_ceil(length);
        share(panels * parts, |task| {
            let first = task % parts * length;
            let tiles = first..tiles.min(first + length);
            ROOM.with_borrow_mut(|room| self.panel(block, tiles, task / parts, room, to));
        });
    }

    /// Multiplies some tiles of a block with a panel.
    fn panel(
        &self,
        block: Block<'_>,
        tiles: Range<usize>,
        panel: usize,
        room: &mut Room,
        to: Shared,
    ) {
        let width = self.weights.level.panel();
        let depth = block.piece.len().next_multiple_of(LINE);
        let step = depth * width + APART;
        let Room {
            turned,
            weights,
            sums,
        } = room;
        weights.grow(FREQUENCIES * step);
        let source = Source {
            weights: self.weights,
            direction: self.direction,
            panel,
            inputs: block.piece.clone(),
        };
        // SAFETY: there is room for every frequency.
        unsafe { source.frequencies(turned, weights.as_mut_ptr().cast(), step) };
        let sums = block.sums.map_or_else(
            || {
                sums.grow(self.sums());
                Shared::from_ptr(sums.as_mut_ptr().cast())
            },
            |all| all.from(panel * self.sums()),
        );
        let rows = tiles.clone().map(|tile| Row {
            from: block.line(tile).cast(),
            to: tile * width,
            scale: 1.0,
        });
        let rows: Vec<Row> = rows.collect();
        for frequency in 0..FREQUENCIES {
            let lines = (0..depth / LINE).map(|line| Piece {
                row: frequency * block.step + line * LINES,
                panel: line * LINE * width,
            });
            let lines: Vec<Piece> = lines.collect();
            let target = Target {
                to: sums.at(frequency * self.sums_step()),
                columns: width,
                column_scales: std::ptr::null(),
                onto: if block.piece.start == 0 {
                    Onto::Nothing
                } else {
                    Onto::Target
                },
            };
            let units = weights.as_ptr().wrapping_add(frequency * step);
            let level = self.weights.level;
            // SAFETY: lines and panel were written over the piece, and these sums are the task's.
            unsafe { float_panel_at(level, &rows, units, &lines, LINE, target) };
        }
        if block.piece.end == self.depth {
            self.finish(block, tiles, panel, sums, to);
        }
    }

    /// Brings the sums of some tiles of a block back to pixels.
    fn finish(
        &self,
        block: Block<'_>,
        tiles: Range<usize>,
        panel: usize,
        sums: Shared,
        to: Shared,
    ) {
        let (level, width) = (self.weights.level, self.weights.level.panel());
        let first = panel * width;
        let finish = Finish {
            columns: width.min(self.columns - first),
            scales: match self.direction {
                Direction::Forward => self.weights.scales[first..].as_ptr(),
                Direction::Gradient => std::ptr::null(),
            },
            bias: self
                .bias
                .map_or(std::ptr::null(), |bias| bias[first..].as_ptr()),
            row: self.grid.width() * self.columns,
            pixel: self.columns,
        };
        for tile in tiles {
            let (pixel, sides) = self.grid.tile(block.tiles.start + tile);
            let to = to.at(pixel * self.columns + first);
            let from = sums.at(tile * width);
            // SAFETY: the sums hold the whole panel; the pixels are the tile's, and the columns the panel's.
            unsafe { tile_at(level, from, self.sums_step(), &finish, to, sides) };
        }
    }
}
