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

/// Share of a device's memory, in hundredths, above which nothing more is taken from it, so that it is an error and not memory
/// of the processor in its place, which a driver may give instead and which is many times slower. What other programs hold
/// counts, where the driver tells. The number is a choice, not measured: browsers stop at 95 and give a device up at 99.
const MOST_MEMORY_PERCENT: u8 = 97;

/// A device that was chosen, ready for work.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The device.
    pub device: Device,
    /// What `--device` takes for it, and what the driver calls it.
    pub name: String,
    /// Why `auto` did not take the first card.
    pub passed_over: Option<String>,
    /// The graphics processor that it is; none is the processor.
    graphics: Option<Listed>,
}

impl Chosen {
    /// The processor.
    pub fn cpu() -> Self {
        Self {
            device: Device::flex(),
            name: "cpu".to_owned(),
            passed_over: None,
            graphics: None,
        }
    }

    /// A graphics processor.
    #[cfg(feature = "wgpu")]
    fn graphics(device: Device, listed: Listed) -> Self {
        Self {
            device,
            name: listed.to_string(),
            passed_over: None,
            graphics: Some(listed),
        }
    }

    /// The first that opens, else the processor.
    fn first_of(opened: impl Iterator<Item = Result<Self>>) -> Self {
        let mut passed_over = None;
        for one in opened {
            match one {
                Ok(chosen) => {
                    return Self {
                        passed_over,
                        ..chosen
                    };
                }
                Err(problem) => {
                    passed_over.get_or_insert_with(|| problem.to_string());
                }
            }
        }
        Self {
            passed_over,
            ..Self::cpu()
        }
    }

    /// The memory that a run may take: `free_bytes` of the processor's, or what may be taken of the device's. Where that is
    /// the processor's too, no more than is free.
    pub fn room_bytes(&self, free_bytes: impl FnOnce() -> Option<u64>) -> Option<u64> {
        let Some(listed) = &self.graphics else {
            return free_bytes();
        };
        let own = listed.memory_bytes;
        let own = own.map(|bytes| bytes / 100 * u64::from(MOST_MEMORY_PERCENT));
        match listed.kind {
            DeviceKind::Integrated | DeviceKind::Software => {
                own.into_iter().chain(free_bytes()).min()
            }
            DeviceKind::Discrete | DeviceKind::Virtual | DeviceKind::Other => own,
        }
    }

    /// Refuses an arithmetic that the device does not have, since results would not be what was asked for.
    fn with_precision(self, precision: Precision) -> Result<Self> {
        if self.graphics.is_none() || precision == Precision::F32 {
            return Ok(self);
        }
        Err(Error::Precision {
            precision,
            name: self.name,
        })
    }

    /// Does `work` on the device; a device that fails is an error that says what it was `doing`.
    pub fn watch<T>(&self, doing: &str, work: impl FnOnce() -> T) -> Result<T> {
        guard(&self.device, work).map_err(|failure| Error::Failed {
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

/// The device that a choice means for work in `precision`. Arithmetic that only the processor has is a choice of it.
pub fn open(choice: DeviceChoice, precision: Precision) -> Result<Chosen> {
    match choice {
        DeviceChoice::Cpu => Ok(Chosen::cpu()),
        DeviceChoice::Auto if precision != Precision::F32 => Ok(Chosen::cpu()),
        DeviceChoice::Auto => {
            let all = INTERFACES
                .iter()
                .flat_map(|&interface| found::adapters(interface));
            let cards = all.filter(|adapter| adapter.kind == DeviceKind::Discrete);
            Ok(Chosen::first_of(cards.map(found::Adapter::open)))
        }
        DeviceChoice::Graphics(interface, place) => {
            if !is_built_in(interface) {
                return Err(Error::NotBuiltIn { choice, interface });
            }
            match found::adapters(interface).into_iter().nth(place) {
                Some(adapter) => adapter.open()?.with_precision(precision),
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
    #[cfg(feature = "vulkan")]
    use {atelier_nn::gradients::values_of, burn::tensor::Tensor};

    use super::*;

    fn device(kind: DeviceKind, memory_bytes: Option<u64>) -> Chosen {
        let listed = Listed {
            device: "vulkan:0".to_owned(),
            name: "X".to_owned(),
            kind,
            memory_bytes,
        };
        Chosen {
            name: listed.to_string(),
            graphics: Some(listed),
            ..Chosen::cpu()
        }
    }

    fn refused(word: &str) -> String {
        let error = open(word.parse().unwrap(), Precision::F32).unwrap_err();
        assert_eq!(error.code().exit_status(), 2);
        error.to_string()
    }

    #[test]
    fn the_processor_can_always_be_chosen() {
        for precision in [Precision::F32, Precision::Bf16] {
            assert_eq!(open(DeviceChoice::Cpu, precision).unwrap().name, "cpu");
        }
    }

    #[test]
    fn the_device_is_the_processor_for_arithmetic_of_its_own_unless_another_is_named() {
        for precision in [Precision::Bf16, Precision::Int8] {
            assert_eq!(open(DeviceChoice::Auto, precision).unwrap().name, "cpu");
        }
        let card = || device(DeviceKind::Discrete, None);
        card().with_precision(Precision::F32).unwrap();
        let error = card().with_precision(Precision::Bf16).unwrap_err();
        assert!(error.to_string().contains("pass --device cpu"), "{error}");
    }

    #[test]
    fn auto_tries_every_device_then_takes_the_processor_and_keeps_the_first_problem() {
        let broken = |name: &str| {
            Err(Error::Unusable {
                name: name.to_owned(),
                problem: "no answer".to_owned(),
            })
        };
        let chosen = Chosen::first_of([].into_iter());
        assert_eq!((chosen.name.as_str(), chosen.passed_over), ("cpu", None));
        let works = device(DeviceKind::Discrete, None);
        let name = works.name.clone();
        let chosen = Chosen::first_of([broken("a"), Ok(works), broken("b")].into_iter());
        assert_eq!(chosen.name, name);
        assert_eq!(chosen.passed_over.unwrap(), "cannot use a: no answer");
        let chosen = Chosen::first_of([broken("a"), broken("b")].into_iter());
        assert_eq!(chosen.name, "cpu");
        assert_eq!(chosen.passed_over.unwrap(), "cannot use a: no answer");
    }

    #[test]
    fn a_run_may_take_what_a_device_gives_and_no_more_than_is_free_where_it_is_shared() {
        let room = |kind, bytes, free| device(kind, bytes).room_bytes(|| free);
        let discrete = DeviceKind::Discrete;
        assert_eq!(room(discrete, Some(1000), Some(300)), Some(970));
        assert_eq!(room(discrete, None, Some(300)), None);
        for shared in [DeviceKind::Integrated, DeviceKind::Software] {
            assert_eq!(room(shared, Some(1000), Some(300)), Some(300));
            assert_eq!(room(shared, Some(1000), Some(3000)), Some(970));
            assert_eq!(room(shared, None, Some(300)), Some(300));
        }
        assert_eq!(Chosen::cpu().room_bytes(|| Some(300)), Some(300));
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
    fn what_was_done_is_named_when_a_device_fails() {
        let full = || -> u8 { DeviceFailure::OutOfMemory.raise() };
        let error = Chosen::cpu().watch("drawing 64x64", full).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cpu failed while drawing 64x64: out of memory"
        );
        assert_eq!(error.code(), ErrorCode::NotEnoughMemory);
    }

    #[cfg(feature = "vulkan")]
    #[test]
    fn a_device_that_is_full_is_told_from_one_that_fails() {
        // As much as the software driver does not give at once.
        const PIECE: usize = 1 << 30;
        let Some(listed) = list().into_iter().next() else {
            return atelier_testkit::without_graphics();
        };
        let chosen = open(listed.device.parse().unwrap(), Precision::F32).unwrap();
        let Some(memory_bytes) = listed.memory_bytes else {
            return;
        };
        let count = memory_bytes as usize / PIECE + 1;
        let fill = || {
            let piece = |_| Tensor::<1>::empty([PIECE / size_of::<f32>()], &chosen.device);
            let pieces: Vec<_> = (0..count).map(piece).collect();
            let ends = pieces.iter().map(|piece| piece.clone().narrow(0, 0, 1));
            values_of(Tensor::cat(ends.collect(), 0))
        };
        let error = chosen.watch("filling it", fill).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotEnoughMemory, "{error}");
        let small = || values_of(Tensor::<1>::ones([3], &chosen.device) * 2.0);
        assert_eq!(chosen.watch("going on", small).unwrap(), [2.0; 3]);
    }
}
