use atelier_testkit::{assert_close, golden};

use super::*;

const TOLERANCE: f32 = 2e-6;

fn assert_near(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (index, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= TOLERANCE,
            "{what}, value {index}: got {a}, expected {b}"
        );
    }
}

#[test]
fn first_words_are_those_of_the_reference_implementation() {
    // mt19937ar with init_genrand(5489), as the C++ standard quotes it for the 10,000th word
    let mut generator = TorchGenerator::new(Seed(5489));
    assert_eq!(generator.random_u32(), 3_499_211_612);
    let last = (1..10_000).map(|_| generator.random_u32()).last();
    assert_eq!(last, Some(4_123_659_995));
}

#[test]
fn normal_values_are_those_of_pytorch_at_every_size_and_seed() {
    let file = golden("samplers");
    let names = file.names();
    let mut checked = 0;
    for name in names.iter().filter(|name| name.starts_with("noise.")) {
        let mut parts = name.split('.').skip(1);
        let seed = parts.next().unwrap().parse().unwrap();
        let n = parts.next().unwrap().parse().unwrap();
        assert_near(
            &TorchGenerator::new(Seed(seed)).randn(n),
            &file.vec(name),
            name,
        );
        checked += 1;
    }
    assert_eq!(checked, 42);
}

#[test]
fn mixed_calls_follow_one_another_as_in_pytorch() {
    let file = golden("samplers");
    let expected = |name: &str| file.vec(&format!("mixed.{name}"));
    let ints = |name: &str| file.ints(&format!("mixed.{name}"));
    let mut generator = TorchGenerator::new(Seed(7));
    assert_near(&generator.randn(3), &expected("normal_3"), "3 normal");
    let uniform: Vec<f32> = (0..5).map(|_| generator.uniform()).collect();
    assert_eq!(uniform, expected("uniform_5"));
    assert_near(&generator.randn(20), &expected("normal_20"), "20 normal");
    assert_near(&generator.randn(2), &expected("normal_2"), "2 normal");
    assert_eq!(generator.randint(9, 0, 1000), ints("below_1000"));
    assert_eq!(
        generator.randint(9, -3, (1 << 28) - 4),
        ints("narrow"),
        "32 bits"
    );
    assert_eq!(generator.randint(9, 0, 1 << 28), ints("wide"), "64 bits");
    assert_eq!(generator.randint(9, -5, 1 << 40), ints("wider"), "64 bits");
    let order: Vec<i64> = generator
        .randperm(1000)
        .into_iter()
        .map(|i| i.try_into().unwrap())
        .collect();
    assert_eq!(order, ints("order_1000"));
    assert_near(&generator.randn(1), &expected("normal_1"), "1 normal");
}

#[test]
fn a_stored_state_continues_where_it_stopped() {
    let mut generator = TorchGenerator::new(Seed(9));
    generator.randn(701);
    generator.randn(3);
    let text = serde_json::to_string(&generator).unwrap();
    let mut restored: TorchGenerator = serde_json::from_str(&text).unwrap();
    assert_eq!(restored, generator);
    assert_eq!(restored.randn(5), generator.randn(5));
    assert_eq!(restored.randn(1000), generator.randn(1000));
}

#[test]
fn a_damaged_state_is_refused() {
    let mut json = serde_json::to_value(TorchGenerator::new(Seed(1))).unwrap();
    json["engine"]["next"] = 625.into();
    let error = serde_json::from_value::<TorchGenerator>(json.clone()).unwrap_err();
    assert!(error.to_string().contains("625"), "{error}");
    json["engine"]["words"] = vec![0; 3].into();
    let error = serde_json::from_value::<TorchGenerator>(json).unwrap_err();
    assert!(error.to_string().contains("3 words"), "{error}");
}

#[test]
fn an_order_of_nothing_is_empty() {
    assert!(TorchGenerator::new(Seed(0)).randperm(0).is_empty());
    assert_eq!(TorchGenerator::new(Seed(0)).randperm(1), [0]);
}

#[test]
fn cuda_values_are_those_that_are_published() {
    // `torch.randn(12)` with `torch.Generator('cuda').manual_seed(0)`
    let published = [
        -0.924_662_6,
        -0.425_344_15,
        -2.643_845_8,
        0.145_183_88,
        -0.120_866_47,
        -0.579_725_6,
        -0.622_851_2,
        -0.328_387_1,
        -1.074_542_3,
        -0.363_144_07,
        -1.671_050_7,
        2.265_505,
    ];
    let values = TorchCudaNoise::new(Seed(0)).values(12);
    for (got, expected) in values.iter().zip(published) {
        assert!((got - expected).abs() <= 1e-5, "{got} for {expected}");
    }
}

#[test]
fn cuda_values_equal_an_independent_philox_call_by_call() {
    let file = golden("noise");
    for (seed, name) in [(0, "0"), (42, "42"), ((1 << 40) + 7, "large")] {
        let mut source = TorchCudaNoise::new(Seed(seed));
        for call in 0..3 {
            let name = format!("cuda.seed_{name}.{call}");
            let expected = file.vec(&name);
            let got = source.values(expected.len());
            for (index, (a, b)) in got.iter().zip(&expected).enumerate() {
                assert!((a - b).abs() <= 1e-5, "{name}, value {index}: {a} for {b}");
            }
        }
    }
}

#[test]
fn cuda_tensors_beyond_one_launch_take_later_values_of_each_thread() {
    let expected = golden("noise").vec("cuda.wrapped");
    let source = TorchCudaNoise::new(Seed(5));
    let count = 5 * LAUNCH_THREADS + 3;
    let got = source.clone().values(count);
    // around every multiple of the launch, the first of which needs no second value
    let around = (0..6).flat_map(|round| [0, 1, 2].map(|index| round * LAUNCH_THREADS + index));
    for (index, expected) in around.zip(expected) {
        let got = got[index];
        assert!(
            (got - expected).abs() <= 1e-5,
            "{index}: {got} for {expected}"
        );
    }
    let mut after = source;
    after.values(count);
    let mut twice = TorchCudaNoise::new(Seed(5));
    twice.values(1);
    twice.values(1);
    assert_eq!(after.values(9), twice.values(9), "the call counts as two");
}

#[test]
fn split_seeds_are_those_of_numpy() {
    let file = golden("samplers");
    let names = file.names();
    let names = names.iter().filter(|n| n.starts_with("seed_sequence."));
    let mut checked = 0;
    for name in names {
        let parts: Vec<&str> = name.split('.').collect();
        let key: Vec<u64> = match parts[2] {
            "none" => Vec::new(),
            key => key.split('_').map(|word| word.parse().unwrap()).collect(),
        };
        let sequence = seed_sequence::SeedSequence::new(parts[1].parse().unwrap(), &key);
        let state: Vec<i64> = sequence.state(4).into_iter().map(i64::from).collect();
        assert_eq!(state, file.ints(name), "{name}");
        checked += 1;
    }
    assert_eq!(checked, 12);
}

#[test]
fn brownian_increments_are_those_of_torchsde_in_any_order() {
    let file = golden("samplers");
    let queries = file.doubles("brownian.queries");
    for seed in [0, 42, (1 << 40) + 7] {
        let expected = file.vec(&format!("brownian.{seed}"));
        let source = TorchCpuNoise::new(Seed(0));
        let range = (0.029_167_5, 14.6146);
        let motion = brownian::BrownianMotion::new(&source, Seed(seed), 20, range);
        for (index, query) in queries.chunks_exact(2).enumerate().rev() {
            let (from, to) = (query[0], query[1]);
            let got = motion.increment(from, to);
            let expected = &expected[index * 20..(index + 1) * 20];
            if from < to {
                assert_close(&got, expected, 2e-6);
            } else {
                assert_eq!(got, expected);
            }
        }
    }
}
