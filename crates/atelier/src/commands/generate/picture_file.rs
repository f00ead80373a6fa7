//! The files of drawn pictures: a folder that takes them, and a free name for each.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use atelier_core::{ErrorCode, Picture};
use atelier_data::{RgbPicture, png};
use atelier_failure::{CodedResult as _, failed};
use fs_err::OpenOptions;
use serde_json::{Value, json};

use atelier_recipe::Recipe;

/// Characters of the prompt in a file name.
const SHORT_PROMPT: usize = 40;
/// Names that are tried for a picture while other programs take them.
const MAX_TRIES: usize = 1000;

/// Makes the folder and checks that it takes files.
pub(super) fn prepare(out: &Path) -> Result<()> {
    take_file(out).with_context(|| format!("cannot write pictures to `{}`", out.display()))
}

/// Checks that a file of this name can be made in its folder, which some names are too long for.
pub(super) fn prepare_file(out: &Path) -> Result<()> {
    let taken = || -> Result<()> {
        OpenOptions::new().write(true).create_new(true).open(out)?;
        Ok(fs_err::remove_file(out)?)
    };
    taken().with_context(|| format!("cannot write a picture to `{}`", out.display()))
}

fn take_file(out: &Path) -> Result<()> {
    fs_err::create_dir_all(out)?;
    let probe = out.join(format!(".atelier-{}-probe.partial", std::process::id()));
    OpenOptions::new().write(true).create(true).open(&probe)?;
    Ok(fs_err::remove_file(probe)?)
}

/// Writes a picture under a name that is not taken, and says where.
pub(super) fn save(picture: Picture, recipe: &Recipe, prompt: &str, out: &Path) -> Result<Value> {
    let texts = recipe.texts(&picture)?;
    let seed = picture.seed;
    let pixels = RgbPicture {
        width: picture.width,
        height: picture.height,
        rgb: picture.rgb,
    };
    let stem = format!("{seed}-{}", short(prompt));
    let path = write_free(out, &stem, |path| png::write(path, &pixels, &texts).coded())?;
    Ok(json!({"path": path.display().to_string(), "seed": seed}))
}

/// Writes under the first free name; goes on with the next when another program was quicker.
fn write_free(
    out: &Path,
    stem: &str,
    mut write: impl FnMut(&Path) -> Result<()>,
) -> Result<PathBuf> {
    for path in free_paths(out, stem).take(MAX_TRIES) {
        match write(&path) {
            Ok(()) => return Ok(path),
            Err(_) if is_taken(&path) => {}
            Err(error) => return Err(error),
        }
    }
    let folder = out.display();
    let message = format!("no free name like `{stem}.png` in `{folder}`, tried {MAX_TRIES}");
    Err(failed(ErrorCode::Io, message))
}

/// Names that are not taken when they are asked for.
fn free_paths(folder: &Path, stem: &str) -> impl Iterator<Item = PathBuf> {
    let first = std::iter::once(format!("{stem}.png"));
    let more = (1_u64..).map(move |number| format!("{stem}-{number}.png"));
    first
        .chain(more)
        .map(|name| folder.join(name))
        .filter(|path| !is_taken(path))
}

/// Whether anything has this name, a broken link too.
fn is_taken(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The start of a prompt as part of a file name.
fn short(prompt: &str) -> String {
    let lower = prompt.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let mut text = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if text.len() + word.len() >= SHORT_PROMPT {
            break;
        }
        if !text.is_empty() {
            text.push('-');
        }
        text.push_str(word);
    }
    if text.is_empty() {
        "picture".clone_into(&mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_becomes_a_plain_name() {
        assert_eq!(short("BlobCharV1, ../winking!"), "blobcharv1-winking");
        assert_eq!(short("  "), "picture");
        assert_eq!(short("日本"), "picture");
        let long = "a cat ".repeat(50);
        assert!(short(&long).len() <= SHORT_PROMPT);
    }

    #[test]
    fn a_name_that_another_program_took_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut tries = 0;
        let path = write_free(folder.path(), "7-cat", |path| {
            tries += 1;
            if tries <= 2 {
                fs_err::write(path, "of the other")?;
                return Err(failed(ErrorCode::Io, "exists"));
            }
            Ok(fs_err::write(path, "own")?)
        });
        assert_eq!(path.unwrap(), folder.path().join("7-cat-2.png"));
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn the_search_for_a_name_ends_and_other_failures_end_it_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut tries = 0;
        let result = write_free(folder.path(), "7-cat", |path| {
            tries += 1;
            fs_err::write(path, "of the other")?;
            Err(failed(ErrorCode::Io, "exists"))
        });
        assert!(result.unwrap_err().to_string().contains("no free name"));
        assert_eq!(tries, MAX_TRIES);
        let full = write_free(folder.path(), "8-cat", |_| {
            Err(failed(ErrorCode::Io, "disk full"))
        });
        assert_eq!(full.unwrap_err().to_string(), "disk full");
    }

    #[test]
    fn a_folder_that_takes_no_files_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/b");
        prepare(&out).unwrap();
        assert_eq!(fs_err::read_dir(&out).unwrap().count(), 0);
        fs_err::write(folder.path().join("file"), "").unwrap();
        assert!(prepare(&folder.path().join("file")).is_err());
    }
}
