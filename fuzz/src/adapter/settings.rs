//! PEFT's settings beside a file or in its header: fields that are known, or any text.

use arbitrary::Arbitrary;
use serde_json::{Map, Value, json};

use crate::name::Word;

#[derive(Debug, Clone, Arbitrary)]
pub(super) enum Settings {
    Text(String),
    Fields {
        rank: u8,
        alpha: f32,
        rslora: bool,
        patterns: Vec<(Word, f32)>,
    },
}

impl Settings {
    /// The JSON, with something in front of every key.
    pub(super) fn text(&self, front: &str) -> String {
        let (rank, alpha, rslora, patterns) = match self {
            Self::Text(text) => return text.clone(),
            Self::Fields {
                rank,
                alpha,
                rslora,
                patterns,
            } => (rank, alpha, rslora, patterns),
        };
        let patterns = patterns.iter().take(8);
        let pattern: Map<_, _> = patterns
            .map(|(word, value)| (word.text(), json!(value)))
            .collect();
        let fields = [
            ("r", json!(rank)),
            ("lora_alpha", json!(alpha)),
            ("use_rslora", json!(rslora)),
            ("rank_pattern", json!(pattern)),
            ("alpha_pattern", json!(pattern)),
        ];
        let fields: Map<_, _> = fields
            .map(|(key, value)| (format!("{front}{key}"), value))
            .into_iter()
            .collect();
        Value::Object(fields).to_string()
    }
}
