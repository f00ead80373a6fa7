//! Configurations as diffusers writes them, read from the shapes of tensors; what shapes cannot say is as published.

pub(super) mod published;
mod text;
mod unet;
mod vae;

pub(super) use text::{clip, openclip, openclip_projected};
pub(super) use unet::unet;
pub(super) use vae::vae;

use crate::PartTensors;

/// Channels in a group of every published group norm are counted so that there are this many groups.
const GROUPS: usize = 32;
/// Features of each head of the text encoders, and of U-Nets with linear projections.
const HEAD_FEATURES: usize = 64;

/// The length of an axis of a tensor that must be there.
fn axis(tensors: &PartTensors, name: &str, axis: usize) -> Result<usize, String> {
    let info = tensors
        .info(name)
        .ok_or_else(|| format!("its layout cannot be read: `{name}` is missing"))?;
    info.shape.get(axis).copied().ok_or_else(|| {
        format!(
            "its layout cannot be read: `{name}` has shape {:?}",
            info.shape
        )
    })
}

/// How many of `prefix0.`, `prefix1.`, … there are; at least one.
fn count(tensors: &PartTensors, prefix: &str) -> Result<usize, String> {
    match tensors.count_under(prefix) {
        0 => Err(format!(
            "its layout cannot be read: there is nothing under `{prefix}0.`"
        )),
        count => Ok(count),
    }
}

/// Channels of each level, which group norms must be able to divide.
fn check_groups(part: &str, channels: &[usize]) -> Result<(), String> {
    match channels.iter().find(|&&c| c == 0 || c % GROUPS != 0) {
        Some(c) => Err(format!(
            "its {part} has a level of {c} channels, expected a multiple of {GROUPS}"
        )),
        None => Ok(()),
    }
}
