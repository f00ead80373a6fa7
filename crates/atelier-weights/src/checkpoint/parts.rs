//! The tensors of a checkpoint under their diffusers names, part by part.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::architecture::Architecture;
use super::keys::{self, Form, Original, Originals, Target, any_under, count_under};
use super::sections::{Sections, lone_vae};
use crate::part::{Cut, Placed, drop_unit_axes};
use crate::{Error, PartTensors, Result, TensorFile, TensorInfo};

/// All parts, and what belongs to none.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    by_name: BTreeMap<&'static str, Part>,
    pub(super) harmless: Vec<String>,
    pub(super) unexpected: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct Part {
    tensors: PartTensors,
    /// Tensors of the part's section without a name in diffusers.
    unplaced: Vec<String>,
}

impl Parts {
    /// Names every tensor. A `vae` beside the checkpoint replaces the one in it.
    pub(super) fn sort(
        file: &Arc<TensorFile>,
        vae: Option<&Arc<TensorFile>>,
        sections: Sections,
        architecture: Architecture,
    ) -> Result<Self> {
        let bad = |problem: String| Error::bad_base(file.path(), problem);
        let mut parts = Self {
            harmless: sections.harmless,
            unexpected: sections.unexpected,
            ..Self::default()
        };
        let used = sections.unet.values().map(|original| &original.stored);
        let used: BTreeSet<_> = used.collect();
        let ema = sections.ema.iter().filter(|name| !used.contains(name));
        parts.harmless.extend(ema.cloned());
        let frame = keys::unet::Frame::of(&sections.unet).map_err(bad)?;
        let unet = Part::name(file, &sections.unet, |name| {
            keys::unet::targets(name, frame)
        })?;
        parts.by_name.insert("unet", unet);
        parts.sort_text(file, &sections.clip, &sections.openclip, architecture)?;
        match vae {
            Some(beside) => {
                let replaced = sections.vae.into_values().map(|original| original.stored);
                parts.harmless.extend(replaced);
                let (originals, others) = lone_vae(beside);
                parts.harmless.extend(others);
                parts.by_name.insert("vae", vae_part(beside, &originals)?);
            }
            None if sections.vae.is_empty() => return Err(bad(missing_vae(file))),
            None => {
                parts.by_name.insert("vae", vae_part(file, &sections.vae)?);
            }
        }
        Ok(parts)
    }

    fn sort_text(
        &mut self,
        file: &Arc<TensorFile>,
        clip: &Originals,
        openclip: &Originals,
        architecture: Architecture,
    ) -> Result<()> {
        if architecture != Architecture::StableDiffusion2 {
            let part = Part::name(file, clip, keys::text::clip_targets)?;
            self.by_name.insert("text_encoder", part);
        }
        if architecture == Architecture::StableDiffusion1 {
            return Ok(());
        }
        let projected = architecture == Architecture::Sdxl;
        let layers = if projected {
            usize::MAX
        } else {
            penultimate_layers(openclip)
        };
        let targets = |name: &str| keys::text::openclip_targets(name, layers, projected);
        let mut part = Part::name(file, openclip, targets)?;
        if !projected {
            // What follows the layer whose states are used is known, and no loss.
            let known = |name: &String| {
                let module = name.strip_suffix(".weight").unwrap_or(name);
                module.ends_with(".text_projection")
                    || name.contains(&format!(".resblocks.{layers}."))
            };
            let (unused, unplaced) = part.unplaced.into_iter().partition(known);
            part.unplaced = unplaced;
            self.harmless.extend::<Vec<_>>(unused);
        }
        let name = if projected {
            "text_encoder_2"
        } else {
            "text_encoder"
        };
        self.by_name.insert(name, part);
        Ok(())
    }

    pub(super) fn get(&self, part: &str) -> Option<&PartTensors> {
        self.by_name.get(part).map(|part| &part.tensors)
    }

    pub(super) fn unplaced(&self, part: &str) -> &[String] {
        self.by_name.get(part).map_or(&[], |part| &part.unplaced)
    }
}

/// Layers of Stable Diffusion 2's text encoder that are used: its U-Net reads the states before the last one.
///
/// `OpenCLIP-H` has 24 layers. A file written from a diffusers folder has 23 and no projection. Of a tower of another size
/// the last layer counts as unused where its projection is there too.
fn penultimate_layers(openclip: &Originals) -> usize {
    match count_under(openclip, "transformer.resblocks.") {
        23 | 24 => 23,
        count if openclip.keys().any(|name| keys::text::is_projection(name)) => {
            count.saturating_sub(1)
        }
        count => count,
    }
}

fn vae_part(file: &Arc<TensorFile>, originals: &Originals) -> Result<Part> {
    if !any_under(originals, "decoder.") {
        return Err(Error::bad_base(
            file.path(),
            "it holds no VAE: there is no tensor under `decoder.`",
        ));
    }
    let levels = count_under(originals, "decoder.up.");
    Part::name(file, originals, |name| keys::vae::targets(name, levels))
}

fn missing_vae(file: &TensorFile) -> String {
    let companion = file.path().with_extension("vae.safetensors");
    let name = companion.file_name().unwrap_or_default().to_string_lossy();
    let pickled = ["vae.pt", "vae.ckpt"].map(|ending| file.path().with_extension(ending));
    let note = match pickled.iter().find(|path| path.is_file()) {
        Some(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            format!(" (`{name}` is pickled, which is not read; convert it)")
        }
        None => String::new(),
    };
    format!(
        "its VAE is missing: there is no tensor under `first_stage_model.`; \
         put the VAE of its architecture beside it as `{name}`{note}"
    )
}

impl Part {
    /// Names the tensors of one section.
    fn name(
        file: &Arc<TensorFile>,
        originals: &Originals,
        targets: impl Fn(&str) -> Vec<Target>,
    ) -> Result<Self> {
        let mut part = Self::default();
        for (name, original) in originals {
            let mut is_placed = false;
            for target in targets(name) {
                let placed = place(file, original, target.form)?;
                is_placed |= part.tensors.insert(target.name, placed);
            }
            if !is_placed {
                part.unplaced.push(original.stored.clone());
            }
        }
        Ok(part)
    }
}

fn place(file: &Arc<TensorFile>, original: &Original, form: Form) -> Result<Placed> {
    let TensorInfo { dtype, mut shape } = original.info.clone();
    let bad = |expected: &str| {
        Error::bad_weights(
            file.path(),
            format!(
                "tensor `{}` has shape {:?}, expected {expected}",
                original.stored, original.info.shape
            ),
        )
    };
    let mut cut = Cut::Whole;
    match form {
        Form::Same => {}
        Form::Matrix => {
            let mut info = TensorInfo { dtype, shape };
            drop_unit_axes(&mut info);
            shape = info.shape;
        }
        Form::Third(third) => {
            match shape.first_mut() {
                Some(rows) if rows.is_multiple_of(3) => *rows /= 3,
                _ => return Err(bad("query, key and value of one size, one after another")),
            }
            cut = Cut::From(third * shape.iter().product::<usize>());
        }
        Form::Transposed => {
            if shape.len() != 2 {
                return Err(bad("a matrix"));
            }
            shape.reverse();
            cut = Cut::Transposed;
        }
    }
    Ok(Placed {
        file: Arc::clone(file),
        stored: original.stored.clone(),
        info: TensorInfo { dtype, shape },
        cut,
    })
}
