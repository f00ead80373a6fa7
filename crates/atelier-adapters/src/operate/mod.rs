//! What is done with adapters as files: what they hold, their effect on a weight, other formats, several into one.

mod convert;
mod delta;
mod fold;
mod inspect;
mod linalg;
mod merge;
mod outdated;

pub use convert::{ConvertError, convert};
pub use delta::{apply_to_weight, delta};
pub use inspect::{InspectedLayer, Inspection, inspect, survey};
pub use merge::{Ingredient, MergeError, Merged, merge, merge_while};
