//! Adapter files in kohya's layout, which every other program reads: per layer `<name>.lora_down.weight`,
//! `<name>.lora_up.weight` and `<name>.alpha`.
//!
//! Names, hashes and metadata follow `kohya-ss/sd-scripts` (`networks/lora.py`, `train_network.py`,
//! `library/train_util.py`).

mod foreign;
mod metadata;

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::first_names;
use crate::writer::Layout;
use crate::{DType, Error, OutTensor, Result, TensorFile, atomic};

pub use metadata::KohyaMetadata;

const DOWN: &str = ".lora_down.weight";
const UP: &str = ".lora_up.weight";
const ALPHA: &str = ".alpha";

/// The adapter of one layer: the layer's weight gains `strength * (alpha / rank) * up @ down`.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterLayer {
    /// kohya's name of the layer, such as `lora_unet_down_blocks_0_attentions_0_proj_in`.
    pub name: String,
    /// The inner width of the two factors.
    pub rank: usize,
    /// The scale, times `rank`.
    pub alpha: f32,
    /// `[rank, in]` or `[rank, in, kernel height, kernel width]`.
    pub down_shape: Vec<usize>,
    /// The numbers of the first factor.
    pub down: Vec<f32>,
    /// `[out, rank]` or `[out, rank, 1, 1]`.
    pub up_shape: Vec<usize>,
    /// The numbers of the second factor.
    pub up: Vec<f32>,
}

/// A whole adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterFile {
    /// The layers, sorted by name.
    pub layers: Vec<AdapterLayer>,
    /// The free text values of the file.
    pub metadata: BTreeMap<String, String>,
}

/// kohya's name of a layer: `prefix` is `lora_unet` or `lora_te`, `module_path` the dotted path in the model.
pub fn kohya_name(prefix: &str, module_path: &str) -> String {
    format!("{prefix}_{}", module_path.replace('.', "_"))
}

impl AdapterFile {
    /// Reads an adapter; a layer without alpha gets its rank, that is scale 1.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let file = TensorFile::open(path)?;
        let bad = |problem: String| Error::bad_weights(file.path(), problem);
        foreign::check_names(&file).map_err(bad)?;
        let names = paired_names(&file).map_err(bad)?;
        let layers = names
            .into_iter()
            .map(|name| read_layer(&file, name))
            .collect::<Result<_>>()?;
        Ok(Self {
            layers,
            metadata: file.metadata().clone(),
        })
    }

    /// Writes an adapter in a floating-point format, with the two `sshs_` hashes added to the metadata.
    pub fn write(
        path: impl AsRef<Path>,
        layers: &[AdapterLayer],
        dtype: DType,
        metadata: &BTreeMap<String, String>,
    ) -> Result<()> {
        let path = path.as_ref();
        for layer in layers {
            check_layer(layer).map_err(|problem| Error::Unwritable {
                path: path.to_owned(),
                tensor: layer.name.clone(),
                problem,
            })?;
            check_finite_for_writing(path, layer, dtype)?;
        }
        let tensors: Vec<_> = layers
            .iter()
            .flat_map(|layer| layer_tensors(layer, dtype))
            .collect();
        let layout = Layout::new(path, &tensors)?;
        let mut metadata = metadata.clone();
        add_hashes(&layout, &mut metadata).map_err(|error| Error::io("hash", path, error))?;
        atomic::write_file(path, |out| layout.write(&metadata, out))
    }
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

fn layer_tensors(layer: &AdapterLayer, dtype: DType) -> [OutTensor; 3] {
    let tensor = |suffix: &str, shape: &[usize], data: &[f32]| OutTensor {
        name: format!("{}{suffix}", layer.name),
        dtype,
        shape: shape.to_vec(),
        data: data.to_vec(),
    };
    [
        tensor(ALPHA, &[], &[layer.alpha]),
        tensor(DOWN, &layer.down_shape, &layer.down),
        tensor(UP, &layer.up_shape, &layer.up),
    ]
}

fn check_finite_for_writing(path: &Path, layer: &AdapterLayer, dtype: DType) -> Result<()> {
    let factors = [
        (ALPHA, &[layer.alpha][..]),
        (DOWN, &layer.down),
        (UP, &layer.up),
    ];
    for (suffix, numbers) in factors {
        if let Some(&value) = numbers.iter().find(|value| !value.is_finite()) {
            return Err(Error::Overflow {
                path: path.to_owned(),
                tensor: format!("{}{suffix}", layer.name),
                value,
                format: dtype.name(),
            });
        }
    }
    Ok(())
}

/// The names of layers; both factors must be there, and alpha must belong to a layer.
fn paired_names(file: &TensorFile) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    let mut alone = Vec::new();
    for key in file.names() {
        let (name, partner) = if let Some(name) = key.strip_suffix(DOWN) {
            names.push(name);
            (name, UP)
        } else if let Some(name) = key.strip_suffix(UP).or_else(|| key.strip_suffix(ALPHA)) {
            (name, DOWN)
        } else {
            continue;
        };
        if file.info(&format!("{name}{partner}")).is_none() {
            alone.push(key);
        }
    }
    if !alone.is_empty() {
        let alone = first_names(alone.into_iter());
        return Err(format!("these tensors lack their other factor: {alone}"));
    }
    if names.is_empty() {
        return Err("it holds no adapter layer".to_owned());
    }
    Ok(names)
}

fn read_layer(file: &TensorFile, name: &str) -> Result<AdapterLayer> {
    let bad = |problem: String| Error::bad_weights(file.path(), problem);
    let shape = |key: &str| file.info(key).map_or(Vec::new(), |info| info.shape.clone());
    let (down_key, up_key, alpha_key) = (
        format!("{name}{DOWN}"),
        format!("{name}{UP}"),
        format!("{name}{ALPHA}"),
    );
    let down_shape = shape(&down_key);
    let rank = down_shape.first().copied().unwrap_or_default();
    let mut layer = AdapterLayer {
        name: name.to_owned(),
        rank,
        alpha: rank as f32,
        down_shape,
        down: finite(file, &down_key)?,
        up_shape: shape(&up_key),
        up: finite(file, &up_key)?,
    };
    if file.info(&alpha_key).is_some() {
        let alpha = finite(file, &alpha_key)?;
        let [alpha] = alpha[..] else {
            return Err(bad(format!(
                "tensor `{alpha_key}` holds {} numbers, expected 1",
                alpha.len()
            )));
        };
        layer.alpha = alpha;
    }
    check_layer(&layer).map_err(|problem| bad(format!("layer `{name}` {problem}")))?;
    Ok(layer)
}

fn finite(file: &TensorFile, key: &str) -> Result<Vec<f32>> {
    let numbers = file.read_f32(key)?;
    if let Some(value) = numbers.iter().find(|value| !value.is_finite()) {
        return Err(Error::bad_weights(
            file.path(),
            format!("tensor `{key}` holds {value}, expected finite numbers"),
        ));
    }
    Ok(numbers)
}

fn check_layer(layer: &AdapterLayer) -> Result<(), String> {
    let (down, up) = (&layer.down_shape, &layer.up_shape);
    let fits = match (&down[..], &up[..]) {
        ([a, _], [_, b]) | ([a, _, _, _], [_, b, 1, 1]) => *a == layer.rank && *b == layer.rank,
        _ => false,
    };
    if !fits {
        return Err(format!(
            "has factors that do not fit each other: down {down:?}, up {up:?}"
        ));
    }
    if layer.down.is_empty() || layer.up.is_empty() {
        return Err(format!("has rank or width 0: down {down:?}, up {up:?}"));
    }
    Ok(())
}
