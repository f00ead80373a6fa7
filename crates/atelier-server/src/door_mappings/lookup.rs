//! From words to bases.

use std::sync::Arc;

use atelier_core::{DoorWord, ErrorCode, Planner};
use atelier_http::answer::{Failure, Result};
use atelier_store::Library;

use super::words;

/// The base that stands for the first of these words that one was set for; nothing where none was, so that the usual one is meant.
///
/// # Errors
/// When that base is not there any more.
pub fn mapped_base(
    library: &Library,
    planner: &Arc<dyn Planner>,
    asked: &[(DoorWord, &str)],
) -> Result<Option<String>> {
    let mappings = library.list_door_mappings()?;
    let mut found = None;
    for (kind, name) in asked {
        let mut mappings = mappings.iter();
        let mapping = mappings.find(|mapping| mapping.kind == *kind && mapping.name == *name);
        if let Some(base) = mapping.and_then(|mapping| mapping.base.as_deref()) {
            found = Some((kind, name, base));
            break;
        }
    }
    let Some((kind, name, base)) = found else {
        return Ok(None);
    };
    if planner.list_bases()?.iter().any(|about| about.name == base) {
        return Ok(Some(base.to_owned()));
    }
    let message = format!(
        "`{name}` ({kind}) stands for the base `{base}`, which is not there any more; the owner of this studio can set another \
         in the settings"
    );
    Err(Failure::new(ErrorCode::NotFound, message))
}

/// Whether a model of another house is known, or a base was set for it.
pub fn is_known_model(library: &Library, id: &str) -> Result<bool> {
    if words::label(DoorWord::ModelId, id).is_some() {
        return Ok(true);
    }
    let mappings = library.list_door_mappings()?;
    let is_it = |kind, name: &str| kind == DoorWord::ModelId && name == id;
    let mut mappings = mappings.iter();
    Ok(mappings.any(|mapping| is_it(mapping.kind, &mapping.name)))
}
