//! Writing adapters in kohya's layout and suffixes, which are `LyCORIS`'s too.

mod metadata;
mod peft;

use std::collections::BTreeMap;
use std::path::Path;

use super::array::Array;
use super::layer::{AdapterLayer, Content, StoredFactor};
use super::operate::Converted;
use super::read::suffix::Slot;
use super::{AdapterFile, AdapterFormat};
use crate::writer::Layout;
use crate::{DType, Error, OutTensor, Result, atomic};

pub use metadata::KohyaMetadata;

impl Converted {
    /// Writes the adapter in its format and a floating-point format.
    pub fn write(&self, path: impl AsRef<Path>, dtype: DType) -> Result<()> {
        match self.format {
            AdapterFormat::Kohya => AdapterFile::write(path, &self.layers, dtype, &self.metadata),
            AdapterFormat::Peft => peft::write(path.as_ref(), &self.layers, dtype, &self.metadata),
        }
    }
}

impl AdapterFile {
    /// Writes layers under their own names in a floating-point format, with the two `sshs_` hashes added to the metadata.
    pub fn write(
        path: impl AsRef<Path>,
        layers: &[AdapterLayer],
        dtype: DType,
        metadata: &BTreeMap<String, String>,
    ) -> Result<()> {
        let path = path.as_ref();
        for layer in layers {
            check(path, layer)?;
        }
        let tensors = layers.iter().flat_map(|layer| tensors(layer, dtype));
        let tensors: Vec<_> = tensors.collect();
        check_finite(path, &tensors)?;
        let layout = Layout::new(path, &tensors)?;
        let mut metadata = metadata.clone();
        add_hashes(&layout, &mut metadata).map_err(|error| Error::io("hash", path, error))?;
        atomic::write_file(path, |out| layout.write(&metadata, out))
    }
}

/// Refuses a layer that no reader could use.
pub(super) fn check(path: &Path, layer: &AdapterLayer) -> Result<()> {
    layer.check().map_err(|problem| Error::Unwritable {
        path: path.to_owned(),
        tensor: layer.name.clone(),
        problem,
    })
}

/// Refuses numbers that are none.
pub(super) fn check_finite(path: &Path, tensors: &[OutTensor]) -> Result<()> {
    for tensor in tensors {
        if let Some(&value) = tensor.data.iter().find(|value| !value.is_finite()) {
            return Err(Error::Overflow {
                path: path.to_owned(),
                tensor: tensor.name.clone(),
                value,
                format: tensor.dtype.name(),
            });
        }
    }
    Ok(())
}

/// The hashes cover the training metadata only, since other keys may be edited later.
fn add_hashes(layout: &Layout, metadata: &mut BTreeMap<String, String>) -> std::io::Result<()> {
    let mut training = metadata.clone();
    training.retain(|key, _| key.starts_with("ss_"));
    let hashes = layout.hashes(&training)?;
    metadata.insert("sshs_model_hash".to_owned(), hashes.model);
    metadata.insert("sshs_legacy_hash".to_owned(), hashes.legacy);
    Ok(())
}

/// A format that holds `value` without loss: this one, or f32. A rounded alpha would change every layer.
fn exact(dtype: DType, value: f32) -> DType {
    let (mut bytes, mut back) = (Vec::new(), Vec::new());
    let stored = dtype.encode(value, &mut bytes).is_ok();
    dtype.decode(&bytes, &mut back);
    if stored && back == [value] {
        dtype
    } else {
        DType::F32
    }
}

/// The tensors of a layer in kohya's and `LyCORIS`'s names.
fn tensors(layer: &AdapterLayer, dtype: DType) -> Vec<OutTensor> {
    let alpha = Array::new([], vec![layer.alpha]);
    let mut parts = vec![(Slot::Alpha, alpha)];
    if let Some(lengths) = &layer.dora_scale {
        parts.push((Slot::DoraScale, lengths.clone()));
    }
    let mut product = |factor: &StoredFactor, slots: [Slot; 4]| match factor {
        StoredFactor::Whole(whole) => parts.push((slots[0], whole.clone())),
        StoredFactor::Product { a, b } => {
            parts.extend([(slots[1], a.clone()), (slots[2], b.clone())]);
        }
        StoredFactor::Tucker { core, a, b } => parts.extend([
            (slots[1], a.clone()),
            (slots[2], b.clone()),
            (slots[3], core.clone()),
        ]),
    };
    match &layer.content {
        Content::LoHa(first, second) => {
            product(
                first,
                [Slot::Diff, Slot::HadaW1A, Slot::HadaW1B, Slot::HadaT1],
            );
            product(
                second,
                [Slot::Diff, Slot::HadaW2A, Slot::HadaW2B, Slot::HadaT2],
            );
        }
        Content::LoKr(first, second) => {
            let slots = [Slot::LokrW1, Slot::LokrW1A, Slot::LokrW1B, Slot::LokrT2];
            product(first, slots);
            let slots = [Slot::LokrW2, Slot::LokrW2A, Slot::LokrW2B, Slot::LokrT2];
            product(second, slots);
        }
        Content::LowRank { down, up, mid } => {
            parts.extend([(Slot::Down, down.clone()), (Slot::Up, up.clone())]);
            parts.extend(mid.as_ref().map(|mid| (Slot::Mid, mid.clone())));
        }
        Content::Full(whole) => parts.push((Slot::Diff, whole.clone())),
    }
    parts
        .into_iter()
        .map(|(slot, array)| OutTensor {
            name: format!("{}{}", layer.name, slot.suffix()),
            dtype: match slot {
                Slot::Alpha => exact(dtype, layer.alpha),
                _ => dtype,
            },
            shape: array.shape,
            data: array.values,
        })
        .collect()
}
