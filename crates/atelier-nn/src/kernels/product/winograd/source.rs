//! Weights as they are packed, read a piece at a time and transformed.

use std::ops::Range;

use super::super::packed::Packed;
use super::super::units::Units;
use super::super::walk::Direction;
use super::transforms::{LINE, TAPS, weight_at};

/// A piece of a panel.
pub(super) struct Source<'a> {
    pub(super) weights: &'a Packed,
    pub(super) direction: Direction,
    /// Of the result's channels.
    pub(super) panel: usize,
    /// Channels that are summed. They begin with a whole panel, and end with one or with the last channel.
    pub(super) inputs: Range<usize>,
}

impl Source<'_> {
    /// Writes the frequencies, as panels of f32 with zeros up to a whole line of inputs.
    ///
    /// # Safety
    /// `to` must hold them, `step` values apart.
    pub(super) unsafe fn frequencies(&self, turned: &mut Units, to: *mut f32, step: usize) {
        let weights = self.weights;
        let taps = if self.direction == Direction::Forward && !weights.is_narrow() {
            let start = weights.units_of(self.inputs.start) * weights.level.panel();
            let first = weights.panel(self.panel).wrapping_add(start);
            std::array::from_fn(|tap| first.wrapping_add(tap * weights.tap_units()))
        } else {
            self.prepared(turned)
        };
        let pairs = self.inputs.len().next_multiple_of(LINE) / 2;
        // SAFETY: every tap holds the pairs, since inputs are held up to whole panels; the rest is the caller's promise.
        unsafe { weight_at(weights.level, &taps, pairs, to, step) };
    }

    /// Where every tap begins, after it was turned or widened.
    fn prepared(&self, turned: &mut Units) -> [*const u32; TAPS] {
        let weights = self.weights;
        let width = weights.level.panel();
        let held = self.inputs.start..self.inputs.start + self.inputs.len().next_multiple_of(width);
        let room = weights.units_of(held.len()) * width;
        turned.grow(TAPS * room);
        let first = turned.as_mut_ptr();
        std::array::from_fn(|tap| {
            let to = first.wrapping_add(tap * room);
            // SAFETY: there is room for every tap; the panel exists, and holds its inputs up to whole panels.
            unsafe {
                match self.direction {
                    Direction::Forward => weights.widen_panel(to, self.panel, tap, held.clone()),
                    // the gradient is a convolution with the kernel turned by half a turn
                    Direction::Gradient => {
                        let inputs = self.inputs.clone();
                        weights.turn(to, TAPS - 1 - tap, self.panel * width, inputs, false);
                    }
                }
            }
            to.cast_const()
        })
    }
}
