//! A base model with adapters in its weights.

use atelier_core::WeightChange;
use atelier_weights::bake::{Baking, ChangedTensor};
use atelier_weights::{ModelFiles, Result};

use crate::LayerId;
use crate::operate::apply_to_weight;

/// Finds the stored tensor of every change, each with its strength. Changes at strength 0 are none.
///
/// The changes must fit the tensors, as those of an adapter that was fitted to the model do.
///
/// # Errors
/// When the model has no tensor for a layer.
pub fn plan(
    model: &ModelFiles,
    changes: impl IntoIterator<Item = (LayerId, WeightChange, f32)>,
) -> Result<Baking> {
    let acting = changes
        .into_iter()
        .filter(|(_, _, strength)| *strength != 0.0);
    let changed = acting.map(|(layer, change, strength)| ChangedTensor {
        part: layer.part.name(),
        name: layer.tensor(),
        change: Box::new(move |numbers| apply_to_weight(&change, numbers, strength)),
    });
    Baking::plan(model, changed)
}
