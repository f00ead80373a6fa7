//! What an adapter file from elsewhere says of itself.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_adapters::AdapterFile;
use atelier_core::{Category, TrainConfig};

use crate::about::{About, trigger_problem};
use crate::error::{Error, Result};

/// Where this program's trainings write their settings.
const SETTINGS: &str = "atelier.train_config";
/// Where trainings of several programs write the word that calls them.
const TRIGGER: &str = "modelspec.trigger_phrase";

/// Reads an adapter file wholly, and what it says of its purpose; its name and description stay empty. A word that no model
/// can have is none.
///
/// # Errors
/// When it is no adapter file, or a damaged one, or one whose scale stands in another file.
pub fn adapter_about(file: &Path) -> Result<About> {
    let adapter = AdapterFile::read(file)?;
    if adapter.lacks_settings() {
        let name = file.file_name().unwrap_or(file.as_os_str());
        return Err(Error::Invalid {
            what: "adapter file",
            value: name.to_string_lossy().into_owned(),
            problem: "PEFT keeps its scale in `adapter_config.json`, which is not part of it; `atelier model convert FOLDER \
                      --to kohya --out FILE` makes one file of both"
                .to_owned(),
        });
    }
    Ok(About::said_by(&adapter.metadata).0)
}

impl About {
    /// What the metadata of an adapter file say of its purpose, and why the word in them is not taken where no model can
    /// have it. Name and description stay empty.
    pub fn said_by(metadata: &BTreeMap<String, String>) -> (Self, Option<String>) {
        let settings = metadata.get(SETTINGS);
        let config = settings.and_then(|text| serde_json::from_str::<TrainConfig>(text).ok());
        let (word, category) = match config {
            Some(config) => (config.trigger, config.category),
            None => (
                metadata.get(TRIGGER).cloned().unwrap_or_default(),
                Category::default(),
            ),
        };
        let problem = trigger_problem(&word);
        let problem =
            problem.map(|problem| format!("the file's own trigger word is not taken: {problem}"));
        let about = Self {
            category,
            trigger_word: if problem.is_some() {
                String::new()
            } else {
                word
            },
            ..Self::default()
        };
        (about, problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_scale_stands_elsewhere_is_not_taken_alone() {
        let from = "adapter_kinds/peft_lora/adapter_model.safetensors";
        let from = atelier_testkit::golden_folder().join(from);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("upload.safetensors");
        fs_err::copy(from, &file).unwrap();
        let problem = adapter_about(&file).unwrap_err().to_string();
        assert!(problem.contains("adapter_config.json"), "{problem}");
    }

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

    #[test]
    fn a_word_that_no_model_can_have_is_left_out_and_the_file_taken() {
        let long = "x".repeat(101);
        let config = serde_json::json!({"trigger": long, "category": "style"}).to_string();
        for (key, value, reason) in [
            (TRIGGER, long.as_str(), "more than 100 characters"),
            (TRIGGER, "one\ntwo", "control characters"),
            (SETTINGS, &config, "more than 100 characters"),
        ] {
            let metadata = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            let (about, problem) = About::said_by(&metadata);
            assert_eq!(about.trigger_word, "");
            assert!(problem.unwrap().contains(reason), "{value}");
            let style = if key == SETTINGS {
                "style"
            } else {
                "character"
            };
            assert_eq!(about.category.name(), style);
        }
        let fitting = BTreeMap::from([(TRIGGER.to_owned(), format!(" {}\n", &long[1..]))]);
        let (about, problem) = About::said_by(&fitting);
        assert_eq!((about.trigger_word.trim(), problem), (&long[1..], None));
    }
}
