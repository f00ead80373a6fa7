//! The ways in which a prompt's characters can be meant.

use serde::{Deserialize, Serialize};

use crate::closed_choice;

/// How the text of a prompt is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PromptSyntax {
    /// Weights in brackets, `BREAK`, `<lora:…>`, choices in braces, any length, as users of web interfaces write them.
    #[default]
    Weighted,
    /// Every character means itself, and what does not fit into 75 tokens is cut off, as diffusers does.
    Plain,
}

closed_choice!(PromptSyntax, "prompt syntax", { Weighted => "weighted", Plain => "plain" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_words_read_back_and_weights_are_the_default() {
        for &syntax in PromptSyntax::ALL {
            assert_eq!(syntax.name().parse(), Ok(syntax));
        }
        assert_eq!(PromptSyntax::default(), PromptSyntax::Weighted);
    }
}
