//! A base model with adapters in its weights.

use atelier_core::WeightChange;
use atelier_weights::bake::{Baking, ChangedWeight};
use atelier_weights::{ModelFiles, Result};

use crate::LayerId;
use crate::operate::apply_to_weight;

/// Finds the stored tensor of every change, each with its strength. Changes at strength 0 are none.
///
/// The changes must fit the weights, as those of an adapter that was fitted to the model do.
///
/// # Errors
/// When the model has no weight for a layer.
pub fn plan(
    model: &ModelFiles,
    changes: impl IntoIterator<Item = (LayerId, WeightChange, f32)>,
) -> Result<Baking> {
    let acting = changes
        .into_iter()
        .filter(|(_, _, strength)| *strength != 0.0);
    let changed = acting.map(|(layer, change, strength)| ChangedWeight {
        part: layer.part.name(),
        layer: layer.path,
        change: Box::new(move |weight| apply_to_weight(&change, weight, strength)),
    });
    Baking::plan(model, changed)
}
