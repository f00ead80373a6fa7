//! What other programs make of an adapter file: which of its names each of them accepts, and why not the others.
//!
//! Rules are facts about the programs' sources, one file per program. The sets of accepted names are made from the layers
//! of the model by the programs' own naming rules.

mod a1111;
mod comfyui;
mod diffusers;
mod invokeai;
mod stable_diffusion_cpp;

use std::collections::{BTreeMap, HashMap};

use atelier_weights::{Result, TensorFile};
use serde::Serialize;

use super::fit::BaseLayers;
use super::names::{LayerId, LayerNames, Part};
use super::read::suffix::{Slot, Spelling, split};
use super::{AdapterFile, AdapterFormat, AdapterLayer, kohya_name};

/// What one program does with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReaderVerdict {
    /// The program.
    pub reader: &'static str,
    /// Tensors that it uses.
    pub accepted: usize,
    /// Tensors that it does not use, each with the reason.
    pub refused: Vec<Refusal>,
    /// Why it refuses the whole file, if it does.
    pub whole: Option<String>,
}

/// A tensor that a program does not use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The tensor's name.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl ReaderVerdict {
    /// Whether the program uses every tensor of the file.
    pub fn passes(&self) -> bool {
        self.whole.is_none() && self.refused.is_empty()
    }

    /// The first tensor that the program does not use, or nothing where it refuses the whole file, and the reason.
    pub fn first_refusal(&self) -> (&str, &str) {
        let first = self.refused.first();
        let first = first.map(|refusal| (refusal.name.as_str(), refusal.reason.as_str()));
        let whole = self.whole.as_deref().map(|reason| ("", reason));
        whole.or(first).unwrap_or_default()
    }
}

/// A key of a file, taken apart.
struct Key<'f> {
    name: &'f str,
    /// The layer's name, the tensor, whose spelling; nothing for tensors of no layer.
    parts: Option<(&'f str, Slot, Spelling)>,
}

/// How one program reads adapter files.
struct Rules {
    reader: &'static str,
    /// The names under which it knows a layer.
    names: fn(&LayerNames, &LayerId) -> Vec<String>,
    /// Why it does not use a kind of tensor, if it does not.
    tensor: fn(Slot, Spelling) -> Option<&'static str>,
    /// Ends of the names of tensors of its layers that it uses, although they belong to no layer here.
    others: &'static [&'static str],
    /// What it says of a name that is none of its own, given the whole file.
    stranger: fn(&Key<'_>, &[Key<'_>]) -> Option<String>,
    /// Why it refuses a name that is its own, given the whole file.
    context: fn(&Key<'_>, &[Key<'_>]) -> Option<String>,
    /// Why it refuses the whole file.
    whole: fn(&[Key<'_>]) -> Option<String>,
    /// Layers that only it does not read as they are meant, with the reason, by [`fault_name`].
    misread: fn(&AdapterFile, &BaseLayers) -> BTreeMap<String, String>,
}

const ALL: [Rules; 5] = [
    comfyui::RULES,
    a1111::RULES,
    diffusers::RULES,
    invokeai::RULES,
    stable_diffusion_cpp::RULES,
];

/// What every known program makes of a file for a model with these layers.
pub fn check(file: &TensorFile, base: &BaseLayers) -> Result<Vec<ReaderVerdict>> {
    let adapter = AdapterFile::from_tensors(file)?;
    let keys: Vec<_> = file
        .names()
        .map(|name| Key {
            name,
            parts: split(name),
        })
        .collect();
    let misfits = misfits(&adapter, base);
    let judge = |rules: &Rules| {
        let mut misfits = misfits.clone();
        misfits.extend((rules.misread)(&adapter, base));
        rules.judge(&keys, base, &misfits)
    };
    Ok(ALL.iter().map(judge).collect())
}

impl Rules {
    fn judge(
        &self,
        keys: &[Key<'_>],
        base: &BaseLayers,
        misfits: &BTreeMap<String, String>,
    ) -> ReaderVerdict {
        let names = base.names();
        let mut known: HashMap<String, &LayerId> = HashMap::new();
        for layer in names.layers() {
            let own = (self.names)(names, layer).into_iter();
            known.extend(own.map(|name| (name, layer)));
        }
        let mut verdict = ReaderVerdict {
            reader: self.reader,
            accepted: 0,
            refused: Vec::new(),
            whole: (self.whole)(keys),
        };
        for key in keys {
            let reason = match key.parts {
                Some((stem, slot, spelling)) if known.contains_key(stem) => {
                    (self.tensor)(slot, spelling)
                        .map(str::to_owned)
                        .or_else(|| misfits.get(&fault_name(stem, slot.is_of_bias())).cloned())
                        .or_else(|| (self.context)(key, keys))
                }
                None if self.others.iter().any(|end| {
                    let stem = key.name.strip_suffix(end);
                    stem.is_some_and(|stem| known.contains_key(stem))
                }) =>
                {
                    None
                }
                _ => (self.stranger)(key, keys),
            };
            match reason {
                None => verdict.accepted += 1,
                Some(reason) => verdict.refused.push(Refusal {
                    name: key.name.to_owned(),
                    reason,
                }),
            }
        }
        verdict
    }
}

/// What the faults of a layer stand under: its name, with an end of its own for the bias.
fn fault_name(stem: &str, is_of_bias: bool) -> String {
    let end = if is_of_bias { ".bias" } else { "" };
    format!("{stem}{end}")
}

/// The layers with a place in the model that have a fault.
fn faults(
    adapter: &AdapterFile,
    base: &BaseLayers,
    fault: impl Fn(&AdapterLayer, &[usize]) -> Option<String>,
) -> BTreeMap<String, String> {
    let layers = adapter.layers.iter();
    let faults = layers.filter_map(|layer| {
        let (_, shape) = base.place(layer)?;
        let name = fault_name(&layer.name, layer.is_of_bias());
        Some((name, fault(layer, shape)?))
    });
    faults.collect()
}

/// Layers whose shapes do not fit the model, with the reason.
fn misfits(adapter: &AdapterFile, base: &BaseLayers) -> BTreeMap<String, String> {
    faults(adapter, base, super::fit::misfit)
}

/// What is wrong with `DoRA` for programs that divide by the lengths of a weight's axes: lengths that lack axes of the weight
/// or have more, and then run along others, and those of rows, which these programs read in other ways.
fn odd_lengths(layer: &AdapterLayer, weight: &[usize], of_rows: &str) -> Option<String> {
    let is_kohya = layer.magnitude_rule == AdapterFormat::Kohya.magnitude_rule();
    let axes = layer.dora_scale.as_ref().filter(|_| is_kohya)?.shape.len();
    if axes != weight.len() {
        let count = weight.len();
        return Some(format!(
            "its DoRA lengths have {axes} axes, the weight has {count}"
        ));
    }
    let is_of_rows = layer.has_kohya_lengths_of_rows();
    is_of_rows.then(|| format!("its DoRA lengths are those of rows, and it divides by {of_rows}"))
}

/// Layers whose `DoRA` lengths a program misreads that takes all of them for those of columns.
fn odd_lengths_of_columns(adapter: &AdapterFile, base: &BaseLayers) -> BTreeMap<String, String> {
    let of_rows = "the lengths of columns, which draws another picture";
    faults(adapter, base, |layer, weight| {
        odd_lengths(layer, weight, of_rows)
    })
}

/// Whether a file has this tensor of the layer that a key belongs to.
fn has_beside(key: &Key<'_>, keys: &[Key<'_>], slot: Slot) -> bool {
    let Some((stem, ..)) = key.parts else {
        return false;
    };
    let is_it = |other: &Key<'_>| matches!(other.parts, Some((name, found, _)) if name == stem && found == slot);
    keys.iter().any(is_it)
}

/// What programs say that read differences of biases only beside those of the weights.
fn lone_bias(key: &Key<'_>, keys: &[Key<'_>]) -> Option<String> {
    let (beside, what) = match key.parts?.1 {
        Slot::DiffBias => (Slot::Diff, "`diff`"),
        Slot::NormBias => (Slot::NormWeight, "`w_norm`"),
        _ => return None,
    };
    let is_lone = !has_beside(key, keys, beside);
    is_lone.then(|| format!("it reads the difference of a bias only beside {what}"))
}

/// Every layer is read as it is meant.
fn none_misread(_adapter: &AdapterFile, _base: &BaseLayers) -> BTreeMap<String, String> {
    BTreeMap::new()
}

/// The usual word on a name that a program does not know.
#[expect(
    clippy::unnecessary_wraps,
    reason = "one shape for the rules of all programs"
)]
fn not_in_its_map(key: &Key<'_>, _keys: &[Key<'_>]) -> Option<String> {
    Some(match key.parts {
        Some(_) => "the name is none that it knows".to_owned(),
        None => "the tensor belongs to no layer".to_owned(),
    })
}

/// No objection in general.
fn nothing(_keys: &[Key<'_>]) -> Option<String> {
    None
}

/// No objection to a known name.
fn no_objection(_key: &Key<'_>, _keys: &[Key<'_>]) -> Option<String> {
    None
}

/// `lora_unet_…` in diffusers block names.
fn kohya_diffusers(layer: &LayerId) -> String {
    kohya_name("lora_unet", &layer.path)
}

/// `lora_unet_…` in the original block names.
fn kohya_sgm(names: &LayerNames, layer: &LayerId) -> Option<String> {
    names.sgm(layer).map(|path| kohya_name("lora_unet", &path))
}

/// kohya's name of a text encoder's layer under a prefix.
fn kohya_text(prefix: &str, layer: &LayerId) -> String {
    match layer.path.as_str() {
        "text_projection" => kohya_name(prefix, "text_projection"),
        path => kohya_name(prefix, &format!("text_model.{path}")),
    }
}

/// The layer's name as older attention processors have it, and `None` for layers outside of attention.
fn processor(layer: &LayerId) -> Option<String> {
    let path = layer.path.replace(".to_", ".processor.to_");
    let inside = layer.part == Part::Unet && path != layer.path;
    inside.then(|| path.trim_end_matches(".0").to_owned())
}

/// Whether a layer is a norm.
fn is_norm(layer: &LayerId) -> bool {
    layer.path.contains("norm")
}

/// Whether a name has block names of the original layout.
fn is_sgm(name: &str) -> bool {
    ["input_blocks", "middle_block", "output_blocks"]
        .iter()
        .any(|block| name.contains(block))
}

/// Whether a name has block names of diffusers.
fn is_diffusers(name: &str) -> bool {
    ["down_blocks", "mid_block", "up_blocks"]
        .iter()
        .any(|block| name.contains(block))
}
