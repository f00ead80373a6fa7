//! Forms of the web interface that this program does not draw. They are refused, because read as text they would give
//! another picture without a word.

use super::error::{PromptError, Result, excerpt};
use super::words;

/// A bracket that is open.
struct Open {
    square: bool,
    start: usize,
    /// The last colon that stands directly in it.
    colon: Option<usize>,
    has_bar: bool,
}

/// Refuses prompt editing, alternation and composition.
pub(super) fn refuse(text: &str) -> Result<()> {
    if let Some(place) = words::places(text, "AND").next() {
        let from = text[..place]
            .char_indices()
            .rev()
            .nth(19)
            .map_or(0, |(at, _)| at);
        let text = excerpt(&text[from..]);
        return Err(PromptError::Composition { text });
    }
    let mut open: Vec<Open> = Vec::new();
    let mut open_squares = 0;
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' => {
                letters.next();
            }
            '(' | '[' => {
                open_squares += usize::from(letter == '[');
                open.push(Open {
                    square: letter == '[',
                    start: place,
                    colon: None,
                    has_bar: false,
                });
            }
            ':' | '|' => {
                if let Some(top) = open.last_mut() {
                    top.has_bar |= letter == '|';
                    top.colon = (letter == ':').then_some(place).or(top.colon);
                }
            }
            ')' => {
                open.pop_if(|top| !top.square);
            }
            ']' if open_squares > 0 => {
                open_squares -= 1;
                while let Some(top) = open.pop() {
                    if top.square {
                        check(text, &top, place)?;
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn check(text: &str, open: &Open, end: usize) -> Result<()> {
    let whole = || excerpt(&text[open.start..=end]);
    if open.has_bar {
        return Err(PromptError::Alternation { text: whole() });
    }
    let last = open.colon.map_or("", |colon| text[colon + 1..end].trim());
    let is_number =
        last.parse::<f64>().is_ok() && last.ends_with(|c: char| c.is_ascii_digit() || c == '.');
    if is_number {
        return Err(PromptError::Editing { text: whole() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        refuse(text).unwrap_err().to_string()
    }

    #[test]
    fn prompt_editing_is_refused_with_its_text() {
        for edit in [
            "[a:b:0.5]",
            "[a:10]",
            "[a::.5]",
            "[:b: 3 ]",
            "[(a:1.2) b:c:1.]",
            "[a [b]:2]",
        ] {
            let message = message(&format!("x ({edit}) y"));
            assert!(
                message.starts_with(&format!("`{edit}` changes the prompt")),
                "{message}"
            );
        }
    }

    #[test]
    fn alternation_is_refused_with_its_text() {
        for form in ["[a|b]", "[a|]", "[(x:1.1) y|z]", "[a|b:0.5]"] {
            let message = message(&format!("x {form} y"));
            assert!(
                message.starts_with(&format!("`{form}` alternates")),
                "{message}"
            );
        }
    }

    #[test]
    fn composition_is_refused() {
        assert!(message("a cat AND a dog").contains("`a cat AND a dog`"));
        assert!(message("AND").contains("write `and`"));
        for fine in ["a and b", "BRAND", "AND_x", "_AND", "9AND"] {
            refuse(fine).unwrap();
        }
    }

    #[test]
    fn weights_and_literal_marks_pass() {
        for fine in [
            "[a]",
            "[a:b]",
            "(a:0.5)",
            "[(a:0.5)]",
            "[(a|b)]",
            "a|b",
            "a:0.5",
            "[a:0.5",
            r"\[a:0.5\]",
            r"[a\|b]",
            "a:0.5]",
            "[a:inf]",
            "]:1][",
            "\\",
        ] {
            refuse(fine).unwrap();
        }
    }
}
