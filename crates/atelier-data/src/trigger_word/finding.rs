//! What there is to know about a trigger word, how serious it is, and what to do about it.

use std::fmt;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::{MANY_TOKENS, MOST_TOKENS};

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingLevel {
    /// Worth knowing, and well so.
    Good,
    /// It works, and another word would work better.
    Warning,
    /// It cannot work.
    Refused,
}

impl FindingLevel {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Refused => "refused",
        }
    }
}

/// One thing to know about a trigger word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerFinding {
    /// There is no word.
    Empty,
    /// It has line breaks or other control characters.
    ControlCharacters,
    /// It has no letter that could be read.
    NoLetters,
    /// It has the start of a special token, which the tokenizer takes out of the text.
    SpecialToken,
    /// It does not fit into a prompt.
    TooLong {
        /// How many tokens it is.
        tokens: usize,
    },
    /// The tokenizer knows it as one word, and so does the base.
    KnownWord,
    /// It has whole words that the base knows.
    HoldsKnownWords {
        /// These words.
        words: Vec<String>,
    },
    /// It falls into many tokens.
    ManyTokens {
        /// How many.
        tokens: usize,
    },
    /// It is so short that it means something elsewhere.
    TooShort,
    /// It has many digits.
    ManyDigits {
        /// How many.
        digits: usize,
    },
    /// It is more than one word.
    SeveralWords,
    /// It has characters that prompts read as something else.
    PromptSyntax {
        /// Each of them once.
        characters: String,
    },
    /// It has other characters than letters and digits.
    Punctuation {
        /// Each of them once.
        characters: String,
    },
    /// Another dataset or model has the same word.
    Used {
        /// Which one, in words.
        owner: String,
    },
    /// A part of it says what every such dataset shows.
    HoldsClassNoun {
        /// That part.
        noun: &'static str,
    },
    /// It has capital letters, which the text encoder does not see.
    CaseIgnored {
        /// What it sees.
        read_as: String,
    },
    /// It is none of the base's tokens. That the base knows nothing by it does not follow: many a name is several tokens.
    NoSingleToken {
        /// What it is read as.
        tokens: Vec<String>,
    },
}

impl TriggerFinding {
    /// How serious it is.
    pub fn level(&self) -> FindingLevel {
        match self {
            Self::Empty
            | Self::ControlCharacters
            | Self::NoLetters
            | Self::SpecialToken
            | Self::TooLong { .. } => FindingLevel::Refused,
            Self::KnownWord
            | Self::HoldsKnownWords { .. }
            | Self::ManyTokens { .. }
            | Self::TooShort
            | Self::ManyDigits { .. }
            | Self::SeveralWords
            | Self::PromptSyntax { .. }
            | Self::Punctuation { .. }
            | Self::Used { .. } => FindingLevel::Warning,
            Self::HoldsClassNoun { .. } | Self::CaseIgnored { .. } | Self::NoSingleToken { .. } => {
                FindingLevel::Good
            }
        }
    }

    /// The word for it in documents.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::ControlCharacters => "control-characters",
            Self::NoLetters => "no-letters",
            Self::SpecialToken => "special-token",
            Self::TooLong { .. } => "too-long",
            Self::KnownWord => "known-word",
            Self::HoldsKnownWords { .. } => "holds-known-words",
            Self::ManyTokens { .. } => "many-tokens",
            Self::TooShort => "too-short",
            Self::ManyDigits { .. } => "many-digits",
            Self::SeveralWords => "several-words",
            Self::PromptSyntax { .. } => "prompt-syntax",
            Self::Punctuation { .. } => "punctuation",
            Self::Used { .. } => "used",
            Self::HoldsClassNoun { .. } => "holds-class-noun",
            Self::CaseIgnored { .. } => "case-ignored",
            Self::NoSingleToken { .. } => "no-single-token",
        }
    }
}

/// What was found, and what to do about it.
impl fmt::Display for TriggerFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no word; take one that nobody uses, such as `BlobCharV1`"),
            Self::ControlCharacters => f.write_str("it has control characters; type it anew"),
            Self::NoLetters => f.write_str("it has no letters, and so no prompt can call it by name; take letters, and at most two digits"),
            Self::SpecialToken => f.write_str("it has `<|`, which begins words that mean something to the text encoder; take letters and digits only"),
            Self::TooLong { tokens } => write!(f, "it is {tokens} tokens, of which a prompt has {MOST_TOKENS}; take a shorter one"),
            Self::KnownWord => f.write_str("the base knows this word and would draw what it knows by it; take one that nobody uses, such as `AEXStyle` or `CustomCharV1`"),
            Self::HoldsKnownWords { words } => write!(f, "the base knows `{}` in it and would draw that too; join it with other letters, without spaces, digits or marks between", words.join("` and `")),
            Self::ManyTokens { tokens } => write!(f, "it falls into {tokens} tokens, each of which the base knows from other words; two to {MANY_TOKENS} are better, so take a shorter one"),
            Self::TooShort => f.write_str("it is very short, and short words mean something somewhere; take four letters or more"),
            Self::ManyDigits { digits } => write!(f, "it has {digits} digits, and each is read by itself, as in any number; keep two at most"),
            Self::SeveralWords => f.write_str("it is more than one word, and prompts would have to repeat all of them; write it as one, such as `BlobCharV1`"),
            Self::PromptSyntax { characters } => write!(f, "prompts read `{characters}` as weights or as names of adapters; leave that out"),
            Self::Punctuation { characters } => write!(f, "it has `{characters}`, which are read apart from the letters around; leave that out"),
            Self::Used { owner } => write!(f, "{owner} has the same word (capital letters are not seen), so that adapters of both could not be told apart in one prompt; change it a little"),
            Self::HoldsClassNoun { noun } => write!(f, "`{noun}` in it reminds people what it calls"),
            Self::CaseIgnored { read_as } => write!(f, "capital letters are for people: the text encoder reads `{read_as}`"),
            Self::NoSingleToken { tokens } => write!(f, "no token of the base is this word, which it reads as `{}`; a name that people know may be known to the base all the same: draw it once before the training", tokens.join("`, `")),
        }
    }
}

impl Serialize for TriggerFinding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("TriggerFinding", 3)?;
        fields.serialize_field("code", self.code())?;
        fields.serialize_field("level", &self.level())?;
        fields.serialize_field("message", &self.to_string())?;
        fields.end()
    }
}
