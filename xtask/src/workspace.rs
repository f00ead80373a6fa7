//! Where the workspace lies, what cargo knows about it, and how to build the program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// The checkout that this tool works on.
pub(crate) struct Workspace {
    root: PathBuf,
}

/// What `cargo metadata` says, as far as the tasks need it.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) target_directory: PathBuf,
}

/// A crate of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One arrow from a crate to another.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev`, `build`, or absent for an ordinary dependency.
    pub(crate) kind: Option<String>,
    /// Present for crates of this workspace.
    pub(crate) path: Option<PathBuf>,
}

impl Workspace {
    /// Finds the checkout from the manifest that cargo runs.
    pub(crate) fn find() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
        let root = Path::new(&manifest)
            .parent()
            .context("the folder of xtask has no parent")?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The folder with the root manifest.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A cargo command in the root folder.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = process::command(cargo);
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// What cargo knows about the crates of the workspace.
    pub(crate) fn metadata(&self) -> Result<Metadata> {
        let text =
            process::output(&mut self.cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
        serde_json::from_str(&text).context("cannot read the answer of `cargo metadata`")
    }

    /// Builds the program in release mode and says where it lies.
    pub(crate) fn build_program(&self) -> Result<PathBuf> {
        process::run(&mut self.cargo(&["build", "--release", "-p", "atelier"]))?;
        let name = format!("atelier{}", std::env::consts::EXE_SUFFIX);
        Ok(self.metadata()?.target_directory.join("release").join(name))
    }
}
