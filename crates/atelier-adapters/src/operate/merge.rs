//! Several low-rank adapters into one, at strengths: exactly, by setting factors side by side, or with as few ranks as
//! wished, by singular values. Differences of norms and biases are added up.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use atelier_core::Matrix;

use super::fold::fold;
use super::linalg::{Columns, combine, orthogonal, svd};
use crate::array::{Array, transposed};
use crate::layer::{AdapterLayer, Content};
use crate::names::{LayerId, LayerNames, Part};

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
    /// The layers in kohya's names, with alpha equal to rank; differences of norms and biases with alpha 1.
    pub layers: Vec<AdapterLayer>,
    /// Length of what was cut off over the length of the whole, over all layers with ranks; 0 for an exact merge.
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
    /// Two layers of one adapter are for the same place.
    #[error("`{one}` and `{other}` of one adapter are for the same layer")]
    Twice {
        /// One name.
        one: String,
        /// The other name.
        other: String,
    },
    /// No rank at all was asked for.
    #[error("an adapter needs at least rank 1")]
    Rank,
    /// Nothing was given to merge.
    #[error("there is nothing to merge: every adapter is at strength 0, or there is none")]
    Empty,
    /// Whoever was asked whether to go on said no.
    #[error("the merge was stopped")]
    Stopped,
}

/// Merges adapters for one model. Without `rank` the result is exact and has the sum of their ranks.
pub fn merge(
    ingredients: &[Ingredient<'_>],
    names: &LayerNames,
    rank: Option<usize>,
) -> Result<Merged, MergeError> {
    merge_while(ingredients, names, rank, |_, _| true)
}

/// [`merge`] that can be stopped. `proceed` is called after each layer with the number of those that are done and of all;
/// once it says no, the merge ends with [`MergeError::Stopped`].
pub fn merge_while(
    ingredients: &[Ingredient<'_>],
    names: &LayerNames,
    rank: Option<usize>,
    mut proceed: impl FnMut(usize, usize) -> bool,
) -> Result<Merged, MergeError> {
    if rank == Some(0) {
        return Err(MergeError::Rank);
    }
    let mut sums: BTreeMap<LayerId, Sum> = BTreeMap::new();
    let mut vectors: BTreeMap<LayerId, AdapterLayer> = BTreeMap::new();
    for ingredient in ingredients {
        let mut places = BTreeMap::new();
        for layer in ingredient.layers {
            let factors = match layer.vector() {
                Some(_) => None,
                None => Some(plain_factors(layer)?),
            };
            let Some(named) = names.find(&layer.name) else {
                let name = layer.name.clone();
                return Err(MergeError::Unknown { name });
            };
            let place = if layer.is_of_bias() {
                named.bias()
            } else {
                named.clone()
            };
            if let Some(other) = places.insert(place.clone(), &layer.name) {
                return Err(MergeError::Twice {
                    one: other.clone(),
                    other: layer.name.clone(),
                });
            }
            let strength = match place.part {
                Part::Unet => ingredient.strength,
                _ => ingredient.text_strength,
            };
            let Some(factors) = factors else {
                add_vector(&mut vectors, (place, names.kohya(named)), (layer, strength))?;
                continue;
            };
            let sum = sums.entry(place);
            let sum = sum.or_insert_with(|| Sum::like(factors));
            sum.add(layer, factors, strength * layer.scale())?;
        }
    }
    let mut merged = Merged {
        layers: Vec::new(),
        relative_error: 0.0,
        layer_errors: Vec::new(),
    };
    let (mut lost, mut whole) = (0.0, 0.0);
    let total = sums.len();
    for (index, (id, mut sum)) in sums.into_iter().enumerate() {
        // Else only adapters at strength 0 have the layer.
        if !sum.up.is_empty() {
            let name = names.kohya(&id);
            if let Some(rank) = rank {
                let (cut, all) = sum.cut(rank);
                lost += cut;
                whole += all;
                merged.layer_errors.push((name.clone(), ratio(cut, all)));
            }
            merged.layers.push(sum.into_layer(name));
        }
        if !proceed(index + 1, total) {
            return Err(MergeError::Stopped);
        }
    }
    merged.layers.extend(vectors.into_values());
    if merged.layers.is_empty() {
        return Err(MergeError::Empty);
    }
    merged.relative_error = ratio(lost, whole);
    merged.layer_errors.sort_by(|a, b| b.1.total_cmp(&a.1));
    merged.layers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(merged)
}

/// Adds a difference of a norm or a bias at a strength to those that are there.
fn add_vector(
    sums: &mut BTreeMap<LayerId, AdapterLayer>,
    (place, name): (LayerId, String),
    (layer, strength): (&AdapterLayer, f32),
) -> Result<(), MergeError> {
    let Some(difference) = layer.vector().filter(|_| strength != 0.0) else {
        return Ok(());
    };
    let scaled = difference.values.iter().map(|value| strength * value);
    match sums.entry(place) {
        Entry::Vacant(entry) => {
            let scaled = Array::new(difference.shape.clone(), scaled.collect());
            let content = if layer.is_of_bias() {
                Content::Bias(scaled)
            } else {
                Content::Full(scaled)
            };
            entry.insert(AdapterLayer::difference(name, content));
        }
        Entry::Occupied(mut entry) => {
            let sum = entry.get_mut();
            let (one, other) = (sum.weight_size(), layer.weight_size());
            if one != other {
                let name = layer.name.clone();
                return Err(MergeError::Size { name, one, other });
            }
            if let Content::Bias(sum) | Content::Full(sum) = &mut sum.content {
                let pairs = sum.values.iter_mut().zip(scaled);
                pairs.for_each(|(sum, value)| *sum += value);
            }
        }
    }
    Ok(())
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

/// The down and up factors of a layer whose sum with others is one of its kind.
fn plain_factors(layer: &AdapterLayer) -> Result<(&Array, &Array), MergeError> {
    match &layer.content {
        Content::LowRank {
            down,
            up,
            mid: None,
        } if layer.dora_scale.is_none() => Ok((down, up)),
        _ => Err(MergeError::Kind {
            name: layer.name.clone(),
            kind: layer.kind(),
        }),
    }
}

impl Sum {
    /// An empty one for factors of these shapes.
    fn like((down, up): (&Array, &Array)) -> Self {
        Self {
            up: Vec::new(),
            down: Vec::new(),
            down_shape: down.shape.clone(),
            up_shape: up.shape.clone(),
        }
    }

    /// Sets the factors of a layer, their product times `scale`, beside those that are there.
    fn add(
        &mut self,
        layer: &AdapterLayer,
        (down, up): (&Array, &Array),
        scale: f32,
    ) -> Result<(), MergeError> {
        let (one, other) = (self.size(), layer.weight_size());
        if one != other {
            let name = layer.name.clone();
            return Err(MergeError::Size { name, one, other });
        }
        if scale == 0.0 {
            return Ok(());
        }
        let mut columns = transposed(&up.clone().into_matrix());
        let (mut rows, width) = (down.values.clone(), down.columns());
        fold(scale, &mut rows, &mut columns.values);
        let columns = columns.values.chunks(columns.columns);
        self.up.extend(columns.map(<[f32]>::to_vec));
        self.down.extend(rows.chunks(width).map(<[f32]>::to_vec));
        Ok(())
    }

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
