//! An adapter file and the strength at which it is applied.

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One adapter of a generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdapterUse {
    /// The adapter file.
    pub path: PathBuf,
    /// The factor on the adapter, 0 to 1.5 inclusive; 0 is the base, bit for bit.
    pub strength: f32,
}

/// The text is not `FILE` or `FILE:STRENGTH`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AdapterUseError {
    /// No file was named.
    #[error("an adapter is written FILE or FILE:STRENGTH, got `{0}`")]
    NoFile(String),
    /// The strength lies outside the range.
    #[error("adapter strength must lie between 0 and 1.5, got {0}")]
    Strength(f32),
}

impl FromStr for AdapterUse {
    type Err = AdapterUseError;

    /// Reads `FILE` (strength 1) or `FILE:STRENGTH`. A colon that no number follows belongs to the file name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, strength) = match text
            .rsplit_once(':')
            .map(|(path, tail)| (path, tail.parse::<f32>()))
        {
            Some((path, Ok(strength))) => (path, strength),
            _ => (text, 1.0),
        };
        if path.is_empty() {
            return Err(AdapterUseError::NoFile(text.to_owned()));
        }
        if !(0.0..=1.5).contains(&strength) {
            return Err(AdapterUseError::Strength(strength));
        }
        Ok(Self {
            path: PathBuf::from(path),
            strength,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_file_and_strength() {
        let adapter: AdapterUse = "out/adapter.safetensors:0.8".parse().unwrap();
        assert_eq!(adapter.path, PathBuf::from("out/adapter.safetensors"));
        assert!((adapter.strength - 0.8).abs() < 1e-6);
    }

    #[test]
    fn strength_defaults_to_one() {
        assert!(
            ("a.safetensors".parse::<AdapterUse>().unwrap().strength - 1.0).abs() < f32::EPSILON
        );
        assert_eq!(
            "c:/a".parse::<AdapterUse>().unwrap().path,
            PathBuf::from("c:/a")
        );
    }

    #[test]
    fn refuses_strengths_outside_the_range_and_empty_names() {
        assert_eq!(
            "a:2".parse::<AdapterUse>(),
            Err(AdapterUseError::Strength(2.0))
        );
        assert!(matches!(
            "a:nan".parse::<AdapterUse>(),
            Err(AdapterUseError::Strength(_))
        ));
        assert_eq!(
            ":1".parse::<AdapterUse>(),
            Err(AdapterUseError::NoFile(":1".to_owned()))
        );
    }
}
