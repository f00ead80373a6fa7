//! Buffers that are used again, so that their memory is not cleared by the system for every product.

use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use super::units::Units;

/// Buffers that nobody uses at the moment.
static IDLE: Idle = Idle(Mutex::new(Vec::new()));
/// Most idle buffers that are kept.
const KEPT: usize = 4;
/// What a buffer that outlives a release has at most, in bytes: steps have use for it.
const KEPT_BYTES: usize = 1 << 26;

/// A buffer of units, whatever is in them, for as long as this lives.
pub(super) struct Scratch(Units);

impl Scratch {
    /// At least `count` units.
    pub(super) fn new(count: usize) -> Self {
        let mut units = IDLE.take(count);
        units.grow(count);
        Self(units)
    }
}

impl Deref for Scratch {
    type Target = Units;

    fn deref(&self) -> &Units {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Units {
        &mut self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        IDLE.keep(std::mem::take(&mut self.0));
    }
}

/// Runs `f` with a [`Scratch`] of `count` units.
pub(super) fn with_units<R>(count: usize, f: impl FnOnce(&mut Units) -> R) -> R {
    f(&mut Scratch::new(count))
}

/// Gives back the large buffers that products worked in and nobody uses at the moment. What the autoencoder of a full-size base
/// needs is many times what the steps of its denoiser do, and would stay through all of them.
pub fn release_scratch() {
    IDLE.release();
}

/// Some buffers for whoever comes next.
struct Idle(Mutex<Vec<Units>>);

impl Idle {
    /// The smallest buffer that is large enough, else the largest.
    fn take(&self, count: usize) -> Units {
        let Ok(mut idle) = self.0.lock() else {
            return Units::default();
        };
        let fits = |units: &Units| units.bytes() >= count * size_of::<u32>();
        let best = (0..idle.len()).min_by_key(|&i| {
            let bytes = idle[i].bytes();
            if fits(&idle[i]) {
                (false, bytes)
            } else {
                (true, usize::MAX - bytes)
            }
        });
        best.map(|i| idle.swap_remove(i)).unwrap_or_default()
    }

    fn keep(&self, units: Units) {
        if let Ok(mut idle) = self.0.lock()
            && idle.len() < KEPT
        {
            idle.push(units);
        }
    }

    fn release(&self) {
        if let Ok(mut idle) = self.0.lock() {
            idle.retain(|units| units.bytes() <= KEPT_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: usize) -> Units {
        let mut units = Units::default();
        units.grow(count);
        units
    }

    #[test]
    fn the_smallest_that_fits_is_taken_and_no_large_one_outlives_a_release() {
        let idle = Idle(Mutex::new(Vec::new()));
        let sizes = [1 << 16, 1 << 18, (1 << 24) + 16];
        for count in sizes {
            idle.keep(of(count));
        }
        let held = idle.take(1 << 17);
        assert_eq!(held.bytes(), 4 << 18);
        idle.keep(held);
        let large = idle.take(1 << 25);
        assert_eq!(large.bytes(), 4 * sizes[2]);
        idle.keep(large);
        idle.release();
        assert_eq!(idle.take(1 << 25).bytes(), 4 << 18);
    }
}
