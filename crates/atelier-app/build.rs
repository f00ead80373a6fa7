//! Compiles the program again when an embedded file is added or changed, and tells it the hash of the embedded base.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest as _, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../../assets");
    let base = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../assets/atelier-mini");
    let mut files = files(&base)?;
    files.sort();
    let mut lines = String::new();
    for file in files {
        let name = file
            .strip_prefix(&base)?
            .to_string_lossy()
            .replace('\\', "/");
        writeln!(lines, "{name} {:x}", Sha256::digest(fs::read(&file)?))?;
    }
    println!(
        "cargo:rustc-env=ATELIER_MINI_HASH={:x}",
        Sha256::digest(lines)
    );
    Ok(())
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}
