//! `cargo xtask test` and `cargo xtask check`.

use anyhow::{Context, Result};

use crate::parity::Parity;
use crate::workspace::Workspace;
use crate::{generated, process, tidy, web};

/// Runs every test. They need the Rust toolchain and the C compiler that it links with, and nothing else.
pub(crate) fn test(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(&["test", "--release", "--workspace"]))
}

/// Everything that a change has to pass, the cheapest first.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let clippy = [
        "clippy",
        "--release",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    step("format", || {
        process::run(&mut workspace.cargo(&["fmt", "--all", "--check"]))
    })?;
    step("lints", || process::run(&mut workspace.cargo(&clippy)))?;
    step("tidy", || tidy::tidy(workspace))?;
    step("web pages", || web::check(workspace.root()))?;
    step("generated pages", || generated::generate(workspace, true))?;
    step("tests", || test(workspace))?;
    step("parity", || Parity { check: true }.run(workspace))?;
    println!("all checks passed");
    Ok(())
}

fn step(name: &'static str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("== {name}");
    work().context(name)
}
