//! What the backward pass of group normalisation makes of its sums over pixels.

use super::{Affine, AffineGradient, GroupNorm, Level, Moments, View, column_sums, loops};
use crate::kernels::memory::Shared;

/// The sums over one image's pixels for one channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    /// Of the gradient before SiLU.
    plain: f64,
    /// Of that gradient times the normalised value.
    weighted: f64,
}

impl GroupNorm {
    /// The sums of every image and channel. With SiLU, `dy` becomes the gradient before it.
    pub(super) fn slopes(
        &self,
        level: Level,
        x: View,
        dy: &mut [f32],
        folded: &[f32],
        moments: &Moments,
    ) -> Vec<Sums> {
        let width = self.channels;
        let to = Shared::of(dy);
        let parts = self.block_sums(2 * width, |[b, start, count], row: &mut [f32]| {
            let at = (b * self.pixels + start) * width;
            let (x, folded) = (x.part(at, count * width), folded[b * 3 * width..].as_ptr());
            let sums = row.as_mut_ptr();
            // SAFETY: blocks have their own pixels, all of them inside the buffer; two rows are summed, three folded.
            unsafe {
                loops::slopes_at(level, x, to.at(at), folded, [count, width], self.silu, sums);
            };
        });
        let size = width / self.groups;
        let images = parts
            .chunks(parts.len() / self.batch)
            .zip(moments.chunks(self.groups));
        let sums_of = |(parts, moments): (&[f32], &[[f64; 2]])| -> Vec<Sums> {
            let sums = column_sums(parts, 2 * width);
            let channel = |c: usize| {
                let [mean, scale] = moments[c / size];
                let last = mean - f64::from(mean as f32);
                // the loops subtract the mean as f32
                let weighted = (sums[width + c] - last * sums[c]) * scale;
                Sums {
                    plain: sums[c],
                    weighted,
                }
            };
            (0..width).map(channel).collect()
        };
        images.flat_map(sums_of).collect()
    }

    /// For every image the rows mean, scale, slope and constant: the gradient of `x` is
    /// `gradient * scale + (x - mean) * slope + constant`.
    pub(super) fn factors(&self, affine: Affine, moments: &Moments, sums: &[Sums]) -> Vec<f32> {
        let (size, count) = (self.channels / self.groups, self.pixels as f64);
        // the means over the group's values of the gradient of the normalised value, and of that times the value
        let means: Vec<[f64; 2]> = sums
            .chunks(size)
            .enumerate()
            .map(|(i, sums)| {
                let gamma = &affine.gamma[i % self.groups * size..];
                let share = |gamma: f32| f64::from(gamma) / (count * size as f64);
                let pairs = || sums.iter().zip(gamma);
                [
                    pairs().map(|(sum, &gamma)| sum.plain * share(gamma)).sum(),
                    pairs()
                        .map(|(sum, &gamma)| sum.weighted * share(gamma))
                        .sum(),
                ]
            })
            .collect();
        self.per_channel(|b, c| {
            let group = b * self.groups + c / size;
            let ([mean, scale], [plain, weighted]) = (moments[group], means[group]);
            let last = mean - f64::from(mean as f32);
            let slope = -scale * scale * weighted;
            let constant = -scale * plain - slope * last;
            let scale = scale * f64::from(affine.gamma[c]);
            [mean as f32, scale as f32, slope as f32, constant as f32]
        })
    }

    /// The gradients of scales and shifts.
    pub(super) fn affine_gradient(&self, sums: &[Sums]) -> AffineGradient {
        let total = |c: usize, of: fn(&Sums) -> f64| {
            sums.iter()
                .skip(c)
                .step_by(self.channels)
                .map(of)
                .sum::<f64>() as f32
        };
        AffineGradient {
            gamma: (0..self.channels)
                .map(|c| total(c, |sums| sums.weighted))
                .collect(),
            beta: (0..self.channels)
                .map(|c| total(c, |sums| sums.plain))
                .collect(),
        }
    }
}
