//! Trainings stop, go on, change their optimizer and leave parts at rest; files that do not belong to them are refused.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_nn::init::RandomParams;
use atelier_nn::{Engine, Linear, Params};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};

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

#[test]
fn rows_that_are_held_stay_as_they_are_and_the_others_move_as_they_would() {
    let (mut held, mut free) = (store("pairs"), store("pairs"));
    let weight = held.position("weight").unwrap();
    held.hold_rows_from(weight, 1);
    held.use_muon(|_| true, WEIGHT_DECAY);
    let before = held.slots[weight].values.clone();
    for _ in 0..5 {
        steps(&mut held);
        steps(&mut free);
    }
    let bits = |values: &[f32]| -> Vec<u32> { values.iter().map(|v| v.to_bits()).collect() };
    let (held, free) = (&held.slots[weight], &free.slots[weight]);
    assert_eq!(held.shape, [2, 3]);
    for (held, free) in [(&held.values, &free.values), (&held.average, &free.average)] {
        assert_eq!(bits(&held[3..]), bits(&before[3..]));
        assert_eq!(bits(&held[..3]), bits(&free[..3]));
        assert_ne!(bits(&free[3..]), bits(&before[3..]));
    }
}

#[test]
fn a_gradient_of_rows_that_are_held_takes_nothing_from_the_others() {
    let (mut held, mut free) = (store("pairs"), store("pairs"));
    let weight = held.position("weight").unwrap();
    held.hold_rows_from(weight, 1);
    let gradients = |row: f32| vec![vec![0.1, 0.1, 0.1, row, row, row], vec![0.1; 2]];
    // The norm of all gradients together is limited.
    held.update(gradients(1000.0), 1e-2, EMA).unwrap();
    free.update(gradients(0.0), 1e-2, EMA).unwrap();
    assert_eq!(
        held.slots[weight].values[..3],
        free.slots[weight].values[..3]
    );
}

/// A checkpoint at step 3, written with changed tensors and metadata.
fn changed(path: &Path, change: impl FnOnce(&mut Vec<OutTensor>, &mut BTreeMap<String, String>)) {
    let mut whole = store("pairs");
    steps(&mut whole);
    whole.save(path).unwrap();
    let file = TensorFile::open(path).unwrap();
    let tensor = |name: &str| OutTensor {
        name: name.to_owned(),
        dtype: DType::F32,
        shape: file.info(name).unwrap().shape.clone(),
        data: file.read_f32(name).unwrap(),
    };
    let mut tensors: Vec<OutTensor> = file.names().map(tensor).collect();
    let mut metadata = file.metadata().clone();
    change(&mut tensors, &mut metadata);
    write_tensors(path, &tensors, &metadata).unwrap();
}

#[test]
fn a_checkpoint_that_contradicts_itself_is_refused_with_its_path() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("checkpoint.safetensors");
    let refusal = || {
        let refusal = format!("{:#}", store("pairs").load(&path).unwrap_err());
        assert!(refusal.contains("checkpoint.safetensors`"), "{refusal}");
        refusal
    };
    let told = |key: &str, value: &str| {
        changed(&path, |_, metadata| {
            metadata.insert(key.to_owned(), value.to_owned());
        });
    };
    told("began", "4");
    assert!(refusal().contains("at step 3, and says that it began at step 4"));
    told("step", "three");
    assert!(refusal().contains("`step` of"));
    changed(&path, |_, metadata| drop(metadata.remove("step")));
    assert!(refusal().contains("has no `step`"));
    for bad in [f32::NAN, f32::INFINITY] {
        for kind in ["value", "first", "second", "average"] {
            let name = format!("{kind}.bias");
            changed(&path, |tensors, _| {
                let tensor = tensors.iter_mut().find(|tensor| tensor.name == name);
                tensor.unwrap().data[1] = bad;
            });
            let refusal = refusal();
            assert!(
                refusal.contains(&format!("`{name}` in")) && refusal.contains("finite"),
                "{refusal}"
            );
        }
    }
    changed(&path, |tensors, _| {
        let weight = tensors
            .iter_mut()
            .find(|tensor| tensor.name == "first.weight");
        weight.unwrap().shape = vec![3, 2];
    });
    let turned = refusal();
    assert!(
        turned.contains("`first.weight`") && turned.contains("[3, 2], expected [2, 3]"),
        "{turned}"
    );
    changed(&path, |_, _| ());
    let mut whole = store("pairs");
    whole.load(&path).unwrap();
    assert_eq!((whole.step, whole.began), (3, 0));
}

#[test]
fn a_checkpoint_goes_on_with_what_it_learnt_from_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("checkpoint.safetensors");
    let learning = |corpus: &str, tokens: &str, encoder: &str| {
        let [corpus, tokens, encoder] = [corpus, tokens, encoder].map(str::to_owned);
        store("pairs").learning_from(LearntFrom {
            corpus,
            tokens,
            encoder,
        })
    };
    learning("1", "2", "4").save(&path).unwrap();
    learning("1", "2", "4").load(&path).unwrap();
    // one that learns from whatever it is
    store("pairs").load(&path).unwrap();
    for (corpus, tokens, encoder, said) in [
        ("3", "2", "4", "other `corpus`"),
        ("1", "3", "4", "other `tokens`"),
        ("1", "2", "3", "another `encoder`"),
    ] {
        let refusal = learning(corpus, tokens, encoder).load(&path).unwrap_err();
        let refusal = refusal.to_string();
        assert!(
            refusal.contains("learnt from")
                && refusal.contains(said)
                && refusal.contains("`adopt`"),
            "{refusal}"
        );
    }
    store("pairs").save(&path).unwrap();
    let refusal = learning("1", "2", "4").load(&path).unwrap_err().to_string();
    assert!(
        refusal.contains("does not say") && refusal.contains("`adopt`"),
        "{refusal}"
    );
}

#[test]
fn a_training_with_nothing_left_to_do_says_where_it_is() {
    let mut store = store("pairs");
    steps(&mut store);
    let path = Path::new("cache/denoiser.safetensors");
    assert_eq!(store.done(path, 4), None);
    for steps in [2, 3] {
        let said = store.done(path, steps).unwrap();
        for part in [
            "`cache/denoiser.safetensors`",
            "at step 3",
            "larger `--steps`",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}
