//! Writing adapters as diffusers does with PEFT: `<part>.<path>.lora_A.weight`, and the settings in the header.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use atelier_weights::{DType, Error, OutTensor, Result};
use serde_json::{Map, Value, json};

use crate::layer::{AdapterLayer, Content};
use crate::read::METADATA_KEY;

/// What a file of these layers says of itself: its framework and PEFT's settings.
pub(super) fn add_settings(layers: &[AdapterLayer], metadata: &mut BTreeMap<String, String>) {
    metadata.insert("format".to_owned(), "pt".to_owned());
    metadata.insert(METADATA_KEY.to_owned(), settings(layers).to_string());
}

/// The tensors of a low-rank layer with a PEFT name and scale 1, as [`super::super::operate::convert`] makes them.
pub(super) fn tensors(path: &Path, layer: &AdapterLayer, dtype: DType) -> Result<Vec<OutTensor>> {
    let unwritable = |problem: &str| Error::Unwritable {
        path: path.to_owned(),
        tensor: layer.name.clone(),
        problem: problem.to_owned(),
    };
    let Content::LowRank {
        down,
        up,
        mid: None,
    } = &layer.content
    else {
        return Err(unwritable("cannot be held by a PEFT file"));
    };
    if (layer.scale() - 1.0).abs() > f32::EPSILON {
        return Err(unwritable(
            "has a scale, which a PEFT file has no tensor for",
        ));
    }
    let tensor = |suffix: &str, shape: &[usize], data: &[f32]| OutTensor {
        name: format!("{}.{suffix}", layer.name),
        dtype,
        shape: shape.to_vec(),
        data: data.to_vec(),
    };
    let mut tensors = vec![
        tensor("lora_A.weight", &down.shape, &down.values),
        tensor("lora_B.weight", &up.shape, &up.values),
    ];
    if let Some(lengths) = &layer.dora_scale {
        let count = lengths.values.len();
        let shape = match down.shape.len() {
            2 => vec![count],
            _ => vec![1, count, 1, 1],
        };
        tensors.push(tensor("lora_magnitude_vector", &shape, &lengths.values));
    }
    Ok(tensors)
}

/// The settings of each part, under `part.setting`.
fn settings(layers: &[AdapterLayer]) -> Value {
    let mut parts: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
    // One flag is for all layers of a part; conversion sees to it that they agree.
    let mut with_dora = BTreeSet::new();
    for layer in layers {
        let (part, path) = layer.name.split_once('.').unwrap_or(("", &layer.name));
        // Targets are matched by the ends of paths, and newer text encoders have no `text_model`.
        let path = path.strip_prefix("text_model.").unwrap_or(path);
        parts.entry(part).or_default().push((path, layer.rank()));
        if layer.dora_scale.is_some() {
            with_dora.insert(part);
        }
    }
    let mut settings = Map::new();
    for (part, paths) in parts {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for (_, rank) in &paths {
            *counts.entry(*rank).or_default() += 1;
        }
        let usual = counts.iter().max_by_key(|(_, count)| **count);
        let rank = usual.map_or(1, |(rank, _)| *rank);
        // Named in full, so that no name stands for two layers.
        let pattern: Map<String, Value> = paths
            .iter()
            .filter(|(_, other)| *other != rank)
            .map(|(path, other)| ((*path).to_owned(), json!(other)))
            .collect();
        let targets: BTreeSet<_> = paths.iter().map(|(path, _)| *path).collect();
        for (key, value) in [
            ("peft_type", json!("LORA")),
            ("r", json!(rank)),
            ("lora_alpha", json!(rank)),
            ("rank_pattern", Value::Object(pattern.clone())),
            ("alpha_pattern", Value::Object(pattern)),
            ("target_modules", json!(targets)),
            ("use_dora", json!(with_dora.contains(part))),
            ("use_rslora", json!(false)),
            ("lora_dropout", json!(0.0)),
            ("bias", json!("none")),
        ] {
            settings.insert(format!("{part}.{key}"), value);
        }
    }
    Value::Object(settings)
}
