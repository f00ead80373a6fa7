//! Buffers that are used again, so that their memory is not cleared by the system for every product.

use std::sync::Mutex;

use super::units::Units;

/// Buffers that nobody uses at the moment.
static IDLE: Mutex<Vec<Units>> = Mutex::new(Vec::new());
/// Most idle buffers that are kept.
const KEPT: usize = 4;

/// Runs `f` with a buffer of at least `count` units, whatever is in them.
pub(super) fn with_units<R>(count: usize, f: impl FnOnce(&mut Units) -> R) -> R {
    let mut units = take(count);
    units.grow(count);
    let result = f(&mut units);
    if let Ok(mut idle) = IDLE.lock()
        && idle.len() < KEPT
    {
        idle.push(units);
    }
    result
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
