//! Products of pairs of bf16 by the matrix unit of x86.
//!
//! Rows come in strips of sixteen, two of which meet 32 columns of the panel at a time. These columns stay in a near cache
//! while the strips of some rows pass.

mod strip;

use std::cell::RefCell;
use std::ops::Range;

use super::super::super::level::amx;
use super::super::tile::{Onto, Piece, Row, Target};
use super::super::units::Units;
use super::{BLOCK, LINE, Panel};
use strip::{Strip, arranged};

const _: () = assert!(BLOCK == amx::BLOCK_COLUMNS, "columns of the unit");

/// Rows that pass one set of columns: whole pairs of strips of any side.
const ROWS: usize = 256;
/// Units of a tap that are summed before the next tap.
const TAP_UNITS: usize = 2 * LINE;
/// Units between gathered rows beyond their own: a multiple of a page would put all of them into the same lines of a cache.
const APART: usize = 16;

/// What a thread works with.
#[derive(Default)]
struct Room {
    /// Rows that do not lie evenly, brought together.
    gathered: Units,
    /// The pieces of pairs with such rows, for one pair of strips after the other.
    pieces: Vec<amx::Piece>,
    /// Sums that do not go to their place at once.
    sums: Units,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

/// Rows in strips, ready for products with the panels of some weights.
pub(super) struct Strips<'a> {
    /// Rows of a strip.
    side: usize,
    /// An even number of strips, the last of which may be empty.
    all: Vec<Strip<'a>>,
    /// The pieces of the summed dimension, and units of each.
    pieces: &'a [Piece],
    depth: usize,
    /// Units between those of a panel.
    panel_step: usize,
    /// The pieces as the matrix unit takes them, where rows lie evenly.
    even: Vec<amx::Piece>,
}

impl<'a> Strips<'a> {
    pub(super) fn new(
        rows: &'a [Row],
        pieces: &'a [Piece],
        depth: usize,
        panel_step: usize,
    ) -> Self {
        debug_assert!(depth.is_multiple_of(LINE), "whole lines of units");
        let (side, mut all) = arranged(rows, pieces.len() * depth / LINE);
        if !all.len().is_multiple_of(2) {
            all.push(Strip::empty());
        }
        let mut strips = Self {
            side,
            all,
            pieces,
            depth,
            panel_step,
            even: Vec::new(),
        };
        strips.even = strips.pieces_of([false; 2]).collect();
        strips
    }

    /// The products of all rows with one panel.
    ///
    /// # Safety
    /// As [`super::half_panel_at`]; the processor must have the unit, and there must be something to sum over.
    pub(super) unsafe fn multiply(&self, panel: Panel, target: Target<'_>) {
        ROOM.with_borrow_mut(|room| {
            // SAFETY: passed on from the caller.
            unsafe {
                amx::with_unit(self.side, || {
                    for strips in self.all.chunks(ROWS / self.side) {
                        self.multiply_some(strips, panel, target, room);
                    }
                });
            }
        });
    }

    /// # Safety
    /// As [`Self::multiply`], inside [`amx::with_unit`].
    unsafe fn multiply_some(
        &self,
        strips: &[Strip<'a>],
        panel: Panel,
        target: Target<'_>,
        room: &mut Room,
    ) {
        let Room {
            gathered,
            pieces,
            sums,
        } = room;
        sums.grow(SUMS);
        // SAFETY: passed on from the caller.
        let pairs = unsafe { self.pairs(strips, panel.units, gathered, pieces) };
        for first in (0..target.columns).step_by(BLOCK) {
            for pair in &pairs {
                let place = Place {
                    strips: pair.strips,
                    target,
                    first,
                    apart: sums.as_mut_ptr().cast(),
                };
                let (onto, to) = place.strips();
                let its = pair.pieces.clone();
                let ends = its.map_or(&*self.even, |its| &pieces[its]).as_ptr_range();
                let columns = first / BLOCK * panel.block_step;
                let block = amx::Block {
                    left: pair.left,
                    panel: panel.units.wrapping_add(columns),
                    panel_step: self.panel_step * size_of::<u32>(),
                    pieces: ends.start,
                    pieces_end: ends.end,
                    onto,
                    to,
                };
                // SAFETY: passed on from the caller; what is gathered or summed apart has room for whole strips.
                unsafe {
                    if pair.strips[1].rows.is_empty() {
                        amx::multiply::<false>(&block);
                    } else {
                        amx::multiply::<true>(&block);
                    }
                    place.put();
                }
            }
        }
    }

    /// The strips in pairs. Rows that do not lie evenly are gathered; strips without rows read from `nothing`.
    ///
    /// # Safety
    /// As [`Self::multiply`].
    unsafe fn pairs<'s>(
        &self,
        strips: &'s [Strip<'a>],
        nothing: *const u32,
        gathered: &mut Units,
        pieces: &mut Vec<amx::Piece>,
    ) -> Vec<Pair<'s, 'a>> {
        pieces.clear();
        let step = self.pieces.len() * self.depth + APART;
        let count = strips.iter().filter(|strip| strip.is_uneven()).count();
        gathered.grow(count * self.side * step);
        let mut room = gathered.as_mut_ptr();
        let mut place = |strip: &Strip| {
            if !strip.is_uneven() {
                return strip
                    .even
                    .map_or((nothing, 0), |even| (even.first, even.step));
            }
            let to = room;
            room = room.wrapping_add(self.side * step);
            // SAFETY: passed on from the caller; there is room for every strip that is uneven.
            unsafe { self.gather(strip, to, step) };
            (to.cast_const(), step * size_of::<u32>())
        };
        let (pairs, _) = strips.as_chunks::<2>();
        let pair = |strips: &'s [Strip<'a>; 2]| {
            let [first, second] = strips.each_ref().map(&mut place);
            let uneven = strips.each_ref().map(Strip::is_uneven);
            let start = pieces.len();
            if uneven != [false; 2] {
                pieces.extend(self.pieces_of(uneven));
            }
            Pair {
                strips,
                left: amx::Strips {
                    first: [first.0, second.0],
                    step: [first.1, second.1],
                },
                pieces: (uneven != [false; 2]).then_some(start..pieces.len()),
            }
        };
        pairs.iter().map(pair).collect()
    }

    /// The pieces as the matrix unit takes them, for strips whose rows are gathered or not.
    fn pieces_of(&self, gathered: [bool; 2]) -> impl Iterator<Item = amx::Piece> {
        // taps next to each other read the same pixels: a few lines at a time, so that these stay in the first cache
        let length = if self.pieces.len() == 1 {
            self.depth
        } else {
            TAP_UNITS.min(self.depth)
        };
        let starts = (0..self.depth).step_by(length.max(1));
        starts.flat_map(move |from| {
            let pieces = self.pieces.iter().enumerate();
            pieces.map(move |(i, piece)| amx::Piece {
                left: gathered.map(|is_gathered| {
                    let units = if is_gathered {
                        i * self.depth
                    } else {
                        piece.row
                    };
                    (units + from) * size_of::<u32>()
                }),
                panel: (piece.panel + from * self.panel_step) * size_of::<u32>(),
                lines: length.min(self.depth - from) / LINE,
            })
        })
    }

    /// Brings the rows of a strip together, all pieces of a row one behind the other and zeros for rows that are not there.
    ///
    /// # Safety
    /// As [`Self::multiply`]; `to` must hold the rows of a strip, `step` units apart.
    unsafe fn gather(&self, strip: &Strip<'_>, to: *mut u32, step: usize) {
        for index in 0..self.side {
            let to = to.wrapping_add(index * step);
            // SAFETY: there is room for the rows of a strip; the caller promises those of the operand.
            unsafe {
                match strip.rows.get(index) {
                    Some(row) => {
                        for (i, piece) in self.pieces.iter().enumerate() {
                            let from = row.from.wrapping_add(piece.row);
                            let to = to.add(i * self.depth);
                            to.copy_from_nonoverlapping(from, self.depth);
                        }
                    }
                    None => to.write_bytes(0, self.pieces.len() * self.depth),
                }
            }
        }
    }
}

/// Two strips, the second of which may be empty.
struct Pair<'s, 'a> {
    strips: &'s [Strip<'a>; 2],
    left: amx::Strips<*const u32>,
    /// Where its pieces lie, unless its rows lie evenly.
    pieces: Option<Range<usize>>,
}

/// Values of the sums of a pair of strips.
const SUMS: usize = 2 * amx::SIDE * amx::BLOCK_COLUMNS;

/// Where the sums of a pair of strips go, for the columns of a block from `first` on.
struct Place<'a> {
    strips: &'a [Strip<'a>; 2],
    target: Target<'a>,
    first: usize,
    /// Sums of strips that are put to their place afterwards.
    apart: *mut f32,
}

impl Place<'_> {
    /// Columns that exist.
    fn columns(&self) -> usize {
        (self.target.columns - self.first).min(amx::BLOCK_COLUMNS)
    }

    /// The distance of rows where the sums of a strip can go to their place at once.
    fn direct(&self, strip: &Strip<'_>) -> Option<usize> {
        strip
            .to_step
            .filter(|_| self.columns() == amx::BLOCK_COLUMNS)
    }

    fn at(&self, row: &Row) -> *mut f32 {
        self.target.to.wrapping_add(row.to + self.first)
    }

    fn apart(&self, strip: usize) -> *mut f32 {
        self.apart.wrapping_add(strip * SUMS / 2)
    }

    /// What the sums of both strips are added to, where that is anything, and where they go.
    fn strips(&self) -> (amx::Strips<*const f32>, amx::Strips<*mut f32>) {
        let mut onto = amx::Strips {
            first: [std::ptr::null(); 2],
            step: [0; 2],
        };
        let mut to = amx::Strips {
            first: [self.apart(0), self.apart(1)],
            step: [amx::BLOCK_COLUMNS * size_of::<f32>(); 2],
        };
        for (i, strip) in self.strips.iter().enumerate() {
            let Some(step) = self.direct(strip) else {
                continue;
            };
            (to.first[i], to.step[i]) = (self.at(&strip.rows[0]), step);
            (onto.first[i], onto.step[i]) = match self.target.onto {
                Onto::Nothing => (std::ptr::null(), 0),
                // the same row for all rows
                Onto::Row(row) => (row[self.first..].as_ptr(), 0),
                Onto::Target => (to.first[i].cast_const(), step),
            };
        }
        (onto, to)
    }

    /// Brings sums to their place that did not go there at once.
    ///
    /// # Safety
    /// As [`Strips::multiply`].
    unsafe fn put(&self) {
        let columns = self.columns();
        for (i, strip) in self.strips.iter().enumerate() {
            if self.direct(strip).is_some() {
                continue;
            }
            for (index, row) in strip.rows.iter().enumerate() {
                // SAFETY: the sums of a strip have as many rows; the caller promises the target's columns.
                unsafe {
                    let sums = self.apart(i).add(strip.slot(index) * amx::BLOCK_COLUMNS);
                    let sums = std::slice::from_raw_parts(sums, columns);
                    // nothing may have been written there yet, so that it is no slice
                    let to = self.at(row);
                    match self.target.onto {
                        Onto::Nothing => to.copy_from_nonoverlapping(sums.as_ptr(), columns),
                        Onto::Row(row) => {
                            let onto = &row[self.first..][..columns];
                            for (i, (sum, onto)) in sums.iter().zip(onto).enumerate() {
                                to.add(i).write(sum + onto);
                            }
                        }
                        Onto::Target => {
                            for (i, sum) in sums.iter().enumerate() {
                                *to.add(i) += sum;
                            }
                        }
                    }
                }
            }
        }
    }
}
