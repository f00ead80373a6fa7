//! Clients from the registries of Node and Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;

/// The clients that the server was written against.
const NODE_PACKAGE: &str = "@leonardo-ai/sdk@4.21.3";
const PYTHON_PACKAGES: [&str; 3] = [
    "leonardo-ai-sdk==7.0.0",
    "webuiapi==0.9.17",
    "schemathesis==4.32.5",
];

/// As much of what an installer said as tells why it failed.
const TOLD_LINES: usize = 3;

/// Where the clients are.
#[derive(Debug)]
pub(super) struct Installed {
    /// The folder of packages with the client for Node.
    pub(super) node: PathBuf,
    /// A Python with the clients for Python.
    pub(super) python: PathBuf,
    /// Schemathesis, which asks what a description of an API allows, and what it does not.
    pub(super) asker: PathBuf,
}

impl Installed {
    /// Installs them into a folder, or that of the user's cache, unless they are there.
    pub(super) fn into(cache: Option<PathBuf>) -> Result<Self> {
        for (program, registry) in [("node", "npm"), ("npm", "npm"), ("python3", "PyPI")] {
            check_there(program, registry)?;
        }
        let cache = cache.map_or_else(usual_cache, Ok)?;
        let (node, python) = (node(&cache)?, python(&cache)?);
        Ok(Self {
            node,
            asker: python.with_file_name("schemathesis"),
            python,
        })
    }
}

fn check_there(program: &str, registry: &str) -> Result<()> {
    let mut command = process::command(program);
    let found = command.arg("--version").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    bail!("`{program}` is missing: it is needed for clients from {registry}")
}

fn usual_cache() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let cache = cache.context("no cache folder is known; give one with `--cache`")?;
    Ok(cache.join("atelier-clients"))
}

fn node(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join("node");
    fs_err::create_dir_all(&folder)?;
    let mut npm = process::command("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--prefer-offline"]);
    npm.args(["--fetch-retries=1", "--fetch-timeout=30000", "--prefix"]);
    quietly(npm.arg(&folder).arg(NODE_PACKAGE))?;
    Ok(folder.join("node_modules"))
}

fn python(cache: &Path) -> Result<PathBuf> {
    let folder = cache.join("python");
    let mut venv = process::command("python3");
    quietly(venv.args(["-m", "venv"]).arg(&folder))?;
    let python = folder.join("bin/python");
    let mut pip = process::command(&python);
    pip.args(["-m", "pip", "install", "--disable-pip-version-check"]);
    pip.args(["--retries", "1", "--timeout", "30"]);
    quietly(pip.args(PYTHON_PACKAGES))?;
    Ok(python)
}

/// Runs a command whose words matter only where it fails.
fn quietly(command: &mut Command) -> Result<()> {
    let line = format!("{command:?}");
    let output = command.output();
    let output = output.with_context(|| format!("cannot start {line}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let said = said.lines().filter(|line| !line.trim().is_empty());
    let last: Vec<_> = said.rev().take(TOLD_LINES).collect();
    let last = last.into_iter().rev().collect::<Vec<_>>().join(" / ");
    bail!("{line} failed: {last}")
}
