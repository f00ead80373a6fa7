//! Weights in brackets: text → fragments.
//!
//! Round and square brackets are matched apart from each other, as the web interface does, so that they may even cross.
//! Three walks without recursion, so that no depth of nesting matters.

use super::Part;
use super::error::{PromptError, Result, excerpt};
use super::words;

/// The factor of a pair of brackets without a number.
const STEP: f64 = 1.1;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'a> {
    Text(&'a str),
    Break,
    /// An opening bracket, with the factor of what it encloses.
    Open(Bracket, f64),
    Close(Bracket, &'a str),
    /// `:1.2)`, the number and the whole.
    Weight(&'a str, &'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Round,
    Square,
}

/// Splits a text into fragments. Neighbours of the same weight are one fragment, empty ones are left out.
pub(super) fn parts(text: &str) -> Result<Vec<Part>> {
    let mut tokens = tokens(text);
    match_brackets(&mut tokens)?;
    fragments(&tokens)
}

/// The tokens of a text. A backslash makes a bracket or a backslash literal, before anything else it falls away.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let (length, token) = match first {
            b'\\' => match rest.as_bytes().get(1) {
                Some(b'(' | b')' | b'[' | b']' | b'\\') => (2, Token::Text(&rest[1..2])),
                _ => (1, Token::Text("")),
            },
            b'(' => (1, Token::Open(Bracket::Round, STEP)),
            b'[' => (1, Token::Open(Bracket::Square, 1.0 / STEP)),
            b')' => (1, Token::Close(Bracket::Round, &rest[..1])),
            b']' => (1, Token::Close(Bracket::Square, &rest[..1])),
            b':' => match weight_at_start(rest) {
                Some((number, whole)) => (whole.len(), Token::Weight(number, whole)),
                None => (1, Token::Text(&rest[..1])),
            },
            _ => {
                let length = rest
                    .find(['\\', '(', ')', '[', ']', ':'])
                    .unwrap_or(rest.len());
                push_words(&rest[..length], &mut tokens);
                rest = &rest[length..];
                continue;
            }
        };
        tokens.push(token);
        rest = &rest[length..];
    }
    tokens
}

/// Pushes running text, split at `BREAK`.
fn push_words<'a>(run: &'a str, tokens: &mut Vec<Token<'a>>) {
    let mut start = 0;
    for place in words::places(run, "BREAK") {
        tokens.extend([Token::Text(&run[start..place]), Token::Break]);
        start = place + "BREAK".len();
    }
    tokens.push(Token::Text(&run[start..]));
}

/// Reads `: 1.2 )`: what stands for the number, and the whole.
fn weight_at_start(text: &str) -> Option<(&str, &str)> {
    let inner = text[1..].trim_start();
    let after_sign = inner.strip_prefix(['+', '-']).unwrap_or(inner);
    let digits = after_sign.len()
        - after_sign
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
            .len();
    let after = after_sign[digits..].trim_start().strip_prefix(')')?;
    let number = &inner[..inner.len() - after_sign.len() + digits];
    (digits > 0).then(|| (number, &text[..text.len() - after.len()]))
}

/// Gives each opening bracket its factor, and turns closing ones that close nothing into text. What is never closed applies
/// to the rest of the prompt.
fn match_brackets(tokens: &mut [Token<'_>]) -> Result<()> {
    let (mut round, mut square) = (Vec::new(), Vec::new());
    for index in 0..tokens.len() {
        match tokens[index] {
            Token::Open(Bracket::Round, _) => round.push(index),
            Token::Open(Bracket::Square, _) => square.push(index),
            Token::Weight(number, whole) => {
                let Some(start) = round.pop() else {
                    tokens[index] = Token::Text(whole);
                    continue;
                };
                let factor = number.parse::<f64>().map_err(|_| PromptError::BadWeight {
                    number: number.to_owned(),
                    text: excerpt(whole),
                })?;
                tokens[start] = Token::Open(Bracket::Round, factor);
                tokens[index] = Token::Close(Bracket::Round, whole);
            }
            Token::Close(bracket, whole) => {
                let open = match bracket {
                    Bracket::Round => &mut round,
                    Bracket::Square => &mut square,
                };
                if open.pop().is_none() {
                    tokens[index] = Token::Text(whole);
                }
            }
            Token::Text(_) | Token::Break => {}
        }
    }
    Ok(())
}

/// Walks the matched tokens with the product of the brackets that are open.
fn fragments(tokens: &[Token<'_>]) -> Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    let (mut round, mut square) = (vec![1.0_f64], vec![1.0_f64]);
    for token in tokens {
        let product = |open: &[f64]| open.last().copied().unwrap_or(1.0);
        match *token {
            Token::Open(Bracket::Round, factor) => round.push(product(&round) * factor),
            Token::Open(Bracket::Square, factor) => square.push(product(&square) * factor),
            Token::Close(Bracket::Round, _) => drop(round.pop()),
            Token::Close(Bracket::Square, _) => drop(square.pop()),
            Token::Break => push_break(&mut parts),
            Token::Text(text) | Token::Weight(_, text) => {
                push_text(&mut parts, text, product(&round) * product(&square))?;
            }
        }
    }
    Ok(parts)
}

/// Pushes a break, without the white space before it.
fn push_break(parts: &mut Vec<Part>) {
    while let Some(Part::Text { text, .. }) = parts.last_mut() {
        text.truncate(text.trim_end().len());
        if !text.is_empty() {
            break;
        }
        parts.pop();
    }
    parts.push(Part::Break);
}

/// Pushes text, without the white space after a break.
fn push_text(parts: &mut Vec<Part>, more: &str, factor: f64) -> Result<()> {
    let follows_break = matches!(parts.last(), Some(Part::Break));
    let more = if follows_break {
        more.trim_start()
    } else {
        more
    };
    if more.is_empty() {
        return Ok(());
    }
    // States are f32, so a weight that f32 cannot hold would give a picture of nothing.
    if !(factor as f32).is_finite() {
        return Err(PromptError::WeightRange {
            text: excerpt(more),
            weight: factor,
        });
    }
    match parts.last_mut() {
        #[expect(
            clippy::float_cmp,
            reason = "only what is exactly alike may become one fragment"
        )]
        Some(Part::Text { text, weight }) if *weight == factor => text.push_str(more),
        _ => parts.push(Part::Text {
            text: more.to_owned(),
            weight: factor,
        }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fragments as pairs; a break is `BREAK` without a weight.
    fn read(text: &str) -> Vec<(String, f64)> {
        let parts = parts(text).unwrap();
        let pairs = parts.into_iter().map(|part| match part {
            Part::Text { text, weight } => (text, (weight * 1e6).round() / 1e6),
            Part::Break => ("BREAK".to_owned(), 0.0),
        });
        pairs.collect()
    }

    fn check(text: &str, expected: &[(&str, f64)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(t, w)| ((*t).to_owned(), *w))
            .collect();
        assert_eq!(read(text), expected, "{text}");
    }

    #[test]
    fn brackets_give_weights_and_nesting_multiplies() {
        check("normal text", &[("normal text", 1.0)]);
        check(
            "an (important) word",
            &[("an ", 1.0), ("important", 1.1), (" word", 1.0)],
        );
        check(
            "((a))[b](c:1.2)",
            &[("a", 1.21), ("b", 0.909_091), ("c", 1.2)],
        );
        check(
            "(a (b:1.5) [c])",
            &[("a ", 1.1), ("b", 1.65), (" ", 1.1), ("c", 1.0)],
        );
        check(
            "(a: -0.5 )(b:+2.)(c:.25)",
            &[("a", -0.5), ("b", 2.0), ("c", 0.25)],
        );
        check("", &[]);
        check("()[]", &[]);
    }

    #[test]
    fn neighbours_of_one_weight_are_one_fragment() {
        check("(one)(two)", &[("onetwo", 1.1)]);
        check("[(a)]b", &[("ab", 1.0)]);
    }

    #[test]
    fn unbalanced_brackets_behave_as_in_the_web_interface() {
        check("(unbalanced", &[("unbalanced", 1.1)]);
        check("a ((b) c", &[("a ", 1.0), ("b", 1.21), (" c", 1.1)]);
        check("[a", &[("a", 0.909_091)]);
        check("a) b] :1.2)", &[("a) b] :1.2)", 1.0)]);
        check("(a [b) c]", &[("a ", 1.1), ("b", 1.0), (" c", 0.909_091)]);
        check("[a:1.2)", &[("a:1.2)", 0.909_091)]);
    }

    #[test]
    fn escapes_are_literal_and_other_backslashes_fall_away() {
        check(r"\(a\) \[b\] \\", &[(r"(a) [b] \", 1.0)]);
        check(r"(\(:1.3)", &[("(", 1.3)]);
        check(r"a\b\", &[("ab", 1.0)]);
        check(r"\\(a)", &[(r"\", 1.0), ("a", 1.1)]);
    }

    #[test]
    fn colons_without_a_weight_are_text() {
        check("(a:b:1.5)", &[("a:b", 1.5)]);
        check("(a:1.5:)", &[("a:1.5:", 1.1)]);
        check("12:30 (x:)", &[("12:30 ", 1.0), ("x:", 1.1)]);
        check("[a:b]", &[("a:b", 0.909_091)]);
    }

    #[test]
    fn break_stands_alone_and_swallows_white_space() {
        let brk = ("BREAK", 0.0);
        check("a BREAK b", &[("a", 1.0), brk, ("b", 1.0)]);
        check("BREAK", &[brk]);
        check(
            "BREAK BREAKS break _BREAK",
            &[brk, ("BREAKS break _BREAK", 1.0)],
        );
        check("(a BREAK b:1.3)", &[("a", 1.3), brk, ("b", 1.3)]);
        check("a, (BREAK), b", &[("a,", 1.0), brk, (", b", 1.0)]);
    }

    #[test]
    fn what_is_no_usable_weight_is_named() {
        let message = |text: &str| parts(text).unwrap_err().to_string();
        assert!(message("x (a:1.2.3)").contains("`1.2.3` is not a number in the weight `:1.2.3)`"));
        assert!(message("(a:.)").contains("`.` is not a number"));
        let deep = format!("{}much{}", "(".repeat(2000), ")".repeat(2000));
        assert!(
            message(&deep).contains("weights around `much` multiply to"),
            "{}",
            message(&deep)
        );
        assert!(message(&format!("(a:{})", "9".repeat(60))).contains("around `a`"));
        let light = format!("{}little", "[".repeat(20_000));
        check(&light, &[("little", 0.0)]);
    }
}
