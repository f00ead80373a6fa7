//! The sample pictures inside the program: one set to train on, one to compare with.

use std::path::Path;

use anyhow::{Context as _, Result};
use atelier_data::{FolderDataset, Limits, read_folder};
use atelier_failure::CodedResult as _;
use include_dir::{Dir, include_dir};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../assets/blob-faces");
/// The pictures to train on, inside the program and beside the report.
const TRAIN: (&str, &str) = ("train", "dataset");
/// The pictures that nothing trains on.
const HELD_OUT: (&str, &str) = ("held-out", "held-out");
/// The folders of the pictures.
pub(crate) const FOLDERS: [&str; 2] = [TRAIN.1, HELD_OUT.1];
/// The ending of such a folder's name while pictures are missing in it.
pub(crate) const UNPACKING: &str = "unpacking";

/// The sample pictures on the disk.
#[derive(Debug)]
pub(crate) struct Sample {
    /// What is trained on.
    pub(crate) dataset: FolderDataset,
    /// What drawings are compared with.
    pub(crate) held_out: FolderDataset,
}

/// Where the training pictures lie below `out`.
pub(crate) fn dataset_folder(out: &Path) -> std::path::PathBuf {
    out.join(TRAIN.1)
}

/// Writes both sets below `out` and reads them back.
pub(crate) fn unpack(out: &Path) -> Result<Sample> {
    let part = |(name, folder): (&str, &str)| -> Result<FolderDataset> {
        let target = out.join(folder);
        write(name, &target).context("cannot unpack the sample pictures")?;
        read_folder(&target, false, &Limits::default()).coded()
    };
    Ok(Sample {
        dataset: part(TRAIN)?,
        held_out: part(HELD_OUT)?,
    })
}

/// The folder appears under its name when everything is in it.
fn write(name: &str, target: &Path) -> Result<()> {
    let temporary = target.with_extension(UNPACKING);
    for old in [&temporary, target] {
        if old.exists() {
            fs_err::remove_dir_all(old)?;
        }
    }
    fs_err::create_dir_all(&temporary)?;
    let files = FILES.get_dir(name).into_iter().flat_map(Dir::files);
    for file in files {
        let path = temporary.join(file.path().file_name().unwrap_or_default());
        fs_err::write(path, file.contents())?;
    }
    Ok(fs_err::rename(&temporary, target)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::EXPRESSIONS;

    #[test]
    fn both_sets_unpack_and_what_is_drawn_was_held_out() {
        let folder = tempfile::TempDir::new().unwrap();
        unpack(folder.path()).unwrap();
        let sample = unpack(folder.path()).unwrap();
        let has = |set: &FolderDataset, expression: &str| {
            let start = format!("{expression},");
            set.samples
                .iter()
                .any(|picture| picture.caption.starts_with(&start))
        };
        assert_eq!(
            (sample.dataset.samples.len(), sample.held_out.samples.len()),
            (28, 48)
        );
        for expression in EXPRESSIONS {
            assert!(has(&sample.held_out, expression) && !has(&sample.dataset, expression));
        }
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2);
    }
}
