//! Random numbers against `PyTorch`'s CPU generator.

use atelier_core::Seed;
use atelier_diffusion::noise::TorchGenerator;
use atelier_testkit::{Golden, golden};

/// Largest absolute difference of a normal value: `PyTorch`'s vectorised logarithm, sine and cosine are approximations.
const TOLERANCE: f64 = 2e-6;

#[track_caller]
fn assert_near(got: &[f32], expected: &[f32], what: &str) {
    atelier_testkit::assert_near(what, got, expected, TOLERANCE);
}

fn order(generator: &mut TorchGenerator, n: usize) -> Vec<i64> {
    let order = generator.randperm(n);
    order.into_iter().map(|i| i.try_into().unwrap()).collect()
}

fn each_case(check: impl Fn(&Golden, &str, Seed)) {
    let file = golden("noise");
    let config = file.config();
    let cases = config.as_object().unwrap();
    assert_eq!(cases.len(), 3);
    for (case, facts) in cases {
        check(&file, case, Seed(facts["seed"].as_u64().unwrap()));
    }
}

#[test]
fn normal_values_of_every_shape_are_those_of_pytorch() {
    each_case(|file, case, seed| {
        let prefix = format!("{case}.randn_");
        let names = file.names();
        let names: Vec<_> = names.iter().filter(|n| n.starts_with(&prefix)).collect();
        assert_eq!(names.len(), 7);
        for name in names {
            let expected = file.vec(name);
            let got = TorchGenerator::new(seed).randn(expected.len());
            assert_near(&got, &expected, name);
        }
    });
}

#[test]
fn whole_numbers_and_permutations_are_those_of_pytorch() {
    each_case(|file, case, seed| {
        let expected = file.ints(&format!("{case}.randint_1000"));
        let got = TorchGenerator::new(seed).randint(expected.len(), 0, 1000);
        assert_eq!(got, expected, "{case}");
        for n in [1, 10, 100] {
            let expected = file.ints(&format!("{case}.randperm_{n}"));
            let got = order(&mut TorchGenerator::new(seed), n);
            assert_eq!(got, expected, "{case}, {n} numbers");
        }
        let mut generator = TorchGenerator::new(seed);
        let uniform: Vec<f32> = (0..20).map(|_| generator.uniform()).collect();
        assert_eq!(uniform, file.vec(&format!("{case}.rand_20")), "{case}");
    });
}

#[test]
fn draws_in_a_row_are_those_of_pytorch() {
    each_case(|file, case, seed| {
        let name = |part: &str| format!("{case}.in_a_row.{part}");
        let mut one = TorchGenerator::new(seed);
        for (n, part) in [(15, "0_randn_15"), (1, "1_randn_1"), (20, "2_randn_20")] {
            assert_near(&one.randn(n), &file.vec(&name(part)), &name(part));
        }
        let expected = file.ints(&name("3_randint_1000"));
        assert_eq!(one.randint(5, 0, 1000), expected, "{case}");
        let expected = file.ints(&name("4_randperm_10"));
        assert_eq!(order(&mut one, 10), expected, "{case}");
        for (n, part) in [(64, "5_randn_64"), (3, "6_randn_3")] {
            assert_near(&one.randn(n), &file.vec(&name(part)), &name(part));
        }
    });
}
