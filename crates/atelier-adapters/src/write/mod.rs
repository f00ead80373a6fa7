//! Writing adapters: in kohya's layout and suffixes, which are `LyCORIS`'s too, and as PEFT and diffusers do.

mod metadata;
mod peft;
mod proof;

use std::collections::BTreeMap;
use std::path::Path;

use atelier_weights::{DType, Error, FileLayout, OutTensor, Result, TensorFile, atomic};

use super::array::Array;
use super::fit::BaseLayers;
use super::layer::{AdapterLayer, Content, StoredFactor};
use super::read::suffix::Slot;
use super::readers::{self, ReaderVerdict};
use super::{AdapterFile, AdapterFormat};

pub use metadata::KohyaMetadata;

/// An adapter whose layers have the names of a format; ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedAdapter {
    /// The format.
    pub format: AdapterFormat,
    /// The layers in the format's names.
    pub layers: Vec<AdapterLayer>,
    /// The free text values for the file.
    pub metadata: BTreeMap<String, String>,
    /// What of its source it has not, for the user to read.
    pub notes: Vec<String>,
}

/// Which programs must read a written file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBy {
    /// Every known program.
    All,
    /// At least one.
    Any,
}

impl AdapterFile {
    /// Writes layers under their own names in kohya's layout and a floating-point format, with the two `sshs_` hashes
    /// added to the metadata.
    pub fn write(
        path: impl AsRef<Path>,
        layers: &[AdapterLayer],
        dtype: DType,
        metadata: &BTreeMap<String, String>,
    ) -> Result<()> {
        let path = path.as_ref();
        let file = Written::plan(path, AdapterFormat::Kohya, layers, dtype)?;
        file.write(metadata, |_| Ok(()))
    }
}

impl NamedAdapter {
    /// Writes the adapter in its format and a floating-point format.
    ///
    /// Before the file gets its name it is read again and must give the same layers, and the programs must read every
    /// tensor of it on a model with the layers of `base`. What each program makes of the file comes back.
    ///
    /// `DoRA` with lengths of rows no program reads in kohya's format as it is meant, and norms and biases of some layers not
    /// all of them; where any program is enough, it need not use these.
    pub fn write(
        &self,
        path: impl AsRef<Path>,
        dtype: DType,
        base: &BaseLayers,
        read_by: ReadBy,
    ) -> Result<Vec<ReaderVerdict>> {
        let path = path.as_ref();
        let file = Written::plan(path, self.format, &self.layers, dtype)?;
        let mut verdicts = Vec::new();
        file.write(&self.metadata, |written| {
            let again = TensorFile::open(written)?;
            proof::reads_back(path, &file, &again)?;
            verdicts = readers::check(&again, base)?;
            proof::is_read(&file, &verdicts, read_by)
        })?;
        Ok(verdicts)
    }
}

/// An adapter file whose every tensor was found sound.
struct Written<'a> {
    path: &'a Path,
    format: AdapterFormat,
    layers: &'a [AdapterLayer],
    dtype: DType,
    tensors: Vec<OutTensor>,
}

impl<'a> Written<'a> {
    fn plan(
        path: &'a Path,
        format: AdapterFormat,
        layers: &'a [AdapterLayer],
        dtype: DType,
    ) -> Result<Self> {
        let tensors = all_tensors(path, format, layers, dtype)?;
        check_finite(path, &tensors)?;
        Ok(Self {
            path,
            format,
            layers,
            dtype,
            tensors,
        })
    }

    fn write(
        &self,
        metadata: &BTreeMap<String, String>,
        check: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let layout = FileLayout::new(self.path, &self.tensors)?;
        let mut metadata = metadata.clone();
        match self.format {
            AdapterFormat::Kohya => add_hashes(&layout, &mut metadata)
                .map_err(|error| Error::io("hash", self.path, error))?,
            AdapterFormat::Peft => peft::add_settings(self.layers, &mut metadata),
        }
        atomic::write_file_checked(self.path, |out| layout.write(&metadata, out), check)
    }
}

/// The tensors of sound layers in a format.
fn all_tensors(
    path: &Path,
    format: AdapterFormat,
    layers: &[AdapterLayer],
    dtype: DType,
) -> Result<Vec<OutTensor>> {
    let mut all = Vec::new();
    for layer in layers {
        check(path, layer)?;
        check_meaning(path, layer, format)?;
        match format {
            AdapterFormat::Kohya => all.extend(tensors(layer, dtype)),
            AdapterFormat::Peft => all.extend(peft::tensors(path, layer, dtype)?),
        }
    }
    Ok(all)
}

/// Refuses a layer that no reader could use.
fn check(path: &Path, layer: &AdapterLayer) -> Result<()> {
    layer.check().map_err(|problem| Error::Unwritable {
        path: path.to_owned(),
        tensor: layer.name.clone(),
        problem,
    })
}

/// Refuses `DoRA` whose lengths the format's spelling would give another meaning; converting says that it does so.
fn check_meaning(path: &Path, layer: &AdapterLayer, format: AdapterFormat) -> Result<()> {
    if layer.dora_scale.is_none() || layer.magnitude_rule == format.magnitude_rule() {
        return Ok(());
    }
    Err(Error::Unwritable {
        path: path.to_owned(),
        tensor: layer.name.clone(),
        problem: format!(
            "has lengths that mean something else in a {format} file, convert it first"
        ),
    })
}

/// Refuses numbers that are none.
fn check_finite(path: &Path, tensors: &[OutTensor]) -> Result<()> {
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
fn add_hashes(layout: &FileLayout, metadata: &mut BTreeMap<String, String>) -> std::io::Result<()> {
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

/// The tensors of a layer in kohya's and `LyCORIS`'s names; of norms and biases those that most programs know.
fn tensors(layer: &AdapterLayer, dtype: DType) -> Vec<OutTensor> {
    let mut parts = Vec::new();
    if layer.vector().is_none() {
        parts.push((Slot::Alpha, Array::new([], vec![layer.alpha])));
    }
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
        Content::Bias(difference) => parts.push((Slot::DiffBias, difference.clone())),
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
