//! Where networks compute, with errors as the program carries them.

use anyhow::Result;
use atelier_failure::CodedResult as _;

pub use atelier_device::{Chosen, INTERFACES, Listed, list, open};

/// Does `work` on the device; a device that fails is an error that says what it was doing.
pub fn watch<T>(chosen: &Chosen, doing: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    chosen.watch(doing, work).coded()?
}
