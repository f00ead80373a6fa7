//! `cargo xtask golden`: makes the reference tensors anew with PyTorch and diffusers. Not part of any check: the files
//! are committed, and the scripts are their origin.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

/// Carries CLIP's vocabulary file, the only part of it that is used.
const VOCABULARY: &str = "open-clip-torch==3.3.0";

/// Runs the scripts in `golden/` whose output lies beside them, or those that are named. A script without output is shared
/// by others, or compares.
pub(crate) fn golden(workspace: &Workspace, names: &[String]) -> Result<()> {
    let folder = workspace.root().join("golden");
    let scripts = chosen(&scripts_in(&folder)?, names)?;
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

/// The Python of the virtual environment, which is made when it is absent, and brought up to date when other packages are
/// wanted than it was made with.
pub(crate) fn python(workspace: &Workspace) -> Result<PathBuf> {
    let venv = workspace.root().join(".venv-peer");
    let python = venv.join("bin/python");
    let requirements = workspace.root().join("golden/requirements.txt");
    let wanted = wanted_packages(&fs_err::read_to_string(&requirements)?);
    // Written last, so that an interrupted installation is repeated.
    let mark = venv.join("complete");
    if !has_packages(&mark, &wanted) {
        process::run(process::command("python3").args(["-m", "venv"]).arg(&venv))?;
        let install = ["-m", "pip", "install", "--requirement"];
        process::run(process::command(&python).args(install).arg(requirements))?;
        process::run(process::command(&python).args([
            "-m",
            "pip",
            "install",
            "--no-deps",
            VOCABULARY,
        ]))?;
        fs_err::write(mark, wanted)?;
    }
    Ok(python)
}

/// What an environment is made with.
fn wanted_packages(requirements: &str) -> String {
    format!("{}\n{VOCABULARY}\n", requirements.trim_end())
}

/// Whether an installation that left this mark was of these packages.
fn has_packages(mark: &Path, wanted: &str) -> bool {
    fs_err::read_to_string(mark).is_ok_and(|installed| installed == wanted)
}

/// What a script makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Output {
    /// `<name>/`, which other scripts read.
    Folder,
    /// `<name>.safetensors` or `<name>.json`.
    File,
    Nothing,
}

/// The scripts in the order in which they have to run.
fn scripts_in(folder: &Path) -> Result<Vec<(Output, PathBuf)>> {
    let mut scripts = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            scripts.push((output_of(&path), path));
        }
    }
    scripts.sort();
    Ok(scripts)
}

fn output_of(script: &Path) -> Output {
    if script.with_extension("").is_dir() {
        Output::Folder
    } else if ["safetensors", "json"]
        .iter()
        .any(|extension| script.with_extension(extension).is_file())
    {
        Output::File
    } else {
        Output::Nothing
    }
}

fn chosen(scripts: &[(Output, PathBuf)], names: &[String]) -> Result<Vec<PathBuf>> {
    if names.is_empty() {
        let makers = scripts
            .iter()
            .filter(|(output, _)| *output != Output::Nothing);
        return Ok(makers.map(|(_, path)| path.clone()).collect());
    }
    let find = |name: &String| {
        let found = scripts.iter().find(|(_, path)| stem(path) == *name);
        let (_, path) = found.with_context(|| format!("there is no script `golden/{name}.py`"))?;
        Ok(path.clone())
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

    fn scripts() -> Vec<(Output, PathBuf)> {
        let script = |output, name: &str| (output, PathBuf::from(format!("golden/{name}.py")));
        vec![
            script(Output::Folder, "tiny"),
            script(Output::File, "layers"),
            script(Output::Nothing, "reference"),
        ]
    }

    #[test]
    fn an_environment_of_other_packages_is_not_complete() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("complete");
        let wanted = wanted_packages("torch==2\n");
        assert!(!has_packages(&mark, &wanted));
        for (installed, is_complete) in [
            (String::new(), false),
            (wanted_packages("torch==1"), false),
            (wanted_packages("torch==2"), true),
        ] {
            fs_err::write(&mark, installed).unwrap();
            assert_eq!(has_packages(&mark, &wanted), is_complete);
        }
    }

    #[test]
    fn scripts_without_output_run_only_when_named() {
        let all = chosen(&scripts(), &[]).unwrap();
        assert_eq!(
            all,
            [
                PathBuf::from("golden/tiny.py"),
                PathBuf::from("golden/layers.py")
            ]
        );
        let named = chosen(&scripts(), &["reference".to_owned(), "tiny".to_owned()]).unwrap();
        assert_eq!(
            named,
            [
                PathBuf::from("golden/reference.py"),
                PathBuf::from("golden/tiny.py")
            ]
        );
    }

    #[test]
    fn an_unknown_script_is_named() {
        let error = chosen(&scripts(), &["z".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "there is no script `golden/z.py`");
    }

    #[test]
    fn folders_are_made_before_the_files_that_read_them() {
        let golden = Workspace::find().unwrap().root().join("golden");
        let names: Vec<_> = scripts_in(&golden)
            .unwrap()
            .iter()
            .map(|(_, path)| stem(path))
            .collect();
        let place = |name: &str| names.iter().position(|found| found == name);
        assert!(place("tiny-sd15") < place("layers"));
        assert!(place("layers") < place("reference"));
    }
}
