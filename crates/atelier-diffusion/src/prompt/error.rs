//! What can be wrong with a prompt.

use std::path::PathBuf;

use atelier_core::{Coded, ErrorCode};

/// Result of this module.
pub type Result<T, E = PromptError> = std::result::Result<T, E>;

/// A prompt cannot be drawn as it is written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// A `<lora:…>` is malformed.
    #[error(
        "`{tag}` names no adapter: {problem}; write <lora:NAME>, <lora:NAME:0.8> or <lora:NAME:te=0.5:unet=0.8>"
    )]
    BadLora {
        /// The text.
        tag: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A tag of another kind.
    #[error("`{tag}` is a tag that this program does not know, only <lora:NAME:0.8> is supported")]
    UnknownTag {
        /// The text.
        tag: String,
    },
    /// `[a:b:0.5]`.
    #[error(
        "`{text}` changes the prompt while drawing, which is not supported; write \\[ for a literal bracket, or (words:0.8) for a weight"
    )]
    Editing {
        /// The text.
        text: String,
    },
    /// `[a|b]`.
    #[error(
        "`{text}` alternates between prompts while drawing, which is not supported; write {{a|b}} to choose one per picture, or \\[ for a literal bracket"
    )]
    Alternation {
        /// The text.
        text: String,
    },
    /// `a AND b`.
    #[error(
        "`AND` joins several prompts into one picture, which is not supported; write `and`: `{text}`"
    )]
    Composition {
        /// The text around it.
        text: String,
    },
    /// `(a:1.2.3)`.
    #[error("`{number}` is not a number in the weight `{text}`, write (words:1.2)")]
    BadWeight {
        /// What stands where the number is meant.
        number: String,
        /// The text up to the closing bracket.
        text: String,
    },
    /// Nested weights leave the range of numbers.
    #[error(
        "the weights around `{text}` multiply to {weight:e}, which is no usable number; use fewer brackets"
    )]
    WeightRange {
        /// The words.
        text: String,
        /// Their weight.
        weight: f64,
    },
    /// A choice in braces that is not closed.
    #[error("`{text}` opens a choice that no `}}` closes; write \\{{ for a literal brace")]
    OpenChoice {
        /// The text from the brace on.
        text: String,
    },
    /// A choice in braces of a kind that is not supported.
    #[error("`{text}` is not supported: {problem}")]
    UnsupportedChoice {
        /// The text from the brace on.
        text: String,
        /// What is not supported, and what to write.
        problem: &'static str,
    },
    /// No prompt that is drawn is as long.
    #[error(
        "the prompt is {length} bytes long, at most {} are read",
        super::MAX_PROMPT_BYTES
    )]
    TooLong {
        /// Its bytes.
        length: usize,
    },
    /// A file of prompts cannot be read.
    #[error("cannot read a file of prompts")]
    Read(#[from] std::io::Error),
    /// A file of prompts is not UTF-8.
    #[error("line {line} of the prompts is not UTF-8 text, save the file as UTF-8: {}", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// A file of prompts has nothing but comments.
    #[error("there is no prompt in the file, write one per line: {}", path.display())]
    NoPrompts {
        /// The file.
        path: PathBuf,
    },
    /// Lines of a file of prompts cannot be drawn.
    #[error("{}: {}", lines_summary(lines), path.display())]
    BadLines {
        /// The file.
        path: PathBuf,
        /// Each bad line, counted from 1, with what is wrong.
        lines: Vec<(usize, PromptError)>,
    },
}

impl Coded for PromptError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Read(error) if error.kind() == std::io::ErrorKind::NotFound => {
                ErrorCode::NotFound
            }
            Self::Read(_) => ErrorCode::Io,
            _ => ErrorCode::InvalidInput,
        }
    }
}

/// The first bad lines, and how many there are.
fn lines_summary(lines: &[(usize, PromptError)]) -> String {
    const SHOWN: usize = 5;
    let shown = lines.iter().take(SHOWN);
    let shown: Vec<_> = shown
        .map(|(line, error)| format!("line {line}: {error}"))
        .collect();
    match lines.len().saturating_sub(SHOWN) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more bad lines", shown.join("; ")),
    }
}

/// The start of a text, short enough for a message.
pub(super) fn excerpt(text: &str) -> String {
    const LETTERS: usize = 60;
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
