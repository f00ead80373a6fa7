//! `cargo xtask gen`: reference pages made from the code, and the check that none is stale.

mod cli;
mod errors;
mod training_strength;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// Writes the pages, or with `check` fails when one differs from what would be written.
pub(crate) fn generate(workspace: &Workspace, check: bool) -> Result<()> {
    let mut stale = Vec::new();
    let mut update = |name: &'static str, text: String| -> Result<()> {
        let path = workspace.root().join(name);
        if fs_err::read_to_string(&path).is_ok_and(|present| present == text) {
            return Ok(());
        }
        stale.push(name);
        if !check {
            fs_err::write(&path, text)?;
            println!("wrote {name}");
        }
        Ok(())
    };
    update("docs/reference/errors.md", errors::page())?;
    let strengths = "docs/concepts/training-strength.md";
    let present = fs_err::read_to_string(workspace.root().join(strengths))?;
    update(strengths, training_strength::page(&present)?)?;
    update(
        "docs/reference/cli.md",
        cli::page(&workspace.build_program()?)?,
    )?;
    if check && !stale.is_empty() {
        bail!("stale: {}; run `cargo xtask gen`", stale.join(", "));
    }
    Ok(())
}
