//! Where networks compute: the one place that turns `--device` into a device.

#[cfg(feature = "wgpu")]
mod adapters;
#[cfg(feature = "wgpu")]
mod heaps;
#[cfg(not(feature = "wgpu"))]
mod no_adapters;

use std::fmt;

use atelier_core::{Coded, DeviceChoice, ErrorCode, Interface, Precision};
use atelier_nn::device::{DeviceFailure, guard};
use burn::tensor::Device;
use serde::Serialize;

#[cfg(feature = "wgpu")]
use self::adapters as found;
#[cfg(not(feature = "wgpu"))]
use self::no_adapters as found;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A device cannot be used, or did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arithmetic is not the device's.
    #[error(
        "`--precision {precision}` is for the processor, {name} computes in f32: leave it out, or pass --device cpu"
    )]
    Precision {
        /// What was asked for.
        precision: Precision,
        /// The device.
        name: String,
    },
    /// The build does not speak the interface.
    #[error(
        "no device `{choice}`: this build has no support for {interface}; build with `cargo build --release -p atelier --features {interface}`"
    )]
    NotBuiltIn {
        /// What was asked for.
        choice: DeviceChoice,
        /// Its interface.
        interface: Interface,
    },
    /// The driver does not show it.
    #[error("no device `{choice}`; there are: {}", there.join(", "))]
    Absent {
        /// What was asked for.
        choice: DeviceChoice,
        /// What can be asked for.
        there: Vec<String>,
    },
    /// It does not open.
    #[error("cannot use {name}: {problem}")]
    Unusable {
        /// The device.
        name: String,
        /// What the driver says.
        problem: String,
    },
    /// It failed at work.
    #[error("{name} failed while {doing}: {failure}")]
    Failed {
        /// The device.
        name: String,
        /// The work.
        doing: String,
        /// What it says.
        failure: DeviceFailure,
    },
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Precision { .. } | Self::NotBuiltIn { .. } | Self::Absent { .. } => {
                ErrorCode::InvalidInput
            }
            Self::Failed {
                failure: DeviceFailure::OutOfMemory,
                ..
            } => ErrorCode::NotEnoughMemory,
            Self::Unusable { .. } | Self::Failed { .. } => ErrorCode::Device,
        }
    }
}

/// The interfaces that this build speaks, those that show the same devices left out.
pub const INTERFACES: &[Interface] = &[
    #[cfg(feature = "vulkan")]
    Interface::Vulkan,
    #[cfg(feature = "metal")]
    Interface::Metal,
    #[cfg(all(feature = "wgpu", not(feature = "vulkan"), not(feature = "metal")))]
    Interface::Wgpu,
];

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

/// A device that was chosen, ready for work.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The device.
    pub device: Device,
    /// What `--device` takes for it, and what the driver calls it.
    pub name: String,
    /// The memory of a graphics processor, where it is known.
    memory_bytes: Option<u64>,
    is_cpu: bool,
}

impl Chosen {
    /// The processor.
    pub fn cpu() -> Self {
        Self {
            device: Device::flex(),
            name: "cpu".to_owned(),
            memory_bytes: None,
            is_cpu: true,
        }
    }

    /// A graphics processor.
    #[cfg(feature = "wgpu")]
    fn graphics(device: Device, listed: &Listed) -> Self {
        Self {
            device,
            name: listed.to_string(),
            memory_bytes: listed.memory_bytes,
            is_cpu: false,
        }
    }

    /// The memory that a run may take: `free_bytes` of the processor's, or all of the device's.
    pub fn room_bytes(&self, free_bytes: impl FnOnce() -> Option<u64>) -> Option<u64> {
        if self.is_cpu {
            free_bytes()
        } else {
            self.memory_bytes
        }
    }

    /// Refuses an arithmetic that the device does not have, since results would not be what was asked for.
    pub fn check_precision(&self, precision: Precision) -> Result<()> {
        if self.is_cpu || precision == Precision::F32 {
            return Ok(());
        }
        Err(Error::Precision {
            precision,
            name: self.name.clone(),
        })
    }

    /// Does `work` on the device; a device that fails is an error that says what it was `doing`.
    pub fn watch<T>(&self, doing: &str, work: impl FnOnce() -> T) -> Result<T> {
        guard(work).map_err(|failure| Error::Failed {
            name: self.name.clone(),
            doing: doing.to_owned(),
            failure,
        })
    }
}

/// Every graphics processor that this build can use here, those of one interface after those of another. Empty where there
/// is no driver.
pub fn list() -> Vec<Listed> {
    let all = INTERFACES
        .iter()
        .flat_map(|&interface| found::adapters(interface));
    all.map(|adapter| adapter.listed()).collect()
}

/// The device that a choice means.
pub fn open(choice: DeviceChoice) -> Result<Chosen> {
    match choice {
        DeviceChoice::Cpu => Ok(Chosen::cpu()),
        DeviceChoice::Auto => {
            let mut all = INTERFACES
                .iter()
                .flat_map(|&interface| found::adapters(interface));
            match all.find(|adapter| adapter.kind == DeviceKind::Discrete) {
                Some(adapter) => adapter.open(),
                None => Ok(Chosen::cpu()),
            }
        }
        DeviceChoice::Graphics(interface, place) => {
            if !is_built_in(interface) {
                return Err(Error::NotBuiltIn { choice, interface });
            }
            match found::adapters(interface).into_iter().nth(place) {
                Some(adapter) => adapter.open(),
                None => Err(absent(choice, interface)),
            }
        }
    }
}

fn is_built_in(interface: Interface) -> bool {
    match interface {
        Interface::Vulkan => cfg!(feature = "vulkan"),
        Interface::Metal => cfg!(feature = "metal"),
        Interface::Wgpu => cfg!(feature = "wgpu"),
    }
}

fn absent(choice: DeviceChoice, interface: Interface) -> Error {
    let mut there = vec!["`cpu`".to_owned()];
    let all = found::adapters(interface);
    there.extend(all.iter().map(|adapter| adapter.listed().to_string()));
    Error::Absent { choice, there }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn refused(word: &str) -> String {
        let error = open(word.parse().unwrap()).unwrap_err();
        assert_eq!(error.code().exit_status(), 2);
        error.to_string()
    }

    #[test]
    fn the_processor_can_always_be_chosen() {
        assert_eq!(open(DeviceChoice::Cpu).unwrap().name, "cpu");
    }

    #[test]
    fn an_interface_that_is_not_built_in_says_how_to_build_it() {
        for &interface in Interface::ALL {
            if !is_built_in(interface) {
                let message = refused(&format!("{interface}:0"));
                assert!(
                    message.contains(&format!("--features {interface}")),
                    "{message}"
                );
            }
        }
    }

    #[test]
    fn a_device_that_is_not_there_lists_those_that_are() {
        for interface in INTERFACES {
            let message = refused(&format!("{interface}:77"));
            assert!(message.contains("there are: `cpu`"), "{message}");
        }
    }

    #[test]
    fn only_the_processor_takes_other_arithmetics_than_f32() {
        let mut chosen = Chosen::cpu();
        chosen.check_precision(Precision::Bf16).unwrap();
        chosen.is_cpu = false;
        chosen.check_precision(Precision::F32).unwrap();
        let error = chosen.check_precision(Precision::Bf16).unwrap_err();
        assert!(error.to_string().contains("pass --device cpu"), "{error}");
    }

    #[test]
    fn what_was_done_is_named_when_a_device_fails() {
        let full = || std::panic::resume_unwind(Box::new(DeviceFailure::OutOfMemory));
        let error = Chosen::cpu()
            .watch::<()>("drawing 64x64", full)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "cpu failed while drawing 64x64: out of memory"
        );
        assert_eq!(error.code(), ErrorCode::NotEnoughMemory);
    }
}
