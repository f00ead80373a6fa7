//! What goes wrong with devices.

use atelier_core::{Coded, DeviceChoice, ErrorCode, Interface, Precision};
use atelier_nn::device::DeviceFailure;

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
