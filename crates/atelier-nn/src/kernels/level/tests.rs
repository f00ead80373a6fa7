//! Every level against plain Rust.

use super::math::{exp, exp2, gelu, quick_gelu, silu};
use super::{Level, Simd, leveled};

/// Runs every operation that kernels use and writes what came out, `LANES` values at a time.
#[inline(always)]
unsafe fn probe<S: Simd>(x: &[f32], floats: &mut Vec<f32>, ints: &mut Vec<u32>) {
    let lanes = S::LANES;
    let mut out = vec![0.0; lanes];
    let mut whole = vec![0u32; lanes];
    let mut halves = vec![0u16; lanes];
    for chunk in x.chunks_exact(3 * lanes) {
        unsafe {
            let a = S::load(chunk.as_ptr());
            let b = S::load(chunk.as_ptr().add(lanes));
            let c = S::load(chunk.as_ptr().add(2 * lanes));
            let values = [
                S::add(a, b),
                S::sub(a, b),
                S::mul(a, b),
                S::div(a, b),
                S::max(a, b),
                S::min(a, b),
                S::sqrt(S::max(a, S::splat(0.0))),
                S::round(a),
                S::pow2(S::round(a)),
                S::add_exponent(a, S::add(S::round(b), S::splat(12_582_912.0))),
                S::select_lt(a, b, b, c),
                S::load_first(chunk.as_ptr(), 5),
                S::int_to_float(S::int_load(chunk.as_ptr().cast())),
                S::load_bf16(chunk.as_ptr().cast()),
            ];
            for value in values {
                S::store(out.as_mut_ptr(), value);
                floats.extend(&out);
            }
            out.fill(0.5);
            S::store_first(out.as_mut_ptr(), a, 3);
            floats.extend(&out);
            floats.push(S::greatest(a));
            let large = S::mul(a, S::splat(2000.0));
            let other = S::mul(b, S::splat(2000.0));
            let first = S::pair(large, other);
            let second = S::pair(other, S::mul(c, S::splat(-2000.0)));
            for value in S::pair_to_floats(second) {
                S::store(out.as_mut_ptr(), value);
                floats.extend(&out);
            }
            let of_bf16 = S::halves(a, b);
            for value in S::halves_to_floats(of_bf16) {
                S::store(out.as_mut_ptr(), value);
                floats.extend(&out);
            }
            // of small whole numbers, which no rounding touches
            let (few, others) = (S::round(a), S::round(b));
            let pairs = [S::halves(few, others), S::halves(others, S::round(c))];
            S::store(out.as_mut_ptr(), S::dot_halves(few, pairs[0], pairs[1]));
            floats.extend(&out);
            let [low, high] = S::zip16(first, second);
            for value in [
                first,
                second,
                of_bf16,
                low,
                high,
                S::dot(
                    S::dot(S::int_zero(), first, second),
                    low,
                    S::int_splat(0x0003_fffe),
                ),
            ] {
                S::int_store(whole.as_mut_ptr(), value);
                ints.extend(&whole);
            }
            S::store_i16(halves.as_mut_ptr().cast(), large);
            ints.extend(halves.iter().map(|&v| u32::from(v)));
            S::store_bf16(halves.as_mut_ptr(), a);
            ints.extend(halves.iter().map(|&v| u32::from(v)));
        }
    }
    let (stride, to_stride) = (lanes + 3, lanes + 1);
    let block: Vec<u32> = (0..lanes as u32 * stride as u32).collect();
    let mut turned = vec![0; lanes * to_stride];
    unsafe { S::transpose(block.as_ptr(), stride, turned.as_mut_ptr(), to_stride) };
    for (j, row) in turned.chunks(to_stride).enumerate() {
        for (i, &value) in row[..lanes].iter().enumerate() {
            assert_eq!(value as usize, i * stride + j);
        }
    }
}

leveled! {
    fn probe_at(x: &[f32], floats: &mut Vec<f32>, ints: &mut Vec<u32>) = probe
}

fn numbers(count: usize) -> Vec<f32> {
    let value = |i: usize| ((i * 7919 + 13) % 2003) as f32 / 130.0 - 7.7;
    (0..count).map(value).collect()
}

fn probed(level: Level) -> (Vec<f32>, Vec<u32>) {
    let (mut floats, mut ints) = (Vec::new(), Vec::new());
    unsafe { probe_at(level, &numbers(960), &mut floats, &mut ints) };
    (floats, ints)
}

#[test]
fn operations_of_every_level_are_those_of_plain_rust() {
    let narrow = probed(Level::Portable);
    let wide = probed(Level::PortableWide);
    for level in Level::available() {
        let expected = if level.lanes() == 8 { &narrow } else { &wide };
        let got = probed(level);
        assert_eq!(got.0.len(), expected.0.len());
        for (i, (got, expected)) in got.0.iter().zip(&expected.0).enumerate() {
            // zeros of either sign are equal
            let same = got.to_bits() == expected.to_bits() || got.abs() + expected.abs() == 0.0;
            assert!(
                same || got.is_nan() && expected.is_nan(),
                "{level:?} {i}: {got} {expected}"
            );
        }
        assert_eq!(got.1, expected.1, "{level:?}");
    }
}

#[inline(always)]
unsafe fn curves<S: Simd>(x: &[f32], out: &mut Vec<[f32; 8]>) {
    let mut rows = [[0.0; 16]; 8];
    for chunk in x.chunks_exact(S::LANES) {
        unsafe {
            let x = S::load(chunk.as_ptr());
            let (a, b, c) = (silu::<S>(x), gelu::<S>(x), quick_gelu::<S>(x));
            let sum = S::splat(S::sum(x));
            let values = [exp::<S>(x), a.0, a.1, b.0, b.1, c.0, c.1, sum];
            for (row, value) in rows.iter_mut().zip(values) {
                S::store(row.as_mut_ptr(), value);
            }
        }
        out.extend((0..S::LANES).map(|i| rows.map(|row| row[i])));
    }
}

leveled! {
    fn curves_at(x: &[f32], out: &mut Vec<[f32; 8]>) = curves
}

/// The error function by its series in f64.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

#[test]
fn curves_are_those_of_the_definitions() {
    let x: Vec<f32> = (0..4096).map(|i| (i as f32 - 2048.0) / 500.0).collect();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    for level in Level::available() {
        let mut out = Vec::new();
        unsafe { curves_at(level, &x, &mut out) };
        for (got, &x) in out.iter().zip(&x) {
            let x = f64::from(x);
            let (s, q) = (sigmoid(x), sigmoid(1.702 * x));
            let share = 0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2));
            let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let expected = [
                x.exp(),
                x * s,
                s * (1.0 + x * (1.0 - s)),
                x * share,
                share + x * density,
                x * q,
                q * (1.0 + 1.702 * x * (1.0 - q)),
            ];
            for (got, expected) in got.iter().zip(expected) {
                let error = (f64::from(*got) - expected).abs() / expected.abs().max(1.0);
                assert!(error < 1e-6, "{level:?} at {x}: {got} {expected}");
            }
        }
        for (rows, chunk) in out.chunks(level.lanes()).zip(x.chunks(level.lanes())) {
            let sum: f32 = chunk.iter().sum();
            assert!((rows[0][7] - sum).abs() < 1e-3 * sum.abs().max(1.0));
        }
    }
}

#[inline(always)]
unsafe fn powers<S: Simd>(x: &[f32], out: &mut [f32]) {
    for (x, out) in x
        .chunks_exact(2 * S::LANES)
        .zip(out.chunks_exact_mut(2 * S::LANES))
    {
        unsafe {
            let x = [S::load(x.as_ptr()), S::load(x.as_ptr().add(S::LANES))];
            for (powers, out) in exp2::<S, 2>(x)
                .into_iter()
                .zip(out.chunks_exact_mut(S::LANES))
            {
                S::store(out.as_mut_ptr(), powers);
            }
        }
    }
}

leveled! {
    fn powers_at(x: &[f32], out: &mut [f32]) = powers
}

#[test]
fn powers_of_two_are_those_of_f64() {
    let mut x: Vec<f32> = (0..65536).map(|i| (i as f32 - 32768.0) / 262.0).collect();
    x.extend((0..65536).map(|i| (i as f32 - 32768.0) / 65536.0));
    let ends = [
        -1e30,
        f32::NEG_INFINITY,
        -126.0,
        127.0,
        f32::NAN,
        0.0,
        0.5,
        -0.5,
    ];
    x.extend(ends.repeat(4));
    for level in Level::available() {
        let mut out = vec![0.0; x.len()];
        unsafe { powers_at(level, &x, &mut out) };
        for (&got, &x) in out.iter().zip(&x) {
            let expected = f64::from(x.max(-126.0)).exp2();
            // the polynomial's 1.6e-8, and the rounding of its last steps
            let error = (f64::from(got) / expected - 1.0).abs();
            assert!(
                x.is_nan() && got.is_nan() || error < 2e-7,
                "{level:?} at {x}: {got}"
            );
        }
    }
}
