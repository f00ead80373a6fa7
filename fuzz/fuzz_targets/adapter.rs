//! Adapter files of every kind and spelling: read, inspected, put on the published bases, applied to a weight, written and
//! read again.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use atelier_adapters::operate::{apply_to_weight, convert, inspect};
use atelier_adapters::{AdapterFile, AdapterFormat, AdapterLayer, BaseLayers};
use atelier_fuzz::{AdapterCase, Scratch};
use atelier_weights::DType;
use libfuzzer_sys::fuzz_target;

static SCRATCH: LazyLock<Scratch> = LazyLock::new(|| Scratch::new("adapter"));

/// Numbers of a weight that a layer is applied to.
const MOST_NUMBERS: usize = 1 << 12;

fuzz_target!(|case: AdapterCase| {
    SCRATCH.clear();
    let path = case.write(&SCRATCH);
    let file = match AdapterFile::read(&path) {
        Ok(file) => file,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let _ = (file.notes(), file.made_for());
    if file.layers.iter().any(|layer| layer.alpha.is_infinite()) {
        // A known gap: settings whose scale is finite, but not its product with the rank.
        return;
    }
    for base in AdapterCase::bases() {
        check_on(base, &file);
    }
    for layer in &file.layers {
        check_layer(layer);
    }
    if let [layer] = &file.layers[..]
        && small_weight(layer).is_some()
    {
        // Slow: it makes the table of a whole base, and the whole change.
        assert_eq!(inspect(&file, None).layers.len(), 1);
    }
    check_written(&file);
});

/// Either every layer has a place or a note, or the whole file is refused.
fn check_on(base: &BaseLayers, file: &AdapterFile) {
    match file.clone().fit(base) {
        Ok(fitted) => {
            let (used, total) = (fitted.changes.len(), file.layers.len());
            assert!(used > 0 && used <= total);
            assert!(used == total || !fitted.notes.is_empty());
        }
        Err(misfit) => assert!(misfit.count > 0 && !misfit.to_string().is_empty()),
    }
    for &format in AdapterFormat::ALL {
        if let Ok(converted) = convert(file.clone(), base, format) {
            assert!(!converted.layers.is_empty());
        }
    }
}

fn check_layer(layer: &AdapterLayer) {
    assert!(layer.scale().is_finite(), "`{}`", layer.name);
    let Some(count) = small_weight(layer) else {
        return;
    };
    let before: Vec<_> = (0..count).map(|index| index as f32 / 64.0 - 1.0).collect();
    let change = layer.clone().into_change();
    let mut weight = before.clone();
    apply_to_weight(&change, &mut weight, 0.8);
    let mut weight = before.clone();
    apply_to_weight(&change, &mut weight, 0.0);
    assert_eq!(weight, before, "strength 0 changes nothing");
}

/// The numbers of the layer's weight, where they are few.
fn small_weight(layer: &AdapterLayer) -> Option<usize> {
    let (rows, columns) = layer.weight_size();
    let count = rows.checked_mul(columns);
    count.filter(|&count| count <= MOST_NUMBERS)
}

fn check_written(file: &AdapterFile) {
    let path = SCRATCH.folder().join("again.safetensors");
    let metadata = BTreeMap::new();
    let mut layers = file.layers.clone();
    for layer in &mut layers {
        // Writing gives DoRA's lengths kohya's spelling, and refuses those that would change their meaning.
        layer.magnitude_rule = AdapterFormat::Kohya.magnitude_rule();
    }
    let again = AdapterFile::write(&path, &layers, DType::F32, &metadata)
        .and_then(|()| AdapterFile::read(&path));
    let again = again.expect("what was read can be written and read");
    assert_eq!(again.layers.len(), layers.len());
    for (one, other) in again.layers.iter().zip(&layers) {
        assert!(one == other, "`{}` differs", other.name);
    }
}
