//! Adapter files: layers of published bases in every spelling and kind, with tensors that fit, or do not.

mod kind;
mod settings;

use std::path::PathBuf;
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use atelier_adapters::{AdapterFamily, BaseLayers};

use crate::Scratch;
use crate::name::{Name, Word};
use crate::tensor::{Axis, Format, Tensor, Tensors};

use kind::{Kind, Place};
use settings::Settings;

/// The published bases.
static BASES: LazyLock<Vec<BaseLayers>> = LazyLock::new(|| {
    let families = AdapterFamily::ALL.iter();
    families
        .map(|&family| BaseLayers::published(family))
        .collect()
});

/// Most numbers of a file that are not zero; real ones have more, which proves nothing else.
const MOST_NUMBERS: u64 = 1 << 15;

/// What the tensors of a layer are called, in the spellings of their writers.
const ENDS: &[&str] = &[
    ".lora_down.weight",
    ".lora_up.weight",
    ".alpha",
    ".lora_mid.weight",
    ".dora_scale",
    ".lora_A.weight",
    ".lora_B.weight",
    ".lora_A.default.weight",
    ".lora_B.default.weight",
    ".lora_magnitude_vector",
    ".lora_magnitude_vector.weight",
    "_lora.down.weight",
    "_lora.up.weight",
    ".lora.down.weight",
    ".lora.up.weight",
    ".lora_linear_layer.down.weight",
    ".lora_linear_layer.up.weight",
    ".hada_w1_a",
    ".hada_w1_b",
    ".hada_t1",
    ".hada_w2_a",
    ".hada_w2_b",
    ".hada_t2",
    ".lokr_w1",
    ".lokr_w1_a",
    ".lokr_w1_b",
    ".lokr_w2",
    ".lokr_w2_a",
    ".lokr_w2_b",
    ".lokr_t2",
    ".diff",
    ".diff.weight",
    ".diff_b",
    ".w_norm",
    ".b_norm",
    ".magnitude",
    ".lora_B.bias",
];

/// An adapter file, or PEFT's folder.
#[derive(Debug, Clone, Arbitrary)]
pub struct AdapterCase {
    layers: Vec<Layer>,
    strays: Vec<(Name, Values)>,
    metadata: Vec<(Key, String)>,
    /// In the header, for one component.
    scales: Option<(Word, Settings)>,
    /// Beside the file.
    settings: Option<Settings>,
}

#[derive(Debug, Clone, Arbitrary)]
struct Layer {
    stem: Stem,
    kind: Kind,
    rank: u8,
    format: Format,
    fill: Fill,
    extra: Vec<Extra>,
    lacking: Option<u8>,
}

#[derive(Debug, Clone, Arbitrary)]
enum Stem {
    Kohya(u8, u16),
    Peft(u8, u16),
    Front(Word, u8, u16),
    Any(Name),
}

#[derive(Debug, Clone, Arbitrary)]
struct Extra {
    end: u8,
    values: Values,
}

#[derive(Debug, Clone, Arbitrary)]
struct Values {
    format: Format,
    shape: Vec<Length>,
    fill: Fill,
}

/// The length of an axis, which may be one that the layer's place has.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Length {
    Out,
    In,
    Kernel,
    Rank,
    One,
    Free(Axis),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Fill {
    Zero,
    Constant(f32),
    Pattern(u8),
    Bits(u64),
}

#[derive(Debug, Clone, Arbitrary)]
enum Key {
    Known(u8),
    Any(String),
}

impl AdapterCase {
    /// Writes the file, or the folder, and says where it lies.
    pub fn write(&self, scratch: &Scratch) -> PathBuf {
        let mut budget = MOST_NUMBERS;
        let mut all = Tensors::default();
        for layer in self.layers.iter().take(16) {
            layer.add_to(&mut all, &mut budget);
        }
        let nowhere = Place {
            rows: 2,
            columns: 2,
            kernel: None,
            rank: 1,
        };
        for (name, values) in self.strays.iter().take(16) {
            all.tensors
                .insert(name.text(), values.tensor(&nowhere, &mut budget));
        }
        for (key, value) in self.metadata.iter().take(16) {
            all.metadata.insert(key.text(), value.clone());
        }
        if let Some((component, settings)) = &self.scales {
            let text = settings.text(&format!("{}.", component.text()));
            all.metadata
                .insert("lora_adapter_metadata".to_owned(), text);
        }
        let (bytes, zeros) = all.file();
        let Some(settings) = &self.settings else {
            return scratch.write("adapter.safetensors", &bytes, zeros);
        };
        scratch.write("adapter_model.safetensors", &bytes, zeros);
        scratch.write("adapter_config.json", settings.text("").as_bytes(), 0);
        scratch.folder().to_owned()
    }

    /// The published bases, to fit it on.
    pub fn bases() -> &'static [BaseLayers] {
        &BASES
    }
}

impl Stem {
    /// The name, and the shape of the weight that it is for.
    fn text(&self) -> (String, Option<Vec<usize>>) {
        let (family, index) = match self {
            Self::Any(name) => return (name.text(), None),
            Self::Kohya(family, index) | Self::Peft(family, index) => (family, index),
            Self::Front(_, family, index) => (family, index),
        };
        let base = &BASES[usize::from(*family) % BASES.len()];
        let names = base.names();
        let layers = names.layers();
        let layer = &layers[usize::from(*index) % layers.len()];
        let text = match self {
            Self::Kohya(..) => names.kohya(layer),
            Self::Front(word, ..) => format!("{}.{}", word.text(), names.peft(layer)),
            Self::Peft(..) | Self::Any(_) => names.peft(layer),
        };
        (text, base.shape(layer).map(<[usize]>::to_vec))
    }
}

impl Layer {
    fn add_to(&self, all: &mut Tensors, budget: &mut u64) {
        let (stem, shape) = self.stem.text();
        let shape = shape.unwrap_or_else(|| vec![4, 6]);
        let axis = |at: usize| shape.get(at).map(|&length| length as u64);
        let place = Place {
            rows: axis(0).unwrap_or(1),
            columns: axis(1).unwrap_or(1),
            kernel: axis(2).zip(axis(3)).map(|(height, width)| [height, width]),
            rank: u64::from(self.rank % 9),
        };
        let mut tensors = self.kind.tensors(&place);
        if let (Some(index), false) = (self.lacking, tensors.is_empty()) {
            tensors.remove(usize::from(index) % tensors.len());
        }
        for (end, shape) in tensors {
            let tensor = filled(self.format, shape, self.fill, budget);
            all.tensors.insert(format!("{stem}{end}"), tensor);
        }
        for extra in self.extra.iter().take(8) {
            let end = ENDS[usize::from(extra.end) % ENDS.len()];
            let tensor = extra.values.tensor(&place, budget);
            all.tensors.insert(format!("{stem}{end}"), tensor);
        }
    }
}

impl Values {
    fn tensor(&self, place: &Place, budget: &mut u64) -> Tensor {
        let length = |length: &Length| match length {
            Length::Out => place.rows,
            Length::In => place.columns,
            Length::Kernel => place.kernel.map_or(1, |kernel| kernel[0]),
            Length::Rank => place.rank,
            Length::One => 1,
            Length::Free(axis) => axis.length(),
        };
        let shape = self.shape.iter().take(9).map(length).collect();
        filled(self.format, shape, self.fill, budget)
    }
}

/// A tensor with numbers, or a single zero where the file has too many already.
fn filled(format: Format, shape: Vec<u64>, fill: Fill, budget: &mut u64) -> Tensor {
    let mut tensor = Tensor::zeros(format, shape);
    match tensor
        .numbers()
        .and_then(|numbers| budget.checked_sub(numbers))
    {
        Some(left) => *budget = left,
        None => tensor.shape = vec![1],
    }
    let count = tensor.numbers().unwrap_or_default();
    let word = |index: u64| match fill {
        Fill::Zero => 0.0,
        Fill::Constant(value) => value,
        Fill::Pattern(seed) => ((index * 37 + u64::from(seed)) % 64) as f32 / 32.0 - 1.0,
        Fill::Bits(bits) => f32::from_bits(bits.rotate_left(index as u32 % 64) as u32),
    };
    if matches!(fill, Fill::Zero) {
        return tensor;
    }
    tensor.bytes = (0..count)
        .flat_map(|index| format.bytes(word(index)))
        .collect();
    tensor
}

impl Key {
    fn text(&self) -> String {
        let known = [
            "lora_adapter_metadata",
            "ss_network_dim",
            "ss_base_model_version",
            "modelspec.architecture",
            "format",
        ];
        match self {
            Self::Known(index) => known[usize::from(*index) % known.len()].to_owned(),
            Self::Any(text) => text.clone(),
        }
    }
}
