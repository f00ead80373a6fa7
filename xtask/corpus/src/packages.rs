//! The npm packages that the pictures come from, with pinned versions, fetched by the ordinary client.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// One pinned package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// SPDX name of the licence of its pictures.
    pub(crate) licence: &'static str,
}

const fn package(name: &'static str, version: &'static str, licence: &'static str) -> Package {
    Package {
        name,
        version,
        licence,
    }
}

pub(crate) const EMOJIBASE: Package = package("emojibase-data", "17.0.0", "MIT");
pub(crate) const NOTO: Package = package("@iconify-json/noto", "1.2.9", "Apache-2.0");
pub(crate) const FLUENT_GRADIENT: Package = package("@iconify-json/fluent-emoji", "1.2.7", "MIT");
pub(crate) const FLUENT_FLAT: Package = package("@iconify-json/fluent-emoji-flat", "1.2.6", "MIT");
pub(crate) const FLUENT_HIGH_CONTRAST: Package =
    package("@iconify-json/fluent-emoji-high-contrast", "1.2.6", "MIT");
pub(crate) const FLUENT_3D: Package = package("@lobehub/fluent-emoji-3d", "1.1.0", "MIT");
pub(crate) const TWEMOJI: Package = package("@iconify-json/twemoji", "1.2.5", "CC-BY-4.0");
pub(crate) const FXEMOJI: Package = package("@iconify-json/fxemoji", "1.2.2", "Apache-2.0");
pub(crate) const NOTO_V1: Package = package("@iconify-json/noto-v1", "1.2.5", "Apache-2.0");
/// In the public domain by its own manifest, which SPDX has no name for.
pub(crate) const TEAPOT: Package = package("teapot", "1.0.0", "LicenseRef-Public-Domain");

impl Package {
    /// `name@version`, as the client and the corpus index write it.
    pub(crate) fn spec(self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Where the package lies once fetched.
    pub(crate) fn folder(self, cache: &Path) -> PathBuf {
        npm_folder(cache).join("node_modules").join(self.name)
    }

    fn installed(self, cache: &Path) -> bool {
        fs_err::read(self.folder(cache).join("package.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
            .is_some_and(|manifest| manifest["version"] == self.version)
    }
}

/// The folder that the npm client installs into.
fn npm_folder(cache: &Path) -> PathBuf {
    cache.join("npm")
}

/// Installs those of `wanted` that are missing or of another version, in one call of the client.
pub(crate) fn fetch(cache: &Path, wanted: &[Package]) -> Result<()> {
    let missing: Vec<String> = wanted
        .iter()
        .filter(|p| !p.installed(cache))
        .map(|p| p.spec())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let folder = npm_folder(cache);
    fs_err::create_dir_all(&folder)?;
    let output = Command::new("npm")
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ])
        .arg(&folder)
        .args(&missing)
        .output()
        .context("cannot start `npm`; it comes with Node.js")?;
    ensure!(
        output.status.success(),
        "`npm install` of {} failed: {}",
        missing.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_counts_as_installed_only_in_its_pinned_version() {
        let cache = tempfile::tempdir().unwrap();
        assert!(!NOTO.installed(cache.path()));
        let folder = NOTO.folder(cache.path());
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join("package.json"), r#"{"version":"0.0.1"}"#).unwrap();
        assert!(!NOTO.installed(cache.path()));
        fs_err::write(
            folder.join("package.json"),
            format!(r#"{{"version":"{}"}}"#, NOTO.version),
        )
        .unwrap();
        assert!(NOTO.installed(cache.path()));
        fetch(cache.path(), &[NOTO]).unwrap();
    }
}
