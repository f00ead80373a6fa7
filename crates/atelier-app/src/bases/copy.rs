//! Copies of bases: which files they have under which names, and what makes them whole.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use atelier_core::{Phase, Progress, ProgressSink as _};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{Cancelled, CodedResult as _};
use atelier_weights::{ModelFolder, atomic};

use super::check_complete;
use crate::context::App;

/// Files beside the parts that say where a base comes from.
const ABOUT_FILES: [&str; 6] = [
    "MODEL_CARD.md",
    "README.md",
    "LICENSE",
    "LICENSE.md",
    "LICENSE.txt",
    "NOTICE",
];
/// What is copied between two looks whether to go on.
const PIECE_BYTES: u64 = 64 << 20;
/// The endings of a checkpoint, and of an autoencoder beside one.
const ENDING: &str = "safetensors";
const VAE_ENDING: &str = ".vae.safetensors";

/// Licence and model card of a base, where it has them.
pub fn about_files(root: &Path) -> Vec<PathBuf> {
    let paths = ABOUT_FILES.iter().map(|name| root.join(name));
    paths.filter(|path| path.is_file()).collect()
}

/// Files of a base with the names that a copy gives them. Licence and description are looked for in the folder `about`.
pub fn files_of(base: &Base, about: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut files = Vec::new();
    if let Some(folder) = base.files().folder() {
        files.extend(files_of_folder(folder)?);
    }
    if let Some(checkpoint) = base.files().checkpoint() {
        files.extend(checkpoint.files_as(&checkpoint_name(checkpoint.path())));
    }
    for path in about_files(about) {
        let name = path.file_name().map(PathBuf::from).unwrap_or_default();
        files.push((path, name));
    }
    Ok(files)
}

/// Those of parts that draw nothing here are among them, so that other programs load the copy too.
fn files_of_folder(folder: &ModelFolder) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut files = folder.files().coded()?;
    files.extend(folder.unused_files());
    let named = |path: PathBuf| {
        let name = path.strip_prefix(folder.root()).ok()?.to_owned();
        Some((path, name))
    };
    Ok(files.into_iter().filter_map(named).collect())
}

/// The name of a checkpoint that is found by it in a folder of its own. Its stem stays, which may say what it predicts.
fn checkpoint_name(path: &Path) -> PathBuf {
    let path = path.with_extension(ENDING);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_start_matches('.');
    match name.strip_suffix(VAE_ENDING) {
        Some(stem) => format!("{stem}-vae.{ENDING}").into(),
        None => name.into(),
    }
}

/// Copies the files into a folder, and says how far it is.
///
/// # Errors
/// When a file cannot be copied, and [`Cancelled`] when the program is asked to stop.
pub(super) fn copy(files: &[(PathBuf, PathBuf)], folder: &Path, app: &App) -> Result<()> {
    let sizes = files.iter().map(|(file, _)| fs_err::metadata(file));
    let sizes: Vec<u64> = sizes
        .map(|about| Ok(about?.len()))
        .collect::<Result<_, std::io::Error>>()?;
    let total = sizes.iter().sum::<u64>() / PIECE_BYTES + files.len() as u64;
    let (progress, mut done) = (app.output.progress(), 0);
    for (file, target) in files {
        let target = folder.join(target);
        if let Some(parent) = target.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let proceed = || {
            done += 1;
            progress.report(Progress {
                phase: Phase::Saving,
                done: done.min(total),
                total,
                loss: None,
            });
            !app.cancel.is_cancelled()
        };
        if !copy_while(file, &target, proceed)? {
            return Err(Cancelled.into());
        }
    }
    Ok(())
}

/// Copies a file with its permissions and times, a piece at a time as long as `proceed` says so before each. Whether it came to
/// its end.
///
/// # Errors
/// When it cannot be read or written.
pub fn copy_while(file: &Path, target: &Path, mut proceed: impl FnMut() -> bool) -> Result<bool> {
    let (mut from, mut to) = (fs_err::File::open(file)?, fs_err::File::create_new(target)?);
    loop {
        if !proceed() {
            return Ok(false);
        }
        // Between files, the system itself copies, and on some disks shares what is the same.
        let copied = std::io::copy(&mut from.file_mut().take(PIECE_BYTES), to.file_mut());
        let copied = copied.with_context(|| {
            format!("cannot copy `{}` to `{}`", file.display(), target.display())
        })?;
        if copied == 0 {
            break;
        }
    }
    to.sync_all()?;
    fs_err::set_permissions(target, from.metadata()?.permissions())?;
    keep_time(file, target);
    Ok(true)
}

/// The content is as old as it was; not every system can say so, and nothing depends on it.
fn keep_time(file: &Path, copy: &Path) {
    let time = fs_err::metadata(file).and_then(|about| about.modified());
    if let (Ok(time), Ok(copy)) = (time, fs_err::File::open(copy)) {
        let _ = copy.file().set_modified(time);
    }
}

/// Finishes a copy of a base before it gets its name: its index names no part that is not there, and it is whole and can be
/// opened.
///
/// # Errors
/// When it cannot be opened or lacks tensors.
pub fn finish(base: &Base, copy: &Path) -> Result<()> {
    if let Some(index) = base.files().folder().and_then(ModelFolder::mended_index) {
        let path = copy.join("model_index.json");
        atomic::write_file(path, |out| writeln!(out, "{index:#}")).coded()?;
    }
    let opened = Base::open(copy).coded()?;
    check_complete(&opened, copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_checkpoint_is_called_what_a_checkpoint_is() {
        for (path, name) in [
            ("a/v1.5.safetensors", "v1.5.safetensors"),
            ("one.sft", "one.safetensors"),
            ("a/model-v1.5", "model-v1.safetensors"),
            ("model", "model.safetensors"),
            (".hidden.safetensors", "hidden.safetensors"),
            ("a.vae.safetensors", "a-vae.safetensors"),
        ] {
            let found = checkpoint_name(Path::new(path));
            assert_eq!(found, Path::new(name), "{path}");
            assert!(atelier_weights::is_checkpoint_name(name), "{name}");
        }
    }
}
