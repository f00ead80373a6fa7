//! Shifts, residual sums, concatenation and enlargement.

use super::*;
use crate::kernels::pointwise::channels::{add, concatenate, shift, shift_gradient, split};
use crate::kernels::pointwise::resample::{enlarge, enlarge_gradient};

#[test]
fn residual_sums_add_value_by_value() {
    for level in Level::available() {
        for count in [0, 1, 8, 21, 50_001] {
            let (mut a, b) = (numbers(count, 1), numbers(count, 2));
            let expected: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
            add(level, &mut a, &b);
            assert_eq!(a, expected, "{level:?}");
        }
    }
}

#[test]
fn shifts_reach_every_pixel_and_their_gradient_sums_over_them() {
    for level in Level::available() {
        for (batch, pixels, channels) in [(1, 1, 1), (2, 9, 13), (3, 700, 8), (1, 300, 320)] {
            let what = format!("{level:?} {batch} {pixels} {channels}");
            let x = numbers(batch * pixels * channels, 1);
            let shifts = numbers(batch * channels, 2);
            let at = |i: usize| i / (pixels * channels) * channels + i % channels;
            let expected: Vec<f32> = (0..x.len()).map(|i| x[i] + shifts[at(i)]).collect();
            let mut got = x.clone();
            shift(level, &mut got, &shifts, channels);
            assert_eq!(got, expected, "{what}");
            let mut sums = vec![0.0; shifts.len()];
            wide(&x)
                .iter()
                .enumerate()
                .for_each(|(i, x)| sums[at(i)] += x);
            // sums in f32 of up to 256 values of up to 2
            let got = shift_gradient(level, &x, batch, channels);
            assert_close(&got, &sums, 1e-5, &what);
            assert_same_on_any_threads(|| shift_gradient(level, &x, batch, channels));
        }
    }
}

#[test]
fn splitting_undoes_concatenation() {
    for (rows, channels) in [(1, [1, 1]), (7, [3, 5]), (40, [640, 320]), (3000, [4, 9])] {
        let (a, b) = (
            numbers(rows * channels[0], 1),
            numbers(rows * channels[1], 2),
        );
        let joined = concatenate(&a, &b, channels);
        for (i, row) in joined.chunks(channels[0] + channels[1]).enumerate() {
            assert_eq!(row[..channels[0]], a[i * channels[0]..][..channels[0]]);
            assert_eq!(row[channels[0]..], b[i * channels[1]..][..channels[1]]);
        }
        assert_eq!(split(&joined, channels), [a, b]);
    }
}

#[test]
fn enlarged_images_repeat_pixels_and_their_gradient_sums_four() {
    for [batch, height, width, channels] in [[1, 1, 1, 1], [2, 3, 5, 7], [1, 8, 8, 40]] {
        let size = [height, width, channels];
        let x = numbers(batch * height * width * channels, 1);
        let source = |i: usize| {
            let (c, pixel) = (i % channels, i / channels);
            let (column, row) = (pixel % (2 * width) / 2, pixel / (2 * width));
            let (image, row) = (row / (2 * height), row % (2 * height) / 2);
            ((image * height + row) * width + column) * channels + c
        };
        let expected: Vec<f32> = (0..4 * x.len()).map(|i| x[source(i)]).collect();
        assert_eq!(enlarge(&x, size), expected);
        let dy = numbers(4 * x.len(), 2);
        let mut sums = vec![0.0; x.len()];
        wide(&dy)
            .iter()
            .enumerate()
            .for_each(|(i, dy)| sums[source(i)] += dy);
        for level in Level::available() {
            // three roundings of f32
            assert_close(
                &enlarge_gradient(level, &dy, size),
                &sums,
                4e-7,
                &format!("{level:?}"),
            );
        }
    }
}
