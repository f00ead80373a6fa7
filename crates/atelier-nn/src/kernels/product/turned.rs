//! Pieces of panels as a product wants them: turned for the gradient of the input, widened where they are held in 8 bits.

use std::cell::RefCell;
use std::ops::Range;

use super::super::level::{Simd, leveled, prefetch};
use super::halves::BLOCK;
use super::packed::{Format, Packed};
use super::units::Units;

impl Packed {
    /// Writes the inputs of `range` of a panel and tap as units of i16.
    ///
    /// # Safety
    /// `to` must hold as many units as the inputs take.
    pub(super) unsafe fn widen_panel(
        &self,
        to: *mut u32,
        panel: usize,
        tap: usize,
        range: Range<usize>,
    ) {
        let width = self.level.panel();
        let within = tap * self.tap_units() + self.units_of(range.start) * width;
        // SAFETY: passed on from the caller; every panel holds all inputs.
        unsafe {
            self.widen(
                panel * self.panel_units() + within,
                self.units_of(range.len()) * width,
                to,
            );
        }
    }

    /// Writes `count` units from unit `from` on.
    ///
    /// # Safety
    /// `to` must hold them.
    unsafe fn widen(&self, from: usize, count: usize, to: *mut u32) {
        let bytes = &self.bytes[2 * from..][..2 * count];
        // SAFETY: passed on from the caller; a unit is two numbers.
        unsafe { widen_at(self.level, bytes, to.cast()) };
    }

    /// Writes the inputs of `range` of a panel and tap of bf16, the first [`BLOCK`] columns and then the next, close together:
    /// in the panel itself they would go to half of the lines of a cache.
    ///
    /// # Safety
    /// `to` must hold as many units as the inputs take.
    pub(super) unsafe fn part_panel(
        &self,
        to: *mut u32,
        panel: usize,
        tap: usize,
        range: Range<usize>,
    ) {
        let (width, count) = (self.level.panel(), self.units_of(range.len()));
        let within = tap * self.tap_units() + self.units_of(range.start) * width;
        let from = self.panel(panel).wrapping_add(within);
        for unit in 0..count {
            for block in 0..width / BLOCK {
                // SAFETY: passed on from the caller; the panel holds all inputs.
                unsafe {
                    let from = from.add(unit * width + block * BLOCK);
                    let to = to.add((block * count + unit) * BLOCK);
                    to.copy_from_nonoverlapping(from, BLOCK);
                }
            }
        }
    }

    /// Writes the panel of inputs from `first` on, for `tap` and the outputs of `range`, with outputs along the panel; with
    /// `parted` as [`Self::part_panel`] does. Both ends of the range are multiples of a panel, or the end of the columns.
    ///
    /// # Safety
    /// `to` must hold as many units as the outputs take, those of whole panels too.
    pub(super) unsafe fn turn(
        &self,
        to: *mut u32,
        tap: usize,
        first: usize,
        range: Range<usize>,
        parted: bool,
    ) {
        let width = self.level.panel();
        let unit = match self.format {
            Format::F32 => 1,
            Format::I16 | Format::Bf16 => 2,
        };
        let (panel_units, units) = (self.panel_units(), width / unit * width);
        let within = tap * self.tap_units() + first / unit * width;
        let (panel, count) = (range.start / width, range.len().div_ceil(width));
        let rest = (self.units_of(range.len()) * width).saturating_sub(count * units);
        // SAFETY: passed on from the caller; what is not of a panel are zeros.
        unsafe { to.add(count * units).write_bytes(0, rest) };
        let together = [width, 2 * self.level.lanes()];
        if self.is_narrow() {
            return WIDE.with_borrow_mut(|wide| {
                wide.grow(count * units);
                for i in 0..count {
                    let from = (panel + i) * panel_units + within;
                    // SAFETY: there is room for `count` times `units`, and the panels hold as many from `from` on.
                    unsafe { self.widen(from, units, wide.as_mut_ptr().add(i * units)) };
                }
                // SAFETY: as below; the panels lie close together here.
                unsafe { turn_wholes_at(self.level, wide.as_ptr(), units, count, to, together) };
            });
        }
        let start = self.panel(panel).wrapping_add(within);
        let steps = if parted {
            [BLOCK, count * units / (width / BLOCK)]
        } else {
            together
        };
        // SAFETY: the panels exist, and every one holds a whole panel of inputs from `first` on.
        unsafe {
            match self.format {
                Format::F32 => turn_floats_at(self.level, start, panel_units, count, to, units),
                Format::I16 | Format::Bf16 => {
                    turn_wholes_at(self.level, start, panel_units, count, to, steps);
                }
            }
        }
    }
}

thread_local! {
    /// Widened pieces of panels that a thread turns.
    static WIDE: RefCell<Units> = RefCell::default();
}

leveled! {
    /// # Safety
    /// `to` must hold as many numbers as there are bytes.
    fn widen_at(bytes: &[i8], to: *mut i16) = widen
}

/// Compiled to sign extension of whole vectors. `S` only says for which instructions.
#[inline(always)]
unsafe fn widen<S: Simd>(bytes: &[i8], to: *mut i16) {
    for (i, &byte) in bytes.iter().enumerate() {
        // SAFETY: promised by the caller.
        unsafe { *to.add(i) = i16::from(byte) };
    }
}

#[inline(always)]
unsafe fn turn_floats<S: Simd>(
    from: *const u32,
    panel_units: usize,
    count: usize,
    to: *mut u32,
    units: usize,
) {
    let width = S::LANES * S::PANEL_VECTORS;
    for panel in 0..count {
        for i in (0..width).step_by(S::LANES) {
            for j in (0..width).step_by(S::LANES) {
                // SAFETY: blocks inside one panel on either side.
                unsafe {
                    let from = from.add(panel * panel_units + i * width + j);
                    S::transpose(from, width, to.add(panel * units + j * width + i), width);
                }
            }
        }
    }
}

/// Rows of the result are `row_step` units apart, its columns of two vectors `block_step`.
#[inline(always)]
unsafe fn turn_wholes<S: Simd>(
    from: *const u32,
    panel_units: usize,
    count: usize,
    to: *mut u32,
    [row_step, block_step]: [usize; 2],
) {
    let width = S::LANES * S::PANEL_VECTORS;
    let mut block = [0u32; 256];
    for panel in 0..count {
        for i in (0..width / 2).step_by(S::LANES) {
            for j in (0..width).step_by(S::LANES) {
                // Pieces of the next panel lie too far away for the processor to expect them.
                let ahead = from.wrapping_add((panel + 1) * panel_units + i * width + j);
                for row in 0..S::LANES {
                    prefetch(ahead.wrapping_add(row * width));
                }
                // SAFETY: blocks inside one panel on either side; a block has at most 16 rows and columns.
                unsafe {
                    let from = from.add(panel * panel_units + i * width + j);
                    S::transpose(from, width, block.as_mut_ptr(), S::LANES);
                    for row in (0..S::LANES).step_by(2) {
                        let low = S::int_load(block.as_ptr().add(row * S::LANES));
                        let high = S::int_load(block.as_ptr().add((row + 1) * S::LANES));
                        let pair_row = (panel * width + j + row) / 2;
                        let to = to.add(pair_row * row_step + i / S::LANES * block_step);
                        let [first, second] = S::zip16(low, high);
                        S::int_store(to, first);
                        S::int_store(to.add(S::LANES), second);
                    }
                }
            }
        }
    }
}

leveled! {
    fn turn_floats_at(from: *const u32, panel_units: usize, count: usize, to: *mut u32, units: usize) = turn_floats
}
leveled! {
    fn turn_wholes_at(from: *const u32, panel_units: usize, count: usize, to: *mut u32, steps: [usize; 2]) = turn_wholes
}
