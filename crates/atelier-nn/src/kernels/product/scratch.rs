//! Buffers that are used again, so that their memory is not cleared by the system for every product.

use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use super::units::Units;

/// Buffers that nobody uses at the moment.
static IDLE: Mutex<Vec<Units>> = Mutex::new(Vec::new());
/// Most idle buffers that are kept.
const KEPT: usize = 4;

/// A buffer of units, whatever is in them, for as long as this lives.
pub(super) struct Scratch(Units);

impl Scratch {
    /// At least `count` units.
    pub(super) fn new(count: usize) -> Self {
        let mut units = take(count);
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
        if let Ok(mut idle) = IDLE.lock()
            && idle.len() < KEPT
        {
            idle.push(std::mem::take(&mut self.0));
        }
    }
}

/// Runs `f` with a [`Scratch`] of `count` units.
pub(super) fn with_units<R>(count: usize, f: impl FnOnce(&mut Units) -> R) -> R {
    f(&mut Scratch::new(count))
}

/// The smallest idle buffer that is large enough, else the largest.
fn take(count: usize) -> Units {
    let Ok(mut idle) = IDLE.lock() else {
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
