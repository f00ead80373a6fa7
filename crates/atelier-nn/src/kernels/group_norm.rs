//! Group normalisation, optionally followed by `SiLU`, in one pass each way.

use super::activation::silu;
use super::gemm::first_lanes;
use super::memory::{Shared, chunk, filled};
use rayon::prelude::*;
use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_mask_storeu_ps,
    _mm512_maskz_loadu_ps, _mm512_maskz_sub_ps, _mm512_mul_ps, _mm512_reduce_add_ps,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_sub_ps,
};

/// The sizes and options of one normalisation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Norm {
    pub(super) batch: usize,
    pub(super) channels: usize,
    /// Pixels of one channel.
    pub(super) area: usize,
    pub(super) groups: usize,
    pub(super) eps: f32,
    pub(super) silu: bool,
}

/// Mean and reciprocal standard deviation of every group of every image.
pub(super) type Moments = Vec<[f32; 2]>;

/// The gradients of input, scale and shift.
pub(super) struct Gradients {
    pub(super) x: Vec<f32>,
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
}

impl Norm {
    fn group_channels(&self) -> usize {
        self.channels / self.groups
    }

    fn size(&self) -> usize {
        self.group_channels() * self.area
    }

    /// Runs `f(index, &mut state)` for every group of every image, `states` holding one state for each.
    fn each_group<T: Send>(&self, states: &mut [T], f: impl Fn(usize, &mut T) + Sync) {
        let size = chunk(states.len(), self.size());
        states
            .par_chunks_mut(size)
            .enumerate()
            .for_each(|(i, states)| {
                for (j, state) in states.iter_mut().enumerate() {
                    f(i * size + j, state);
                }
            });
    }
}

/// The normalised images, and the moments for the backward pass.
pub(super) fn forward(norm: &Norm, x: &[f32], gamma: &[f32], beta: &[f32]) -> (Vec<f32>, Moments) {
    let mut moments = vec![[0.0; 2]; norm.batch * norm.groups];
    let (size, group) = (norm.size(), norm.group_channels());
    let run = |to: Shared| {
        norm.each_group(&mut moments, |index, state| {
            let x = &x[index * size..][..size];
            let first = index % norm.groups * group;
            // SAFETY: only reached when the CPU has AVX-512; the group's values are its own.
            unsafe {
                *state = measure(x, norm.eps);
                for c in 0..group {
                    let values = &x[c * norm.area..][..norm.area];
                    let to = to.at(index * size + c * norm.area);
                    normalise(
                        to,
                        values,
                        *state,
                        [gamma[first + c], beta[first + c]],
                        norm.silu,
                    );
                }
            }
        });
    };
    // SAFETY: the groups cover all values.
    let y = unsafe { filled(x.len(), run) };
    (y, moments)
}

/// The backward pass.
pub(super) fn backward(
    norm: &Norm,
    x: &[f32],
    [gamma, beta]: [&[f32]; 2],
    moments: &[[f32; 2]],
    dy: &[f32],
) -> Gradients {
    let (size, group) = (norm.size(), norm.group_channels());
    // per image and channel: the sums of the slope and of slope times normalised value
    let mut sums = vec![[0.0f32; 2]; norm.batch * norm.channels];
    let mut states: Vec<&mut [[f32; 2]]> = sums.chunks_mut(group).collect();
    let run = |to: Shared| {
        norm.each_group(&mut states, |index, sums| {
            let first = index % norm.groups * group;
            let [mean, scale] = moments[index];
            let mut total = [0.0f32; 2];
            for (c, sum) in sums.iter_mut().enumerate() {
                let at = index * size + c * norm.area;
                let factors = [gamma[first + c], beta[first + c]];
                let (x, dy) = (&x[at..][..norm.area], &dy[at..][..norm.area]);
                // SAFETY: only reached when the CPU has AVX-512; the group's values are its own.
                *sum = unsafe { slopes(to.at(at), x, dy, [mean, scale], factors, norm.silu) };
                total = [
                    total[0] + factors[0] * sum[0],
                    total[1] + factors[0] * sum[1],
                ];
            }
            let means = total.map(|sum| sum / size as f32);
            for c in 0..group {
                let at = index * size + c * norm.area;
                // SAFETY: as above; the slopes were written just now.
                unsafe {
                    finish(
                        to.at(at),
                        &x[at..][..norm.area],
                        [mean, scale],
                        gamma[first + c],
                        means,
                    );
                };
            }
        });
    };
    // SAFETY: the groups cover all values.
    let dx = unsafe { filled(x.len(), run) };
    let sum_of = |part: usize| {
        (0..norm.channels)
            .map(|c| {
                sums.iter()
                    .skip(c)
                    .step_by(norm.channels)
                    .map(|sum| sum[part])
                    .sum()
            })
            .collect()
    };
    Gradients {
        x: dx,
        gamma: sum_of(1),
        beta: sum_of(0),
    }
}

/// Mean and reciprocal standard deviation.
///
/// # Safety
/// The CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn measure(x: &[f32], eps: f32) -> [f32; 2] {
    let count = x.len() as f32;
    let mut sums = [_mm512_setzero_ps(); 4];
    for x in x.chunks(64) {
        for (x, sum) in x.chunks(16).zip(&mut sums) {
            // SAFETY: the mask keeps the read inside the chunk.
            *sum = _mm512_add_ps(*sum, unsafe {
                _mm512_maskz_loadu_ps(first_lanes(x.len()), x.as_ptr())
            });
        }
    }
    let mean = total(sums) / count;
    let mut sums = [_mm512_setzero_ps(); 4];
    for x in x.chunks(64) {
        for (x, sum) in x.chunks(16).zip(&mut sums) {
            let mask = first_lanes(x.len());
            // SAFETY: as above.
            let x = unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr()) };
            let d = _mm512_maskz_sub_ps(mask, x, _mm512_set1_ps(mean));
            *sum = _mm512_fmadd_ps(d, d, *sum);
        }
    }
    [mean, 1.0 / (total(sums) / count + eps).sqrt()]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn total(sums: [__m512; 4]) -> f32 {
    _mm512_reduce_add_ps(_mm512_add_ps(
        _mm512_add_ps(sums[0], sums[1]),
        _mm512_add_ps(sums[2], sums[3]),
    ))
}

/// Writes one normalised channel.
///
/// # Safety
/// `to` must hold as many values as `x`; the CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn normalise(
    to: *mut f32,
    x: &[f32],
    [mean, scale]: [f32; 2],
    [gamma, beta]: [f32; 2],
    with_silu: bool,
) {
    let (mean, scale, beta) = (
        _mm512_set1_ps(mean),
        _mm512_set1_ps(scale * gamma),
        _mm512_set1_ps(beta),
    );
    for (i, x) in x.chunks(16).enumerate() {
        let mask = first_lanes(x.len());
        // SAFETY: the mask keeps both accesses inside the chunk.
        unsafe {
            let u = _mm512_fmadd_ps(
                _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x.as_ptr()), mean),
                scale,
                beta,
            );
            _mm512_mask_storeu_ps(to.add(i * 16), mask, if with_silu { silu(u).0 } else { u });
        }
    }
}

/// Writes the gradient in front of the activation of one channel, and sums it alone and times the normalised value.
///
/// # Safety
/// `to` must hold as many values as `x` and `dy`; the CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn slopes(
    to: *mut f32,
    x: &[f32],
    dy: &[f32],
    [mean, scale]: [f32; 2],
    [gamma, beta]: [f32; 2],
    with_silu: bool,
) -> [f32; 2] {
    let (mean, scale) = (_mm512_set1_ps(mean), _mm512_set1_ps(scale));
    let (gamma, beta) = (_mm512_set1_ps(gamma), _mm512_set1_ps(beta));
    let (mut plain, mut weighted) = (_mm512_setzero_ps(), _mm512_setzero_ps());
    for (i, (x, dy)) in x.chunks(16).zip(dy.chunks(16)).enumerate() {
        let mask = first_lanes(x.len());
        // SAFETY: the mask keeps all accesses inside the chunks; lanes past the end have a zero gradient.
        unsafe {
            let h = _mm512_mul_ps(
                _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x.as_ptr()), mean),
                scale,
            );
            let dy = _mm512_maskz_loadu_ps(mask, dy.as_ptr());
            let du = if with_silu {
                _mm512_mul_ps(dy, silu(_mm512_fmadd_ps(h, gamma, beta)).1)
            } else {
                dy
            };
            plain = _mm512_add_ps(plain, du);
            weighted = _mm512_fmadd_ps(du, h, weighted);
            _mm512_mask_storeu_ps(to.add(i * 16), mask, du);
        }
    }
    [_mm512_reduce_add_ps(plain), _mm512_reduce_add_ps(weighted)]
}

/// Turns the slopes of one channel into the gradient of its input.
///
/// # Safety
/// `to` must hold as many slopes as `x` has values; the CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
unsafe fn finish(to: *mut f32, x: &[f32], [mean, scale]: [f32; 2], gamma: f32, means: [f32; 2]) {
    let (mean, factor) = (_mm512_set1_ps(mean), _mm512_set1_ps(gamma * scale));
    let (plain, weighted) = (
        _mm512_set1_ps(means[0] * scale),
        _mm512_set1_ps(means[1] * scale * scale),
    );
    for (i, x) in x.chunks(16).enumerate() {
        let mask = first_lanes(x.len());
        // SAFETY: the mask keeps all accesses inside the chunk.
        unsafe {
            let d = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x.as_ptr()), mean);
            let du = _mm512_maskz_loadu_ps(mask, to.add(i * 16));
            let dx = _mm512_fnmadd_ps(d, weighted, _mm512_sub_ps(_mm512_mul_ps(du, factor), plain));
            _mm512_mask_storeu_ps(to.add(i * 16), mask, dx);
        }
    }
}
