//! On which devices a run of the library was trained, since how long its steps took says nothing of other ones: a file in the
//! run's folder. Runs without one were trained on the processor, or before there was this file.

use std::path::Path;

use anyhow::Result;
use atelier_core::DeviceChoice;
use atelier_failure::CodedResult as _;
use atelier_store::Run;
use atelier_weights::atomic;
use serde::{Deserialize, Serialize};

/// The file's name.
const FILE: &str = "devices.json";
/// The version of its layout.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Devices {
    version: u32,
    /// What `--device` takes for each, and what the driver calls it.
    devices: Vec<String>,
}

/// Takes note that a run is trained on a device from now on.
pub(crate) fn note(run: &Run, device: &str) -> Result<()> {
    let mut devices = of(&run.folder).unwrap_or_default();
    if devices.is_empty() && run.done_steps > 0 {
        devices.push(processor());
    }
    if devices.iter().any(|known| known == device) {
        return Ok(());
    }
    devices.push(device.to_owned());
    let file = Devices {
        version: VERSION,
        devices,
    };
    let text = serde_json::to_vec(&file)?;
    atomic::write_file(run.folder.join(FILE), |out| out.write_all(&text)).coded()
}

/// Whether all steps of the run in a folder were made on a device.
pub(crate) fn are(folder: &Path, device: &str) -> bool {
    let devices = of(folder).unwrap_or_else(|| vec![processor()]);
    devices.iter().all(|known| known == device)
}

fn of(folder: &Path) -> Option<Vec<String>> {
    let text = fs_err::read(folder.join(FILE)).ok()?;
    let file: Devices = serde_json::from_slice(&text).ok()?;
    (file.version == VERSION).then_some(file.devices)
}

fn processor() -> String {
    DeviceChoice::Cpu.to_string()
}
