//! Comments say why, and stay true: no marks for later, no dates, no ticket numbers, no code that was put aside.

use super::Finding;
use super::rust_text::{Comment, RustText};
use super::settings::Settings;
use super::tree::{File, Tree};

const MARKS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

pub(super) fn check(tree: &Tree, _settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files() {
        for comment in comments_of(file) {
            if let Some(problem) = problem(&comment) {
                findings.push(Finding::failure(
                    format!("{}:{}", file.path, comment.line),
                    problem,
                ));
            }
        }
    }
    findings
}

fn comments_of(file: &File) -> Vec<Comment> {
    match file.extension() {
        "rs" => RustText::of(&file.text).comments,
        "py" | "sh" | "toml" => {
            let lines = file.text.lines().enumerate();
            let comment = |(index, line): (usize, &str)| {
                let text = line.trim_start().strip_prefix('#')?.trim().to_owned();
                // What looks like code there is an example or a setting that is off by default.
                Some(Comment {
                    line: index + 1,
                    documents: true,
                    text,
                })
            };
            lines.filter_map(comment).collect()
        }
        _ => Vec::new(),
    }
}

fn problem(comment: &Comment) -> Option<String> {
    if let Some(mark) = MARKS.iter().find(|mark| has_word(&comment.text, mark)) {
        return Some(format!(
            "comment with `{mark}`: do it now, or write an issue"
        ));
    }
    if has_date(&comment.text) {
        return Some("comment with a date: the history knows when".to_owned());
    }
    if has_ticket(&comment.text) {
        return Some("comment with a ticket number: say the reason itself".to_owned());
    }
    if !comment.documents && is_code(&comment.text) {
        return Some("code in a comment: the history keeps what was removed".to_owned());
    }
    None
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .any(|part| part == word)
}

/// A year from 2000 and a month, as in an ISO date.
fn has_date(text: &str) -> bool {
    text.as_bytes().windows(7).any(|window| {
        let digit = |at: usize| window[at].is_ascii_digit();
        window.starts_with(b"20")
            && digit(2)
            && digit(3)
            && window[4] == b'-'
            && matches!(window[5], b'0' | b'1')
            && digit(6)
    })
}

/// `#` and one to five digits; six are a colour.
fn has_ticket(text: &str) -> bool {
    text.match_indices('#').any(|(at, _)| {
        let number = &text[at + 1..];
        let end = number
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(number.len());
        let whole = !number[end..].starts_with(|letter: char| letter.is_alphanumeric());
        let opens = !text[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '#');
        (1..=5).contains(&end) && whole && opens
    })
}

fn is_code(text: &str) -> bool {
    let starts = [
        "let ", "use ", "return ", "fn ", "pub ", "if ", "for ", "self.",
    ];
    let statement = text.ends_with(';') && (text.contains('(') || text.contains('='));
    let opening = text.ends_with('{');
    starts.iter().any(|start| text.starts_with(start)) && (text.ends_with(';') || opening)
        || statement
        || text == "}"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of_texts(&[(path, text)]), &Settings::default())
            .into_iter()
            .map(|finding| finding.place)
            .collect()
    }

    #[test]
    fn marks_dates_and_tickets_are_found() {
        let text = "// TODO later\n// since 2031-05-02\n/// see #123.\n// colour #112233, TODOS, page 2031, a#1\n";
        assert_eq!(places("a.rs", text), ["a.rs:1", "a.rs:2", "a.rs:3"]);
    }

    #[test]
    fn code_that_was_put_aside_is_found() {
        let text = "// let a = 1;\n// if b {\n// }\n// the sum of (a) and b = c; then more\n/// let a = 1;\n";
        assert_eq!(places("a.rs", text), ["a.rs:1", "a.rs:2", "a.rs:3"]);
    }

    #[test]
    fn text_in_quotes_is_not_a_comment() {
        assert!(places("a.rs", "let a = \"// TODO\";\n").is_empty());
    }

    #[test]
    fn scripts_are_read_too() {
        assert_eq!(places("a.py", "x = 1  # fine\n# FIXME\n"), ["a.py:2"]);
        assert!(places("a.md", "# TODO\n").is_empty());
    }
}
