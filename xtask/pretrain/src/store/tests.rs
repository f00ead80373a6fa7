//! Trainings stop, go on, change their optimizer and leave parts at rest.

use atelier_nn::init::RandomParams;
use atelier_nn::{Engine, Linear, Params};

use super::*;

const EMA: Ema = Ema { decay: 0.9 };

fn store(held_out: &str) -> Store {
    let mut source = RandomParams::new(1);
    let params = Params::new(&mut source, &Device::flex(), Engine::Reference);
    Store::of(
        &mut Linear::new(&params, 3, 2).unwrap(),
        held_out.to_owned(),
    )
}

fn steps(store: &mut Store) {
    for step in 0..3 {
        let gradients = store.slots.iter().map(|slot| vec![0.1; slot.values.len()]);
        let rate = 1e-2 * f64::from(step + 1);
        store.update(gradients.collect(), rate, EMA).unwrap();
    }
}

#[test]
fn what_is_frozen_stays_at_its_average_and_the_rest_goes_on() {
    let mut store = store("pairs");
    steps(&mut store);
    let is_bias = |name: &str| name.ends_with("bias");
    let (bias, weight) = (
        store.fingerprint(is_bias),
        store.fingerprint(|n| !is_bias(n)),
    );
    store.freeze(is_bias);
    steps(&mut store);
    assert_eq!(store.fingerprint(is_bias), bias);
    assert_ne!(store.fingerprint(|n| !is_bias(n)), weight);
    for slot in &store.slots {
        assert_eq!(
            is_bias(&slot.name),
            slot.values == slot.average,
            "{}",
            slot.name
        );
    }
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    let mut store = store("pairs");
    steps(&mut store);
    let before = (store.step, store.fingerprint(|_| true));
    for bad in [f32::NAN, f32::INFINITY] {
        let mut gradients: Vec<_> = store
            .slots
            .iter()
            .map(|s| vec![0.1; s.values.len()])
            .collect();
        gradients[0][0] = bad;
        let refused = store.update(gradients, 1e-2, EMA).unwrap_err();
        assert!(refused.to_string().contains("step 4"), "{refused}");
        assert_eq!((store.step, store.fingerprint(|_| true)), before);
    }
    assert!(
        store
            .slots
            .iter()
            .all(|slot| slot.values.iter().all(|v| v.is_finite()))
    );
}

#[test]
fn values_from_elsewhere_begin_with_new_moments_and_count_on() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("checkpoint.safetensors");
    let mut first = store("pairs");
    let mut later = store("pairs");
    let given = |slot: &Slot| Ok(vec![0.25; slot.values.len()]);
    first.begin_with(0, given).unwrap();
    later.begin_with(1000, given).unwrap();
    assert!(later.slots.iter().all(|slot| slot.values == slot.average));
    steps(&mut first);
    steps(&mut later);
    assert_eq!((first.step, later.step, later.began), (3, 1003, 1000));
    for (a, b) in first.slots.iter().zip(&later.slots) {
        assert_eq!((&a.values, &a.average), (&b.values, &b.average));
    }
    later.save(&path).unwrap();
    let mut resumed = store("pairs");
    resumed.load(&path).unwrap();
    assert_eq!((resumed.step, resumed.began), (1003, 1000));
    let short = later
        .begin_with(0, |_| Ok(vec![0.0]))
        .unwrap_err()
        .to_string();
    assert!(short.contains("has 1 values in place of 6"), "{short}");
}

#[test]
fn matrices_move_by_muon_as_named_and_a_checkpoint_goes_on_with_either_optimizer() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("checkpoint.safetensors");
    let begun = |by_muon: bool| {
        let mut store = store("pairs");
        store.use_muon(|_| by_muon, WEIGHT_DECAY);
        store
    };
    let (mut plain, mut muon) = (begun(false), begun(true));
    steps(&mut plain);
    steps(&mut muon);
    for (a, b) in plain.slots.iter().zip(&muon.slots) {
        let is_matrix = a.shape.len() > 1;
        assert_eq!(a.values != b.values, is_matrix, "{}", a.name);
    }
    muon.save(&path).unwrap();
    for by_muon in [true, false] {
        let (mut whole, mut resumed) = (begun(by_muon), begun(by_muon));
        whole.load(&path).unwrap();
        resumed.load(&path).unwrap();
        let before: Vec<Vec<f32>> = whole.slots.iter().map(|s| s.values.clone()).collect();
        steps(&mut whole);
        steps(&mut resumed);
        for ((a, b), before) in whole.slots.iter().zip(&resumed.slots).zip(&before) {
            assert_eq!(a.values, b.values);
            // three steps at rates of 0.01 to 0.03: none moves a value by much more than their sum
            let pairs = a.values.iter().zip(before);
            let most = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(most < 0.1, "{} {most}", a.name);
        }
    }
}

#[test]
fn a_saved_training_goes_on_as_if_it_had_not_stopped() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("checkpoint.safetensors");
    let mut whole = store("pairs");
    steps(&mut whole);
    whole.save(&path).unwrap();
    steps(&mut whole);
    let mut resumed = store("pairs");
    resumed.load(&path).unwrap();
    assert_eq!(resumed.step, 3);
    steps(&mut resumed);
    for (a, b) in whole.slots.iter().zip(&resumed.slots) {
        assert_eq!((&a.values, &a.average), (&b.values, &b.average));
    }
    let refusal = store("others").load(&path).unwrap_err().to_string();
    assert!(refusal.contains("other pairs held out"), "{refusal}");
}
