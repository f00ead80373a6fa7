//! `cargo xtask tidy`: the rules of the house that the compiler does not know. One rule per file, each a function from
//! the tree to findings; to add one, write its file and its line in `RULES`.

mod arrows;
mod banned_names;
mod comments;
mod crate_size;
mod error_codes;
mod file_size;
mod folder_size;
mod golden_origin;
mod page_paths;
mod pure_compute;
mod rust_text;
mod settings;
mod tree;
mod unsafe_rooms;

use std::fmt;

use anyhow::{Result, bail};

use self::settings::Settings;
use self::tree::Tree;
use crate::workspace::Workspace;

/// One place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    severity: Severity,
    /// A path in the checkout, with `:line` where there is one.
    place: String,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    Warning,
    Failure,
}

impl Finding {
    fn failure(place: impl Into<String>, message: impl Into<String>) -> Self {
        let (place, message) = (place.into(), message.into());
        Self {
            severity: Severity::Failure,
            place,
            message,
        }
    }

    fn warning(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::failure(place, message)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Failure => "error",
        };
        write!(f, "{severity}: {}: {}", self.place, self.message)
    }
}

type Rule = fn(&Tree, &Settings) -> Vec<Finding>;

const RULES: &[Rule] = &[
    file_size::check,
    folder_size::check,
    crate_size::check,
    banned_names::check,
    comments::check,
    golden_origin::check,
    page_paths::check,
    error_codes::check,
    unsafe_rooms::check,
    pure_compute::check,
    settings::check,
];

/// Applies every rule, prints the findings, fails when one is more than a warning.
pub(crate) fn tidy(workspace: &Workspace) -> Result<()> {
    let settings = Settings::read(&workspace.root().join("xtask/tidy.toml"))?;
    let tree = Tree::of_checkout(workspace.root())?;
    let mut findings: Vec<_> = RULES
        .iter()
        .flat_map(|rule| rule(&tree, &settings))
        .collect();
    findings.extend(arrows::check(&workspace.metadata()?, &settings));
    for finding in &findings {
        println!("{finding}");
    }
    let failures = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Failure)
        .count();
    if failures > 0 {
        bail!("tidy found {failures} broken rules");
    }
    println!("tidy: {} files, no rule broken", tree.files().len());
    Ok(())
}
