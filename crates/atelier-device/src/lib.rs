//! Where networks compute: the one place that turns `--device` into a device.

#[cfg(feature = "wgpu")]
mod adapters;
mod error;
#[cfg(feature = "wgpu")]
mod heaps;
mod listed;
#[cfg(not(feature = "wgpu"))]
mod no_adapters;

use atelier_core::{DeviceChoice, Interface, Precision};
use atelier_nn::device::guard;
use burn::tensor::Device;

pub use error::{Error, Result};
pub use listed::{DeviceKind, Listed};

#[cfg(feature = "wgpu")]
use self::adapters as found;
#[cfg(not(feature = "wgpu"))]
use self::no_adapters as found;

/// The interfaces that this build speaks, those that show the same devices left out.
pub const INTERFACES: &[Interface] = &[
    #[cfg(feature = "vulkan")]
    Interface::Vulkan,
    #[cfg(feature = "metal")]
    Interface::Metal,
    #[cfg(all(feature = "wgpu", not(feature = "vulkan"), not(feature = "metal")))]
    Interface::Wgpu,
];

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
    use atelier_core::{Coded as _, ErrorCode};
    use atelier_nn::device::DeviceFailure;

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
