//! The graphics processor that tests run on, where there is one.

use std::io::Write as _;
use std::sync::OnceLock;

use burn::backend::wgpu::graphics::AutoGraphicsApi;
use burn::backend::wgpu::{RuntimeOptions, try_init_setup};
use burn::backend::{WgpuBackend, WgpuDevice, WgpuDeviceKind};
use burn::tensor::Device;

/// The best device of the Vulkan driver, which the environment of the tests may name (`VK_DRIVER_FILES`). Without any, one
/// line says that its tests do nothing.
pub fn graphics() -> Option<Device> {
    static FOUND: OnceLock<Option<Device>> = OnceLock::new();
    let find = || {
        let device = WgpuDevice::new(WgpuDeviceKind::DefaultDevice).on(WgpuBackend::Vulkan);
        if try_init_setup::<AutoGraphicsApi>(&device, RuntimeOptions::default()).is_ok() {
            return Some(Device::new(device));
        }
        // Past the test harness, which swallows what passing tests print.
        let line = "no Vulkan driver: tests on a graphics processor are skipped";
        let _ = writeln!(std::io::stderr(), "{line}");
        None
    };
    FOUND.get_or_init(find).clone()
}
