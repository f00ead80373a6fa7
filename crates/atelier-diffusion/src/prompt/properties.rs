//! Properties of the whole language, on any text.

use std::fmt::Write as _;

use atelier_core::{PromptSyntax, Seed};
use proptest::prelude::*;

use super::*;
use crate::tokenizer::{ClipPadding, Tokenizer};

/// Text of what the language is made of, and of anything.
fn prompts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[()\\[\\]{}|:,\\\\<> \n]",
        "[()\\[\\]\\\\]{1,6}",
        Just("BREAK".to_owned()),
        Just(" BREAK ".to_owned()),
        Just("AND".to_owned()),
        Just("<lora:".to_owned()),
        Just("<lora:a:0.5>".to_owned()),
        Just(":1.2)".to_owned()),
        "[:][-+]?[0-9.]{1,3} ?[)\\]]",
        "[a-zA-Z_]{1,4}",
        "\\PC{0,3}",
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_canonical_form_reads_back_as_the_same_prompt(text in prompts()) {
        if let Ok(prompt) = Prompt::read(&text, PromptSyntax::Weighted) {
            let printed = prompt.to_string();
            let again = Prompt::read(&printed, PromptSyntax::Weighted);
            prop_assert_eq!(again.ok(), Some(prompt), "{:?} printed as {:?}", text, printed);
        }
    }

    #[test]
    fn the_canonical_form_has_no_choices(text in prompts()) {
        let Ok(mut prompt) = Prompt::read(&text, PromptSyntax::Weighted) else { return Ok(()); };
        prompt.loras.clear();
        let printed = prompt.to_string();
        prop_assert_eq!(expand(&printed, Seed(1)).ok(), Some(printed));
    }

    #[test]
    fn expanding_twice_is_expanding_once(text in prompts(), seed: u64, other: u64) {
        if let Ok(once) = expand(&text, Seed(seed)) {
            prop_assert_eq!(expand(&once, Seed(other)).ok(), Some(once.clone()), "{:?}", once);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC*", seed: u64) {
        let expanded = expand(&text, Seed(seed)).unwrap_or(text);
        let _ = Prompt::read(&expanded, PromptSyntax::Weighted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_are_framed_and_hold_every_token(text in prompts(), more in 0_usize..60) {
        let tokenizer = tokenizer();
        let text = format!("{text}{}", "(word), x ".repeat(more));
        let Ok(prompt) = Prompt::read(&text, PromptSyntax::Weighted) else { return Ok(()); };
        let chunks = prompt.chunks(tokenizer);
        let expected: Vec<u32> = prompt.parts.iter().filter_map(Part::words)
            .flat_map(|(text, _)| tokenizer.encode(text)).collect();
        let mut found: Vec<u32> = Vec::new();
        for ids in &chunks.ids {
            prop_assert_eq!(ids[0], tokenizer.bos());
            let length = ids.iter().rposition(|&id| id != tokenizer.pad()).unwrap_or(0);
            prop_assert!(length <= CHUNK_TOKENS);
            found.extend(&ids[1..=length]);
        }
        // What the text itself says of closing ids at a chunk's end cannot be told from padding.
        prop_assume!(!expected.contains(&tokenizer.pad()));
        prop_assert_eq!(found, expected);
        prop_assert_eq!(chunks.weights.len(), chunks.count());
    }
}

fn tokenizer() -> &'static Tokenizer {
    static CLIP: std::sync::LazyLock<Tokenizer> =
        std::sync::LazyLock::new(|| Tokenizer::clip(ClipPadding::EndOfText));
    &CLIP
}

#[test]
fn huge_and_deep_prompts_take_no_time_and_no_stack() {
    let opened = |pair: [&str; 2], n: usize| format!("{}x{}", pair[0].repeat(n), pair[1].repeat(n));
    let mut mixed = String::new();
    for i in 0..10_000 {
        let _ = write!(mixed, "([w{i}");
    }
    let texts = [
        opened(["(", ")"], 5_000),
        opened(["[(", ")]"], 10_000),
        opened(["[", "]"], 50_000),
        opened(["(", ":0.5)"], 20_000),
        opened(["(a", "b:0.99)"], 12_000),
        opened(["{a|", "}"], 25_000),
        opened(["{", "}"], 50_000),
        "<a:".repeat(33_000),
        "<lora:a:1>".repeat(10_000),
        ":1".repeat(50_000),
        ": ".repeat(50_000),
        "\\".repeat(100_000),
        "BREAK ".repeat(16_000),
        "word, ".repeat(16_000),
        "e\u{301}🦀猫".repeat(9_000),
        "]".repeat(100_000),
        mixed,
    ];
    for text in &texts {
        let expanded = expand(text, Seed(7)).unwrap();
        if let Ok(prompt) = Prompt::read(&expanded, PromptSyntax::Weighted) {
            assert!(prompt.chunks(tokenizer()).count() > 0);
            let again = Prompt::read(&prompt.to_string(), PromptSyntax::Weighted).unwrap();
            assert_eq!(again, prompt);
        }
        assert_eq!(Prompt::plain(text).chunks(tokenizer()).count(), 1);
    }
}
