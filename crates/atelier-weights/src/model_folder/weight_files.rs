//! The weight files of a part, among the names and variants that diffusers gives them.

use std::path::{Path, PathBuf};

/// Number formats that a file name can state, the preferred one first. None means f32.
const VARIANTS: [Option<&str>; 3] = [None, Some("fp16"), Some("bf16")];
/// Endings of weights that are not read.
const PICKLED: [&str; 4] = [".bin", ".ckpt", ".pt", ".pth"];

/// The weights of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WeightFiles {
    /// In one file.
    One(PathBuf),
    /// In several, which this index lists.
    Sharded(PathBuf),
}

/// The weights in the folder of a part, or what is there in their place.
pub(super) fn find_weights(folder: &Path) -> Result<WeightFiles, String> {
    let part = folder.file_name().unwrap_or_default().to_string_lossy();
    let stem = if part.starts_with("text_encoder") {
        "model"
    } else {
        "diffusion_pytorch_model"
    };
    for variant in VARIANTS {
        let one = folder.join(file_name(stem, variant));
        if one.is_file() {
            return Ok(WeightFiles::One(one));
        }
        let indexes = index_names(stem, variant);
        if let Some(index) = indexes
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file())
        {
            return Ok(WeightFiles::Sharded(index));
        }
    }
    let wanted = format!("`{part}/{}`", file_name(stem, None));
    Err(match pickled_weights(folder) {
        Some(name) => format!(
            "{wanted} (`{part}/{name}` holds pickled weights, which are not read; convert them with diffusers: \
             `save_pretrained(folder, safe_serialization=True)`)"
        ),
        None => wanted,
    })
}

fn file_name(stem: &str, variant: Option<&str>) -> String {
    match variant {
        None => format!("{stem}.safetensors"),
        Some(variant) => format!("{stem}.{variant}.safetensors"),
    }
}

/// diffusers puts the variant before the last word of the name; other writers put it where the files have it.
fn index_names(stem: &str, variant: Option<&str>) -> Vec<String> {
    match variant {
        None => vec![format!("{stem}.safetensors.index.json")],
        Some(variant) => vec![
            format!("{stem}.safetensors.index.{variant}.json"),
            format!("{stem}.{variant}.safetensors.index.json"),
        ],
    }
}

fn pickled_weights(folder: &Path) -> Option<String> {
    let entries = fs_err::read_dir(folder).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter(|name| PICKLED.iter().any(|end| name.ends_with(end)))
        .max()
}
