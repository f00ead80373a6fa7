//! Lints and tests of what speaks to graphics processors. They have a task of their own, because support for graphics
//! processors makes a build much longer.

use std::path::Path;

use anyhow::{Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// `SwiftShader`, a program that stands for a card, as Debian's package `chromium` describes it to the loader of Vulkan.
/// Other drivers differ from machine to machine.
const SOFTWARE_DRIVER: &str = "/usr/lib/chromium/vk_swiftshader_icd.json";

/// By which the loader learns of drivers.
const VARIABLE: &str = "VK_DRIVER_FILES";

/// With it, tests fail where they find no driver (`atelier-testkit/src/graphics.rs`).
const REQUIRED: &str = "ATELIER_TEST_GRAPHICS";

/// What has code or tests for graphics processors.
const PACKAGES: [&str; 6] = [
    "atelier-nn",
    "atelier-diffusion",
    "atelier-device",
    "atelier-train",
    "atelier-app",
    "atelier",
];

/// Runs them on the driver that the environment names, or on the software driver; then lints every build.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    let is_named = std::env::var_os(VARIABLE).is_some();
    if !is_named && !Path::new(SOFTWARE_DRIVER).exists() {
        bail!(
            "no driver for Vulkan: install Debian's packages `chromium` and `libvulkan1`, or name one with `{VARIABLE}`"
        );
    }
    let mut command = workspace.cargo(&["test", "--release", "--features", "vulkan"]);
    command.args(named(&PACKAGES)).env(REQUIRED, "1");
    if !is_named {
        command.env(VARIABLE, SOFTWARE_DRIVER);
    }
    process::run(command.args(["--", "gpu::", "device"]))?;
    lint(
        workspace,
        "vulkan",
        named(&PACKAGES).chain(["--all-targets"]),
    )?;
    // The same but for what they know of memory; nothing here runs them.
    for interface in ["metal", "wgpu"] {
        lint(workspace, interface, named(&["atelier-device"]))?;
    }
    Ok(())
}

fn lint<'a>(
    workspace: &Workspace,
    interface: &str,
    what: impl Iterator<Item = &'a str>,
) -> Result<()> {
    let mut command = workspace.cargo(&["clippy", "--release", "--features", interface]);
    process::run(command.args(what).args(["--", "-D", "warnings"]))
}

fn named<'a>(packages: &'a [&str]) -> impl Iterator<Item = &'a str> {
    packages.iter().flat_map(|package| ["-p", package])
}
