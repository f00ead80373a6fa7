//! Products of tiles in vector registers.

use super::products::Product;
use crate::kernels::attention::tiles::{Tiles, multiply};
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::product::halves::Halves;
use crate::kernels::product::tile::Wholes;

/// Writes the product to `out`, whose rows are `step` apart, or adds it.
///
/// # Safety
/// Operands, scales and result must have the lengths that the product says.
pub(super) unsafe fn product(level: Level, p: &Product, out: *mut f32, step: usize, add: bool) {
    let tiles = Tiles {
        left: (p.left.0.as_ptr(), p.left.1),
        right: (p.right.0.as_ptr(), p.right.1),
        rows: p.rows,
        depth: p.depth,
        columns: p.columns,
        parts: p.parts,
        apart: p.apart,
        scales: p.scales,
    };
    // SAFETY: passed on.
    unsafe {
        if p.scales.is_some() {
            wholes_at(level, &tiles, out, step, add);
        } else {
            halves_at(level, &tiles, out, step, add);
        }
    }
}

leveled! {
    fn halves_at(p: &Tiles, out: *mut f32, step: usize, add: bool) = halves
}

leveled! {
    fn wholes_at(p: &Tiles, out: *mut f32, step: usize, add: bool) = wholes
}

#[inline(always)]
unsafe fn halves<S: Simd>(p: &Tiles, out: *mut f32, step: usize, add: bool) {
    // SAFETY: passed on.
    unsafe { multiply::<Halves<S>, false, 1>(p, out, step, add) };
}

#[inline(always)]
unsafe fn wholes<S: Simd>(p: &Tiles, out: *mut f32, step: usize, add: bool) {
    // SAFETY: passed on.
    unsafe { multiply::<Wholes<S>, false, 1>(p, out, step, add) };
}
