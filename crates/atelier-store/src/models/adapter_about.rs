//! What an adapter file from elsewhere says of itself.

use std::path::Path;

use atelier_core::TrainConfig;
use atelier_weights::adapter::AdapterFile;

use crate::about::About;
use crate::error::Result;

/// Where this program's trainings write their settings.
const SETTINGS: &str = "atelier.train_config";
/// Where trainings of several programs write the word that calls them.
const TRIGGER: &str = "modelspec.trigger_phrase";

/// Reads an adapter file wholly, and what it says of its purpose; its name and description stay empty.
///
/// # Errors
/// When it is no adapter file, or a damaged one.
pub fn adapter_about(file: &Path) -> Result<About> {
    let metadata = AdapterFile::read(file)?.metadata;
    let settings = metadata.get(SETTINGS);
    let config = settings.and_then(|text| serde_json::from_str::<TrainConfig>(text).ok());
    Ok(match config {
        Some(config) => About {
            category: config.category,
            trigger_word: config.trigger,
            ..About::default()
        },
        None => About {
            trigger_word: metadata.get(TRIGGER).cloned().unwrap_or_default(),
            ..About::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a file with one layer and this metadata.
    fn adapter(metadata: &serde_json::Value) -> Vec<u8> {
        let name = "lora_unet_mid_block_attentions_0_proj_in";
        let header = serde_json::json!({
            "__metadata__": metadata,
            format!("{name}.lora_down.weight"): {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
            format!("{name}.lora_up.weight"): {"dtype": "F32", "shape": [2, 1], "data_offsets": [8, 16]},
        });
        let header = header.to_string();
        let length = (header.len() as u64).to_le_bytes();
        [&length[..], header.as_bytes(), &[0; 16]].concat()
    }

    #[test]
    fn a_file_says_what_it_was_trained_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let about = |metadata| {
            fs_err::write(&path, adapter(&metadata)).unwrap();
            adapter_about(&path).unwrap()
        };
        let config = r#"{"trigger": "Ink", "category": "style"}"#;
        let ours = about(serde_json::json!({SETTINGS: config, TRIGGER: "other"}));
        assert_eq!(
            (ours.trigger_word.as_str(), ours.category.name()),
            ("Ink", "style")
        );
        let others = about(serde_json::json!({TRIGGER: "blob"}));
        assert_eq!(
            (others.trigger_word.as_str(), others.category.name()),
            ("blob", "character")
        );
        assert_eq!(about(serde_json::json!({})), About::default());
        for bytes in [
            &b""[..],
            b"PK\x03\x04",
            &adapter(&serde_json::json!({}))[..40],
        ] {
            fs_err::write(&path, bytes).unwrap();
            assert!(adapter_about(&path).is_err());
        }
    }
}
