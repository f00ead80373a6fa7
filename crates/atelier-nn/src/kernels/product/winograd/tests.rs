//! Convolutions by tiles against the definition in f64, at odd sizes.

use super::super::super::level::Level;
use super::super::conv::ConvSizes;
use super::super::tests::{convolution, error, numbers};
use super::super::walk::Direction;
use super::super::{Format, Packed};
use super::{convolve, is_quicker};

/// f32, whose rounding the transforms enlarge: their factors are as great as 5 and 8, for rows and columns each.
const TOLERANCE: f64 = 2e-5;

fn same_size([batch, height, width]: [usize; 3]) -> ConvSizes {
    ConvSizes {
        batch,
        height,
        width,
        stride: 1,
        padding: 1,
    }
}

/// Weights of every level and both widths of whole numbers, with outputs of different sizes.
fn packed([outputs, inputs]: [usize; 2]) -> Vec<(String, Packed)> {
    let mut weight = numbers(outputs * inputs * 9, 2);
    for (output, row) in weight.chunks_mut(inputs * 9).enumerate() {
        for value in row {
            *value *= 0.3 + (output % 5) as f32;
        }
    }
    let sizes = [outputs, inputs, 9];
    let levels = Level::available().into_iter();
    let each = levels.flat_map(|level| {
        [
            (
                format!("{level:?}, 16 bits"),
                Packed::new(level, Format::I16, &weight, sizes),
            ),
            (
                format!("{level:?}, 8 bits"),
                Packed::narrow(level, &weight, sizes),
            ),
        ]
    });
    each.collect()
}

#[test]
fn tiles_give_the_convolution_of_the_definition_at_any_size() {
    let sizes = [
        ([1, 1, 1], [1, 1]),
        ([1, 4, 4], [16, 16]),
        ([2, 5, 3], [3, 7]),
        ([2, 9, 14], [17, 66]),
        ([1, 8, 8], [70, 33]),
        // several pieces of the summed dimension
        ([1, 6, 7], [450, 5]),
        ([1, 7, 6], [5, 450]),
        // several blocks of tiles, whose tasks have a part each
        ([3, 27, 31], [3, 5]),
        ([2, 31, 45], [2, 18]),
    ];
    for (pictures, [inputs, outputs]) in sizes {
        let sizes = same_size(pictures);
        let pixels: usize = pictures.iter().product();
        let (x, dy) = (numbers(pixels * inputs, 1), numbers(pixels * outputs, 3));
        let bias = numbers(outputs, 4);
        for (name, packed) in packed([outputs, inputs]) {
            let name = format!("{name}, {pictures:?} {inputs} {outputs}");
            let weight = packed.unpacked();
            let [mut y, dx, _] = convolution(&sizes, &x, &weight, &dy, [inputs, outputs]);
            let worst = error(
                &convolve(&packed, Direction::Gradient, &sizes, &dy, None),
                &dx,
            );
            assert!(worst < TOLERANCE, "gradient, {name}: {worst}");
            let worst = error(&convolve(&packed, Direction::Forward, &sizes, &x, None), &y);
            assert!(worst < TOLERANCE, "{name}: {worst}");
            for (i, y) in y.iter_mut().enumerate() {
                *y += f64::from(bias[i % outputs]);
            }
            let got = convolve(&packed, Direction::Forward, &sizes, &x, Some(&bias));
            assert!(error(&got, &y) < TOLERANCE, "with a bias, {name}");
        }
    }
}

#[test]
fn what_is_not_a_number_reaches_every_pixel_that_depends_on_it() {
    let (sizes, [inputs, outputs]) = (same_size([2, 9, 7]), [5, 19]);
    let [height, width] = [sizes.height, sizes.width];
    for (name, packed) in packed([outputs, inputs]) {
        for (direction, channels) in [(Direction::Forward, inputs), (Direction::Gradient, outputs)]
        {
            for bad in [f32::NAN, f32::INFINITY] {
                for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                    let mut from = numbers(2 * height * width * channels, 1);
                    from[(y * width + x) * channels + 2] = bad;
                    let got = convolve(&packed, direction, &sizes, &from, None);
                    let columns = got.len() / (2 * height * width);
                    let (first, second) = got.split_at(got.len() / 2);
                    assert!(second.iter().all(|v| v.is_finite()), "{name}");
                    for (i, pixel) in first.chunks(columns).enumerate() {
                        let near = |a: usize, b: usize| a.abs_diff(b) <= 1;
                        if near(i / width, y) && near(i % width, x) {
                            let bad = pixel.iter().all(|v| !v.is_finite());
                            assert!(bad, "{name}, {direction:?}: {i} of {y} {x}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn large_pictures_are_cut_into_tiles_and_small_ones_are_not() {
    let quicker = |format: Format, channels: usize, sizes: ConvSizes| {
        let weight = vec![0.5; channels * channels * 9];
        let levels = Level::available().into_iter();
        let mut all = levels.map(|level| {
            let packed = Packed::new(level, format, &weight, [channels, channels, 9]);
            is_quicker(&packed, &sizes)
        });
        let first = all.next();
        all.all(|other| Some(other) == first)
            .then_some(first)
            .flatten()
    };
    for side in [32, 64] {
        let sizes = same_size([1, side, side]);
        assert_eq!(quicker(Format::I16, 64, sizes), Some(true));
        // exact weights give what they always gave, and few channels are all transforms
        assert_eq!(quicker(Format::F32, 64, sizes), Some(false));
        assert_eq!(quicker(Format::I16, 4, sizes), Some(false));
        for (stride, padding) in [(2, 1), (1, 0)] {
            let sizes = ConvSizes {
                stride,
                padding,
                ..sizes
            };
            assert_eq!(quicker(Format::I16, 64, sizes), Some(false));
        }
    }
    for side in [1, 4, 8, 9] {
        assert_eq!(
            quicker(Format::I16, 64, same_size([1, side, side])),
            Some(false)
        );
    }
}
