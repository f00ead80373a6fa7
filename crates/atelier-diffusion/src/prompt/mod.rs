//! The language of prompts: text → fragments with weights and adapters → chunks of token ids → weighted text states.
//!
//! The language is that of AUTOMATIC1111's web interface, from its documentation and behaviour; where this program differs,
//! `docs/guides/prompts.md` says so. Choices in braces are made first ([`expand`]), then [`Prompt::read`] takes over.

use std::fmt;

use atelier_core::PromptSyntax;

mod brackets;
mod chunks;
mod emphasis;
mod error;
mod lines;
mod tags;
mod unsupported;
mod wildcards;
mod words;

#[cfg(test)]
mod properties;

pub use chunks::{CHUNK_TOKENS, Chunks, MAX_CHUNKS, MAX_PROMPT_BYTES};
pub use emphasis::weigh;
pub use error::{PromptError, Result};
pub use lines::{PromptLine, read_prompt_file};
pub use tags::{LoraTag, take as take_loras};
pub use wildcards::expand;

/// A piece of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Words that share a weight.
    Text {
        /// What is tokenized, escapes resolved.
        text: String,
        /// The factor on the states of its tokens; 1 changes nothing.
        weight: f64,
    },
    /// What follows goes into a new chunk.
    Break,
}

impl Part {
    /// Its text and weight, unless it is a break.
    fn words(&self) -> Option<(&str, f64)> {
        match self {
            Self::Text { text, weight } => Some((text, *weight)),
            Self::Break => None,
        }
    }
}

/// A prompt that has been read.
///
/// It prints in a canonical form that reads back as the same prompt.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prompt {
    /// Its text, without the adapters.
    pub parts: Vec<Part>,
    /// The adapters that it names, in the order of the text; one name may come twice.
    pub loras: Vec<LoraTag>,
    syntax: PromptSyntax,
}

impl Prompt {
    /// Reads a prompt whose choices in braces have been made.
    pub fn read(text: &str, syntax: PromptSyntax) -> Result<Self> {
        refuse_long(text)?;
        if syntax == PromptSyntax::Plain {
            return Ok(Self::plain(text));
        }
        let (text, loras) = tags::take(text)?;
        unsupported::refuse(&text)?;
        Ok(Self {
            parts: brackets::parts(&text)?,
            loras,
            syntax,
        })
    }

    /// A prompt in which every character means itself.
    pub fn plain(text: &str) -> Self {
        let part = Part::Text {
            text: text.to_owned(),
            weight: 1.0,
        };
        Self {
            parts: vec![part],
            loras: Vec::new(),
            syntax: PromptSyntax::Plain,
        }
    }

    /// How it was read.
    pub fn syntax(&self) -> PromptSyntax {
        self.syntax
    }
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = self.syntax == PromptSyntax::Plain;
        for part in &self.parts {
            match part.words() {
                None => f.write_str(" BREAK ")?,
                Some((text, _)) if is_plain => f.write_str(text)?,
                Some((text, 1.0)) => f.write_str(&escaped(text))?,
                Some((text, weight)) => write!(f, "({}:{weight})", escaped(text))?,
            }
        }
        self.loras.iter().try_for_each(|tag| tag.fmt(f))
    }
}

/// Refuses a text that is longer than any prompt that is drawn, before it is taken apart.
fn refuse_long(text: &str) -> Result<()> {
    match text.len() {
        length if length > MAX_PROMPT_BYTES => Err(PromptError::TooLong { length }),
        _ => Ok(()),
    }
}

/// The text so that it reads as itself: brackets and braces behind a backslash, and one inside whatever would be a word of the
/// language, because a backslash before another character falls away.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside: Vec<usize> = words::places(text, "BREAK")
        .chain(words::places(text, "AND"))
        .map(|place| place + 1)
        .collect();
    inside.sort_unstable();
    let mut inside = inside.into_iter().peekable();
    let mut opens_tag = false;
    for (place, letter) in text.char_indices() {
        let is_split =
            inside.next_if_eq(&place).is_some() || (opens_tag && words::is_word_letter(letter));
        if is_split || matches!(letter, '(' | ')' | '[' | ']' | '{' | '}' | '\\') {
            out.push('\\');
        }
        out.push(letter);
        opens_tag = letter == '<';
    }
    out
}
