//! What an adapter file holds, as plain data for a table or a JSON document.

use std::collections::BTreeMap;

use atelier_core::{AdapterFamily, AdapterFormat, Delta, Factor, WeightChange};
use serde::Serialize;

use super::delta::delta;
use super::merge::product_norm;
use crate::adapter::names::{LayerNames, Part};
use crate::adapter::{AdapterFile, AdapterLayer, BaseLayers, MadeFor};

/// Numbers in a weight above which its change is not formed just to be measured.
const MAX_MEASURED: usize = 1 << 26;

/// A report on an adapter file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The architecture that the file is for, in words, as far as it tells.
    pub made_for: Option<String>,
    /// Whose naming the file follows.
    pub format: AdapterFormat,
    /// The number format that most tensors have, such as `f16`.
    pub dtype: String,
    /// Number of layers of each kind.
    pub kinds: BTreeMap<&'static str, usize>,
    /// Number of layers of each rank.
    pub ranks: BTreeMap<usize, usize>,
    /// Number of layers of each alpha.
    pub alphas: BTreeMap<String, usize>,
    /// Number of layers of each part, `unknown` for names of no known layer.
    pub parts: BTreeMap<&'static str, usize>,
    /// Numbers in all layers.
    pub parameters: usize,
    /// Every layer.
    pub layers: Vec<InspectedLayer>,
    /// Tensors that belong to no layer.
    pub unknown: Vec<String>,
    /// The free text values of the file.
    pub metadata: BTreeMap<String, String>,
}

/// A report on one layer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InspectedLayer {
    /// The name in the file.
    pub name: String,
    /// The layer that it is for, such as `unet.conv_in`.
    pub layer: Option<String>,
    /// The kind.
    pub kind: &'static str,
    /// Inner width of the factors.
    pub rank: usize,
    /// The scale, times `rank`.
    pub alpha: f32,
    /// Rows and columns of the weight.
    pub weight: (usize, usize),
    /// Length of what is added to the weight at strength 1, as one vector; absent where forming it takes too much.
    pub norm: Option<f64>,
}

/// Looks at everything in an adapter file. Names are looked up in `base`; without one, in the published models that the
/// file is for, as far as it tells.
pub fn inspect(file: &AdapterFile, base: Option<&BaseLayers>) -> Inspection {
    let made_for = file.made_for();
    let published = || {
        LayerNames::published(match made_for {
            Some(MadeFor::Family(family)) => family,
            _ => AdapterFamily::Sd1,
        })
    };
    let names = base.map_or_else(published, |base| base.names().clone());
    let mut report = Inspection {
        made_for: made_for.map(|made_for| made_for.to_string()),
        format: file.format,
        dtype: file.dtype.name().to_lowercase(),
        kinds: BTreeMap::new(),
        ranks: BTreeMap::new(),
        alphas: BTreeMap::new(),
        parts: BTreeMap::new(),
        parameters: 0,
        layers: Vec::new(),
        unknown: file.unknown.clone(),
        metadata: file.metadata.clone(),
    };
    for layer in &file.layers {
        let place = names.find(&layer.name);
        let part = place.map_or("unknown", |place| Part::name(place.part));
        *report.kinds.entry(layer.kind()).or_default() += 1;
        *report.ranks.entry(layer.rank()).or_default() += 1;
        *report.alphas.entry(layer.alpha.to_string()).or_default() += 1;
        *report.parts.entry(part).or_default() += 1;
        report.parameters += layer.parameters();
        report.layers.push(InspectedLayer {
            name: layer.name.clone(),
            layer: place.map(ToString::to_string),
            kind: layer.kind(),
            rank: layer.rank(),
            alpha: layer.alpha,
            weight: layer.weight_size(),
            norm: norm(layer),
        });
    }
    report
}

/// The length of what a layer adds to its weight.
fn norm(layer: &AdapterLayer) -> Option<f64> {
    let (rows, columns) = layer.weight_size();
    let change: WeightChange = layer.clone().into_change();
    if let Delta::Plain(Factor::Product { left, right }) = &change.delta {
        return Some(product_norm(left, right) * f64::from(change.scale.abs()));
    }
    if rows
        .checked_mul(columns)
        .is_none_or(|count| count > MAX_MEASURED)
    {
        return None;
    }
    let values = delta(&change).values;
    Some(
        values
            .iter()
            .map(|value| f64::from(*value).powi(2))
            .sum::<f64>()
            .sqrt(),
    )
}
