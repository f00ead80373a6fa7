//! Adapters in the weights of a base, in every way in which bases are stored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use atelier_adapters::operate::apply_to_weight;
use atelier_adapters::{LayerId, Part};
use atelier_core::{Delta, Factor, Matrix, WeightChange};
use atelier_testkit::{golden_folder, tiny_sd15, tiny_sdxl};
use atelier_weights::bake::Baking;
use atelier_weights::{
    DType, Error, ModelFiles, OutTensor, TensorFile, expected_tensors, write_tensors,
};
use half::f16;

/// A change of rank 1 for a weight, a difference for a norm or a bias.
fn change(shape: &[usize], scale: f32) -> WeightChange {
    let (rows, columns) = (shape[0], shape[1..].iter().product());
    let matrix = |rows: usize, columns: usize, step: f32| Matrix {
        rows,
        columns,
        values: (0..rows * columns)
            .map(|i| (i as f32 * step).sin())
            .collect(),
    };
    let (left, right) = (matrix(rows, 1, 0.7), matrix(1, columns, 1.3));
    let factor = if shape.len() > 1 {
        Factor::Product { left, right }
    } else {
        Factor::Whole(left)
    };
    WeightChange {
        delta: Delta::Plain(factor),
        scale,
        magnitude: None,
    }
}

/// A change for every tensor of a model that adapters can change, with its diffusers name.
fn changes(model: &ModelFiles) -> BTreeMap<(Part, String), WeightChange> {
    let mut changes = BTreeMap::new();
    for part in Part::ALL {
        if !model.weighted_parts().contains(&part.name()) {
            continue;
        }
        let config = model.config(part.name()).unwrap();
        for (name, shape) in expected_tensors(part.name(), &config).unwrap() {
            let is_known = LayerId::of_tensor(part, &name).is_some();
            if is_known && !name.ends_with("_embedding.weight") {
                changes.insert((part, name), change(&shape, 0.125));
            }
        }
    }
    changes
}

fn strength(part: Part) -> f32 {
    if part == Part::Unet { 0.5 } else { 0.75 }
}

fn plan(model: &ModelFiles) -> Baking {
    let changes = changes(model).into_iter().map(|((part, name), change)| {
        let layer = LayerId::of_tensor(part, &name).unwrap();
        (layer, change, strength(part))
    });
    atelier_adapters::bake::plan(model, changes).unwrap()
}

/// Copies a model's files to `out` with the changes in them.
fn bake(model: &ModelFiles, out: &Path) -> Baking {
    let baking = plan(model);
    let root = if model.root().is_dir() {
        model.root()
    } else {
        model.root().parent().unwrap()
    };
    for source in model.files().unwrap() {
        let target = out.join(source.strip_prefix(root).unwrap());
        fs_err::create_dir_all(target.parent().unwrap()).unwrap();
        if baking.changes(&source) {
            let metadata = BTreeMap::from([("atelier.base".to_owned(), "tiny".to_owned())]);
            assert!(baking.write(&source, &target, &metadata, || true).unwrap());
        } else {
            fs_err::copy(source, target).unwrap();
        }
    }
    baking
}

/// The number as it is stored in a format.
fn stored(value: f32, dtype: DType) -> f32 {
    match dtype {
        DType::F16 => f16::from_f32(value).to_f32(),
        DType::F32 => value,
        other => panic!("{other}"),
    }
}

/// Every tensor has its change and nothing else has one.
fn check(before: &ModelFiles, after: &ModelFiles) {
    let mut changed = BTreeSet::new();
    for ((part, name), change) in changes(before) {
        let (old, new) = (
            before.tensors(part.name()).unwrap(),
            after.tensors(part.name()).unwrap(),
        );
        let (was, is) = (old.info(&name).unwrap(), new.info(&name).unwrap());
        // small changes would be lost in 8 bits
        let dtype = match was.dtype {
            DType::F8E4M3 => DType::F16,
            dtype => dtype,
        };
        assert_eq!((is.dtype, &is.shape), (dtype, &was.shape));
        let mut expected = old.read_f32(&name).unwrap();
        let numbers = new.read_f32(&name).unwrap();
        assert_ne!(numbers, expected, "{part:?} {name}");
        apply_to_weight(&change, &mut expected, strength(part));
        let expected: Vec<_> = expected.iter().map(|&value| stored(value, dtype)).collect();
        assert_eq!(numbers, expected, "{part:?} {name}");
        let (path, stored) = old.stored(&name).unwrap();
        changed.insert((path.to_owned(), stored.to_owned()));
    }
    let files = before.weight_paths().unwrap();
    for (old, new) in files.iter().zip(after.weight_paths().unwrap()) {
        let (one, other) = (
            TensorFile::open(old).unwrap(),
            TensorFile::open(new).unwrap(),
        );
        let kept = || one.names().filter(|name| !name.starts_with("model_ema."));
        assert!(other.names().eq(kept()), "{}", old.display());
        for name in kept() {
            if !changed.contains(&(old.clone(), name.to_owned())) {
                let [one, other] = [&one, &other].map(|file| file.read_bytes(name).unwrap());
                assert_eq!(one, other, "{name}");
            }
        }
    }
}

fn checkpoint(name: &str) -> PathBuf {
    golden_folder().join("checkpoints").join(name)
}

#[test]
fn every_layer_norm_and_bias_of_every_kind_of_base_takes_its_change() {
    for base in [
        tiny_sd15(),
        tiny_sdxl(),
        checkpoint("tiny-sd1.safetensors"),
        checkpoint("tiny-sd2.safetensors"),
        checkpoint("tiny-sdxl.safetensors"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let before = ModelFiles::open(&base).unwrap();
        let baking = bake(&before, folder.path());
        assert!(baking.tensors() > 0);
        let target = if base.is_dir() {
            folder.path().to_owned()
        } else {
            folder.path().join(base.file_name().unwrap())
        };
        check(&before, &ModelFiles::open(target).unwrap());
    }
}

#[test]
fn what_changes_of_a_base_in_8_bits_is_written_in_16() {
    let folder = tempfile::tempdir().unwrap();
    let name = "tiny-sd1.safetensors";
    let source = folder.path().join(name);
    let small = |dtype| match dtype {
        DType::F16 => DType::F8E4M3,
        other => other,
    };
    rewrite_as(&source, small, &[]);
    let before = ModelFiles::open(&source).unwrap();
    let out = folder.path().join("baked");
    fs_err::create_dir(&out).unwrap();
    bake(&before, &out);
    check(&before, &ModelFiles::open(out.join(name)).unwrap());
}

#[test]
fn metadata_say_where_the_weights_come_from_and_no_longer_what_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("noob-vpred.safetensors");
    rewrite(
        &source,
        &[("modelspec.hash_sha256", "0x1"), ("modelspec.author", "me")],
    );
    let model = ModelFiles::open(&source).unwrap();
    let target = folder.path().join("b.safetensors");
    let metadata = BTreeMap::from([("atelier.base".to_owned(), "tiny".to_owned())]);
    assert!(
        plan(&model)
            .write(&source, &target, &metadata, || true)
            .unwrap()
    );
    let baked = TensorFile::open(&target).unwrap();
    assert_eq!(baked.metadata()["modelspec.author"], "me");
    assert_eq!(baked.metadata()["atelier.base"], "tiny");
    assert!(!baked.metadata().contains_key("modelspec.hash_sha256"));
    // The name alone said it, and the new name does not.
    let [before, after] = [&source, &target].map(|path| {
        let model = ModelFiles::open(path).unwrap();
        model.prediction().unwrap().unwrap().kind.name()
    });
    assert_eq!((before, after), ("v_prediction", "v_prediction"));
    // What is only assumed does not become a statement.
    let source = folder.path().join("plain.safetensors");
    rewrite(&source, &[]);
    let model = ModelFiles::open(&source).unwrap();
    let target = folder.path().join("c.safetensors");
    plan(&model)
        .write(&source, &target, &BTreeMap::new(), || true)
        .unwrap();
    assert!(TensorFile::open(&target).unwrap().metadata().is_empty());
}

#[test]
fn moving_averages_beside_the_weights_are_left_out() {
    for (name, has_them) in [
        ("tiny-sd1.safetensors", true),
        ("tiny-sdxl.safetensors", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let before = ModelFiles::open(checkpoint(name)).unwrap();
        assert_eq!(bake(&before, folder.path()).drops_ema(), has_them);
        let after = ModelFiles::open(folder.path().join(name)).unwrap();
        assert_eq!(after.report().unwrap().ema, 0);
    }
}

#[test]
fn what_does_not_fit_and_what_was_stopped_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let source = checkpoint("tiny-sd1.safetensors");
    let model = ModelFiles::open(&source).unwrap();
    let target = folder.path().join("b.safetensors");
    let (none, mut calls) = (BTreeMap::new(), 0);
    let stopped = plan(&model).write(&source, &target, &none, || {
        calls += 1;
        calls < 3
    });
    assert!(!stopped.unwrap());
    let (part, name) = changes(&model).into_keys().next().unwrap();
    let shape = model
        .tensors(part.name())
        .unwrap()
        .info(&name)
        .unwrap()
        .shape
        .clone();
    let layer = LayerId::of_tensor(part, &name).unwrap();
    let large = atelier_adapters::bake::plan(&model, [(layer, change(&shape, 1e6), 1.0)]).unwrap();
    let error = large.write(&source, &target, &none, || true).unwrap_err();
    assert!(
        matches!(&error, Error::Overflow { format: "F16", .. }),
        "{error}"
    );
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    let nowhere = LayerId::new(Part::Unet, "no.such.layer");
    let error =
        atelier_adapters::bake::plan(&model, [(nowhere, change(&[2, 2], 1.0), 1.0)]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no tensor `unet.no.such.layer.weight`")
    );
}

/// Writes the tiny checkpoint of version 1 with these metadata.
fn rewrite(path: &Path, metadata: &[(&str, &str)]) {
    rewrite_as(path, |dtype| dtype, metadata);
}

/// The same in other number formats.
fn rewrite_as(path: &Path, format: impl Fn(DType) -> DType, metadata: &[(&str, &str)]) {
    let file = TensorFile::open(checkpoint("tiny-sd1.safetensors")).unwrap();
    let floats = file
        .names()
        .filter(|name| file.info(name).unwrap().dtype.is_float());
    let tensors: Vec<_> = floats
        .map(|name| {
            let info = file.info(name).unwrap();
            OutTensor {
                name: name.to_owned(),
                dtype: format(info.dtype),
                shape: info.shape.clone(),
                data: file.read_f32(name).unwrap(),
            }
        })
        .collect();
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    write_tensors(path, &tensors, &metadata.iter().map(own).collect()).unwrap();
}
