//! An adapter file and the strength at which it is applied.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One adapter of a generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterUse {
    /// The adapter file.
    pub path: PathBuf,
    /// The factor on the adapter, 0 to 1.5 inclusive; 0 is the base, bit for bit.
    pub strength: f32,
    /// The factor on the layers of text encoders, in the same range; absent means `strength`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_strength: Option<f32>,
}

impl AdapterUse {
    /// The strengths that there are: from the base alone to beyond what was trained.
    pub const STRENGTHS: RangeInclusive<f32> = 0.0..=1.5;

    /// An adapter at one strength for all its parts.
    pub fn new(path: impl Into<PathBuf>, strength: f32) -> Self {
        Self {
            path: path.into(),
            strength,
            text_strength: None,
        }
    }

    /// The factor on the layers of text encoders.
    pub fn text_strength(&self) -> f32 {
        self.text_strength.unwrap_or(self.strength)
    }

    /// Refuses strengths outside the range, in whatever way they came.
    pub fn check(&self) -> Result<(), AdapterUseError> {
        let strengths = [Some(self.strength), self.text_strength];
        let mut strengths = strengths.into_iter().flatten();
        match strengths.find(|strength| !Self::STRENGTHS.contains(strength)) {
            Some(outside) => Err(AdapterUseError::Strength(outside)),
            None => Ok(()),
        }
    }
}

/// The text is not `FILE`, `FILE:STRENGTH` or `FILE:UNET:TEXT`.
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

    /// Reads `FILE` (strength 1), `FILE:STRENGTH`, or `FILE:UNET:TEXT` with the strength of the text encoders last.
    /// A colon that nothing like a number follows belongs to the file name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, last) = split_strength(text)?;
        // Without a strength at the end, a number further in belongs to the name.
        let (path, first) = match last {
            Some(_) => split_strength(rest)?,
            None => (rest, None),
        };
        if path.is_empty() {
            return Err(AdapterUseError::NoFile(text.to_owned()));
        }
        let adapter = match (first, last) {
            (Some(strength), text_strength) => Self {
                text_strength,
                ..Self::new(path, strength)
            },
            (None, strength) => Self::new(path, strength.unwrap_or(1.0)),
        };
        adapter.check().map(|()| adapter)
    }
}

/// Takes a strength off the end of `text`, if there is one.
fn split_strength(text: &str) -> Result<(&str, Option<f32>), AdapterUseError> {
    let Some((rest, tail)) = text.rsplit_once(':') else {
        return Ok((text, None));
    };
    match tail.parse::<f32>() {
        Ok(strength) => Ok((rest, Some(strength))),
        Err(_) if is_meant_as_number(tail) => Err(AdapterUseError::NotANumber {
            got: tail.to_owned(),
            example: example_for(tail),
        }),
        Err(_) => Ok((text, None)),
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
    fn two_strengths_are_those_of_unet_and_text_encoders() {
        let adapter: AdapterUse = "c:/a.safetensors:0.8:0".parse().unwrap();
        assert_eq!(adapter.path, PathBuf::from("c:/a.safetensors"));
        assert_eq!((adapter.strength, adapter.text_strength), (0.8, Some(0.0)));
        let single: AdapterUse = "a:0.5".parse().unwrap();
        assert_eq!((single.text_strength, single.text_strength()), (None, 0.5));
        for (bad, message) in [
            ("a:2:1", "between 0 and 1.5, got 2"),
            ("a:1:2", "between 0 and 1.5, got 2"),
            ("a:1,5:1", "strength `1,5` is not a number, write 1.5"),
            (":1:1", "FILE:STRENGTH"),
        ] {
            let error = bad.parse::<AdapterUse>().unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn a_record_without_text_strength_reads_and_writes_as_before() {
        let json = r#"{"path":"a","strength":0.5}"#;
        let adapter: AdapterUse = serde_json::from_str(json).unwrap();
        assert_eq!(adapter, AdapterUse::new("a", 0.5));
        assert_eq!(serde_json::to_string(&adapter).unwrap(), json);
    }

    #[test]
    fn a_record_with_fields_that_are_not_known_is_refused() {
        let json = r#"{"path":"a","strength":0.5,"unet_strength":1}"#;
        let error = serde_json::from_str::<AdapterUse>(json).unwrap_err();
        assert!(error.to_string().contains("unet_strength"), "{error}");
    }

    #[test]
    fn strengths_are_checked_in_whatever_way_they_came() {
        let adapter = |strength, text_strength| AdapterUse {
            text_strength,
            ..AdapterUse::new("a", strength)
        };
        for good in [adapter(0.0, None), adapter(1.5, Some(0.0))] {
            assert_eq!(good.check(), Ok(()));
        }
        for bad in [
            adapter(-0.1, None),
            adapter(f32::NAN, None),
            adapter(f32::INFINITY, Some(1.0)),
            adapter(1.0, Some(9.0)),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
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
