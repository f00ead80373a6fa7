//! Rows of either kind, and results that are rounded as they are written.

use super::*;

/// The values of a result, which is the same when it is rounded as it is written.
fn result(level: Level, of: impl Fn(Precision) -> Activation) -> Vec<f32> {
    let Activation::Exact(values) = of(Precision::Exact) else {
        panic!("values as they are");
    };
    let halves = Activation::Rounded(rounded(level, &values));
    assert!(of(Precision::Rounded) == halves, "{level:?}");
    values
}

/// Adds `b` to `a`.
fn added(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

#[test]
fn sums_of_two_products_are_right_with_weights_and_rows_of_any_kind() {
    let sizes = [
        [1, 1, 1, 1],
        [37, 40, 70, 16],
        [300, 800, 150, 4],
        [20, 900, 800, 16],
        [150, 130, 1100, 33],
        [1100, 256, 40, 16],
    ];
    for (level, format) in cases() {
        for [rows, depth, outputs, rank] in sizes {
            // the second term in f32, or in the format of the first
            for low_format in [Format::F32, Format::Bf16, format] {
                let pack =
                    |format, weight: &[f32], sizes| Packed::new(level, format, weight, sizes);
                let (x, low) = (
                    operand(format, rows * depth, 1),
                    operand(low_format, rows * rank, 2),
                );
                let weight = operand(format, outputs * depth, 3);
                let up = operand(low_format, outputs * rank, 4);
                let down = operand(low_format, rank * depth, 5);
                let bias = numbers(outputs, 6);
                let packed = pack(format, &weight, [outputs, depth, 1]);
                let packed_up = pack(low_format, &up, [outputs, rank, 1]);
                let packed_down = pack(low_format, &down, [rank, depth, 1]);
                let (dy, slope) = (
                    operand(format, rows * outputs, 7),
                    operand(low_format, rows * rank, 8),
                );
                let halves = [(&x, depth), (&low, rank), (&dy, outputs), (&slope, rank)]
                    .map(|(values, width)| HalfRows::new(level, values, width));
                let rows_of = |values, width, format, at: usize| match format {
                    Format::Bf16 => halves[at].operand(),
                    _ => Operand::floats(values, width),
                };
                let name =
                    format!("{level:?} {format:?} {low_format:?} {rows} {depth} {outputs} {rank}");

                let terms = [
                    (&packed, rows_of(&x, depth, format, 0)),
                    (&packed_up, rows_of(&low, rank, low_format, 1)),
                ];
                let y = result(level, |to| linear::forward_sum(&terms, Some(&bias), to));
                let expected = added(
                    &product(&x, &weight, &bias, depth),
                    &product(&low, &up, &vec![0.0; outputs], rank),
                );
                let most = tolerance(format).max(tolerance(low_format));
                let worst = error(&y, &expected);
                assert!(worst < most, "{name}: {worst}");

                let terms = [
                    (&packed, rows_of(&dy, outputs, format, 2)),
                    (&packed_down, rows_of(&slope, rank, low_format, 3)),
                ];
                let dx = result(level, |to| linear::input_gradient_sum(&terms, to));
                let turn = |weight: &[f32], outputs: usize| -> Vec<f32> {
                    let at = |i: usize| weight[i % outputs * depth + i / outputs];
                    (0..depth * outputs).map(at).collect()
                };
                let expected = added(
                    &product(&dy, &turn(&weight, outputs), &vec![0.0; depth], outputs),
                    &product(&slope, &turn(&down, rank), &vec![0.0; depth], rank),
                );
                let worst = error(&dx, &expected);
                assert!(worst < most, "gradient {name}: {worst}");
            }
        }
    }
}

#[test]
fn rows_that_lie_close_are_multiplied_as_rows_apart_are() {
    for level in Level::available() {
        for [rows, depth, outputs] in [[1, 32, 5], [70, 96, 40], [300, 256, 130]] {
            let (x, weight) = (numbers(rows * depth, 1), numbers(outputs * depth, 2));
            let packed = Packed::new(level, Format::Bf16, &weight, [outputs, depth, 1]);
            let (apart, close) = (HalfRows::new(level, &x, depth), rounded(level, &x));
            let close = Operand::halves(&close, depth).expect("whole lines of units");
            let expected = linear::forward(&packed, apart.operand(), None);
            assert_eq!(linear::forward(&packed, close, None), expected, "{level:?}");
            let parts = close.parts(17);
            let parts = parts.flat_map(|rows| linear::forward(&packed, rows, None));
            assert_eq!(parts.collect::<Vec<_>>(), expected, "{level:?}");
            let dy = numbers(rows * outputs, 3);
            let gradient =
                |x| outer::weight_gradient(level, Format::Bf16, Operand::floats(&dy, outputs), x);
            assert_eq!(gradient(close), gradient(apart.operand()), "{level:?}");
        }
        assert!(Operand::halves(&[0; 40], 20).is_none());
    }
}

#[test]
fn rounded_rows_are_those_that_were_given() {
    for (level, format) in cases() {
        for [rows, width] in [[0, 3], [1, 1], [5, 31], [70, 256], [3, 300]] {
            let values = operand(Format::Bf16, rows * width, 1);
            let held = HalfRows::new(level, &values, width);
            assert_eq!(
                held.widened(level),
                values,
                "{level:?} {format:?} {rows} {width}"
            );
        }
    }
}

#[test]
fn pairs_of_bf16_come_out_of_panels_of_any_size_rounded_to_the_nearest() {
    for level in Level::available() {
        for taps in [1, 9] {
            for [outputs, depth] in [[1, 1], [15, 3], [17, 16], [70, 57], [65, 601], [130, 600]] {
                let weight = numbers(outputs * depth * taps, 7);
                let packed = Packed::new(level, Format::Bf16, &weight, [outputs, depth, taps]);
                let nearest = weight
                    .iter()
                    .map(|&value| f32::from_bits(half(value) << 16));
                assert!(
                    packed.unpacked().into_iter().eq(nearest),
                    "{level:?} {outputs} {depth} {taps}"
                );
            }
        }
    }
}
