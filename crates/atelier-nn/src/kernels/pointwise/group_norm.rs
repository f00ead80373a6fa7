//! Group normalisation with a scale and shift per channel, optionally followed by SiLU.
//!
//! `b` images, `p` pixels, `c` channels, `g` groups. The moments of a group become a scale and a shift of every channel,
//! so that all loops run along channels, whatever the size of a group.

mod loops;
mod sums;

use super::kept::{Activation, Precision, Room, View, halves};
use super::{Affine, AffineGradient, block_rows, column_sums, tasks};
use crate::kernels::level::Level;
use crate::kernels::memory::{Shared, chunk};
use crate::kernels::share::share_each;

/// The sizes and options of one normalisation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupNorm {
    /// Images.
    pub(crate) batch: usize,
    /// Pixels of one image.
    pub(crate) pixels: usize,
    /// Channels.
    pub(crate) channels: usize,
    /// Groups; they divide the channels.
    pub(crate) groups: usize,
    /// Added to the variance.
    pub(crate) eps: f64,
    /// Whether SiLU follows.
    pub(crate) silu: bool,
}

/// Mean and reciprocal standard deviation of every group of every image, `[b, g]`. In f64, since a mean far from zero
/// would lose the digits that matter.
pub(crate) type Moments = Vec<[f64; 2]>;

impl GroupNorm {
    /// The result, and the moments for the backward pass.
    ///
    /// # Shapes
    /// - `x`: `[b, p, c]`
    /// - returns: the same, as `precision` says
    pub(crate) fn forward(
        &self,
        level: Level,
        x: &[f32],
        affine: Affine,
        precision: Precision,
    ) -> (Activation, Moments) {
        self.check(x.len(), affine);
        let moments = self.measure(level, x);
        let folded = self.folded(affine, &moments);
        let (width, image) = (self.channels, self.pixels * self.channels);
        let write = |to: Room| {
            self.each_block(|b, start, count| {
                let at = b * image + start * width;
                let (from, folded) = (x[at..].as_ptr(), folded[b * 3 * width..].as_ptr());
                // SAFETY: blocks have their own pixels, all of them inside both buffers; three rows are folded.
                unsafe {
                    loops::normalise_at(level, to.at(at), from, folded, [count, width], self.silu);
                };
            });
        };
        // SAFETY: the blocks cover all values.
        let y = unsafe { Activation::filled(x.len(), precision, write) };
        (y, moments)
    }

    /// What the backward pass needs of `x` in half the memory: `x` less its groups' means, rounded to bf16, and the
    /// moments of that. Rounding `x` itself would leave few digits where a mean is far from zero.
    pub(crate) fn keep_rounded(
        &self,
        level: Level,
        x: &[f32],
        moments: &Moments,
    ) -> (Vec<u16>, Moments) {
        let expected = self.batch * self.pixels * self.channels;
        assert_eq!(
            x.len(),
            expected,
            "values of all images, pixels and channels"
        );
        assert_eq!(
            moments.len(),
            self.batch * self.groups,
            "moments of every group"
        );
        let width = self.channels;
        let near = |mean: f64| f64::from(mean as f32);
        let means = self
            .per_channel(|b, c| [moments[b * self.groups + c / (width / self.groups)][0] as f32]);
        let write = |to: *mut u16, start: usize, count: usize| {
            for (i, row) in x[start..start + count].chunks_exact(width).enumerate() {
                let image = (start / width + i) / self.pixels;
                let means = means[image * width..].as_ptr();
                // SAFETY: parts are whole rows, and so are the means.
                unsafe { loops::centre_at(level, to.add(i * width), row, means) };
            }
        };
        let rows = chunk(self.batch * self.pixels, width);
        // SAFETY: all rows are written.
        let kept = unsafe { halves(x.len(), rows * width, write) };
        let rest = moments
            .iter()
            .map(|&[mean, scale]| [mean - near(mean), scale]);
        (kept, rest.collect())
    }

    /// Turns the gradient `dy` of the result into that of `x`; also gives that of the scales and shifts if `wanted`.
    ///
    /// # Shapes
    /// - `x`, `dy`: `[b, p, c]`
    pub(crate) fn backward(
        &self,
        level: Level,
        (x, moments): (View, &Moments),
        affine: Affine,
        dy: &mut [f32],
        wanted: bool,
    ) -> Option<AffineGradient> {
        self.check(x.len(), affine);
        assert_eq!(x.len(), dy.len(), "a gradient has the size of its values");
        assert_eq!(
            moments.len(),
            self.batch * self.groups,
            "moments of every group"
        );
        let folded = self.folded(affine, moments);
        let sums = self.slopes(level, x, dy, &folded, moments);
        let factors = self.factors(affine, moments, &sums);
        let (width, image) = (self.channels, self.pixels * self.channels);
        let to = Shared::of(dy);
        self.each_block(|b, start, count| {
            let at = b * image + start * width;
            let x = x.part(at, count * width);
            // SAFETY: blocks have their own pixels, all of them inside the buffer; four rows are folded.
            unsafe {
                let factors = factors[b * 4 * width..].as_ptr();
                loops::finish_at(level, to.at(at), x, factors, [count, width]);
            };
        });
        wanted.then(|| self.affine_gradient(&sums))
    }

    fn check(&self, len: usize, affine: Affine) {
        let expected = self.batch * self.pixels * self.channels;
        assert_eq!(len, expected, "values of all images, pixels and channels");
        assert_eq!(self.channels % self.groups, 0, "groups of one size");
        assert_eq!(affine.gamma.len(), self.channels, "a scale per channel");
        assert_eq!(affine.beta.len(), self.channels, "a shift per channel");
    }

    /// Runs `work(image, first pixel, pixels)` for every block of pixels.
    fn each_block(&self, work: impl Fn(usize, usize, usize) + Send + Sync) {
        let size = block_rows(self.pixels, self.channels);
        let blocks = self.pixels.div_ceil(size);
        tasks(self.batch * blocks, 1, |i, _| {
            let start = i % blocks * size;
            work(i / blocks, start, size.min(self.pixels - start));
        });
    }

    /// For every image and block, one row of `width` values that `work(image, first pixel, pixels, row)` fills.
    fn block_sums<T: Copy + Default + Send + Sync>(
        &self,
        width: usize,
        work: impl Fn([usize; 3], &mut [T]) + Send + Sync,
    ) -> Vec<T> {
        let size = block_rows(self.pixels, self.channels);
        let blocks = self.pixels.div_ceil(size);
        let mut rows = vec![T::default(); self.batch * blocks * width];
        share_each(rows.chunks_mut(width), |i, row| {
            let start = i % blocks * size;
            work([i / blocks, start, size.min(self.pixels - start)], row);
        });
        rows
    }

    fn measure(&self, level: Level, x: &[f32]) -> Moments {
        let width = self.channels;
        // mean and sum of squared deviations of every group
        let parts = self.block_sums(self.groups, |[b, start, count], row: &mut [[f64; 2]]| {
            let mut sums = vec![0.0; 3 * width];
            let x = &x[(b * self.pixels + start) * width..][..count * width];
            // SAFETY: three rows of sums, and the block's pixels.
            unsafe { loops::measure_at(level, x.as_ptr(), [count, width], sums.as_mut_ptr()) };
            gather(&sums, count, row);
        });
        let size = block_rows(self.pixels, width);
        let blocks = self.pixels.div_ceil(size);
        let weight = |i: usize| size.min(self.pixels - i * size) as f64 / self.pixels as f64;
        let moments_of = |b: usize, g: usize| {
            let part = |i: usize| parts[(b * blocks + i) * self.groups + g];
            let mean: f64 = (0..blocks).map(|i| weight(i) * part(i)[0]).sum();
            let apart = |i: usize| weight(i) * (part(i)[0] - mean).powi(2);
            let values = (self.pixels * (width / self.groups)) as f64;
            let variance: f64 = (0..blocks).map(|i| part(i)[1] / values + apart(i)).sum();
            [mean, 1.0 / (variance + self.eps).sqrt()]
        };
        let groups = 0..self.batch * self.groups;
        groups
            .map(|i| moments_of(i / self.groups, i % self.groups))
            .collect()
    }

    /// For every image the rows mean, scale and shift: `(x - mean) * scale + shift` is what SiLU gets.
    fn folded(&self, affine: Affine, moments: &Moments) -> Vec<f32> {
        let size = self.channels / self.groups;
        self.per_channel(|b, c| {
            let [mean, scale] = moments[b * self.groups + c / size];
            let near = mean as f32;
            let scale = scale * f64::from(affine.gamma[c]);
            // the mean's last digits are in the shift, because differences from f32 are exact
            let shift = f64::from(affine.beta[c]) - (mean - f64::from(near)) * scale;
            [near, scale as f32, shift as f32]
        })
    }

    /// For every image `N` rows with what `values(image, channel)` gives.
    fn per_channel<const N: usize>(&self, values: impl Fn(usize, usize) -> [f32; N]) -> Vec<f32> {
        let width = self.channels;
        let mut rows = vec![0.0; self.batch * N * width];
        for (b, rows) in rows.chunks_mut(N * width).enumerate() {
            for c in 0..width {
                for (n, value) in values(b, c).into_iter().enumerate() {
                    rows[n * width + c] = value;
                }
            }
        }
        rows
    }
}

/// Mean and sum of squared deviations of every group, from the rows that `loops::measure_at` wrote for `count` pixels.
fn gather(sums: &[f32], count: usize, groups: &mut [[f64; 2]]) {
    let (width, count) = (sums.len() / 3, count as f64);
    let (shifts, sums) = sums.split_at(width);
    let (sums, squares) = sums.split_at(width);
    let size = width / groups.len();
    for (g, group) in groups.iter_mut().enumerate() {
        let channels = g * size..(g + 1) * size;
        let mean_of = |c: usize| f64::from(shifts[c]) + f64::from(sums[c]) / count;
        let mean = channels.clone().map(mean_of).sum::<f64>() / size as f64;
        let spread = |c: usize| {
            let (sum, square) = (f64::from(sums[c]), f64::from(squares[c]));
            square - sum * sum / count + count * (mean_of(c) - mean).powi(2)
        };
        *group = [mean, channels.map(spread).sum()];
    }
}
