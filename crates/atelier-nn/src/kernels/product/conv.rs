//! 3×3 convolutions with packed weights on channels-last pictures: forward, and the gradient of the input.
//!
//! The input is copied into pictures with a border of zeros; then every tap of the kernel is the same rows, a fixed
//! distance further, so that the product needs no matrix of patches.

use super::super::level::Level;
use super::super::memory::{Shared, filled};
use super::super::pointwise::kept::{View, widened};
use super::halves::row_step;
use super::operand::Values;
use super::outer::{Rows, Shifted, Sum};
use super::packed::{Format, Packed};
use super::picture::{Bordered, bordered, bordered_floats, bordered_halves};
use super::walk::{Direction, Left, Output, Place, Start, Tap, Term, product};
use super::winograd;

/// Side of the kernel.
const KERNEL: usize = 3;

/// Pictures, stride and border of a convolution. Channels are those of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConvSizes {
    /// Pictures.
    pub(crate) batch: usize,
    /// Height of the input.
    pub(crate) height: usize,
    /// Width of the input.
    pub(crate) width: usize,
    /// 1 or 2.
    pub(crate) stride: usize,
    /// 0 or 1.
    pub(crate) padding: usize,
}

impl ConvSizes {
    /// Height and width of the output.
    pub(crate) fn output(&self) -> [usize; 2] {
        [self.height, self.width].map(|side| (side + 2 * self.padding - KERNEL) / self.stride + 1)
    }
}

/// # Panics
/// Unless the weights have a value for every place of the kernel.
fn check(weights: &Packed) {
    assert_eq!(weights.sizes()[2], KERNEL * KERNEL, "places of the kernel");
}

/// `y [b, h', w', outputs]` of `x [b, h, w, inputs]`.
pub(crate) fn forward(
    weights: &Packed,
    sizes: &ConvSizes,
    x: View<'_>,
    bias: Option<&[f32]>,
) -> Vec<f32> {
    check(weights);
    let by_tiles = winograd::is_quicker(weights, sizes);
    if let View::Rounded(halves) = x
        && (by_tiles || !weights.takes_halves())
    {
        let x = widened(weights.level, halves);
        return forward(weights, sizes, View::Exact(&x), bias);
    }
    if let View::Exact(x) = x
        && by_tiles
    {
        return winograd::convolve(weights, Direction::Forward, sizes, x, bias);
    }
    let [height, width] = sizes.output();
    let picture = Bordered {
        batch: sizes.batch,
        height: sizes.height,
        width: sizes.width,
        border: sizes.padding,
        units: weights.row_step(weights.depth),
    };
    let start = bias.map_or(Start::Zero, Start::Bias);
    let mut rows = Vec::with_capacity(sizes.batch * height * width);
    for b in 0..sizes.batch {
        for y in 0..height {
            rows.extend((0..width).map(|x| Place {
                from: picture.unit(b, y * sizes.stride, x * sizes.stride),
                to: ((b * height + y) * width + x) * weights.columns,
            }));
        }
    }
    let taps = (0..KERNEL * KERNEL).map(|tap| Tap {
        row: picture.unit(0, tap / KERNEL, tap % KERNEL),
        tap,
    });
    let taps: Vec<Tap> = taps.collect();
    let run = |to: Shared| {
        let to = Output::Floats(to);
        bordered(weights, Direction::Forward, &picture, x, |units, scales| {
            let factors = scales.of_rows(sizes.batch, height * width);
            let left = Left {
                units,
                scales: factors.as_scales(),
                rows: &rows,
                taps: &taps,
            };
            // SAFETY: all rows and taps lie inside the bordered pictures.
            unsafe { product(&[Term { left, weights }], Direction::Forward, start, to) };
        });
    };
    // SAFETY: there is a row for every pixel.
    unsafe { filled(sizes.batch * height * width * weights.columns, run) }
}

/// `dx [b, h, w, inputs]` of `dy [b, h', w', outputs]`.
pub(crate) fn input_gradient(weights: &Packed, sizes: &ConvSizes, dy: &[f32]) -> Vec<f32> {
    check(weights);
    if winograd::is_quicker(weights, sizes) {
        return winograd::convolve(weights, Direction::Gradient, sizes, dy, None);
    }
    let [height, width] = sizes.output();
    // pixels outside the result that a tap can reach
    let border = if sizes.stride == 1 {
        2 - sizes.padding
    } else {
        1
    };
    let picture = Bordered {
        batch: sizes.batch,
        height,
        width,
        border,
        units: weights.row_step(weights.columns),
    };
    let run = |to: Shared| {
        let to = Output::Floats(to);
        bordered(
            weights,
            Direction::Gradient,
            &picture,
            View::Exact(dy),
            |units, scales| {
                for phase in 0..sizes.stride * sizes.stride {
                    let phase = Phase::new(sizes, &picture, phase, weights.depth);
                    let factors = scales.of_rows(sizes.batch, phase.rows.len() / sizes.batch);
                    let left = Left {
                        units,
                        scales: factors.as_scales(),
                        rows: &phase.rows,
                        taps: &phase.taps,
                    };
                    // SAFETY: all rows and taps lie inside the bordered pictures.
                    unsafe {
                        product(
                            &[Term { left, weights }],
                            Direction::Gradient,
                            Start::Zero,
                            to,
                        );
                    };
                }
            },
        );
    };
    // SAFETY: every pixel is a row of one phase.
    unsafe {
        filled(
            sizes.batch * sizes.height * sizes.width * weights.depth,
            run,
        )
    }
}

/// `dW [outputs, inputs, 3, 3]` of `x [b, h, w, inputs]` and `dy [b, h', w', outputs]`.
pub(crate) fn weight_gradient(
    level: Level,
    format: Format,
    sizes: &ConvSizes,
    x: View<'_>,
    dy: &[f32],
) -> Vec<f32> {
    if let View::Rounded(halves) = x
        && !format.takes_halves()
    {
        let x = widened(level, halves);
        return weight_gradient(level, format, sizes, View::Exact(&x), dy);
    }
    let [height, width] = sizes.output();
    let inputs = x.len() / (sizes.batch * sizes.height * sizes.width);
    let outputs = dy.len() / (sizes.batch * height * width);
    let rounds = format.takes_halves();
    let picture = Bordered {
        batch: sizes.batch,
        height: sizes.height,
        width: sizes.width,
        border: sizes.padding,
        units: if rounds { row_step(inputs) } else { inputs },
    };
    // numbers of a unit
    let held = 1 + usize::from(rounds);
    let place = |b, y, x| held * picture.unit(b, y, x);
    let mut starts = Vec::with_capacity(sizes.batch * height * width);
    for b in 0..sizes.batch {
        for y in 0..height {
            starts.extend((0..width).map(|x| place(b, y * sizes.stride, x * sizes.stride)));
        }
    }
    let dy_starts: Vec<usize> = (0..starts.len()).map(|row| row * outputs).collect();
    let dy = Rows {
        values: Values::Floats(dy),
        starts: &dy_starts,
        width: outputs,
    };
    let taps = KERNEL * KERNEL;
    let sum = |to: Shared| {
        let products = |values: Values<'_>| {
            Sum::new(level, format, &dy).with(|sum| {
                let shifts = (0..taps).map(|tap| Shifted {
                    offset: place(0, tap / KERNEL, tap % KERNEL),
                    to: to.from(tap * outputs * inputs),
                });
                let x = Rows {
                    values,
                    starts: &starts,
                    width: inputs,
                };
                sum.products(&x, &shifts.collect::<Vec<_>>(), inputs);
            });
        };
        match x {
            View::Exact(x) if !rounds => {
                bordered_floats(&picture, x, |x| products(Values::Floats(x)));
            }
            x => bordered_halves(level, &picture, x, |x| products(Values::Halves(x))),
        }
    };
    // SAFETY: every tap has its product.
    let by_tap = unsafe { filled(taps * outputs * inputs, sum) };
    let by_tap: [&[f32]; KERNEL * KERNEL] =
        std::array::from_fn(|tap| &by_tap[tap * outputs * inputs..][..outputs * inputs]);
    let mut by_weight = vec![0.0; taps * outputs * inputs];
    let (weights, _) = by_weight.as_chunks_mut::<{ KERNEL * KERNEL }>();
    for (i, weight) in weights.iter_mut().enumerate() {
        for (value, values) in weight.iter_mut().zip(&by_tap) {
            *value = values[i];
        }
    }
    by_weight
}

/// The pixels of the input with the same place in the grid of the stride: the same taps reach them.
struct Phase {
    rows: Vec<Place>,
    taps: Vec<Tap>,
}

impl Phase {
    fn new(sizes: &ConvSizes, picture: &Bordered, index: usize, channels: usize) -> Self {
        let stride = sizes.stride;
        let [top, left] = [index / stride, index % stride];
        // how far the result's pixel lies from that of the phase, for each tap that reaches it
        let reach = |phase: usize| {
            let steps = (0..KERNEL).filter(move |tap| {
                (phase + sizes.padding + stride * KERNEL - tap).is_multiple_of(stride)
            });
            steps.map(move |tap| {
                let step = (phase + sizes.padding + stride * picture.border - tap) / stride;
                (tap, step)
            })
        };
        let mut taps = Vec::new();
        for (tap_y, y) in reach(top) {
            taps.extend(reach(left).map(|(tap_x, x)| Tap {
                row: picture.unit(0, y, x),
                tap: tap_y * KERNEL + tap_x,
            }));
        }
        let mut rows = Vec::new();
        for b in 0..sizes.batch {
            for y in (top..sizes.height).step_by(stride) {
                rows.extend((left..sizes.width).step_by(stride).map(|x| Place {
                    from: picture.unit(b, y / stride, x / stride),
                    to: ((b * sizes.height + y) * sizes.width + x) * channels,
                }));
            }
        }
        Self { rows, taps }
    }
}
