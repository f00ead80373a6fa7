//! From the name that an adapter file gives a layer to the layer of the model, in every accepted spelling, and back.

pub(super) mod blueprint;
mod sgm;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use atelier_core::AdapterFamily;

use sgm::BlockMap;

/// A part of a base model that adapters change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The denoiser.
    Unet,
    /// The only text encoder, or the first.
    TextEncoder,
    /// The second text encoder of SDXL.
    TextEncoder2,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Unet, Self::TextEncoder, Self::TextEncoder2];

    /// The part's folder in a diffusers pipeline.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unet => "unet",
            Self::TextEncoder => "text_encoder",
            Self::TextEncoder2 => "text_encoder_2",
        }
    }

    /// kohya's prefix for layers of the part.
    pub fn kohya_prefix(self, family: AdapterFamily) -> &'static str {
        match (self, family) {
            (Self::Unet, _) => "lora_unet",
            (Self::TextEncoder, AdapterFamily::Sdxl) => "lora_te1",
            (Self::TextEncoder, _) => "lora_te",
            (Self::TextEncoder2, _) => "lora_te2",
        }
    }
}

/// A layer of a base model, which stands for its weight, or the bias of one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerId {
    /// The part that it belongs to.
    pub part: Part,
    /// Its dotted path in diffusers' names; in text encoders without `text_model.`. That of a bias ends with `.bias`.
    pub path: String,
}

impl LayerId {
    /// The layer at a dotted path; `text_model.` in front is dropped, as newer libraries do.
    pub fn new(part: Part, path: impl Into<String>) -> Self {
        let mut path = path.into();
        if let (true, Some(rest)) = (part != Part::Unet, path.strip_prefix(TEXT_MODEL)) {
            path = rest.to_owned();
        }
        Self { part, path }
    }

    /// The layer whose weight a tensor is, or the bias that it is; none for tensors of other names.
    pub fn of_tensor(part: Part, name: &str) -> Option<Self> {
        let path = name.strip_suffix(WEIGHT);
        let path = path.or_else(|| name.ends_with(BIAS).then_some(name))?;
        Some(Self::new(part, path))
    }

    /// The name of its tensor in the part.
    pub fn tensor(&self) -> String {
        if self.is_bias() {
            self.path.clone()
        } else {
            format!("{}{WEIGHT}", self.path)
        }
    }

    /// The bias of the layer.
    #[must_use]
    pub fn bias(&self) -> Self {
        Self {
            part: self.part,
            path: format!("{}{BIAS}", self.path),
        }
    }

    /// Whether it is a bias.
    pub fn is_bias(&self) -> bool {
        self.path.ends_with(BIAS)
    }
}

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.part.name(), self.path)
    }
}

const TEXT_MODEL: &str = "text_model.";
/// What the names of a layer's tensors end with.
const WEIGHT: &str = ".weight";
const BIAS: &str = ".bias";
/// What PEFT puts in front of the names of a whole model.
pub(super) const PEFT_MODEL: &str = "base_model.model.";

/// Every accepted spelling of a model's layers.
#[derive(Debug, Clone)]
pub struct LayerNames {
    family: AdapterFamily,
    layers: Vec<LayerId>,
    table: HashMap<String, usize>,
    ambiguous: Vec<String>,
    blocks: BlockMap,
}

impl LayerNames {
    /// The table for a model with these layers, biases not among them.
    pub fn new(family: AdapterFamily, layers: impl IntoIterator<Item = LayerId>) -> Self {
        let layers: Vec<_> = layers.into_iter().collect();
        let unet = layers.iter().filter(|layer| layer.part == Part::Unet);
        let blocks = BlockMap::of(unet.map(|layer| layer.path.as_str()));
        let mut names = Self {
            family,
            layers,
            table: HashMap::new(),
            ambiguous: Vec::new(),
            blocks,
        };
        names.fill();
        names
    }

    /// The table for the published models of a family.
    pub fn published(family: AdapterFamily) -> Self {
        let layers = blueprint::layers(family).into_iter();
        let layers = layers.map(|(layer, _)| layer);
        Self::new(family, layers.filter(|layer| !layer.is_bias()))
    }

    fn fill(&mut self) {
        for (index, layer) in self.layers.iter().enumerate() {
            for spelling in spellings(&self.blocks, self.family, layer) {
                match self.table.entry(spelling) {
                    Entry::Vacant(entry) => {
                        entry.insert(index);
                    }
                    Entry::Occupied(entry) if *entry.get() == index => {}
                    Entry::Occupied(entry) => self.ambiguous.push(entry.key().clone()),
                }
            }
        }
        // What could mean two layers means none.
        for spelling in &self.ambiguous {
            self.table.remove(spelling);
        }
    }

    /// The family whose spellings are accepted.
    pub fn family(&self) -> AdapterFamily {
        self.family
    }

    /// All layers, in the order in which they were given.
    pub fn layers(&self) -> &[LayerId] {
        &self.layers
    }

    /// Spellings that would mean two layers and are therefore not accepted; none in any published model.
    pub fn ambiguous(&self) -> &[String] {
        &self.ambiguous
    }

    /// The layer that a file calls `stem`.
    pub fn find(&self, stem: &str) -> Option<&LayerId> {
        let index = match self.table.get(stem) {
            Some(index) => index,
            None => self.table.get(&normal(stem))?,
        };
        self.layers.get(*index)
    }

    /// kohya's name of a layer: diffusers block names, and the original ones for SDXL.
    pub fn kohya(&self, layer: &LayerId) -> String {
        let prefix = layer.part.kohya_prefix(self.family);
        let path = match (layer.part, self.family) {
            (Part::Unet, AdapterFamily::Sdxl) => self.blocks.path(&layer.path),
            (Part::Unet, _) => None,
            _ => with_text_model(&layer.path),
        };
        kohya_name(prefix, path.as_ref().unwrap_or(&layer.path))
    }

    /// The name of a layer in a PEFT file of diffusers.
    pub fn peft(&self, layer: &LayerId) -> String {
        let path = match layer.part {
            Part::Unet => None,
            _ => with_text_model(&layer.path),
        };
        format!(
            "{}.{}",
            layer.part.name(),
            path.as_ref().unwrap_or(&layer.path)
        )
    }

    /// The layer's path in the original layout, for layers of the denoiser.
    pub(crate) fn sgm(&self, layer: &LayerId) -> Option<String> {
        match layer.part {
            Part::Unet => self.blocks.path(&layer.path),
            _ => None,
        }
    }

    /// Whether a text encoder of the family is one of `OpenCLIP`.
    pub(crate) fn is_openclip(&self, part: Part) -> bool {
        matches!(
            (part, self.family),
            (Part::TextEncoder2, _) | (Part::TextEncoder, AdapterFamily::Sd2)
        )
    }

    /// `ComfyUI`'s own name of a layer of a text encoder.
    pub(crate) fn comfyui_text(&self, layer: &LayerId) -> Option<String> {
        comfyui_text(self.family, layer)
    }
}

/// kohya's name of a layer: `prefix` is `lora_unet` or `lora_te`, `module_path` the dotted path in the model.
pub fn kohya_name(prefix: &str, module_path: &str) -> String {
    format!("{prefix}_{}", module_path.replace('.', "_"))
}

/// Text encoders keep everything but the projection inside `text_model`.
fn with_text_model(path: &str) -> Option<String> {
    (path != "text_projection").then(|| format!("{TEXT_MODEL}{path}"))
}

/// `ComfyUI`'s own name of a layer of a text encoder.
fn comfyui_text(family: AdapterFamily, layer: &LayerId) -> Option<String> {
    let encoder = match (layer.part, family) {
        (Part::Unet, _) => return None,
        (Part::TextEncoder, AdapterFamily::Sd2) => "clip_h",
        (Part::TextEncoder, _) => "clip_l",
        (Part::TextEncoder2, _) => "clip_g",
    };
    let path = with_text_model(&layer.path);
    let path = path.as_ref().unwrap_or(&layer.path);
    Some(format!("text_encoders.{encoder}.transformer.{path}"))
}

/// Every spelling of a layer that is looked up as it stands.
fn spellings(blocks: &BlockMap, family: AdapterFamily, layer: &LayerId) -> Vec<String> {
    let path = &layer.path;
    match layer.part {
        Part::Unet => {
            let mut names = vec![
                kohya_name("lora_unet", path),
                kohya_name("lycoris", path),
                format!("unet.{path}"),
                path.clone(),
            ];
            let sgm = blocks.path(path);
            let other = sgm
                .as_deref()
                .filter(|_| path.contains("upsamplers"))
                .and_then(BlockMap::other_upsampler);
            for sgm in sgm.into_iter().chain(other) {
                names.extend([
                    kohya_name("lora_unet", &sgm),
                    kohya_name("lycoris", &sgm),
                    format!("diffusion_model.{sgm}"),
                    format!("model.diffusion_model.{sgm}"),
                ]);
            }
            names
        }
        part => {
            let prefixes: &[&str] = match part {
                Part::TextEncoder => &["lora_te", "lora_te1"],
                _ => &["lora_te2"],
            };
            let mut names: Vec<_> = comfyui_text(family, layer).into_iter().collect();
            for path in [Some(path.clone()), with_text_model(path)]
                .into_iter()
                .flatten()
            {
                names.extend(prefixes.iter().map(|prefix| kohya_name(prefix, &path)));
                names.push(format!("{}.{path}", part.name()));
                // A bare name says which encoder it means only where there is one.
                if family != AdapterFamily::Sdxl && part == Part::TextEncoder {
                    names.push(path);
                }
            }
            names
        }
    }
}

/// A name without PEFT's prefixes, and with the layer in place of the attention processor of older diffusers.
fn normal(stem: &str) -> String {
    let mut name = stem;
    let mut part = "";
    for candidate in ["unet.", "text_encoder.", "text_encoder_2."] {
        let prefixed = name.strip_prefix(PEFT_MODEL).unwrap_or(name);
        if let Some(rest) = prefixed.strip_prefix(candidate) {
            (part, name) = (candidate, rest);
            break;
        }
    }
    let name = name.strip_prefix(PEFT_MODEL).unwrap_or(name);
    let name = name.replace(".processor.", ".");
    let text = part.starts_with("text") || name.contains("self_attn.");
    let name = match name.rsplit_once('.') {
        Some((front, "to_out")) if text => format!("{front}.out_proj"),
        Some((front, "to_out")) => format!("{front}.to_out.0"),
        Some((front, "to_q")) if text => format!("{front}.q_proj"),
        Some((front, "to_k")) if text => format!("{front}.k_proj"),
        Some((front, "to_v")) if text => format!("{front}.v_proj"),
        _ => name,
    };
    format!("{part}{name}")
}
