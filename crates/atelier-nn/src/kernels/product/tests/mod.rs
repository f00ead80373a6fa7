//! Products of every level and format against f64, at odd sizes.
#![allow(clippy::undocumented_unsafe_blocks, reason = "tests")]

mod operands;

use super::super::level::Level;
use super::conv::{self, ConvSizes};
use super::halves::half;
use super::{Format, HalfRows, Operand, Packed, linear, outer};
use crate::kernels::pointwise::kept::{Activation, Precision, View, rounded};

/// Numbers between -1 and 1 that look random.
pub(super) fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// The greatest difference over the greatest value.
pub(super) fn error(got: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let pairs = got.iter().zip(expected);
    let worst = pairs
        .map(|(&a, &b)| (f64::from(a) - b).abs())
        .fold(0.0, f64::max);
    worst / expected.iter().fold(1e-30, |m: f64, v| m.max(v.abs()))
}

/// f32 sums of up to a few thousand products, of [`operand`]s that bf16 holds exactly; i16 operands are rounded to about 2e-4
/// of their mean, the greatest of many sums lies a few deviations off, and convolutions share one scale over a picture.
fn tolerance(format: Format) -> f64 {
    match format {
        Format::F32 | Format::Bf16 => 2e-6,
        Format::I16 => 1.5e-3,
    }
}

fn cases() -> impl Iterator<Item = (Level, Format)> {
    let levels = Level::available().into_iter();
    let formats = [Format::F32, Format::I16, Format::Bf16];
    levels.flat_map(move |level| formats.map(|format| (level, format)))
}

/// [`numbers`] that the format can hold, where it is made of floating-point numbers.
fn operand(format: Format, count: usize, seed: u32) -> Vec<f32> {
    let mut numbers = numbers(count, seed);
    if format == Format::Bf16 {
        for number in &mut numbers {
            *number = f32::from_bits(half(*number) << 16);
        }
    }
    numbers
}

fn product(x: &[f32], weight: &[f32], bias: &[f32], depth: usize) -> Vec<f64> {
    let outputs = bias.len();
    let mut y = Vec::new();
    for row in x.chunks(depth) {
        for output in 0..outputs {
            let weights = &weight[output * depth..][..depth];
            let sum: f64 = row
                .iter()
                .zip(weights)
                .map(|(&a, &b)| f64::from(a) * f64::from(b))
                .sum();
            y.push(sum + f64::from(bias[output]));
        }
    }
    y
}

#[test]
fn linear_maps_of_any_size_are_right() {
    let sizes = [
        [1, 1, 1],
        [5, 3, 7],
        [6, 16, 16],
        [7, 17, 65],
        [13, 40, 63],
        [31, 129, 130],
        [70, 800, 48],
        [300, 33, 20],
        [64, 1100, 150],
        [1100, 70, 40],
        // many rows that meet several pieces of the summed dimension in several panels
        [300, 800, 150],
        // so does the gradient
        [20, 900, 800],
        [150, 130, 1100],
        // rows whose step would be a power of two
        [130, 256, 512],
    ];
    for (level, format) in cases() {
        for [rows, depth, outputs] in sizes {
            let x = operand(format, rows * depth, 1);
            let weight = operand(format, outputs * depth, 2);
            let bias = numbers(outputs, 3);
            let packed = Packed::new(level, format, &weight, [outputs, depth, 1]);
            let y = forward(&packed, &x, Some(&bias));
            let name = format!("{level:?} {format:?} {rows} {depth} {outputs}");
            let worst = error(&y, &product(&x, &weight, &bias, depth));
            assert!(worst < tolerance(format), "{name}: {worst}");
            let dy = operand(format, rows * outputs, 4);
            let turned: Vec<f32> = (0..depth * outputs)
                .map(|i| weight[i % outputs * depth + i / outputs])
                .collect();
            let expected = product(&dy, &turned, &vec![0.0; depth], outputs);
            let worst = error(&input_gradient(&packed, &dy), &expected);
            assert!(worst < tolerance(format), "gradient {name}: {worst}");
            let mut sum = numbers(rows * outputs, 5);
            let expected = product(&x, &weight, &vec![0.0; outputs], depth);
            let expected: Vec<f64> = expected
                .iter()
                .zip(&sum)
                .map(|(a, &b)| a + f64::from(b))
                .collect();
            linear::add_forward((&packed, Operand::floats(&x, depth)), &mut sum);
            assert!(error(&sum, &expected) < tolerance(format), "sum {name}");
        }
    }
}

fn forward(packed: &Packed, x: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    linear::forward(packed, Operand::floats(x, packed.depth()), bias)
}

fn input_gradient(packed: &Packed, dy: &[f32]) -> Vec<f32> {
    linear::input_gradient(packed, Operand::floats(dy, packed.columns()))
}

/// A convolution and the gradient of its input, from the definition.
pub(super) fn convolution(
    sizes: &ConvSizes,
    x: &[f32],
    weight: &[f32],
    dy: &[f32],
    [inputs, outputs]: [usize; 2],
) -> [Vec<f64>; 3] {
    let [height, width] = sizes.output();
    let mut y = vec![0.0; sizes.batch * height * width * outputs];
    let (mut dx, mut dw) = (vec![0.0; x.len()], vec![0.0; weight.len()]);
    for b in 0..sizes.batch {
        for oy in 0..height {
            for ox in 0..width {
                for tap in 0..9 {
                    let (iy, ix) = (oy * sizes.stride + tap / 3, ox * sizes.stride + tap % 3);
                    if iy < sizes.padding
                        || ix < sizes.padding
                        || iy - sizes.padding >= sizes.height
                        || ix - sizes.padding >= sizes.width
                    {
                        continue;
                    }
                    let from = ((b * sizes.height + iy - sizes.padding) * sizes.width + ix
                        - sizes.padding)
                        * inputs;
                    let to = ((b * height + oy) * width + ox) * outputs;
                    for o in 0..outputs {
                        for i in 0..inputs {
                            let w = f64::from(weight[(o * inputs + i) * 9 + tap]);
                            y[to + o] += w * f64::from(x[from + i]);
                            dx[from + i] += w * f64::from(dy[to + o]);
                            dw[(o * inputs + i) * 9 + tap] +=
                                f64::from(x[from + i]) * f64::from(dy[to + o]);
                        }
                    }
                }
            }
        }
    }
    [y, dx, dw]
}

#[test]
fn convolutions_of_any_size_are_right() {
    let sizes = [
        ([1, 3, 3, 1, 1], [1, 1]),
        ([2, 5, 4, 1, 1], [3, 7]),
        ([1, 7, 6, 2, 1], [17, 20]),
        ([1, 8, 9, 2, 0], [4, 66]),
        ([1, 6, 5, 1, 0], [70, 9]),
        ([2, 9, 8, 1, 1], [64, 33]),
        ([1, 4, 4, 1, 1], [450, 5]),
        ([1, 4, 5, 1, 1], [5, 450]),
        ([1, 5, 16, 1, 1], [130, 70]),
        ([1, 3, 20, 1, 1], [40, 33]),
        ([1, 12, 12, 1, 1], [450, 130]),
        ([1, 12, 12, 1, 1], [130, 512]),
        // strips over borders
        ([2, 8, 8, 1, 1], [100, 130]),
        ([3, 4, 4, 1, 1], [200, 40]),
        // more rows than are summed at once
        ([9, 8, 8, 1, 1], [21, 70]),
        ([8, 16, 17, 2, 1], [68, 6]),
    ];
    for (level, format) in cases() {
        for ([batch, height, width, stride, padding], [inputs, outputs]) in sizes {
            let sizes = ConvSizes {
                batch,
                height,
                width,
                stride,
                padding,
            };
            let [h, w] = sizes.output();
            let x = operand(format, batch * height * width * inputs, 1);
            let weight = operand(format, outputs * inputs * 9, 2);
            let dy = operand(format, batch * h * w * outputs, 3);
            let bias = numbers(outputs, 4);
            let packed = Packed::new(level, format, &weight, [outputs, inputs, 9]);
            let [mut y, dx, dw] = convolution(&sizes, &x, &weight, &dy, [inputs, outputs]);
            for (i, y) in y.iter_mut().enumerate() {
                *y += f64::from(bias[i % outputs]);
            }
            let name = format!("{level:?} {format:?} {sizes:?} {inputs} {outputs}");
            let worst = error(
                &conv::forward(&packed, &sizes, View::Exact(&x), Some(&bias)),
                &y,
            );
            assert!(worst < tolerance(format), "{name}: {worst}");
            if format == Format::Bf16 {
                let halves = rounded(level, &x);
                let halved = conv::forward(&packed, &sizes, View::Rounded(&halves), Some(&bias));
                let exact = conv::forward(&packed, &sizes, View::Exact(&x), Some(&bias));
                assert_eq!(halved, exact, "{name}");
                let weights = |x| conv::weight_gradient(level, format, &sizes, x, &dy);
                let [halved, exact] = [View::Rounded(&halves), View::Exact(&x)].map(weights);
                assert_eq!(halved, exact, "weight {name}");
            }
            let worst = error(&conv::input_gradient(&packed, &sizes, &dy), &dx);
            assert!(worst < tolerance(format), "gradient {name}: {worst}");
            let worst = error(
                &conv::weight_gradient(level, format, &sizes, View::Exact(&x), &dy),
                &dw,
            );
            assert!(worst < tolerance(format), "weight {name}: {worst}");
        }
    }
}

#[test]
fn weights_come_back_from_their_panels() {
    for (level, format) in cases() {
        let weight = operand(format, 37 * 21 * 9, 1);
        let packed = Packed::new(level, format, &weight, [37, 21, 9]);
        let expected: Vec<f64> = weight.iter().map(|&v| f64::from(v)).collect();
        let limit = if format == Format::I16 { 2e-4 } else { 0.0 };
        assert!(
            error(&packed.unpacked(), &expected) <= limit,
            "{level:?} {format:?}"
        );
    }
}

#[test]
fn whole_numbers_give_almost_the_same_at_every_level() {
    let (x, weight) = (numbers(50 * 900, 1), numbers(70 * 900, 2));
    let results = Level::available().into_iter().map(|level| {
        let packed = Packed::new(level, Format::I16, &weight, [70, 900, 1]);
        forward(&packed, &x, None)
    });
    let results: Vec<Vec<f32>> = results.collect();
    for result in &results {
        let expected: Vec<f64> = results[0].iter().map(|&v| f64::from(v)).collect();
        // only the order in which squares are summed for the scales differs, and may move a number to the next
        assert!(error(result, &expected) < 3e-5);
    }
}

#[test]
fn extreme_operands_neither_overflow_nor_hide_what_is_not_a_number() {
    for level in Level::available() {
        for (large, outputs) in [(1.0f32, 3), (1e-18, 3), (1e16, 64)] {
            let mut x = vec![large; 4 * 700];
            x[700] = large * 300.0;
            // a row of equal numbers, whose squares are all lost where they are small
            x[2 * 700..3 * 700].fill(large);
            let weight = vec![0.01f32; outputs * 700];
            let packed = Packed::new(level, Format::I16, &weight, [outputs, 700, 1]);
            let expected = product(&x, &weight, &vec![0.0; outputs], 700);
            let y = forward(&packed, &x, None);
            // all small numbers of the row round the same way
            assert!(error(&y, &expected) < 3e-3, "{level:?} {large}");
        }
        for tiny in [1e-20f32, 1e-22, 1e-24, 1e-30] {
            // all of their squares are lost
            let x = vec![tiny; 700];
            let packed = Packed::new(level, Format::I16, &vec![0.01; 3 * 700], [3, 700, 1]);
            let sum = 7.0 * tiny;
            let y = forward(&packed, &x, None);
            assert!(
                y.iter().all(|y| (y - sum).abs() <= 0.1 * sum + 5e-21),
                "{level:?} {tiny}"
            );
        }
        for format in [Format::I16, Format::Bf16] {
            let packed = Packed::new(level, format, &numbers(5 * 8, 1), [5, 8, 1]);
            for bad in [f32::NAN, f32::INFINITY] {
                let mut x = numbers(16, 2);
                x[3] = bad;
                let y = forward(&packed, &x, None);
                let is_hidden = y[..5].iter().any(|v| v.is_finite());
                assert!(
                    !is_hidden && y[5..].iter().all(|v| v.is_finite()),
                    "{level:?}"
                );
            }
        }
    }
}

#[test]
fn gradients_of_weights_in_whole_numbers_are_of_bf16_where_pairs_of_it_are_multiplied() {
    for level in Level::available() {
        let has_pairs = ["amx", "avx512-bf16"].contains(&level.word());
        let expected = if has_pairs { Format::Bf16 } else { Format::I16 };
        assert_eq!(Format::I16.of_sums(level), expected, "{level:?}");
        for same in [Format::F32, Format::Bf16] {
            assert_eq!(same.of_sums(level), same, "{level:?}");
        }
    }
}

#[test]
fn weight_gradients_of_any_size_are_right() {
    for (level, format) in cases() {
        for [rows, inputs, outputs] in [
            [1, 1, 1],
            [5, 3, 7],
            [65, 40, 17],
            [1100, 33, 16],
            [513, 70, 130],
        ] {
            let dy = operand(format, rows * outputs, 1);
            let x = operand(format, rows * inputs, 2);
            let mut expected = vec![0.0; outputs * inputs];
            for (dy, x) in dy.chunks(outputs).zip(x.chunks(inputs)) {
                for (i, expected) in expected.iter_mut().enumerate() {
                    *expected += f64::from(dy[i / inputs]) * f64::from(x[i % inputs]);
                }
            }
            let dy_halves = HalfRows::new(level, &dy, outputs);
            let x_halves = HalfRows::new(level, &x, inputs);
            let floats = [Operand::floats(&dy, outputs), Operand::floats(&x, inputs)];
            let halves = [dy_halves.operand(), x_halves.operand()];
            let kinds = if format == Format::Bf16 { 2 } else { 1 };
            for [dy, x] in [floats, halves].into_iter().take(kinds) {
                let worst = error(&outer::weight_gradient(level, format, dy, x), &expected);
                assert!(
                    worst < tolerance(format),
                    "{level:?} {format:?} {rows} {inputs} {outputs}: {worst}"
                );
            }
        }
    }
}

#[test]
fn weights_of_eight_bits_are_rounded_and_then_exact() {
    let as_exact = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
    for level in Level::available() {
        for [outputs, inputs, taps] in [[7, 3, 1], [65, 40, 1], [150, 1100, 1], [9, 70, 9]] {
            let weight = numbers(outputs * inputs * taps, 2);
            let packed = Packed::narrow(level, &weight, [outputs, inputs, taps]);
            let name = format!("{level:?} {outputs} {inputs} {taps}");
            let rounded = packed.unpacked();
            let rows = weight.chunks(inputs * taps);
            for (row, rounded) in rows.zip(rounded.chunks(inputs * taps)) {
                let greatest = row.iter().fold(0.0f32, |a, b| a.max(b.abs()));
                let step = greatest / 127.0;
                let near = row
                    .iter()
                    .zip(rounded)
                    .all(|(a, b)| (a - b).abs() <= 0.51 * step);
                assert!(near, "{name}");
            }
            // the numbers themselves are products of 16 bits of what they were rounded to
            let whole = Packed::new(level, Format::I16, &rounded, [outputs, inputs, taps]);
            assert!(packed.bytes() < whole.bytes() * 3 / 5, "{name}");
            let sizes = ConvSizes {
                batch: 1,
                height: 5,
                width: 6,
                stride: 2,
                padding: 1,
            };
            let (mut results, mut expected) = (Vec::new(), Vec::new());
            if taps == 1 {
                let (x, dy) = (numbers(13 * inputs, 1), numbers(13 * outputs, 3));
                for (packed, results) in [(&packed, &mut results), (&whole, &mut expected)] {
                    results.push(forward(packed, &x, None));
                    results.push(input_gradient(packed, &dy));
                }
            } else {
                let (x, dy) = (numbers(30 * inputs, 1), numbers(9 * outputs, 3));
                for (packed, results) in [(&packed, &mut results), (&whole, &mut expected)] {
                    results.push(conv::forward(packed, &sizes, View::Exact(&x), None));
                    results.push(conv::input_gradient(packed, &sizes, &dy));
                }
            }
            for (result, expected) in results.iter().zip(&expected) {
                let worst = error(result, &as_exact(expected));
                assert!(worst < tolerance(Format::I16), "{name}: {worst}");
            }
        }
    }
}

#[test]
fn weights_that_are_not_finite_or_vanish_are_not_hidden() {
    for level in Level::available() {
        for bad in [f32::NAN, f32::INFINITY, 1e-30, 1e-38] {
            let mut weight = numbers(9 * 40, 1);
            weight[3 * 40..4 * 40].fill(bad);
            for packed in [
                Packed::new(level, Format::I16, &weight, [9, 40, 1]),
                Packed::narrow(level, &weight, [9, 40, 1]),
            ] {
                let y = forward(&packed, &numbers(2 * 40, 2), None);
                let dx = input_gradient(&packed, &numbers(2 * 9, 3));
                for (i, value) in y.iter().enumerate() {
                    let expected_nan = i % 9 == 3 && bad * 0.0 != 0.0;
                    assert_eq!(value.is_nan(), expected_nan, "{level:?} {bad} {i}");
                }
                assert!(y[3].is_nan() || y[3].abs() < 1e-25);
                assert_eq!(dx.iter().all(|value| value.is_nan()), bad * 0.0 != 0.0);
                // the gradient through the other outputs keeps its digits
                assert!(bad * 0.0 != 0.0 || dx.iter().any(|value| value.abs() > 0.1));
            }
        }
    }
}
