//! Where networks compute, as people name it.

use std::fmt;
use std::str::FromStr;

use crate::{UnknownValue, closed_choice};

/// An interface to graphics processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interface {
    /// That of Linux, Windows and Android.
    Vulkan,
    /// That of Apple's systems.
    Metal,
    /// The first of all that the system has.
    Wgpu,
}

closed_choice!(Interface, "interface", { Vulkan => "vulkan", Metal => "metal", Wgpu => "wgpu" });

/// Which device computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DeviceChoice {
    /// The first discrete graphics processor, where there is one that can be used; else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics processor, by its place in the list of those that the interface shows.
    Graphics(Interface, usize),
}

impl DeviceChoice {
    /// What can be written, for help texts and errors.
    pub const VALID: &'static str = "auto, cpu, vulkan:N, metal:N, wgpu:N";
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Graphics(interface, place) => write!(f, "{interface}:{place}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = UnknownValue;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let graphics = || {
            let (interface, place) = word.split_once(':')?;
            // `parse` takes a sign too.
            let place = place
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then_some(place)?;
            Some(Self::Graphics(interface.parse().ok()?, place.parse().ok()?))
        };
        match word {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            _ => graphics().ok_or_else(|| UnknownValue {
                what: "device",
                got: word.to_owned(),
                valid: Self::VALID.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_read_as_it_is_written() {
        for word in ["auto", "cpu", "vulkan:0", "vulkan:12", "metal:1", "wgpu:0"] {
            assert_eq!(word.parse::<DeviceChoice>().unwrap().to_string(), word);
        }
    }

    #[test]
    fn an_unknown_device_lists_what_can_be_written() {
        for word in [
            "",
            "gpu",
            "vulkan",
            "vulkan:",
            "vulkan:-1",
            "vulkan:+1",
            "cuda:0",
            "cpu:0",
        ] {
            let error = word.parse::<DeviceChoice>().unwrap_err();
            assert!(error.to_string().ends_with(DeviceChoice::VALID), "{error}");
        }
    }
}
