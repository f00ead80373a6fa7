//! Cutting a batch of images into units of work, and laying each unit out as zero-bordered bf16 planes.
//!
//! A strided convolution reads every `stride`-th column, so the planes keep the columns of each phase (column
//! modulo stride) together: then every tap of every output row is a run of neighbouring values.

use super::gemm::{PANEL, pair_row, round_row};
use std::arch::x86_64::{_mm512_loadu_si512, _mm512_storeu_si512};

/// How an output grid looks into a source image: output `(y, x)`, tap `(dy, dx)` reads source
/// `(y * stride + dy - top, x * stride + dx - left)`, zeros outside.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) stride: usize,
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) taps: Vec<(usize, usize)>,
    /// Output rows and columns.
    pub(super) grid: [usize; 2],
}

/// A batch of f32 images, `[images, channels, height, width]`.
#[derive(Clone, Copy)]
pub(super) struct Images<'a> {
    pub(super) data: &'a [f32],
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

/// Whole images, or a band of rows of one image, of the output grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) image: usize,
    pub(super) images: usize,
    pub(super) row: usize,
    pub(super) rows: usize,
}

/// The sizes of one unit's planes: per channel `[images, phases, rows, cols]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes {
    rows: usize,
    cols: usize,
    phases: usize,
    image: usize,
    pub(super) channel: usize,
}

/// Up to sixteen neighbouring output pixels of one row: their first lane in the panel and plane offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    lane: usize,
    at: usize,
}

/// Splits `images` output grids into units of about `pixels` pixels.
pub(super) fn units(images: usize, [height, width]: [usize; 2], pixels: usize) -> Vec<Unit> {
    let area = (height * width).max(1);
    if area > pixels {
        let rows = (pixels / width).clamp(1, height);
        let band = |row: usize| (row, rows.min(height - row));
        return (0..images)
            .flat_map(|image| (0..height).step_by(rows).map(move |row| (image, band(row))))
            .map(|(image, (row, rows))| Unit {
                image,
                images: 1,
                row,
                rows,
            })
            .collect();
    }
    let group = (pixels / area).max(1);
    (0..images)
        .step_by(group)
        .map(|image| Unit {
            image,
            images: group.min(images - image),
            row: 0,
            rows: height,
        })
        .collect()
}

impl Lookup {
    /// The sizes of the planes of `unit`.
    pub(super) fn planes(&self, unit: &Unit) -> Planes {
        let [deep, wide] = self
            .taps
            .iter()
            .fold([0, 0], |[y, x], tap| [y.max(tap.0), x.max(tap.1)]);
        let rows = (unit.rows.max(1) - 1) * self.stride + deep + 1;
        // an odd last column is read together with its right neighbour by the weight gradient
        let cols = ((self.grid[1].max(1) - 1) * self.stride + wide + 1).div_ceil(self.stride) + 1;
        let image = self.stride * rows * cols;
        Planes {
            rows,
            cols,
            phases: self.stride,
            image,
            channel: unit.images * image,
        }
    }

    /// The plane offset of every tap, relative to the plane offset of a pixel.
    pub(super) fn tap_offsets(&self, planes: &Planes) -> Vec<usize> {
        let offset = |&(dy, dx): &(usize, usize)| {
            ((dx % self.stride) * planes.rows + dy) * planes.cols + dx / self.stride
        };
        self.taps.iter().map(offset).collect()
    }

    /// The runs of the panel that starts at pixel `first` of `unit`.
    pub(super) fn runs(&self, unit: &Unit, planes: &Planes, first: usize) -> Vec<Run> {
        let width = self.grid[1];
        let total = unit.images * unit.rows * width;
        let (mut lane, mut runs) = (0, Vec::new());
        while lane < PANEL && first + lane < total {
            let (line, x) = ((first + lane) / width, (first + lane) % width);
            runs.push(Run {
                lane,
                at: self.pixel(unit, planes, line, x),
            });
            lane += (width - x).min(16);
        }
        runs
    }

    /// The plane offset of pixel `x` of output line `line` (lines counted over all images of the unit).
    pub(super) fn pixel(&self, unit: &Unit, planes: &Planes, line: usize, x: usize) -> usize {
        (line / unit.rows) * planes.image + (line % unit.rows) * self.stride * planes.cols + x
    }

    /// For row `r` of the planes: its source row, if it lies inside the image.
    fn source_row(&self, unit: &Unit, r: usize, height: usize) -> Option<usize> {
        (unit.row * self.stride + r)
            .checked_sub(self.top)
            .filter(|&y| y < height)
    }

    /// The number of source columns that the planes have room for.
    fn source_cols(&self, planes: &Planes, width: usize) -> usize {
        width.min((planes.cols * self.stride).saturating_sub(self.left))
    }

    /// Fills `dst` with the planes of `unit`, two channels per `u32`.
    ///
    /// # Safety
    /// The CPU must have AVX-512 with BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn fill_pairs(
        &self,
        dst: &mut Vec<u32>,
        source: &Images,
        unit: &Unit,
        planes: &Planes,
    ) {
        let pairs = source.channels.div_ceil(2);
        dst.clear();
        dst.resize(pairs * planes.channel + PANEL, 0);
        let cols = self.source_cols(planes, source.width);
        let mut line = vec![0u32; source.width];
        for pair in 0..pairs {
            for line_of_unit in 0..unit.images * planes.rows {
                let (image, r) = (line_of_unit / planes.rows, line_of_unit % planes.rows);
                let Some(y) = self.source_row(unit, r, source.height) else {
                    continue;
                };
                let low = source.row(unit.image + image, 2 * pair, y);
                let high = if 2 * pair + 1 < source.channels {
                    source.row(unit.image + image, 2 * pair + 1, y).as_ptr()
                } else {
                    std::ptr::null()
                };
                let row = pair * planes.channel + image * planes.image + r * planes.cols;
                if self.stride == 1 {
                    let dst = &mut dst[row + self.left..][..cols];
                    // SAFETY: `dst`, `low` and `high` hold at least `cols` values.
                    unsafe { pair_row(dst.as_mut_ptr(), low.as_ptr(), high, cols) };
                } else {
                    // SAFETY: `line` is as long as a source row.
                    unsafe { pair_row(line.as_mut_ptr(), low.as_ptr(), high, cols) };
                    self.spread(&mut dst[row..], &line[..cols], planes);
                }
            }
        }
    }

    /// Fills `dst` with the planes of `unit`, one channel after the other.
    ///
    /// # Safety
    /// The CPU must have AVX-512 with BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn fill_single(
        &self,
        dst: &mut Vec<u16>,
        source: &Images,
        unit: &Unit,
        planes: &Planes,
    ) {
        dst.clear();
        dst.resize(source.channels * planes.channel + PANEL, 0);
        let cols = self.source_cols(planes, source.width);
        let mut line = vec![0u16; source.width];
        for channel in 0..source.channels {
            for line_of_unit in 0..unit.images * planes.rows {
                let (image, r) = (line_of_unit / planes.rows, line_of_unit % planes.rows);
                let Some(y) = self.source_row(unit, r, source.height) else {
                    continue;
                };
                let from = source.row(unit.image + image, channel, y);
                let row = channel * planes.channel + image * planes.image + r * planes.cols;
                if self.stride == 1 {
                    let dst = &mut dst[row + self.left..][..cols];
                    // SAFETY: `dst` and `from` hold at least `cols` values.
                    unsafe { round_row(dst.as_mut_ptr(), from.as_ptr(), cols) };
                } else {
                    // SAFETY: `line` is as long as a source row.
                    unsafe { round_row(line.as_mut_ptr(), from.as_ptr(), cols) };
                    self.spread(&mut dst[row..], &line[..cols], planes);
                }
            }
        }
    }

    /// Writes a source row to its two phases.
    #[inline]
    fn spread<T: Copy>(&self, dst: &mut [T], line: &[T], planes: &Planes) {
        debug_assert_eq!(planes.phases, 2);
        let (even, odd) = dst.split_at_mut(planes.rows * planes.cols);
        let (even, odd) = (
            &mut even[self.left.div_ceil(2)..],
            &mut odd[self.left / 2..],
        );
        // the first source column falls on an odd plane column if the border is odd
        let (first, second) = if self.left.is_multiple_of(2) {
            (even, odd)
        } else {
            (odd, even)
        };
        for ((pair, first), second) in line
            .chunks_exact(2)
            .zip(first.iter_mut())
            .zip(second.iter_mut())
        {
            *first = pair[0];
            *second = pair[1];
        }
        if line.len() % 2 == 1 {
            first[line.len() / 2] = line[line.len() - 1];
        }
    }
}

impl Images<'_> {
    fn row(&self, image: usize, channel: usize, y: usize) -> &[f32] {
        &self.data[((image * self.channels + channel) * self.height + y) * self.width..]
            [..self.width]
    }
}

/// Packs one panel: row `pair * taps + tap` holds the 64 pixels described by `runs`.
///
/// # Safety
/// `panel` must hold `pairs * taps * 64 + 64` values; every run, moved by every tap and channel, must be readable
/// for sixteen values of `planes`; the CPU must have AVX-512.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn pack_panel(
    panel: *mut u32,
    planes: *const u32,
    channel: usize,
    pairs: usize,
    taps: &[usize],
    runs: &[Run],
) {
    let mut to = panel;
    for pair in 0..pairs {
        for tap in taps {
            // SAFETY: promised by the caller. A run shorter than sixteen writes past its end, where the next run
            // or the next row is written later.
            unsafe {
                let from = planes.add(pair * channel + tap);
                for run in runs {
                    _mm512_storeu_si512(
                        to.add(run.lane).cast(),
                        _mm512_loadu_si512(from.add(run.at).cast()),
                    );
                }
                to = to.add(PANEL);
            }
        }
    }
}
