//! Trigger words, judged with the tokenizer of a base and the words that the library's datasets and models have.

use anyhow::Result;
use atelier_app::context::App;
use atelier_app::output::Output;
use atelier_core::{Category, ErrorCode};
use atelier_data::{FindingLevel, TriggerContext, TriggerFinding, judge_trigger_word};
use atelier_diffusion::tokenizer::Tokenizer;
use atelier_failure::{CodedResult as _, failed, messages};
use atelier_store::DatasetId;
use serde::Serialize;

/// A trigger word with everything to know about it.
#[derive(Debug, Clone, Serialize)]
pub struct JudgedWord {
    word: String,
    findings: Vec<TriggerFinding>,
}

impl JudgedWord {
    /// Judges a word for pictures of a category.
    pub fn new(
        (word, category): (&str, Category),
        tokenizer: &Tokenizer,
        used: &[(String, String)],
    ) -> Self {
        let count = |text: &str| tokenizer.pieces(text);
        let tokens = |text: &str| tokenizer.decode_each(&tokenizer.encode(text));
        let context = TriggerContext {
            count_tokens: &count,
            tokens: &tokens,
            category,
            used,
        };
        Self {
            word: word.trim().to_owned(),
            findings: judge_trigger_word(word, &context),
        }
    }

    /// Everything about it, the worst first.
    pub fn findings(&self) -> &[TriggerFinding] {
        &self.findings
    }

    /// Says everything about it.
    pub fn describe(&self, output: Output) {
        for finding in &self.findings {
            let level = finding.level().name();
            output.line(format_args!("{level:<8} {finding}"));
        }
    }

    /// Says what could be better.
    ///
    /// # Errors
    /// When it cannot be used at all.
    pub fn warn(&self, output: Output) -> Result<()> {
        let word = &self.word;
        for finding in &self.findings {
            match finding.level() {
                FindingLevel::Good => {}
                FindingLevel::Warning => {
                    output.note(format_args!("note: trigger word `{word}`: {finding}"));
                }
                FindingLevel::Refused => {
                    let message = format!("trigger word `{word}` cannot be used: {finding}");
                    return Err(failed(ErrorCode::InvalidInput, message));
                }
            }
        }
        Ok(())
    }

    /// The worst that was found.
    pub fn level(&self) -> FindingLevel {
        let levels = self.findings.iter().map(TriggerFinding::level);
        levels.max().unwrap_or(FindingLevel::Good)
    }
}

/// The trigger words of the library, without those of one dataset and its models. Where there is no library, none is made; one that
/// cannot be read is told of, and hinders nothing.
pub fn used_trigger_words(app: &App, except: Option<DatasetId>) -> Vec<(String, String)> {
    let used = app.library_if_any().and_then(|library| {
        let used = library.map(|library| library.used_trigger_words(except).coded());
        Ok(used.transpose()?.unwrap_or_default())
    });
    used.unwrap_or_else(|error| {
        app.output.note(format_args!(
            "note: the trigger word is not held against those of the library, which cannot be read: {}",
            messages(&error).join(": ")
        ));
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use atelier_diffusion::tokenizer::ClipPadding;

    use super::*;

    fn codes(word: &str) -> Vec<&'static str> {
        let tokenizer = Tokenizer::clip(ClipPadding::EndOfText);
        let judged = JudgedWord::new((word, Category::Character), &tokenizer, &[]);
        judged.findings.iter().map(TriggerFinding::code).collect()
    }

    #[test]
    fn clip_knows_common_words_and_none_of_the_guides() {
        for word in [
            "BlobCharV1",
            "CustomCharV1",
            "AEXStyle",
            "InkLineV1",
            "CobaltPotV1",
        ] {
            let found = codes(word);
            assert_eq!(found[0], "no-single-token", "{word}: {found:?}");
        }
        for word in ["cat", "Portrait", "sks", "painting"] {
            let found = codes(word);
            assert_eq!(found[0], "known-word", "{word}: {found:?}");
        }
        assert_eq!(codes("cat7")[0], "holds-known-words");
        assert!(codes("zxqv20241128").contains(&"many-digits"));
        assert!(codes("donaudampfschifffahrtsgesellschaft").contains(&"many-tokens"));
        assert_eq!(codes(&"qxz".repeat(60)), ["too-long"]);
    }

    #[test]
    fn a_painter_of_several_tokens_is_not_said_to_be_unknown() {
        let tokenizer = Tokenizer::clip(ClipPadding::EndOfText);
        let judged = JudgedWord::new(("Klimt", Category::Style), &tokenizer, &[]);
        assert_eq!(judged.level(), FindingLevel::Good);
        let said = judged.findings[0].to_string();
        assert!(said.contains("which it reads as `k`, `lim`, `t`"), "{said}");
        assert!(!said.contains("knows no word"), "{said}");
    }
}
