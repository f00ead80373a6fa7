//! The number formats that adapters are written in.

use std::str::FromStr;

use atelier_weights::DType;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct FloatFormat(pub(super) DType);

impl FloatFormat {
    pub(super) const NAMES: [&str; 3] = ["f32", "f16", "bf16"];
}

impl FromStr for FloatFormat {
    type Err = std::convert::Infallible;

    /// One of [`Self::NAMES`], which the flag accepts alone.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(Self(match name {
            "f32" => DType::F32,
            "bf16" => DType::BF16,
            _ => DType::F16,
        }))
    }
}
