//! Metadata of an adapter that are not true of it in another format.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::PEFT_CONFIG;
use crate::layer::AdapterLayer;
use crate::read::METADATA_KEY;

/// What belongs to the file that was read and not to its content.
const OF_THE_FILE: [&str; 6] = [
    "format",
    METADATA_KEY,
    PEFT_CONFIG,
    "modelspec.hash_sha256",
    "sshs_model_hash",
    "sshs_legacy_hash",
];
/// The alpha of the adapter, and what else kohya says of it.
const ALPHA: &str = "ss_network_alpha";
const ARGS: &str = "ss_network_args";
const CONV_ALPHA: &str = "conv_alpha";
/// How far stored alphas lie from those that were meant, as a share: bf16 has 8 digits.
const ALPHA_ROUNDING: f32 = 0.01;

/// Takes out what says nothing of these layers: what was about the old file, and alphas that none of them has any more.
pub(super) fn remove(metadata: &mut BTreeMap<String, String>, layers: &[AdapterLayer]) {
    metadata.retain(|key, _| !OF_THE_FILE.contains(&key.as_str()));
    let alphas: Vec<f32> = layers
        .iter()
        .filter(|layer| layer.has_rank())
        .map(|layer| layer.alpha)
        .collect();
    let is_gone = |text: &str| {
        let near = |alpha: f32, other: f32| (alpha - other).abs() <= ALPHA_ROUNDING * alpha.abs();
        let stated = text.trim().parse::<f32>();
        !alphas.is_empty()
            && stated.is_ok_and(|stated| !alphas.iter().any(|alpha| near(*alpha, stated)))
    };
    if metadata.get(ALPHA).is_some_and(|text| is_gone(text)) {
        metadata.remove(ALPHA);
    }
    let args = metadata.get(ARGS);
    let args = args.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    if let Some(mut args) = args
        && args
            .get(CONV_ALPHA)
            .is_some_and(|alpha| is_gone(&text_of(alpha)))
    {
        args.remove(CONV_ALPHA);
        metadata.insert(ARGS.to_owned(), Value::Object(args).to_string());
    }
}

/// Numbers stand there as such or in quotes.
fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Array;

    #[test]
    fn only_alphas_that_some_layer_has_stay() {
        let layer = |alpha| {
            let array = || Array::new([1, 1], vec![1.0]);
            AdapterLayer::low_rank("a", alpha, array(), array())
        };
        for (alpha, conv_alpha, left) in [
            ("8.0", "\"4\"", [true, true]),
            ("4", "1.0", [true, false]),
            ("16", "8", [false, true]),
            ("None", "null", [true, true]),
        ] {
            let args = format!(r#"{{"algo":"locon","conv_alpha":{conv_alpha}}}"#);
            let mut metadata = BTreeMap::from([
                (ALPHA.to_owned(), alpha.to_owned()),
                (ARGS.to_owned(), args),
                ("modelspec.hash_sha256".to_owned(), "0x0".to_owned()),
            ]);
            // As bf16 rounds 8.
            remove(&mut metadata, &[layer(4.0), layer(8.03)]);
            assert!(!metadata.contains_key("modelspec.hash_sha256"));
            assert!(metadata[ARGS].contains("locon"));
            let found = [
                metadata.contains_key(ALPHA),
                metadata[ARGS].contains(CONV_ALPHA),
            ];
            assert_eq!(found, left, "{alpha} {conv_alpha}");
        }
    }
}
