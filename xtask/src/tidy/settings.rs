//! `xtask/tidy.toml`: limits, banned names, allowed arrows, and exceptions with their reasons.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;
use super::tree::Tree;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) limits: Limits,
    /// Names that no module or folder may have.
    pub(super) banned_names: Vec<String>,
    /// Crates that read no environment and no clock.
    pub(super) pure_crates: Vec<String>,
    /// The only folders that may contain unsafe code.
    pub(super) unsafe_folders: Vec<String>,
    /// Which crates of the workspace a crate may use; every crate has a row.
    pub(super) arrows: BTreeMap<String, Vec<String>>,
    /// Files, folders and crates that may be larger than the limits.
    #[serde(default)]
    pub(super) exception: Vec<Exception>,
}

/// Sizes; a file, folder or crate may be as large as the limit.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) file_warn_lines: usize,
    pub(super) file_fail_lines: usize,
    pub(super) folder_files: usize,
    pub(super) crate_lines: usize,
}

/// A file, folder or crate that is larger for a reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exception {
    pub(super) path: String,
    pub(super) reason: String,
}

impl Settings {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path)?;
        toml::from_str(&text).with_context(|| format!("cannot read `{}`", path.display()))
    }

    /// Whether the sizes of `path` are excepted.
    pub(super) fn excepts(&self, path: &str) -> bool {
        self.exception
            .iter()
            .any(|exception| exception.path == path)
    }
}

/// An exception has a reason and a subject.
pub(super) fn check(tree: &Tree, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for exception in &settings.exception {
        let folder = format!("{}/", exception.path);
        let exists = tree
            .files()
            .iter()
            .any(|file| file.path == exception.path || file.path.starts_with(&folder));
        if !exists {
            findings.push(Finding::failure(
                "xtask/tidy.toml",
                format!("exception for `{}`, which does not exist", exception.path),
            ));
        }
        if exception.reason.trim().is_empty() {
            findings.push(Finding::failure(
                "xtask/tidy.toml",
                format!("exception for `{}` without a reason", exception.path),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn the_file_of_this_checkout_reads() {
        let path = Workspace::find().unwrap().root().join("xtask/tidy.toml");
        let settings = Settings::read(&path).unwrap();
        assert!(settings.arrows["atelier-core"].is_empty());
        assert!(settings.limits.file_warn_lines < settings.limits.file_fail_lines);
    }

    #[test]
    fn exceptions_need_a_subject_and_a_reason() {
        let exception = |path: &str, reason: &str| Exception {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let settings = Settings {
            exception: vec![
                exception("a.rs", "a table"),
                exception("a.rs", " "),
                exception("gone.rs", "x"),
            ],
            ..Settings::default()
        };
        let findings = check(&Tree::of_texts(&[("a.rs", "")]), &settings);
        assert_eq!(findings.len(), 2);
        assert!(findings[1].message.contains("gone.rs"));
    }
}
