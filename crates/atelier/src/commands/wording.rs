//! From the words of a request to those of each picture: choices in braces are made, adapters that a prompt names are looked up.

use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_core::{AdapterUse, ErrorCode, GenerateRequest, PromptSyntax};
use atelier_diffusion::prompt::{LoraTag, expand, take_loras};

use crate::failure::{CodedResult as _, failed};

/// The request of one picture: its own seed, no choices and no adapter names left in its words.
pub(super) fn of_picture(
    request: &GenerateRequest,
    index: u64,
    adapters: Option<&Path>,
) -> Result<GenerateRequest> {
    let mut own = GenerateRequest {
        seed: request.seed.nth(index),
        count: 1,
        ..request.clone()
    };
    if own.prompt_syntax == PromptSyntax::Plain {
        return Ok(own);
    }
    let mut found = Vec::new();
    let seed = own.seed;
    let texts = [
        Some(&mut own.prompt),
        own.prompt_2.as_mut(),
        own.negative.as_mut(),
        own.negative_2.as_mut(),
    ];
    for text in texts.into_iter().flatten() {
        let expanded = expand(text, seed).coded()?;
        let (rest, tags) = take_loras(&expanded).coded()?;
        found.extend(tags);
        rest.trim().clone_into(text);
    }
    for tag in &found {
        own.adapters.push(look_up(tag, adapters)?);
    }
    Ok(own)
}

fn look_up(tag: &LoraTag, folder: Option<&Path>) -> Result<AdapterUse> {
    let outside = [Some(tag.unet), tag.text]
        .into_iter()
        .flatten()
        .find(|strength| !(0.0..=1.5).contains(strength));
    if let Some(strength) = outside {
        let message =
            format!("adapter strength must lie between 0 and 1.5, got {strength} in `{tag}`");
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    let Some(folder) = folder else {
        let message = format!("no folder to look up `{tag}` in; name one with `--adapters-folder`");
        return Err(failed(ErrorCode::InvalidInput, message));
    };
    let file = format!("{}.safetensors", tag.name);
    let is_plain = !tag.name.contains(['/', '\\']) && !tag.name.starts_with('.');
    let path = folder.join(&file);
    if is_plain && path.is_file() {
        return Ok(AdapterUse {
            path,
            strength: tag.unet,
            text_strength: tag.text,
        });
    }
    let known = names_in(folder);
    let known = if known.is_empty() {
        "it holds none".to_owned()
    } else {
        format!("it holds {}", known.join(", "))
    };
    let message = format!(
        "no adapter `{}` in `{}`: {known}",
        tag.name,
        folder.display()
    );
    Err(failed(ErrorCode::NotFound, message))
}

/// The first names of adapters in a folder.
fn names_in(folder: &Path) -> Vec<String> {
    const SHOWN: usize = 12;
    let entries = fs_err::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_weights = |path: &PathBuf| path.extension().is_some_and(|end| end == "safetensors");
    let mut names: Vec<_> = paths
        .filter(is_weights)
        .filter_map(|path| Some(format!("`{}`", path.file_stem()?.to_str()?)))
        .collect();
    names.sort();
    names.truncate(SHOWN);
    names
}
