//! Several low-rank adapters into one, at strengths: exactly, by setting factors side by side, or with as few ranks as
//! wished, by singular values.

use std::collections::BTreeMap;

use atelier_core::Matrix;

use super::linalg::{Columns, combine, dot, orthogonal, svd};
use crate::adapter::array::{Array, transposed};
use crate::adapter::layer::{AdapterLayer, Content};
use crate::adapter::names::{LayerId, LayerNames};

/// One adapter of a merge.
#[derive(Debug, Clone, Copy)]
pub struct Ingredient<'a> {
    /// Its layers.
    pub layers: &'a [AdapterLayer],
    /// The factor on its denoiser layers.
    pub strength: f32,
    /// The factor on its text encoder layers.
    pub text_strength: f32,
}

/// What a merge gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The layers in kohya's names, with alpha equal to rank.
    pub layers: Vec<AdapterLayer>,
    /// Length of what was cut off over the length of the whole, over all layers; 0 for an exact merge.
    pub relative_error: f64,
    /// The same per layer, largest first; empty for an exact merge.
    pub layer_errors: Vec<(String, f64)>,
}

/// Adapters cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A layer is of a kind whose sum is no product of thin factors.
    #[error(
        "layer `{name}` is a {kind}, only LoRA layers can be merged; bake it into a base instead"
    )]
    Kind {
        /// The layer.
        name: String,
        /// Its kind.
        kind: &'static str,
    },
    /// A layer's name is none of the model's.
    #[error(
        "layer `{name}` has no place in the model, so it cannot be told which layers belong together"
    )]
    Unknown {
        /// The layer.
        name: String,
    },
    /// Two adapters have the same layer for weights of different sizes.
    #[error("layer `{name}` is for a weight of {one:?} in one adapter and of {other:?} in another")]
    Size {
        /// The layer.
        name: String,
        /// Rows and columns.
        one: (usize, usize),
        /// Rows and columns.
        other: (usize, usize),
    },
    /// No rank at all was asked for.
    #[error("an adapter needs at least rank 1")]
    Rank,
    /// Nothing was given to merge.
    #[error("there is nothing to merge")]
    Empty,
}

/// Merges adapters for one model. Without `rank` the result is exact and has the sum of their ranks.
pub fn merge(
    ingredients: &[Ingredient<'_>],
    names: &LayerNames,
    rank: Option<usize>,
) -> Result<Merged, MergeError> {
    if rank == Some(0) {
        return Err(MergeError::Rank);
    }
    let mut sums: BTreeMap<LayerId, Sum> = BTreeMap::new();
    for ingredient in ingredients {
        for layer in ingredient.layers {
            add(&mut sums, layer, ingredient, names)?;
        }
    }
    let mut merged = Merged {
        layers: Vec::new(),
        relative_error: 0.0,
        layer_errors: Vec::new(),
    };
    let (mut lost, mut whole) = (0.0, 0.0);
    for (id, mut sum) in sums {
        // Only adapters at strength 0 have the layer.
        if sum.up.is_empty() {
            continue;
        }
        let name = names.kohya(&id);
        if let Some(rank) = rank {
            let (cut, all) = sum.cut(rank);
            lost += cut;
            whole += all;
            merged.layer_errors.push((name.clone(), ratio(cut, all)));
        }
        merged.layers.push(sum.into_layer(name));
    }
    if merged.layers.is_empty() {
        return Err(MergeError::Empty);
    }
    merged.relative_error = ratio(lost, whole);
    merged.layer_errors.sort_by(|a, b| b.1.total_cmp(&a.1));
    merged.layers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(merged)
}

/// Of two sums of squares.
fn ratio(lost: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        (lost / whole).sqrt()
    } else {
        0.0
    }
}

/// Factors side by side: `up` by columns, `down` by rows, one of each per rank.
struct Sum {
    up: Vec<Vec<f32>>,
    down: Vec<Vec<f32>>,
    /// Axes of the factors behind rank and width, as in the first adapter.
    down_shape: Vec<usize>,
    up_shape: Vec<usize>,
}

fn add(
    sums: &mut BTreeMap<LayerId, Sum>,
    layer: &AdapterLayer,
    ingredient: &Ingredient<'_>,
    names: &LayerNames,
) -> Result<(), MergeError> {
    let name = || layer.name.clone();
    let plain = match &layer.content {
        Content::LowRank {
            down,
            up,
            mid: None,
        } if layer.dora_scale.is_none() => Some((down, up)),
        _ => None,
    };
    let Some((down, up)) = plain else {
        return Err(MergeError::Kind {
            name: name(),
            kind: layer.kind(),
        });
    };
    let Some(id) = names.find(&layer.name) else {
        return Err(MergeError::Unknown { name: name() });
    };
    let strength = match id.part {
        crate::adapter::Part::Unet => ingredient.strength,
        _ => ingredient.text_strength,
    };
    let sum = sums.entry(id.clone()).or_insert_with(|| Sum {
        up: Vec::new(),
        down: Vec::new(),
        down_shape: down.shape.clone(),
        up_shape: up.shape.clone(),
    });
    let (one, other) = (sum.size(), layer.weight_size());
    if one != other {
        return Err(MergeError::Size {
            name: name(),
            one,
            other,
        });
    }
    let factor = strength * layer.scale();
    if factor == 0.0 {
        return Ok(());
    }
    let columns = transposed(&up.clone().into_matrix());
    let scaled = columns.values.chunks(columns.columns);
    sum.up
        .extend(scaled.map(|column| column.iter().map(|value| value * factor).collect()));
    sum.down
        .extend(down.values.chunks(down.columns()).map(<[f32]>::to_vec));
    Ok(())
}

impl Sum {
    fn size(&self) -> (usize, usize) {
        (self.up_shape[0], self.down_shape[1..].iter().product())
    }

    /// Keeps the `rank` largest singular values; the squares of what was lost and of all come back.
    fn cut(&mut self, rank: usize) -> (f64, f64) {
        let (up, down) = (doubles(&self.up), doubles(&self.down));
        let ((q_up, r_up), (q_down, r_down)) = (orthogonal(&up), orthogonal(&down));
        // `up @ down = q_up · (r_up · r_downᵀ) · q_downᵀ`; the middle is as small as the sum of the ranks.
        let size = up.len();
        let middle: Columns = (0..size)
            .map(|column| {
                let shares: Vec<_> = r_down.iter().map(|r| r[column]).collect();
                combine(&r_up, &shares)
            })
            .collect();
        let svd = svd(&middle);
        let squares: Vec<f64> = svd.values.iter().map(|value| value * value).collect();
        let kept = rank.min(size);
        let side = |q: &Columns, vectors: &Columns| -> Vec<Vec<f32>> {
            let vectors = vectors.iter().zip(&svd.values).take(kept);
            vectors
                .map(|(vector, value)| {
                    let column = combine(q, vector);
                    column
                        .iter()
                        .map(|number| (number * value.sqrt()) as f32)
                        .collect()
                })
                .collect()
        };
        self.up = side(&q_up, &svd.left);
        self.down = side(&q_down, &svd.right);
        (squares[kept..].iter().sum(), squares.iter().sum())
    }

    fn into_layer(self, name: String) -> AdapterLayer {
        let rank = self.up.len();
        let (mut down_shape, mut up_shape) = (self.down_shape, self.up_shape);
        down_shape[0] = rank;
        up_shape[1] = rank;
        let columns = Matrix {
            rows: rank,
            columns: up_shape[0],
            values: self.up.concat(),
        };
        let up = Array::new(up_shape, transposed(&columns).values);
        let down = Array::new(down_shape, self.down.concat());
        AdapterLayer::low_rank(name, rank as f32, down, up)
    }
}

fn doubles(columns: &[Vec<f32>]) -> Columns {
    let double = |column: &Vec<f32>| column.iter().map(|value| f64::from(*value)).collect();
    columns.iter().map(double).collect()
}

/// Length of `left @ right` as one vector, without forming it.
pub(super) fn product_norm(left: &Matrix, right: &Matrix) -> f64 {
    let columns = transposed(left);
    let rows = |matrix: &Matrix| -> Columns {
        let rows = matrix.values.chunks(matrix.columns.max(1));
        rows.map(|row| row.iter().map(|value| f64::from(*value)).collect())
            .collect()
    };
    let (left, right) = (rows(&columns), rows(right));
    let mut sum = 0.0;
    for i in 0..left.len() {
        for j in 0..left.len() {
            sum += dot(&left[i], &left[j]) * dot(&right[i], &right[j]);
        }
    }
    sum.max(0.0).sqrt()
}
