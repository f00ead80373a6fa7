//! `cargo xtask golden`: makes the reference tensors anew with PyTorch and diffusers. Not part of any check: the files
//! are committed, and the scripts are their origin.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// Scripts with this prefix compare, they do not make reference tensors.
const PEER_PREFIX: &str = "peer_";

/// What the scripts share.
const SHARED: &str = "reference";

/// Runs the scripts in `golden/`, or those that are named.
pub(crate) fn golden(workspace: &Workspace, names: &[String]) -> Result<()> {
    let folder = workspace.root().join("golden");
    let scripts = chosen(scripts_in(&folder)?, names)?;
    let python = python(workspace)?;
    for script in scripts {
        println!("== {}", script.display());
        process::run(
            process::command(&python)
                .arg(&script)
                .current_dir(workspace.root()),
        )?;
    }
    Ok(())
}

/// The Python of the virtual environment, which is made when it is absent.
pub(crate) fn python(workspace: &Workspace) -> Result<PathBuf> {
    let venv = workspace.root().join(".venv-peer");
    let python = venv.join("bin/python");
    // Written last, so that an interrupted installation is repeated.
    let mark = venv.join("complete");
    if !mark.exists() {
        let requirements = workspace.root().join("golden/requirements.txt");
        process::run(process::command("python3").args(["-m", "venv"]).arg(&venv))?;
        let install = ["-m", "pip", "install", "--requirement"];
        process::run(process::command(&python).args(install).arg(requirements))?;
        fs_err::write(mark, "")?;
    }
    Ok(python)
}

fn scripts_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut scripts = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let name = stem(&path);
        let is_script = path.extension().is_some_and(|extension| extension == "py");
        if is_script && name != SHARED && !name.starts_with(PEER_PREFIX) {
            scripts.push(path);
        }
    }
    scripts.sort();
    Ok(scripts)
}

fn chosen(scripts: Vec<PathBuf>, names: &[String]) -> Result<Vec<PathBuf>> {
    if names.is_empty() {
        ensure!(!scripts.is_empty(), "there is no script in `golden/`");
        return Ok(scripts);
    }
    let find = |name: &String| {
        let found = scripts.iter().find(|path| stem(path) == *name).cloned();
        found.with_context(|| format!("there is no script `golden/{name}.py`"))
    };
    names.iter().map(find).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_scripts_run_in_the_given_order() {
        let scripts = vec![PathBuf::from("golden/a.py"), PathBuf::from("golden/b.py")];
        let names = ["b".to_owned(), "a".to_owned()];
        let order = chosen(scripts, &names).unwrap();
        assert_eq!(
            order,
            [PathBuf::from("golden/b.py"), PathBuf::from("golden/a.py")]
        );
    }

    #[test]
    fn an_unknown_script_is_named() {
        let error = chosen(vec![PathBuf::from("golden/a.py")], &["z".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "there is no script `golden/z.py`");
    }
}
