//! The graphics processor that tests run on, where there is one.

use std::io::Write as _;
use std::sync::OnceLock;

use burn::backend::wgpu::graphics::AutoGraphicsApi;
use burn::backend::wgpu::{RuntimeOptions, try_init_setup};
use burn::backend::{WgpuBackend, WgpuDevice, WgpuDeviceKind};
use burn::tensor::Device;

/// Set where there must be a driver, as by `cargo xtask test --graphics`.
const REQUIRED: &str = "ATELIER_TEST_GRAPHICS";

/// The best device of the Vulkan driver, which the environment of the tests may name (`VK_DRIVER_FILES`). Without any, see
/// [`without_graphics`].
pub fn graphics() -> Option<Device> {
    static FOUND: OnceLock<Option<Device>> = OnceLock::new();
    let find = || {
        let device = WgpuDevice::new(WgpuDeviceKind::DefaultDevice).on(WgpuBackend::Vulkan);
        if try_init_setup::<AutoGraphicsApi>(&device, RuntimeOptions::default()).is_ok() {
            return Some(Device::new(device));
        }
        without_graphics();
        None
    };
    FOUND.get_or_init(find).clone()
}

/// One line says that tests on a graphics processor do nothing.
///
/// # Panics
/// Panics where the environment says that there must be one.
pub fn without_graphics() {
    let line = "no Vulkan driver: tests on a graphics processor are skipped";
    assert!(
        std::env::var_os(REQUIRED).is_none(),
        "{line}, which `{REQUIRED}` forbids"
    );
    // Past the test harness, which swallows what passing tests print.
    let _ = writeln!(std::io::stderr(), "{line}");
}
