//! What an adapter file holds, as plain data for a table or a JSON document.

use std::collections::BTreeMap;

use atelier_core::{AdapterFamily, AdapterFormat, Delta, Factor, Matrix, WeightChange};
use serde::Serialize;

use super::delta::{delta, work};
use super::linalg::{Columns, dot};
use crate::array::transposed;
use crate::names::{LayerNames, Part};
use crate::{AdapterFile, AdapterLayer, BaseLayers, MadeFor};

/// Numbers in a weight above which its change is not formed just to be measured.
const MAX_MEASURED: usize = 1 << 26;
/// Products that are formed to measure the layers of a file, about: some tens of seconds.
const MAX_PRODUCTS: f64 = 68_719_476_736.0;

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
    /// The layer that it is for, such as `unet.conv_in`, or the bias, such as `unet.conv_in.bias`.
    pub layer: Option<String>,
    /// The kind.
    pub kind: &'static str,
    /// Inner width of the factors.
    pub rank: usize,
    /// The scale, times `rank`.
    pub alpha: f32,
    /// Rows and columns of the weight.
    pub weight: (usize, usize),
    /// Length of what is added to the weight at strength 1, as one vector; absent where it was not wanted or takes too much.
    pub norm: Option<f64>,
}

/// Looks at everything in an adapter file and measures its layers, which takes long for high ranks. Names are looked up in
/// `base`; without one, in the published models that the file is for, as far as it tells.
pub fn inspect(file: &AdapterFile, base: Option<&BaseLayers>) -> Inspection {
    let mut report = survey(file, base);
    let mut left = MAX_PRODUCTS;
    for (reported, layer) in report.layers.iter_mut().zip(&file.layers) {
        reported.norm = norm(layer, &mut left);
    }
    report
}

/// [`inspect`] without measuring the layers.
pub fn survey(file: &AdapterFile, base: Option<&BaseLayers>) -> Inspection {
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
        // differences of norms and biases have neither
        if layer.vector().is_none() {
            *report.ranks.entry(layer.rank()).or_default() += 1;
            *report.alphas.entry(layer.alpha.to_string()).or_default() += 1;
        }
        *report.parts.entry(part).or_default() += 1;
        report.parameters += layer.parameters();
        report.layers.push(InspectedLayer {
            name: layer.name.clone(),
            layer: place.map(|place| {
                if layer.is_of_bias() {
                    place.bias().to_string()
                } else {
                    place.to_string()
                }
            }),
            kind: layer.kind(),
            rank: layer.rank(),
            alpha: layer.alpha,
            weight: layer.weight_size(),
            norm: None,
        });
    }
    report
}

/// The length of what a layer adds to its weight, where `left` products are enough to form it.
fn norm(layer: &AdapterLayer, left: &mut f64) -> Option<f64> {
    let (rows, columns) = layer.weight_size();
    let change: WeightChange = layer.clone().into_change();
    let count = rows.checked_mul(columns);
    let formed = count
        .filter(|count| *count <= MAX_MEASURED)
        .map(|_| work(&change));
    let thin = match &change.delta {
        Delta::Plain(Factor::Product { left, right }) => Some((left, right)),
        _ => None,
    };
    let products = |(up, down): (&Matrix, &Matrix)| {
        let rank = down.rows as f64;
        rank * rank * (up.rows as f64 + down.columns as f64) / 2.0
    };
    let by_factors = thin.map(products);
    let least = [formed, by_factors].into_iter().flatten();
    let least = least.min_by(f64::total_cmp)?;
    if least > *left {
        return None;
    }
    *left -= least;
    match thin.filter(|_| by_factors <= Some(least)) {
        Some((up, down)) => Some(product_norm(up, down) * f64::from(change.scale.abs())),
        None => Some(length(&delta(&change).values)),
    }
}

fn length(values: &[f32]) -> f64 {
    let squares = values.iter().map(|value| f64::from(*value).powi(2));
    squares.sum::<f64>().sqrt()
}

/// Length of `left @ right` as one vector, without forming it.
fn product_norm(left: &Matrix, right: &Matrix) -> f64 {
    let columns = transposed(left);
    let rows = |matrix: &Matrix| -> Columns {
        let rows = matrix.values.chunks(matrix.columns.max(1));
        rows.map(|row| row.iter().map(|value| f64::from(*value)).collect())
            .collect()
    };
    let (left, right) = (rows(&columns), rows(right));
    let pairs: Vec<_> = left.iter().zip(&right).collect();
    let mut sum = 0.0;
    for (index, (column, row)) in pairs.iter().enumerate() {
        for (other_column, other_row) in &pairs[..index] {
            sum += 2.0 * dot(column, other_column) * dot(row, other_row);
        }
        sum += dot(column, column) * dot(row, row);
    }
    sum.max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Array;

    fn layer([down, up]: [[usize; 2]; 2]) -> AdapterLayer {
        let array = |shape: [usize; 2]| Array::new(shape, vec![0.5; shape[0] * shape[1]]);
        AdapterLayer::low_rank("a", down[0] as f32, array(down), array(up))
    }

    #[test]
    fn a_layer_is_measured_in_the_way_that_takes_least() {
        let mut left = MAX_PRODUCTS;
        for (shapes, products) in [([[2, 8], [8, 2]], 32.0), ([[50, 2], [2, 50]], 204.0)] {
            let [[rank, columns], [rows, _]] = shapes;
            let before = left;
            let expected = 0.25 * rank as f64 * ((rows * columns) as f64).sqrt();
            let measured = norm(&layer(shapes), &mut left).unwrap();
            assert!((measured - expected).abs() < 1e-9 * expected, "{measured}");
            assert!((before - left - products).abs() < 0.5, "{}", before - left);
        }
    }

    #[test]
    fn what_takes_more_than_is_left_is_not_measured() {
        let mut left = MAX_PRODUCTS;
        let narrow = norm(&layer([[1_000_000, 1], [1, 1_000_000]]), &mut left);
        assert!((narrow.unwrap() - 250_000.0).abs() < 1.0, "{narrow:?}");
        left = 1e9;
        assert_eq!(
            norm(&layer([[20_000, 256], [256, 20_000]]), &mut left),
            None
        );
    }
}
