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
    /// What follows the colon looks like a number and is none.
    #[error("strength `{got}` is not a number, write {example}")]
    NotANumber {
        /// The text after the colon.
        got: String,
        /// What was meant, or how a strength looks.
        example: String,
    },
    /// The strength lies outside the range.
    #[error("adapter strength must lie between 0 and 1.5, got {0}")]
    Strength(f32),
}

impl FromStr for AdapterUse {
    type Err = AdapterUseError;

    /// Reads `FILE` (strength 1) or `FILE:STRENGTH`. A colon that nothing like a number follows belongs to the file name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, strength) = match text
            .rsplit_once(':')
            .map(|(path, tail)| (path, tail.parse::<f32>().map_err(|_| tail)))
        {
            Some((path, Ok(strength))) => (path, strength),
            Some((_, Err(tail))) if is_meant_as_number(tail) => {
                return Err(AdapterUseError::NotANumber {
                    got: tail.to_owned(),
                    example: example_for(tail),
                });
            }
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

/// Whether text after a colon is a strength gone wrong, and not the rest of a file name.
fn is_meant_as_number(tail: &str) -> bool {
    let is_name = tail.contains(['/', '\\']) || tail.to_ascii_lowercase().ends_with(".safetensors");
    !is_name && tail.starts_with(|c: char| c.is_ascii_digit() || ".+-".contains(c))
}

/// The number with a decimal point where it has a comma, else any strength.
fn example_for(tail: &str) -> String {
    let with_point = tail.replacen(',', ".", 1);
    match with_point.parse::<f32>() {
        Ok(_) => with_point,
        Err(_) => "a number such as 0.8".to_owned(),
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
    fn names_a_strength_that_is_no_number_and_what_was_meant() {
        let message = |text: &str| text.parse::<AdapterUse>().unwrap_err().to_string();
        assert_eq!(
            message("a.safetensors:1,5"),
            "strength `1,5` is not a number, write 1.5"
        );
        for bad in ["a:80%", "a:.", "a:+", "a:-x", "a:0.8x", "a:1.0.0"] {
            assert!(message(bad).contains("such as 0.8"), "{bad}");
        }
    }

    #[test]
    fn a_colon_inside_a_file_name_stays() {
        for name in [
            "c:/a",
            "c:\\loras\\a",
            "c:1/a",
            "a:b.safetensors",
            "12:30.safetensors",
            "a:",
        ] {
            let adapter = name.parse::<AdapterUse>().unwrap();
            assert_eq!(adapter.path, PathBuf::from(name));
        }
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
