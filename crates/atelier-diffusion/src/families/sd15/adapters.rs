//! Adapter files on this family's layers: which layers there are, and how a file is attached.

use std::collections::BTreeMap;

use atelier_core::{AdapterUse, WeightChange};
use atelier_nn::Visit;
use atelier_nn::lora::{self, Attach, Detach};
use atelier_weights::adapter::{AdapterFamily, AdapterFile, BaseLayers, LayerId, Part, kohya_name};
use burn::tensor::Device;

use super::Parts;
use crate::{Error, Result};

/// Width of the text states that tells the denoisers of version 2 apart.
const CONTEXT_V2: usize = 1024;

/// kohya's name for a layer of the denoiser.
pub fn kohya_layer_name(layer: &str) -> String {
    kohya_name("lora_unet", layer)
}

/// Every layer of the denoiser and the text encoder that an adapter file may name.
pub fn adapter_layers(parts: &mut Parts) -> BaseLayers {
    let unet = layers(&mut parts.unet, Part::Unet);
    let text = layers(&mut parts.text, Part::TextEncoder);
    let reads_v2 = |(layer, shape): &(LayerId, Vec<usize>)| {
        layer.path.ends_with("attn2.to_k") && shape[1] == CONTEXT_V2
    };
    let family = if unet.iter().any(reads_v2) {
        AdapterFamily::Sd2
    } else {
        AdapterFamily::Sd1
    };
    BaseLayers::new(family, unet.into_iter().chain(text))
}

fn layers<M: Visit>(model: &mut M, part: Part) -> Vec<(LayerId, Vec<usize>)> {
    let sites = lora::sites(model).into_iter();
    sites
        .map(|(path, site)| (LayerId::new(part, path), site.weight_shape()))
        .collect()
}

/// Attaches an adapter file to the denoiser and text encoder at its strengths, after checking that every layer fits.
/// What of the file is not used comes back in words.
pub fn attach_file(
    parts: &mut Parts,
    adapter: &AdapterUse,
    device: &Device,
) -> Result<Vec<String>> {
    let file = AdapterFile::read(&adapter.path)?;
    let fitted = file.fit(&adapter_layers(parts));
    let mut fitted = fitted.map_err(|problem| Error::AdapterMismatch {
        path: adapter.path.clone(),
        problem,
    })?;
    let changes = &mut fitted.changes;
    attach(
        &mut parts.unet,
        Part::Unet,
        changes,
        adapter.strength,
        device,
    );
    let strength = adapter.text_strength();
    attach(
        &mut parts.text,
        Part::TextEncoder,
        changes,
        strength,
        device,
    );
    Ok(fitted.notes)
}

fn attach<M: Visit>(
    model: &mut M,
    part: Part,
    changes: &mut BTreeMap<LayerId, WeightChange>,
    strength: f32,
    device: &Device,
) {
    if strength == 0.0 {
        return;
    }
    let mut visitor = Attach {
        factors: |path: &str| changes.remove(&LayerId::new(part, path)),
        strength,
        device,
        trainable: false,
    };
    model.visit("", &mut visitor);
}

/// Takes all adapters off.
pub(super) fn detach_all(parts: &mut Parts) {
    parts.unet.visit("", &mut Detach);
    parts.text.visit("", &mut Detach);
}
