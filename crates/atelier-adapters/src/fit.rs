//! An adapter file on the layers of a base: which layer of the file goes where, and whether it fits.

use std::collections::BTreeMap;
use std::collections::HashMap;

use atelier_core::{AdapterFamily, WeightChange};
use atelier_weights::first_names;

use super::AdapterFile;
use super::layer::{AdapterLayer, Content};
use super::made_for::{MadeFor, made_for};
use super::names::{LayerId, LayerNames, blueprint};

/// The layers of a base model that adapters may sit on.
#[derive(Debug, Clone)]
pub struct BaseLayers {
    names: LayerNames,
    shapes: HashMap<LayerId, Vec<usize>>,
}

impl BaseLayers {
    /// The layers of a model with the shapes of their weights, `[out, in]`, `[out, in, height, width]` or of norms
    /// `[channels]`, and the biases that there are.
    pub fn new(
        family: AdapterFamily,
        layers: impl IntoIterator<Item = (LayerId, Vec<usize>)>,
    ) -> Self {
        let shapes: HashMap<_, _> = layers.into_iter().collect();
        let layers = shapes.keys().filter(|layer| !layer.is_bias());
        let mut layers: Vec<_> = layers.cloned().collect();
        layers.sort();
        Self {
            names: LayerNames::new(family, layers),
            shapes,
        }
    }

    /// The layers of the published models of a family.
    pub fn published(family: AdapterFamily) -> Self {
        Self::new(family, blueprint::layers(family))
    }

    /// The names of the layers.
    pub fn names(&self) -> &LayerNames {
        &self.names
    }

    /// The shape of a layer's weight, or of a bias.
    pub fn shape(&self, layer: &LayerId) -> Option<&[usize]> {
        self.shapes.get(layer).map(Vec::as_slice)
    }

    /// The weight or bias that a layer of a file is for, with its shape. Norms and biases take differences alone.
    pub(crate) fn place(&self, layer: &AdapterLayer) -> Option<(&LayerId, &[usize])> {
        let named = self.names.find(&layer.name)?;
        let (place, shape) = if layer.is_of_bias() {
            self.shapes.get_key_value(&named.bias())?
        } else {
            self.shapes.get_key_value(named)?
        };
        let takes = shape.len() > 1 || layer.vector().is_some();
        takes.then_some((place, shape))
    }
}

/// An adapter whose every used layer fits its base.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FittedAdapter {
    /// What happens to each layer's weight, and to biases.
    pub changes: BTreeMap<LayerId, WeightChange>,
    /// What of the file is not used, for the user to read.
    pub notes: Vec<String>,
}

/// An adapter does not fit a base.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{count} of {total} layers do not match, first {first}{}", origin(*.made_for))]
pub struct Misfit {
    /// Layers that do not fit.
    pub count: usize,
    /// Layers in the file.
    pub total: usize,
    /// The first of them with the reason.
    pub first: String,
    /// What the file seems to be for, where that is not the base.
    pub made_for: Option<MadeFor>,
}

fn origin(made_for: Option<MadeFor>) -> String {
    made_for.map_or_else(String::new, |family| {
        format!("; the file is made for {family}")
    })
}

impl AdapterFile {
    /// The architecture that the file is for, as far as names and widths tell.
    pub fn made_for(&self) -> Option<MadeFor> {
        made_for(&self.layers)
    }

    /// Puts every layer on the base. Layers without a place and tensors that belong to no layer become notes; a layer
    /// that does not fit its place, two layers for one place, and a file of which nothing fits are refused.
    pub fn fit(self, base: &BaseLayers) -> Result<FittedAdapter, Misfit> {
        let family = MadeFor::Family(base.names.family());
        let made_for = self.made_for().filter(|made_for| *made_for != family);
        let total = self.layers.len();
        let mut fitted = FittedAdapter {
            changes: BTreeMap::new(),
            notes: self.notes(),
        };
        let (mut homeless, mut misfits) = (Vec::new(), Vec::new());
        for layer in self.layers {
            let Some((place, shape)) = base.place(&layer) else {
                homeless.push(layer.name);
                continue;
            };
            if let Some(reason) = misfit(&layer, shape) {
                misfits.push(format!("`{}` ({reason})", layer.name));
                continue;
            }
            let name = layer.name.clone();
            if fitted
                .changes
                .insert(place.clone(), layer.into_change())
                .is_some()
            {
                misfits.push(format!(
                    "`{name}` (another layer of the file is for `{place}` too)"
                ));
            }
        }
        // Another architecture shares names and widths by chance; what is missing gives it away.
        if fitted.changes.is_empty() || made_for.is_some() && !homeless.is_empty() {
            misfits.extend(
                homeless
                    .iter()
                    .map(|name| format!("`{name}` (no such layer)")),
            );
        }
        if let Some(first) = misfits.first() {
            return Err(Misfit {
                count: misfits.len(),
                total,
                first: first.clone(),
                made_for,
            });
        }
        if !homeless.is_empty() {
            let (count, shown) = (homeless.len(), homeless.iter().map(String::as_str));
            let shown = first_names(shown);
            fitted.notes.push(format!(
                "{count} of {total} layers have no place in this base: {shown}"
            ));
        }
        Ok(fitted)
    }
}

/// Why a layer does not fit a weight or bias of this shape, if it does not.
pub(super) fn misfit(layer: &AdapterLayer, shape: &[usize]) -> Option<String> {
    let rows = shape.first().copied().unwrap_or_default();
    let columns = shape.iter().skip(1).product();
    let (got_rows, got_columns) = layer.weight_size();
    let kernel = kernel(layer).unwrap_or(&[]);
    let same_kernel = kernel.is_empty()
        || (0..2).all(|axis| kernel.get(axis).unwrap_or(&1) == shape.get(axis + 2).unwrap_or(&1));
    if (got_rows, got_columns) == (rows, columns) && same_kernel {
        return None;
    }
    let shapes = match layer.factors() {
        Some((down, up)) => format!("shapes {:?} and {:?}", down.shape, up.shape),
        None => format!(
            "{} for {got_rows} rows and {got_columns} columns",
            layer.kind()
        ),
    };
    let what = if layer.is_of_bias() { "bias" } else { "weight" };
    Some(format!("{shapes}, the base's {what} is {shape:?}"))
}

/// Height and width of the kernel that a low-rank layer is for; nothing where it does not say.
fn kernel(layer: &AdapterLayer) -> Option<&[usize]> {
    match &layer.content {
        Content::LowRank { mid: Some(mid), .. } => mid.shape.get(2..),
        Content::LowRank { down, .. } => down.shape.get(2..),
        Content::Full(whole) | Content::Bias(whole) => whole.shape.get(2..),
        Content::LoHa(..) | Content::LoKr(..) => None,
    }
}
