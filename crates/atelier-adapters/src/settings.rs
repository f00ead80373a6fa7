//! PEFT's settings in a file of their own: which weights they are about, and what they say.

use std::path::{Path, PathBuf};

use atelier_weights::{Error, Result, TensorFile, read_limited};

use super::names::PEFT_MODEL;
use super::read::suffix::{Slot, split};
use super::read::{METADATA_KEY, PeftScales};
use super::{AdapterFile, AdapterLayer, PEFT_CONFIG, PEFT_WEIGHTS};

/// The settings beside weights that have their scales there: PEFT's own file, or one that is named otherwise and says no
/// scale itself, unless PEFT's own lies there too.
pub(super) fn beside(weights: &TensorFile) -> Option<PathBuf> {
    if weights.metadata().contains_key(METADATA_KEY) {
        return None;
    }
    let there =
        |name: &str| Some(weights.path().with_file_name(name)).filter(|path| path.is_file());
    let settings = there(PEFT_CONFIG)?;
    let is_own = weights.path().ends_with(PEFT_WEIGHTS);
    let is_meant = is_own || there(PEFT_WEIGHTS).is_none() && needs_scales(weights);
    is_meant.then_some(settings)
}

/// Whether PEFT itself saved a file, and it has no alpha at all. Older files of diffusers, which end in the same words, have
/// scale 1.
fn needs_scales(weights: &TensorFile) -> bool {
    let is_peft = |name: &str| name.starts_with(PEFT_MODEL);
    let is_alpha = |name: &str| matches!(split(name), Some((_, Slot::Alpha, _)));
    weights.names().any(is_peft) && !weights.names().any(is_alpha)
}

/// The text of a file of settings, and the scales in it.
pub(super) fn read(path: &Path) -> Result<(String, PeftScales)> {
    let bad = |problem: String| Error::bad_weights(path, problem);
    let bytes = read_limited(path).map_err(|error| match error {
        Error::BadBase { problem, .. } => bad(problem),
        other => other,
    })?;
    let text = String::from_utf8(bytes).map_err(|_| bad("it is not text in UTF-8".to_owned()))?;
    let scales = PeftScales::from_config(&text).map_err(bad)?;
    Ok((text, scales))
}

/// Whether PEFT saved a file, which then has its scale in settings, and they are nowhere.
pub(super) fn are_lacking(file: &AdapterFile) -> bool {
    let is_peft = |layer: &AdapterLayer| layer.name.starts_with(PEFT_MODEL);
    let is_plain = |layer: &AdapterLayer| layer.scale().to_bits() == 1.0f32.to_bits();
    let keys = [METADATA_KEY, PEFT_CONFIG];
    file.layers.iter().any(is_peft)
        && file.layers.iter().all(is_plain)
        && !keys.iter().any(|key| file.metadata.contains_key(*key))
}

/// What to say of such a file.
pub(super) fn note() -> String {
    format!(
        "PEFT saved this file and keeps its scale in an `{PEFT_CONFIG}`, which is not there; scale 1 is taken: put it \
         beside the file if it says otherwise"
    )
}
