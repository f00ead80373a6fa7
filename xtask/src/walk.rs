//! `cargo xtask walk`: goes through the pages in a real Chromium, with the real program (`web/tests/walk/`). That needs Node,
//! its registry and the browser, so this is no part of the checks; the continuous integration runs it where it can.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// Names the browser where it is not Debian's (`web/tests/walk/browser.js`).
const BROWSER_VARIABLE: &str = "CHROMIUM";
const BROWSER: &str = "/usr/bin/chromium";

/// What to go through, and with which program.
#[derive(Debug, clap::Args)]
pub(crate) struct Walk {
    /// Scenarios of `web/tests/walk/scenarios.js`; all of them when absent.
    scenarios: Vec<String>,
    /// A program that is built already; built in release mode when absent.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where Node, its registry or the browser cannot be had, say so and end well.
    #[arg(long)]
    where_possible: bool,
}

impl Walk {
    /// Installs what the walk is made with, and goes, on the pages that the program holds.
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        let pages = workspace.root().join("web");
        if let Err(error) = prepare(&pages) {
            if self.where_possible {
                println!("walk through the pages: not done: {error:#}");
                return Ok(());
            }
            return Err(error);
        }
        let program = self.program.map_or_else(|| workspace.build_program(), Ok)?;
        let program = std::path::absolute(program)?;
        let mut walk = process::command("npm");
        walk.args(["run", "--silent", "walk", "--"])
            .args(self.scenarios)
            .current_dir(pages)
            .env("ATELIER_PROGRAM", program)
            .env("ATELIER_EMBEDDED", "1");
        process::run(&mut walk)
    }
}

fn prepare(pages: &Path) -> Result<()> {
    let browser = std::env::var_os(BROWSER_VARIABLE).unwrap_or_else(|| BROWSER.into());
    for (program, what) in [("npm".into(), "Node"), (browser, "the browser Chromium")] {
        let mut command = process::command(&program);
        let found = command.arg("--version").stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            let program = program.display();
            bail!("{what} is missing: `{program} --version` fails");
        }
    }
    let mut install = process::command("npm");
    install.args(["ci", "--silent", "--no-audit", "--no-fund"]);
    process::run(install.args(["--prefer-offline"]).current_dir(pages))
}
