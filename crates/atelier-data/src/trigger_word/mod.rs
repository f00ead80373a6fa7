//! Whether a word will do as a trigger word, judged before a training: what the text encoder makes of it, what prompts make
//! of it, and who uses it already.

mod finding;

use atelier_core::Category;

pub use finding::{FindingLevel, TriggerFinding};

/// Tokens of a prompt that reach the text encoder.
const MOST_TOKENS: usize = 75;
/// More tokens than this are spread over so many parts of the vocabulary that the base knows each of them as something else.
const MANY_TOKENS: usize = 6;
/// Fewer characters than this are a word or an abbreviation of something.
const FEW_CHARACTERS: usize = 4;
/// More digits than this say nothing: each is a token of its own, and every number has them.
const MANY_DIGITS: usize = 2;
/// Fewer letters than this are no word that a drawing would show.
const WORD_LETTERS: usize = 3;
/// What prompts take for weights, alternatives, extra networks and escapes.
const PROMPT_SYNTAX: &[char] = &['(', ')', '[', ']', '{', '}', '<', '>', '|', ':', '\\'];

/// What a trigger word is judged by.
pub struct TriggerContext<'a> {
    /// The number of tokens that the base's tokenizer makes of a text.
    pub count_tokens: &'a dyn Fn(&str) -> usize,
    /// These tokens, each in letters.
    pub tokens: &'a dyn Fn(&str) -> Vec<String>,
    /// What the pictures have in common.
    pub category: Category,
    /// What else has a trigger word, in words such as `` dataset `faces` ``, with this word.
    pub used: &'a [(String, String)],
}

/// Everything to know about a trigger word, the worst first. A word with nothing above [`FindingLevel::Good`] will do.
pub fn judge_trigger_word(word: &str, context: &TriggerContext<'_>) -> Vec<TriggerFinding> {
    let word = word.trim();
    let mut findings = match refusal(word, context) {
        Some(refusal) => vec![refusal],
        None => warnings(word, context),
    };
    if findings
        .iter()
        .all(|finding| finding.level() == FindingLevel::Good)
    {
        let tokens = (context.tokens)(word);
        findings.insert(0, TriggerFinding::NoSingleToken { tokens });
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.level()));
    findings
}

fn refusal(word: &str, context: &TriggerContext<'_>) -> Option<TriggerFinding> {
    if word.is_empty() {
        return Some(TriggerFinding::Empty);
    }
    if word.contains(char::is_control) {
        return Some(TriggerFinding::ControlCharacters);
    }
    if word.contains("<|") {
        return Some(TriggerFinding::SpecialToken);
    }
    if !word.contains(char::is_alphabetic) {
        return Some(TriggerFinding::NoLetters);
    }
    let tokens = (context.count_tokens)(word);
    (tokens > MOST_TOKENS).then_some(TriggerFinding::TooLong { tokens })
}

/// Everything about a word that can be used.
fn warnings(word: &str, context: &TriggerContext<'_>) -> Vec<TriggerFinding> {
    let mut findings = Vec::new();
    let tokens = (context.count_tokens)(word);
    let known = known_words(word, context);
    if tokens == 1 {
        findings.push(TriggerFinding::KnownWord);
    } else if !known.is_empty() {
        findings.push(TriggerFinding::HoldsKnownWords { words: known });
    }
    let lower = word.to_lowercase();
    for (owner, other) in context.used {
        if other.trim().to_lowercase() == lower {
            let owner = owner.clone();
            findings.push(TriggerFinding::Used { owner });
        }
    }
    if word.contains(char::is_whitespace) {
        findings.push(TriggerFinding::SeveralWords);
    }
    let is_syntax = |c: char| PROMPT_SYNTAX.contains(&c);
    let is_mark = |c: char| !c.is_alphanumeric() && !c.is_whitespace() && !is_syntax(c);
    if let Some(characters) = those(word, is_syntax) {
        findings.push(TriggerFinding::PromptSyntax { characters });
    }
    if let Some(characters) = those(word, is_mark) {
        findings.push(TriggerFinding::Punctuation { characters });
    }
    let digits = word.chars().filter(|c| c.is_numeric()).count();
    if digits > MANY_DIGITS {
        findings.push(TriggerFinding::ManyDigits { digits });
    }
    if tokens > MANY_TOKENS {
        findings.push(TriggerFinding::ManyTokens { tokens });
    }
    if word.chars().count() < FEW_CHARACTERS {
        findings.push(TriggerFinding::TooShort);
    }
    let nouns = context.category.class_nouns();
    let has_part = |noun: &&&str| parts(word).iter().any(|part| part == **noun);
    if let Some(noun) = nouns.iter().find(has_part).filter(|_| tokens > 1) {
        findings.push(TriggerFinding::HoldsClassNoun { noun });
    }
    if lower != word {
        findings.push(TriggerFinding::CaseIgnored { read_as: lower });
    }
    findings
}

/// The runs of letters, which tokenizers never join with what is around them, that are one token.
fn known_words(word: &str, context: &TriggerContext<'_>) -> Vec<String> {
    let runs = word.split(|c: char| !c.is_alphabetic());
    let known = runs
        .filter(|run| run.chars().count() >= WORD_LETTERS && (context.count_tokens)(run) == 1)
        .map(str::to_lowercase);
    known.collect()
}

/// The characters of a word that are of a kind, each once.
fn those(word: &str, is_wanted: impl Fn(char) -> bool) -> Option<String> {
    let mut found = String::new();
    for c in word.chars().filter(|&c| is_wanted(c)) {
        if !found.contains(c) {
            found.push(c);
        }
    }
    (!found.is_empty()).then_some(found)
}

/// The words that people see in it, in small letters: `AEXStyle` has `aex` and `style`.
fn parts(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let (mut parts, mut part) = (Vec::new(), String::new());
    for (place, &c) in letters.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| letters[before]);
        let is_followed_by_small = letters
            .get(place + 1)
            .is_some_and(|next| next.is_lowercase());
        let begins = c.is_uppercase()
            && before.is_some_and(|before| before.is_lowercase() || is_followed_by_small);
        if begins || !c.is_alphabetic() {
            parts.push(std::mem::take(&mut part));
        }
        if c.is_alphabetic() {
            part.extend(c.to_lowercase());
        }
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As if the vocabulary had three words and else triples of letters.
    fn tokens(text: &str) -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        let words = words.map(str::to_lowercase);
        let tokens = words.flat_map(|word| match word.as_str() {
            "cat" | "person" | "style" => vec![word],
            other => {
                let letters: Vec<char> = other.chars().collect();
                let triples = letters.chunks(3);
                triples.map(|triple| triple.iter().collect()).collect()
            }
        });
        tokens.collect()
    }

    fn judged(word: &str, category: Category) -> Vec<TriggerFinding> {
        let used = [("dataset `Cats`".to_owned(), "MyCatV1".to_owned())];
        let context = TriggerContext {
            count_tokens: &|text: &str| tokens(text).len(),
            tokens: &tokens,
            category,
            used: &used,
        };
        judge_trigger_word(word, &context)
    }

    fn codes(word: &str) -> Vec<&'static str> {
        let findings = judged(word, Category::Style);
        findings.iter().map(TriggerFinding::code).collect()
    }

    #[test]
    fn the_words_of_the_guides_will_do() {
        for word in ["AEXStyle", "CustomCharV1", "BlobCharV1", "inkline"] {
            let findings = judged(word, Category::Style);
            let good = |finding: &TriggerFinding| finding.level() == FindingLevel::Good;
            assert!(findings.iter().all(good), "{word}: {findings:?}");
            assert_eq!(findings[0].code(), "no-single-token");
        }
        assert!(codes("AEXStyle").contains(&"holds-class-noun"));
    }

    #[test]
    fn a_word_of_several_tokens_is_said_to_be_that_and_not_to_be_unknown() {
        let said = judged("Klimt", Category::Style)[0].to_string();
        assert!(
            said.starts_with("no token of the base is this word, which it reads as `kli`, `mt`")
        );
        assert!(said.contains("a name that people know may be known to the base all the same"));
        assert!(!said.contains("knows no word"), "{said}");
    }

    #[test]
    fn every_fault_is_found() {
        for (word, expected) in [
            (" ", "empty"),
            ("a\u{7}b", "control-characters"),
            ("2024", "no-letters"),
            ("<|endoftext|>", "special-token"),
            ("cat", "known-word"),
            ("Person", "known-word"),
            ("cat-1", "holds-known-words"),
            ("xy", "too-short"),
            ("zzyx2024", "many-digits"),
            ("blob char", "several-words"),
            ("blob(char", "prompt-syntax"),
            ("blob-char", "punctuation"),
            ("mycatv1", "used"),
            ("abcdefghijklmnopqrstuvwxyz", "many-tokens"),
            ("BlobCharV1", "case-ignored"),
        ] {
            let found = codes(word);
            assert!(found.contains(&expected), "{word}: {found:?}");
        }
        assert_eq!(codes(&"abc".repeat(80)), ["too-long"]);
        assert_eq!(codes("cat-1")[0], "holds-known-words");
    }

    #[test]
    fn words_that_people_see_are_found_at_capitals_and_marks() {
        assert_eq!(parts("AEXStyle"), ["aex", "style"]);
        assert_eq!(parts("CustomCharV1"), ["custom", "char", "v"]);
        assert_eq!(parts("my-cat_2"), ["my", "cat"]);
    }

    #[test]
    fn a_finding_says_code_level_and_what_to_do() {
        let value = serde_json::to_value(TriggerFinding::TooShort).unwrap();
        assert_eq!(
            (&value["code"], &value["level"]),
            (&"too-short".into(), &"warning".into())
        );
        assert!(
            value["message"]
                .as_str()
                .unwrap()
                .contains("take four letters")
        );
    }

    proptest! {
        #[test]
        fn judging_never_panics_and_the_worst_comes_first(word in "\\PC{0,40}|[a-zA-Z0-9<|>(): \\n]{0,40}") {
            for &category in Category::ALL {
                let findings = judged(&word, category);
                prop_assert!(!findings.is_empty());
                prop_assert!(findings.windows(2).all(|pair| pair[0].level() >= pair[1].level()));
            }
        }
    }
}
