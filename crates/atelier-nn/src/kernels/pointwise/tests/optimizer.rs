//! The optimizer's step and the clipping of gradients.

use std::iter::once;

use super::*;
use crate::kernels::pointwise::adamw::{Moved, Step, scale, squared_norm, update};

/// The plain loop of `crate::adamw`.
fn plain(step: &Step, values: &mut [f32], gradient: &[f32], [first, second]: [&mut [f32]; 2]) {
    let states = first.iter_mut().zip(second.iter_mut());
    for ((value, &g), (first, second)) in values.iter_mut().zip(gradient).zip(states) {
        *first += (g - *first) * step.one_minus_beta1;
        *second = *second * step.beta2 + g * g * step.one_minus_beta2;
        let denominator = second.sqrt() / step.root_correction + step.epsilon;
        *value = *value * step.decay - step.rate * *first / denominator;
    }
}

fn step_of(step: i32) -> Step {
    let (rate, beta1, beta2) = (1e-3f64, 0.9f64, 0.999f64);
    Step {
        decay: (1.0 - rate * 0.01) as f32,
        rate: (rate / (1.0 - beta1.powi(step))) as f32,
        root_correction: (1.0 - beta2.powi(step)).sqrt() as f32,
        one_minus_beta1: (1.0 - beta1) as f32,
        beta2: beta2 as f32,
        one_minus_beta2: (1.0 - beta2) as f32,
        epsilon: 1e-8,
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn steps_are_those_of_the_plain_loop_bit_for_bit() {
    for level in Level::available() {
        for count in [1, 8, 13, 40_007] {
            let (mut a, mut b) = (numbers(count, 1), numbers(count, 1));
            let [mut a1, mut a2, mut b1, mut b2] = [const { Vec::new() }; 4].map(|mut v| {
                v.resize(count, 0.0f32);
                v
            });
            for step in 1..5u8 {
                let mut gradient = numbers(count, usize::from(step));
                // no gradient, and one whose square is below the normal numbers
                gradient[0] = 0.0;
                gradient[count / 2] = 1e-21;
                let numbers = step_of(i32::from(step));
                let tensors =
                    [&mut a, &mut a1, &mut a2].map(|values| values.split_at_mut(count / 3));
                let [(a, a_rest), (first, first_rest), (second, second_rest)] = tensors;
                let (before, rest) = gradient.split_at(count / 3);
                let two = [
                    Moved {
                        values: a,
                        gradient: before,
                        moments: [first, second],
                    },
                    Moved {
                        values: a_rest,
                        gradient: rest,
                        moments: [first_rest, second_rest],
                    },
                ];
                update(level, &numbers, two.into_iter());
                plain(&numbers, &mut b, &gradient, [&mut b1, &mut b2]);
            }
            assert_eq!(bits(&a), bits(&b), "{level:?}");
            assert_eq!(bits(&a1), bits(&b1), "{level:?}");
            assert_eq!(bits(&a2), bits(&b2), "{level:?}");
        }
    }
}

#[test]
fn squared_norms_are_the_same_on_every_level_and_any_threads() {
    for count in [0, 1, 16, 131, 200_003] {
        let x = numbers(count, 1);
        let expected: f64 = x.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        let norm = squared_norm(Level::Portable, once(&*x));
        assert!(
            (norm - expected).abs() <= 1e-12 * expected,
            "{norm} {expected}"
        );
        for level in Level::available() {
            assert_eq!(
                squared_norm(level, once(&*x)).to_bits(),
                norm.to_bits(),
                "{level:?}"
            );
            assert_same_on_any_threads(|| squared_norm(level, once(&*x)));
            let halves: [&[f32]; 2] = x.split_at(count / 2).into();
            let parts = squared_norm(level, halves.into_iter());
            assert!((parts - norm).abs() <= 1e-12 * norm, "{parts} {norm}");
        }
    }
}

#[test]
fn scaling_multiplies_every_value() {
    for level in Level::available() {
        let mut x = numbers(20_003, 1);
        let expected: Vec<f32> = x.iter().map(|v| v * 0.3).collect();
        scale(level, &mut x, 0.3);
        assert_eq!(x, expected, "{level:?}");
    }
}
