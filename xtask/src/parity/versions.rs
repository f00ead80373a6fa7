//! The versions of the packages that made the reference files: as `golden/requirements.txt` pins them, else as a script in
//! `golden/` says.

use std::path::Path;

use anyhow::{Context, Result};

/// Texts that pin packages, the requirements first.
pub(super) struct Versions(Vec<String>);

impl Versions {
    pub(super) fn of(golden: &Path) -> Result<Self> {
        let mut texts = vec![fs_err::read_to_string(golden.join("requirements.txt"))?];
        let mut scripts = Vec::new();
        for entry in fs_err::read_dir(golden)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "py") {
                scripts.push(path);
            }
        }
        scripts.sort();
        for script in scripts {
            texts.push(fs_err::read_to_string(script)?);
        }
        Ok(Self(texts))
    }

    /// Name and version of a package; the path of a script as it is.
    pub(super) fn named(&self, package: &str) -> Result<String> {
        if package.contains('/') {
            return Ok(format!("`{package}`"));
        }
        let pin = format!("{package}==");
        let version = self.0.iter().find_map(|text| {
            let (front, rest) = text.split_once(&pin)?;
            let whole = !front.ends_with(|letter: char| letter.is_alphanumeric() || letter == '-');
            let version: String = rest
                .chars()
                .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '.')
                .collect();
            whole.then(|| version.trim_end_matches('.').to_owned())
        });
        let version = version
            .with_context(|| format!("golden/requirements.txt pins no version of `{package}`"))?;
        Ok(format!("{package} {version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn versions_are_those_of_the_requirements_else_of_a_script() {
        let texts = [
            "torch==2.15.0\npeft==0.21.2\n",
            "needs `lycoris-lora==4.1.3`, torch==1.0",
        ];
        let versions = Versions(texts.map(str::to_owned).to_vec());
        assert_eq!(versions.named("torch").unwrap(), "torch 2.15.0");
        assert_eq!(
            versions.named("lycoris-lora").unwrap(),
            "lycoris-lora 4.1.3"
        );
        let error = versions.named("scipy").unwrap_err();
        assert!(error.to_string().contains("`scipy`"), "{error}");
    }

    #[test]
    fn every_reference_has_a_version() {
        let golden = Workspace::find().unwrap().root().join("golden");
        let versions = Versions::of(&golden).unwrap();
        for group in super::super::groups::groups() {
            for package in group.references {
                versions.named(package).unwrap();
            }
        }
    }
}
