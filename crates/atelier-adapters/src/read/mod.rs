//! From an open safetensors file to the layers of an adapter, whatever the format.

mod peft;
pub(super) mod suffix;
mod unknown;

use std::collections::BTreeMap;

use atelier_weights::{DType, Error, Result, TensorFile, first_names};

use super::array::Array;
use super::layer::{AdapterLayer, Content, StoredFactor};
use super::{AdapterFile, AdapterFormat, PEFT_CONFIG};
use suffix::{Slot, Spelling, split};

pub(super) use peft::{METADATA_KEY, PeftScales};
pub(super) use unknown::notes;

/// The keys of one layer by what they are.
type Keys<'f> = BTreeMap<Slot, &'f str>;

/// Reads the layers; `scales` are those of settings beside the file.
pub(super) fn read(file: &TensorFile, scales: Option<PeftScales>) -> Result<AdapterFile> {
    let bad = |problem: String| Error::bad_weights(file.path(), problem);
    let scales = match (scales, file.metadata().get(METADATA_KEY)) {
        (Some(scales), _) => scales,
        (None, Some(text)) => PeftScales::from_header(text).map_err(bad)?,
        (None, None) => PeftScales::default(),
    };
    let Grouped {
        stems,
        biases,
        mut unknown,
        spellings,
    } = group(file).map_err(bad)?;
    let reader = Reader {
        file,
        scales,
        reads_numbers: true,
    };
    let mut layers = Vec::new();
    let mut alone = Vec::new();
    for (stem, keys) in &stems {
        match reader.layer(stem, keys)? {
            Found::Layer(layer) => layers.push(*layer),
            Found::Incomplete => alone.extend(keys.values().copied()),
            Found::Stray => unknown.extend(keys.values().map(|key| (*key).to_owned())),
        }
    }
    if !alone.is_empty() {
        let alone = first_names(alone.into_iter());
        return Err(bad(format!(
            "these tensors lack their other factor: {alone}"
        )));
    }
    for (stem, key) in biases {
        layers.push(reader.bias(stem, key)?);
    }
    layers.sort_by(|a, b| a.name.cmp(&b.name));
    unknown.sort();
    if layers.is_empty() {
        return Err(bad(unknown::no_layer(&unknown)));
    }
    let mut metadata = file.metadata().clone();
    // Settings beside the file stand there, once they are read.
    metadata.remove(PEFT_CONFIG);
    let peft = spellings.contains(&Spelling::Peft) || spellings.contains(&Spelling::OldDiffusers);
    Ok(AdapterFile {
        layers,
        metadata,
        unknown,
        format: if peft {
            AdapterFormat::Peft
        } else {
            AdapterFormat::Kohya
        },
        dtype: usual_format(file),
    })
}

/// The numbers in the largest weight that networks compute whole, by the shapes in the header.
pub(super) fn largest_computed_weight(file: &TensorFile) -> Result<usize> {
    let bad = |problem: String| Error::bad_weights(file.path(), problem);
    let reader = Reader {
        file,
        scales: PeftScales::default(),
        reads_numbers: false,
    };
    let mut largest = 0;
    for (stem, keys) in group(file).map_err(bad)?.stems {
        let Ok(content) = reader.content(stem, &keys)? else {
            continue;
        };
        let layer = AdapterLayer {
            dora_scale: reader.dora_scale(&keys)?,
            ..AdapterLayer::difference(stem, content)
        };
        if layer.is_computed_whole() {
            let (rows, columns) = layer.weight_size();
            largest = largest.max(rows.saturating_mul(columns));
        }
    }
    Ok(largest)
}

/// The floating-point format that most tensors have; of two that as many have the finer one.
fn usual_format(file: &TensorFile) -> DType {
    let has = |dtype: DType| {
        let infos = file.names().filter_map(|name| file.info(name));
        infos.filter(|info| info.dtype == dtype).count()
    };
    // The last of equal ones wins.
    let formats = [
        DType::F8E5M2,
        DType::F8E4M3,
        DType::BF16,
        DType::F16,
        DType::F32,
    ];
    formats
        .into_iter()
        .max_by_key(|&dtype| has(dtype))
        .unwrap_or(DType::F32)
}

/// The keys of a file, sorted.
#[derive(Default)]
struct Grouped<'f> {
    /// Those of each layer's weight.
    stems: BTreeMap<&'f str, Keys<'f>>,
    /// That of each layer's bias.
    biases: BTreeMap<&'f str, &'f str>,
    /// What belongs to no layer.
    unknown: Vec<String>,
    /// In which spellings they are.
    spellings: Vec<Spelling>,
}

/// Sorts the keys by layer.
fn group(file: &TensorFile) -> Result<Grouped<'_>, String> {
    let mut grouped = Grouped::default();
    for key in file.names() {
        let Some((stem, slot, spelling)) = split(key) else {
            grouped.unknown.push(key.to_owned());
            continue;
        };
        if !grouped.spellings.contains(&spelling) {
            grouped.spellings.push(spelling);
        }
        let other = if slot.is_of_bias() {
            grouped.biases.insert(stem, key)
        } else {
            let keys = grouped.stems.entry(stem).or_default();
            keys.insert(slot, key)
        };
        if let Some(other) = other {
            return Err(format!(
                "`{other}` and `{key}` are the same tensor of a layer"
            ));
        }
    }
    Ok(grouped)
}

enum Found {
    Layer(Box<AdapterLayer>),
    /// A factor without its partner.
    Incomplete,
    /// Nothing but a scale.
    Stray,
}

struct Reader<'f> {
    file: &'f TensorFile,
    scales: PeftScales,
    /// Whether more is wanted than shapes.
    reads_numbers: bool,
}

impl Reader<'_> {
    fn layer(&self, stem: &str, keys: &Keys<'_>) -> Result<Found> {
        let content = match self.content(stem, keys)? {
            Ok(content) => content,
            Err(nothing) => return Ok(nothing),
        };
        let in_peft = keys.contains_key(&Slot::MagnitudeVector);
        let spelling = if in_peft && !keys.contains_key(&Slot::DoraScale) {
            AdapterFormat::Peft
        } else {
            AdapterFormat::Kohya
        };
        let mut layer = AdapterLayer {
            name: stem.to_owned(),
            alpha: 1.0,
            content,
            dora_scale: self.dora_scale(keys)?,
            magnitude_rule: spelling.magnitude_rule(),
        };
        layer
            .check()
            .map_err(|problem| self.bad(format!("layer `{stem}` {problem}")))?;
        layer.alpha = self.alpha(&layer, keys)?;
        if !layer.has_rank() && !layer.fold_scale() {
            return Err(self.bad(format!("the scale of layer `{stem}` is too large for it")));
        }
        Ok(Found::Layer(Box::new(layer)))
    }

    fn bias(&self, stem: &str, key: &str) -> Result<AdapterLayer> {
        let content = Content::Bias(self.numbers(key)?);
        let layer = AdapterLayer::difference(stem, content);
        let checked = layer.check();
        checked.map_err(|problem| self.bad(format!("the bias of layer `{stem}` {problem}")))?;
        Ok(layer)
    }

    fn content(&self, stem: &str, keys: &Keys<'_>) -> Result<Result<Content, Found>> {
        let kinds = [
            [Slot::Down, Slot::Up]
                .iter()
                .any(|slot| keys.contains_key(slot)),
            keys.keys()
                .any(|slot| (Slot::HadaW1A..=Slot::HadaT2).contains(slot)),
            keys.keys()
                .any(|slot| (Slot::LokrW1..=Slot::LokrT2).contains(slot)),
            keys.contains_key(&Slot::Diff),
            keys.contains_key(&Slot::NormWeight),
        ];
        let content = match kinds {
            [true, false, false, false, false] => self.low_rank(keys)?,
            [false, true, false, false, false] => self.loha(keys)?,
            [false, false, true, false, false] => self.lokr(keys)?,
            [false, false, false, true, false] => self.array(keys, Slot::Diff)?.map(Content::Full),
            [false, false, false, false, true] => {
                self.array(keys, Slot::NormWeight)?.map(Content::Full)
            }
            [false, false, false, false, false] if keys.contains_key(&Slot::Mid) => None,
            [false, false, false, false, false] => return Ok(Err(Found::Stray)),
            _ => {
                let keys = first_names(keys.values().copied().collect::<Vec<_>>().into_iter());
                return Err(self.bad(format!("layer `{stem}` is of two kinds at once: {keys}")));
            }
        };
        Ok(content.ok_or(Found::Incomplete))
    }

    fn low_rank(&self, keys: &Keys<'_>) -> Result<Option<Content>> {
        let (down, up) = (self.array(keys, Slot::Down)?, self.array(keys, Slot::Up)?);
        let mid = self.array(keys, Slot::Mid)?;
        Ok(down
            .zip(up)
            .map(|(down, up)| Content::LowRank { down, up, mid }))
    }

    fn product(
        &self,
        keys: &Keys<'_>,
        [a, b]: [Slot; 2],
        core: Option<Slot>,
    ) -> Result<Option<StoredFactor>> {
        let core = match core {
            Some(core) => self.array(keys, core)?,
            None => None,
        };
        let pair = self.array(keys, a)?.zip(self.array(keys, b)?);
        Ok(pair.map(|(a, b)| match core {
            Some(core) => StoredFactor::Tucker { core, a, b },
            None => StoredFactor::Product { a, b },
        }))
    }

    fn loha(&self, keys: &Keys<'_>) -> Result<Option<Content>> {
        let first = self.product(keys, [Slot::HadaW1A, Slot::HadaW1B], Some(Slot::HadaT1))?;
        let second = self.product(keys, [Slot::HadaW2A, Slot::HadaW2B], Some(Slot::HadaT2))?;
        Ok(first.zip(second).map(|(a, b)| Content::LoHa(a, b)))
    }

    fn lokr(&self, keys: &Keys<'_>) -> Result<Option<Content>> {
        let first = match self.array(keys, Slot::LokrW1)? {
            Some(whole) => Some(StoredFactor::Whole(whole)),
            None => self.product(keys, [Slot::LokrW1A, Slot::LokrW1B], None)?,
        };
        let second = match self.array(keys, Slot::LokrW2)? {
            Some(whole) => Some(StoredFactor::Whole(whole)),
            None => self.product(keys, [Slot::LokrW2A, Slot::LokrW2B], Some(Slot::LokrT2))?,
        };
        Ok(first.zip(second).map(|(a, b)| Content::LoKr(a, b)))
    }

    fn dora_scale(&self, keys: &Keys<'_>) -> Result<Option<Array>> {
        if let Some(lengths) = self.array(keys, Slot::DoraScale)? {
            return Ok(Some(lengths));
        }
        // One number per output channel, whatever axes of length 1 surround it.
        let lengths = self.array(keys, Slot::MagnitudeVector)?;
        Ok(lengths.map(|lengths| Array::new([lengths.values.len(), 1], lengths.values)))
    }

    /// The alpha of the file, else that of its settings, else the rank: scale 1.
    fn alpha(&self, layer: &AdapterLayer, keys: &Keys<'_>) -> Result<f32> {
        let rank = layer.rank() as f32;
        let whole = !layer.has_rank();
        if whole && keys.contains_key(&Slot::Alpha) {
            // Every reader ignores the alpha of a layer that has no rank to divide it by, whatever it is.
            return Ok(1.0);
        }
        if let Some(alpha) = self.array(keys, Slot::Alpha)? {
            let [alpha] = alpha.values[..] else {
                let (key, count) = (keys[&Slot::Alpha], alpha.values.len());
                return Err(self.bad(format!("tensor `{key}` holds {count} numbers, expected 1")));
            };
            return Ok(alpha);
        }
        let inner = (!whole).then(|| layer.rank());
        let scale = self.scales.scale(&layer.name, inner);
        let scale = scale.map_err(|problem| self.bad(problem))?;
        let alpha = scale.map_or(rank, |scale| scale * rank);
        if !alpha.is_finite() {
            let (name, scale) = (&layer.name, scale.unwrap_or_default());
            return Err(self.bad(format!(
                "its settings give layer `{name}` the scale {scale}"
            )));
        }
        Ok(alpha)
    }

    fn array(&self, keys: &Keys<'_>, slot: Slot) -> Result<Option<Array>> {
        keys.get(&slot).map(|key| self.numbers(key)).transpose()
    }

    fn numbers(&self, key: &str) -> Result<Array> {
        let values = match split(key) {
            _ if !self.reads_numbers => Vec::new(),
            // diffusers writes the alpha of kohya files as an integer.
            Some((_, Slot::Alpha, _)) => self.file.read_numbers(key)?,
            _ => self.file.read_f32(key)?,
        };
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(self.bad(format!(
                "tensor `{key}` holds {value}, expected finite numbers"
            )));
        }
        let shape = self
            .file
            .info(key)
            .map_or(Vec::new(), |info| info.shape.clone());
        Ok(Array { shape, values })
    }

    fn bad(&self, problem: String) -> Error {
        Error::bad_weights(self.file.path(), problem)
    }
}
