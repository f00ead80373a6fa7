//! Adapter files on this family's layers: which names they have, and how they are attached.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_nn::Visit;
use atelier_nn::lora::{self, AdapterSite, Attach, Detach, Factors};
use atelier_weights::adapter::{AdapterFile, AdapterLayer, kohya_name};
use burn::tensor::Device;

use super::Parts;
use crate::{Error, Result};

/// kohya's name for a layer of the denoiser.
pub fn kohya_layer_name(layer: &str) -> String {
    kohya_name("lora_unet", layer)
}

fn kohya_text_name(layer: &str) -> String {
    kohya_name("lora_te", &format!("text_model.{layer}"))
}

/// Every layer of the denoiser and the text encoder that an adapter file may name, by kohya's name.
pub fn adapter_sites(parts: &mut Parts) -> BTreeMap<String, AdapterSite> {
    let unet = lora::sites(&mut parts.unet)
        .into_iter()
        .map(|(name, site)| (kohya_layer_name(&name), site));
    let texts = parts.texts.iter_mut().flat_map(lora::sites);
    let text = texts.map(|(name, site)| (kohya_text_name(&name), site));
    unet.chain(text).collect()
}

/// Attaches an adapter file to the denoiser and text encoder at `strength`, after checking that every layer fits.
pub fn attach_file(parts: &mut Parts, path: &Path, strength: f32, device: &Device) -> Result<()> {
    let file = AdapterFile::read(path)?;
    check_fit(&file, &adapter_sites(parts), path)?;
    let mut layers: BTreeMap<String, AdapterLayer> = file
        .layers
        .into_iter()
        .map(|layer| (layer.name.clone(), layer))
        .collect();
    let mut take = |name: String| layers.remove(&name).map(factors);
    let mut unet = Attach {
        factors: |l: &str| take(kohya_layer_name(l)),
        strength,
        device,
        trainable: false,
    };
    parts.unet.visit("", &mut unet);
    let mut text = Attach {
        factors: |l: &str| take(kohya_text_name(l)),
        strength,
        device,
        trainable: false,
    };
    for encoder in &mut parts.texts {
        encoder.visit("", &mut text);
    }
    Ok(())
}

/// Takes all adapters off.
pub(super) fn detach_all(parts: &mut Parts) {
    parts.unet.visit("", &mut Detach);
    for encoder in &mut parts.texts {
        encoder.visit("", &mut Detach);
    }
}

fn factors(layer: AdapterLayer) -> Factors {
    Factors {
        rank: layer.rank,
        scale: layer.alpha / layer.rank as f32,
        down: layer.down,
        up: layer.up,
    }
}

fn check_fit(file: &AdapterFile, sites: &BTreeMap<String, AdapterSite>, path: &Path) -> Result<()> {
    let mut misfits = file
        .layers
        .iter()
        .filter_map(|layer| misfit(layer, sites.get(&layer.name)));
    let Some(first) = misfits.next() else {
        return Ok(());
    };
    let count = 1 + misfits.count();
    Err(Error::AdapterMismatch {
        path: path.to_owned(),
        count,
        total: file.layers.len(),
        first,
    })
}

/// Why a layer of a file does not fit the base, if it does not.
fn misfit(layer: &AdapterLayer, site: Option<&AdapterSite>) -> Option<String> {
    let Some(site) = site else {
        return Some(format!("`{}` (no such layer)", layer.name));
    };
    let (down, up) = (site.down_shape(layer.rank), site.up_shape(layer.rank));
    let same = |a: &[usize], b: &[usize]| {
        let longest = a.len().max(b.len());
        (0..longest).all(|i| a.get(i).unwrap_or(&1) == b.get(i).unwrap_or(&1))
    };
    if same(&layer.down_shape, &down) && same(&layer.up_shape, &up) {
        return None;
    }
    Some(format!(
        "`{}` (shapes {:?} and {:?}, the base needs {down:?} and {up:?})",
        layer.name, layer.down_shape, layer.up_shape
    ))
}
