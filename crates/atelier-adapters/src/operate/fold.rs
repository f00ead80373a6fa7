//! A factor on a product put into the two matrices that are multiplied, so that f16 still holds both.

/// Exponent of the smallest number of f16 that has all its digits.
const NORMAL: i32 = -14;
/// Exponent of the distance between the numbers below it.
const STEP: i32 = -24;
/// The largest exponent all of whose numbers f16 has.
const LARGEST: i32 = 14;
/// The most by which exponents are moved.
const REACH: i32 = 32;
/// What rounding to f16 takes in any case: 2^-12 of a length, as a square.
const ROUNDING: f64 = 1.0 / 16_777_216.0;

/// Multiplies `up` by a factor. Where that leaves numbers that f16 cuts off or has no room for, a power of two goes from
/// one of the two to the other, which no number format with room for it notices.
pub(super) fn fold(factor: f32, down: &mut [f32], up: &mut [f32]) {
    if factor.to_bits() == 1.0f32.to_bits() {
        return;
    }
    multiply(up, factor);
    let power = power(&Sizes::of(down), &Sizes::of(up));
    if power != 0 {
        multiply(up, 2f32.powi(power));
        multiply(down, 2f32.powi(-power));
    }
}

fn multiply(values: &mut [f32], factor: f32) {
    for value in values {
        *value *= factor;
    }
}

/// The exponent that `up` should get from `down`: the nearest to 0 of those with which f16 loses least.
fn power(down: &Sizes, up: &Sizes) -> i32 {
    let loss = |power: i32| up.loss(power) + down.loss(-power);
    let mut best = (0, loss(0));
    if best.1 <= ROUNDING {
        return 0;
    }
    for power in (1..=REACH).flat_map(|power| [power, -power]) {
        let loss = loss(power);
        if loss < best.1 {
            best = (power, loss);
        }
    }
    best.0
}

/// How many numbers of a matrix have each exponent.
struct Sizes {
    /// By the exponent as f32 stores it; zeros are not counted.
    counts: [u32; 256],
    /// The square of the length of all.
    square: f64,
}

impl Sizes {
    fn of(values: &[f32]) -> Self {
        let (mut counts, mut square) = ([0u32; 256], 0.0);
        for value in values.iter().filter(|value| **value != 0.0) {
            let exponent = (value.to_bits() >> 23) & 0xff;
            let count = &mut counts[exponent as usize];
            *count = count.saturating_add(1);
            square += f64::from(*value).powi(2);
        }
        Self { counts, square }
    }

    /// The share of the length that f16 is expected to cut off after a multiplication by 2^`power`, as a square; infinite
    /// where a number does not fit.
    fn loss(&self, power: i32) -> f64 {
        let mut lost = 0.0;
        for (stored, &count) in (0i32..).zip(&self.counts) {
            let exponent = stored - 127 + power;
            if count > 0 && exponent > LARGEST {
                return f64::INFINITY;
            }
            if count > 0 && exponent < NORMAL {
                lost += f64::from(count) * square_cut(exponent);
            }
        }
        if lost > 0.0 {
            lost / (self.square * 2f64.powi(2 * power))
        } else {
            0.0
        }
    }
}

/// The square of what f16 cuts off a number of this exponent, on average: half a step at most, or all of it.
fn square_cut(exponent: i32) -> f64 {
    if exponent < STEP - 1 {
        2f64.powi(2 * exponent) * 7.0 / 3.0
    } else {
        2f64.powi(2 * STEP) / 12.0
    }
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    /// Numbers around `size` that f16 holds.
    fn numbers(seed: usize, size: f32) -> Vec<f32> {
        (0..512)
            .map(|i| (((i + seed) * 7919) % 257) as f32 / 128.0 - 1.0)
            .map(|value| f16::from_f32(value * size).to_f32())
            .collect()
    }

    fn largest(values: &[f32]) -> f32 {
        values.iter().fold(0.0, |most, value| most.max(value.abs()))
    }

    /// Length of what f16 makes of the numbers that it does not have, over the length of all.
    fn error(values: &[f32]) -> f64 {
        let square = |values: &mut dyn Iterator<Item = f32>| -> f64 {
            values.map(|value| f64::from(value).powi(2)).sum()
        };
        let mut lost = values
            .iter()
            .map(|value| f16::from_f32(*value).to_f32() - value);
        (square(&mut lost) / square(&mut values.iter().copied())).sqrt()
    }

    #[test]
    fn small_factors_leave_both_matrices_to_f16() {
        for (factor, size, most) in [
            (1.0 / 128.0, 1e-4, 5e-4),
            (1e-4, 1e-2, 5e-4),
            (0.3, 1e-5, 5e-4),
        ] {
            let (down, up) = (numbers(1, 0.03), numbers(2, size));
            let (mut thin, mut scaled) = (down.clone(), up.clone());
            fold(factor, &mut thin, &mut scaled);
            let cut: Vec<_> = up.iter().map(|value| value * factor).collect();
            assert!(error(&cut) > 5e-3, "{}", error(&cut));
            assert!(error(&thin) < most && error(&scaled) < most);
            // Nothing but a power of two went from one to the other.
            let power = largest(&down) / largest(&thin);
            assert!(
                power > 1.0 && power.to_bits().trailing_zeros() >= 23,
                "{power}"
            );
            multiply(&mut thin, power);
            assert_eq!(thin, down);
            let moved: Vec<_> = cut.iter().map(|value| value * power).collect();
            assert_eq!(scaled, moved);
        }
    }

    #[test]
    fn factors_that_f16_holds_are_left_where_they_are() {
        for factor in [1.0, 0.5, 2.0, -0.7] {
            let (down, up) = (numbers(1, 0.5), numbers(2, 0.5));
            let (mut same, mut scaled) = (down.clone(), up.clone());
            fold(factor, &mut same, &mut scaled);
            let product: Vec<_> = up.iter().map(|value| value * factor).collect();
            assert_eq!((same, scaled), (down, product));
        }
        // Numbers that are small as they came stay so.
        let (mut down, mut up) = (numbers(1, 0.03), numbers(2, 1e-6));
        let before = (down.clone(), up.clone());
        fold(1.0, &mut down, &mut up);
        assert_eq!((down, up), before);
    }

    #[test]
    fn what_would_not_fit_goes_to_the_other_side() {
        let (mut down, mut up) = (numbers(1, 0.01), numbers(2, 1000.0));
        fold(4096.0, &mut down, &mut up);
        assert!(largest(&up) < 65504.0, "{}", largest(&up));
        assert!(error(&down) < 5e-4 && error(&up) < 5e-4);
        let (mut none, mut up) = (vec![0.0; 4], vec![0.0; 4]);
        fold(1e-9, &mut none, &mut up);
        assert_eq!((none, up), (vec![0.0; 4], vec![0.0; 4]));
    }
}
