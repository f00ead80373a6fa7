//! The only place that prints. Results go to stdout, everything else to stderr; with `--json`, stdout gets exactly one
//! document.

use std::fmt::{Display, Write as _};
use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use atelier_core::ErrorCode;
use atelier_failure::{code_of, failed, messages};
use serde::Serialize;
use serde_json::{Value, json};

use crate::progress_bar::ProgressBar;

/// How the command speaks.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// For people, or with `json` for programs.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether it is for programs.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A line of the result, for people only.
    pub fn line(self, text: impl Display) {
        if !self.json {
            to_stdout(&text);
        }
    }

    /// The result, for programs only. To be called once per command.
    pub fn document(self, value: &impl Serialize) -> Result<()> {
        if self.json {
            let text = serde_json::to_string_pretty(value).context("cannot write the result")?;
            to_stdout(&in_json(&text));
        }
        Ok(())
    }

    /// A remark about what goes on.
    pub fn note(self, text: impl Display) {
        to_stderr(&text);
    }

    /// Remarks that a document lists too.
    pub fn notes(self, notes: &[String]) {
        for note in notes {
            self.note(format_args!("note: {note}"));
        }
    }

    /// A new progress display.
    pub fn progress(self) -> ProgressBar {
        ProgressBar::new()
    }

    /// Work that was asked to stop before it had a result; `words` say what is left of it.
    pub fn cancelled(self, words: impl Display) {
        to_stderr(&words);
        if self.json {
            to_stdout(&format!("{:#}", json!({"outcome": "cancelled"})));
        }
    }

    /// A failure, with its causes and what to do.
    pub fn failure(self, error: &anyhow::Error) {
        if self.json {
            json_failure(code_of(error), &messages(error).join(": "));
        } else {
            self.failure_in_words(error);
        }
    }

    /// The same for people only, where the document of the result holds it.
    pub fn failure_in_words(self, error: &anyhow::Error) {
        if self.json {
            return;
        }
        for (index, message) in messages(error).iter().enumerate() {
            let label = if index == 0 { "error" } else { "  caused by" };
            to_stderr(&format!("{label}: {message}"));
        }
        to_stderr(&format!("hint: {}", code_of(error).hint()));
    }
}

/// A failure as it stands in documents.
pub fn error_document(error: &anyhow::Error) -> Value {
    document_of(code_of(error), &messages(error).join(": "))
}

fn document_of(code: ErrorCode, message: &str) -> Value {
    json!({"code": code.name(), "message": message, "hint": code.hint()})
}

/// A failure as a document on stdout.
pub fn json_failure(code: ErrorCode, message: &str) {
    let error = json!({"error": document_of(code, message)});
    to_stdout(&in_json(&format!("{error:#}")));
}

/// Why a result could not be written.
static LOST: OnceLock<String> = OnceLock::new();

/// Why some of the results did not reach standard output, if so. A reader that went away is no failure of the command.
pub fn lost_result() -> Option<anyhow::Error> {
    let message = |problem| format!("cannot write the result to standard output: {problem}");
    LOST.get()
        .map(|problem| failed(ErrorCode::Io, message(problem)))
}

fn to_stdout(text: &dyn Display) {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", harmless(text)).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            LOST.get_or_init(|| error.to_string());
        }
        _ => {}
    }
}

/// Without a place for remarks, they are left out.
pub(crate) fn to_stderr(text: &dyn Display) {
    let _ = writeln!(io::stderr().lock(), "{}", harmless(text));
}

/// A document whose control characters are spelled out as JSON has them; its writer leaves those behind the ASCII letters as they
/// are, and they stand in texts alone.
fn in_json(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            // Writing into a text cannot fail.
            let _ = write!(plain, "\\u{:04x}", u32::from(c));
        } else {
            plain.push(c);
        }
    }
    plain
}

fn steers(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

/// Text with control characters spelled out: names in files of other people must not steer the terminal.
fn harmless(text: &dyn Display) -> String {
    let text = text.to_string();
    if !text.contains(steers) {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out() {
        let text = "a\u{1b}[2J\rb\n\tü";
        assert_eq!(harmless(&text), "a\\u{1b}[2J\\rb\n\tü");
    }

    #[test]
    fn documents_with_any_character_are_json() {
        let value = json!({"name": "a\u{7f}\u{85}\u{9f}\u{1b}\n\"ü"});
        let text = in_json(&format!("{value:#}"));
        assert!(
            text.contains("\\u007f") && !text.contains('\u{85}'),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
