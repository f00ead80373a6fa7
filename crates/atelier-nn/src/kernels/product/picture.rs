//! Channels-last pictures with a border of zeros, as left operands of products.

use super::super::level::Level;
use super::super::memory::{Shared, chunk};
use super::super::pointwise::kept::View;
use super::halves::rows_at;
use super::packed::{Format, Packed, chunk_length};
use super::scratch::with_units;
use super::units::Units;
use super::walk::{Direction, Scales};
use super::whole::{Extent, measure_at, norm_limit, round_at};
use crate::kernels::share::share_each;

/// Sizes of bordered pictures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bordered {
    pub(super) batch: usize,
    /// Without the border.
    pub(super) height: usize,
    /// Without the border.
    pub(super) width: usize,
    /// Pixels on every side.
    pub(super) border: usize,
    /// Units from one pixel to the next.
    pub(super) units: usize,
}

impl Bordered {
    fn sides(&self) -> [usize; 2] {
        [self.height, self.width].map(|side| side + 2 * self.border)
    }

    /// The first unit of a pixel, counted with the border.
    pub(super) fn unit(&self, picture: usize, y: usize, x: usize) -> usize {
        let [height, width] = self.sides();
        ((picture * height + y) * width + x) * self.units
    }
}

/// Factors of pictures.
pub(super) enum PictureScales {
    /// They are no whole numbers.
    Exact,
    /// One for each picture, chunk by chunk.
    Pictures(Vec<f32>),
}

/// Factors of rows.
pub(super) enum RowScales {
    Exact,
    Rows(Vec<f32>),
}

impl PictureScales {
    /// The factors when every picture has `rows` rows.
    pub(super) fn of_rows(&self, batch: usize, rows: usize) -> RowScales {
        match self {
            Self::Exact => RowScales::Exact,
            Self::Pictures(scales) => {
                let chunks = scales.chunks(batch);
                let each = chunks.flat_map(|scales| {
                    scales
                        .iter()
                        .flat_map(|&scale| std::iter::repeat_n(scale, rows))
                });
                RowScales::Rows(each.collect())
            }
        }
    }
}

impl RowScales {
    pub(super) fn as_scales(&self) -> Scales<'_> {
        match self {
            Self::Exact => Scales::Exact,
            Self::Rows(scales) => Scales::Rows(scales),
        }
    }
}

/// Runs `f` with the pictures `from [b, h, w, channels]` in the format of `weights`, a border around each; what is rounded to
/// bf16 meets weights of that format.
pub(super) fn bordered(
    weights: &Packed,
    direction: Direction,
    picture: &Bordered,
    from: View<'_>,
    f: impl FnOnce(*const u32, PictureScales),
) {
    let channels = match direction {
        Direction::Forward => weights.depth,
        Direction::Gradient => weights.columns,
    };
    assert_eq!(
        from.len(),
        picture.batch * picture.height * picture.width * channels,
        "pixels of the pictures"
    );
    with_units(picture.unit(picture.batch, 0, 0), |units| {
        clear_border(picture, units);
        let to = Shared::from_ptr(units.as_mut_ptr().cast());
        let scales = match (weights.format, from) {
            (Format::F32, View::Exact(from)) => {
                copy(picture, from, to);
                PictureScales::Exact
            }
            (Format::Bf16, View::Exact(from)) => {
                halve(weights.level, picture, from, channels, to);
                PictureScales::Exact
            }
            (Format::Bf16, View::Rounded(from)) => {
                copy_halves(picture, from, channels, to);
                PictureScales::Exact
            }
            (Format::I16, View::Exact(from)) => {
                PictureScales::Pictures(round(weights, direction, picture, from, to))
            }
            (Format::F32 | Format::I16, View::Rounded(_)) => {
                panic!("rows in bf16 meet weights in bf16")
            }
        };
        f(units.as_ptr(), scales);
    });
}

/// Runs `f` with the pictures `from [b, h, w, channels]` as f32, a border around each.
pub(super) fn bordered_floats(picture: &Bordered, from: &[f32], f: impl FnOnce(&[f32])) {
    let count = picture.unit(picture.batch, 0, 0);
    with_units(count, |units| {
        clear_border(picture, units);
        copy(picture, from, Shared::from_ptr(units.as_mut_ptr().cast()));
        // SAFETY: all `count` units were written, and any 32 bits are an f32.
        f(unsafe { std::slice::from_raw_parts(units.as_ptr().cast(), count) });
    });
}

/// Runs `f` with the pictures `from [b, h, w, channels]` as bf16, a border around each, and zeros behind every pixel up to whole
/// lines of units.
pub(super) fn bordered_halves(
    level: Level,
    picture: &Bordered,
    from: View<'_>,
    f: impl FnOnce(&[u16]),
) {
    let count = picture.unit(picture.batch, 0, 0);
    let channels = from.len() / (picture.batch * picture.height * picture.width);
    with_units(count, |units| {
        clear_border(picture, units);
        let to = Shared::from_ptr(units.as_mut_ptr().cast());
        match from {
            View::Exact(from) => halve(level, picture, from, channels, to),
            View::Rounded(from) => copy_halves(picture, from, channels, to),
        }
        // SAFETY: all `count` units were written, two numbers each, any 16 bits of which are valid.
        f(unsafe { std::slice::from_raw_parts(units.as_ptr().cast(), 2 * count) });
    });
}

/// Writes zeros around every picture.
fn clear_border(picture: &Bordered, units: &mut Units) {
    let [height, width] = picture.sides();
    let to = units.as_mut_ptr();
    // SAFETY: the rows and columns of the border are inside the pictures.
    let clear = |b: usize, y: usize, x: usize, pixels: usize| unsafe {
        to.add(picture.unit(b, y, x))
            .write_bytes(0, pixels * picture.units);
    };
    for b in 0..picture.batch {
        for y in 0..height {
            if y < picture.border || y >= height - picture.border {
                clear(b, y, 0, width);
            } else {
                clear(b, y, 0, picture.border);
                clear(b, y, width - picture.border, picture.border);
            }
        }
    }
}

/// Runs `f(picture, row, pixels)` for every row of pixels, on all threads.
fn each_row<T: Sync>(picture: &Bordered, from: &[T], f: impl Fn(usize, usize, &[T]) + Sync) {
    let row = from.len() / (picture.batch * picture.height);
    let size = chunk(picture.batch * picture.height, row);
    share_each(from.chunks(size * row), |part, values| {
        for (i, values) in values.chunks(row).enumerate() {
            let index = part * size + i;
            f(index / picture.height, index % picture.height, values);
        }
    });
}

fn copy(picture: &Bordered, from: &[f32], to: Shared) {
    each_row(picture, from, |b, y, values| {
        let to = to.at(picture.unit(b, y + picture.border, picture.border));
        // SAFETY: a row of pixels has its own place.
        unsafe { to.copy_from_nonoverlapping(values.as_ptr(), values.len()) };
    });
}

/// Writes the pictures as bf16.
fn halve(level: Level, picture: &Bordered, from: &[f32], channels: usize, to: Shared) {
    each_row(picture, from, |b, y, values| {
        let to = to.at(picture.unit(b, y + picture.border, picture.border));
        // SAFETY: a row of pixels has its own place.
        unsafe { rows_at(level, values, [channels; 2], to.cast(), picture.units) };
    });
}

/// Copies the pictures, which are bf16 already.
fn copy_halves(picture: &Bordered, from: &[u16], channels: usize, to: Shared) {
    each_row(picture, from, |b, y, values| {
        let to = to.at(picture.unit(b, y + picture.border, picture.border));
        for (i, pixel) in values.chunks_exact(channels).enumerate() {
            // SAFETY: a row of pixels has its own place, and each pixel room for its channels, filled up with zeros.
            unsafe {
                let to = to.add(i * picture.units).cast::<u16>();
                to.copy_from_nonoverlapping(pixel.as_ptr(), channels);
                to.add(channels)
                    .write_bytes(0, 2 * picture.units - channels);
            }
        }
    });
}

/// Writes the pictures as whole numbers; the factors that take them back are those of a picture, chunk by chunk.
fn round(
    weights: &Packed,
    direction: Direction,
    picture: &Bordered,
    from: &[f32],
    to: Shared,
) -> Vec<f32> {
    let channels = from.len() / (picture.batch * picture.height * picture.width);
    let length = chunk_length(channels, weights.taps);
    let chunks = channels.div_ceil(length);
    let fold = match direction {
        Direction::Forward => std::ptr::null(),
        Direction::Gradient => weights.scales.as_ptr(),
    };
    let fold = Shared::from_ptr(fold.cast_mut());
    let fold_at = |chunk: usize| match direction {
        Direction::Forward => std::ptr::null(),
        Direction::Gradient => fold.at(chunk * length).cast_const(),
    };
    let pixels = picture.batch * picture.height * picture.width;
    let mut extents = vec![Extent::default(); pixels * chunks];
    {
        let width = picture.width * chunks;
        let size = chunk(picture.batch * picture.height, picture.width * channels);
        let rows = extents.chunks_mut(size * width);
        let rows = rows.zip(from.chunks(size * picture.width * channels));
        share_each(rows, |_, (extents, values)| {
            for (extents, pixel) in extents.chunks_mut(chunks).zip(values.chunks(channels)) {
                for (i, (extent, part)) in extents.iter_mut().zip(pixel.chunks(length)).enumerate()
                {
                    // SAFETY: the factors of the chunk's outputs exist.
                    *extent =
                        unsafe { measure_at(weights.level, part.as_ptr(), fold_at(i), part.len()) };
                }
            }
        });
    }
    let mut factors = vec![[0.0f32; 2]; picture.batch * chunks];
    for (b, factors) in factors.chunks_mut(chunks).enumerate() {
        let area = picture.height * picture.width * chunks;
        let extents = &extents[b * area..][..area];
        for (chunk, factors) in factors.iter_mut().enumerate() {
            let limit = norm_limit(weights, direction, chunk);
            *factors = patch_extent(picture, extents, chunk, chunks).factors(limit);
        }
    }
    each_row(picture, from, |b, y, values| {
        for (x, pixel) in values.chunks(channels).enumerate() {
            let to = to
                .at(picture.unit(b, y + picture.border, x + picture.border))
                .cast::<i16>();
            for (i, part) in pixel.chunks(length).enumerate() {
                let factor = factors[b * chunks + i][0];
                // SAFETY: a pixel has its own place; chunks but the last have an even length.
                unsafe {
                    round_at(
                        weights.level,
                        part.as_ptr(),
                        fold_at(i),
                        part.len(),
                        factor,
                        to.add(i * length),
                    );
                }
            }
        }
    });
    let back = |chunk: usize| (0..picture.batch).map(move |b| (b, chunk));
    (0..chunks)
        .flat_map(back)
        .map(|(b, chunk)| factors[b * chunks + chunk][1])
        .collect()
}

/// The extent of the 3×3 patch with the greatest norm.
fn patch_extent(picture: &Bordered, extents: &[Extent], chunk: usize, chunks: usize) -> Extent {
    let (height, width) = (picture.height, picture.width);
    let at = |y: usize, x: usize| extents[(y * width + x) * chunks + chunk];
    let mut all = Extent::default();
    let mut columns = vec![0.0f32; width];
    for y in 0..height {
        for (x, column) in columns.iter_mut().enumerate() {
            let rows = y.saturating_sub(1)..height.min(y + 2);
            *column = rows.map(|y| at(y, x).squares).sum();
            all.greatest = all.greatest.max(at(y, x).greatest);
        }
        for x in 0..width {
            let patch: f32 = columns[x.saturating_sub(1)..width.min(x + 2)].iter().sum();
            // a sum that is not a number must win, and then nothing else does
            if patch > all.squares || patch.is_nan() {
                all.squares = patch;
            }
        }
    }
    all
}
