//! How a base comes from the hub, and what of it is in the cache.

mod blob_id;
mod cache;
mod client;
mod download;
mod env_vars;
mod listing;
mod partial;
mod proxy;
mod refusal;
mod roots;
mod selection;
mod settings;
mod snapshot;
mod transfer;
mod trouble;

use anyhow::Result;
use atelier_core::RunContext;

use crate::{Fetched, HubSource, Notes};

/// Downloads what is missing of a base. A whole commit hash that is there already is used without asking.
pub fn fetch(source: &HubSource, run: RunContext<'_>, notes: Notes<'_>) -> Result<Fetched> {
    let settings = settings::HubSettings::from_environment()?;
    let client = client::Client::new(&settings, run, notes);
    snapshot::fetch(&client, source)
}

/// A base of a whole commit that is on this machine already. Nothing is asked for.
pub fn cached(source: &HubSource) -> Option<Fetched> {
    let settings = settings::HubSettings::from_environment().ok()?;
    snapshot::cached(&settings.cache, source)
}
