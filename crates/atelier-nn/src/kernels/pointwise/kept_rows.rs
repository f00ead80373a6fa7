//! Rows of numbers in half the memory: 16-bit integers with a scale for each row, which keeps 2⁻¹⁶ of the greatest number
//! of a row, where bf16 keeps 2⁻⁹ of each.

use super::kept::halves;
use super::tasks;
use crate::kernels::level::{Level, Simd, leveled};
use crate::kernels::memory::{Shared, chunk, filled};
use crate::kernels::product::whole::{measure, round};

/// Rows of numbers as whole ones.
#[derive(Debug, Clone)]
pub(crate) struct KeptRows {
    width: usize,
    /// Rows of an even width.
    units: Vec<u16>,
    /// What takes each row back.
    scales: Vec<f32>,
}

impl KeptRows {
    /// Rounds rows of `width` numbers. A row with a number that is not finite comes back as NaN.
    pub(crate) fn new(level: Level, values: &[f32], width: usize) -> Self {
        let width = width.max(1);
        assert!(values.len().is_multiple_of(width), "whole rows");
        let (rows, stride) = (values.len() / width, even(width));
        let mut scales = vec![0.0; rows];
        let to_scales = Shared::of(&mut scales);
        let write = |to: *mut u16, start: usize, count: usize| {
            for i in 0..count / stride {
                let row = start / stride + i;
                let from = values[row * width..][..width].as_ptr();
                // SAFETY: parts are whole rows, each with its own scale.
                unsafe {
                    let scale = round_at(level, to.add(i * stride).cast(), from, width);
                    to_scales.at(row).write(scale);
                }
            }
        };
        let size = chunk(rows, width) * stride;
        // SAFETY: all rows are written.
        let units = unsafe { halves(rows * stride, size.max(1), write) };
        Self {
            width,
            units,
            scales,
        }
    }

    /// The rows as f32.
    pub(crate) fn widened(&self, level: Level) -> Vec<f32> {
        let (rows, width, stride) = (self.scales.len(), self.width, even(self.width));
        let write = |to: Shared| {
            tasks(rows, chunk(rows, width), |start, count| {
                for row in start..start + count {
                    let from = self.units[row * stride..][..width].as_ptr().cast();
                    // SAFETY: tasks have their own rows, all of them inside both buffers.
                    unsafe { widen_at(level, to.at(row * width), from, width, self.scales[row]) };
                }
            });
        };
        // SAFETY: the tasks cover all rows.
        unsafe { filled(rows * width, write) }
    }
}

fn even(width: usize) -> usize {
    width.next_multiple_of(2)
}

leveled! {
    /// Rounds a row, and gives what takes it back.
    ///
    /// # Safety
    /// `from` must hold `width` numbers, `to` as many rounded up to an even count.
    fn round_at(to: *mut i16, from: *const f32, width: usize) -> f32 = round_row
}
leveled! {
    /// Takes a row back.
    ///
    /// # Safety
    /// Both sides must hold `width` numbers.
    fn widen_at(to: *mut f32, from: *const i16, width: usize, scale: f32) = widen_row
}

#[inline(always)]
unsafe fn round_row<S: Simd>(to: *mut i16, from: *const f32, width: usize) -> f32 {
    // SAFETY: passed on from the caller.
    unsafe {
        let extent = measure::<S>(from, std::ptr::null(), width);
        let [factor, back] = extent.factors_of_greatest();
        round::<S>(from, std::ptr::null(), width, factor, to);
        back
    }
}

#[inline(always)]
unsafe fn widen_row<S: Simd>(to: *mut f32, from: *const i16, width: usize, scale: f32) {
    for at in 0..width {
        // SAFETY: the caller promises that both sides hold the numbers.
        unsafe { to.add(at).write(f32::from(from.add(at).read()) * scale) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(values: &[f32], width: usize, level: Level) -> Vec<f32> {
        KeptRows::new(level, values, width).widened(level)
    }

    #[test]
    fn rows_come_back_within_half_a_step_of_their_greatest_number() {
        for level in Level::available() {
            for (rows, width) in [(1, 1), (3, 7), (5, 16), (2, 33), (70, 40), (0, 5)] {
                let values: Vec<f32> = (0..rows * width)
                    .map(|i| (i as f32 * 0.7).cos() * 10f32.powf((i / width % 5 * 6) as f32))
                    .collect();
                let back = back(&values, width, level);
                assert_eq!(back.len(), values.len());
                for (row, back) in values.chunks(width).zip(back.chunks(width)) {
                    let greatest = row.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
                    for (x, y) in row.iter().zip(back) {
                        assert!((x - y).abs() <= 1.7e-5 * greatest, "{x} came back as {y}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_of_zeros_stay_and_what_is_not_finite_spoils_its_row_alone() {
        for level in Level::available() {
            let values = [0.0, 0.0, 0.0, 1.0, f32::INFINITY, 2.0, 3.0, -4.0, 5.0];
            let back = back(&values, 3, level);
            assert_eq!(back[..3], values[..3]);
            assert!(back[3..6].iter().all(|x| x.is_nan()));
            assert!(
                back[6..]
                    .iter()
                    .zip(&values[6..])
                    .all(|(x, y)| (x - y).abs() < 1e-3)
            );
        }
    }
}
