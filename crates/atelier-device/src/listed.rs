//! What is said about a graphics processor.

use std::fmt;

use serde::Serialize;

/// What a graphics processor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// A card with memory of its own.
    Discrete,
    /// A part of the processor, which shares its memory.
    Integrated,
    /// A share of a card, in a virtual machine.
    Virtual,
    /// A program that stands for a card.
    Software,
    /// One of which the driver does not say what it is.
    Other,
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Software => "software",
            Self::Other => "other",
        })
    }
}

/// A graphics processor that `--device` can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What `--device` takes for it.
    pub device: String,
    /// What the driver calls it.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Its own memory, of an integrated one its share of the processor's, where the driver tells.
    pub memory_bytes: Option<u64>,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            device, name, kind, ..
        } = self;
        write!(f, "`{device}` ({name}, {kind})")
    }
}
