use atelier_testkit::golden;

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
