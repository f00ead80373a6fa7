//! Tests on a graphics processor. They have a task of their own, because support for graphics processors makes a build much
//! longer.

use std::path::Path;

use anyhow::{Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// `SwiftShader`, a program that stands for a card, as Debian's package `chromium` describes it to the loader of Vulkan.
/// Other drivers differ from machine to machine.
const SOFTWARE_DRIVER: &str = "/usr/lib/chromium/vk_swiftshader_icd.json";

/// By which the loader learns of drivers.
const VARIABLE: &str = "VK_DRIVER_FILES";

/// Runs them on the driver that the environment names, or on the software driver.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    let is_named = std::env::var_os(VARIABLE).is_some();
    if !is_named && !Path::new(SOFTWARE_DRIVER).exists() {
        bail!(
            "no driver for Vulkan: install Debian's packages `chromium` and `libvulkan1`, or name one with `{VARIABLE}`"
        );
    }
    let mut command = workspace.cargo(&["test", "--release", "--features", "vulkan"]);
    for package in [
        "atelier-nn",
        "atelier-diffusion",
        "atelier-device",
        "atelier-train",
        "atelier",
    ] {
        command.args(["-p", package]);
    }
    if !is_named {
        command.env(VARIABLE, SOFTWARE_DRIVER);
    }
    process::run(command.args(["--", "gpu::", "device"]))
}
