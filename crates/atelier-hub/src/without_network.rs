//! What a build without the feature `network` does with sources.

use anyhow::Result;
use atelier_core::{ErrorCode, RunContext};
use atelier_failure::failed;

use crate::{Fetched, HubSource, Notes};

/// Nothing is looked for.
pub fn cached(_source: &HubSource) -> Option<Fetched> {
    None
}

/// Says why it cannot be had.
pub fn fetch(source: &HubSource, _run: RunContext<'_>, _notes: Notes<'_>) -> Result<Fetched> {
    let message = format!(
        "cannot fetch `{source}`: this program was built without the feature `hub`, and uses no network; download the \
         base with another program and give its folder, or build with `--features hub`"
    );
    Err(failed(ErrorCode::InvalidInput, message))
}
