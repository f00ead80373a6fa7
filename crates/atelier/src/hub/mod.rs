//! Bases from a model hub, `hf:owner/repo`, downloaded into the cache that the hub's own programs use too.
//! The only module that may use the network, and only when such a source is named. Without the feature `hub`, sources
//! are recognised and refused.

#[cfg(feature = "hub")]
mod blob_id;
#[cfg(feature = "hub")]
mod cache;
#[cfg(feature = "hub")]
mod client;
#[cfg(feature = "hub")]
mod download;
#[cfg(feature = "hub")]
mod listing;
#[cfg(feature = "hub")]
mod partial;
#[cfg(feature = "hub")]
mod refusal;
#[cfg(feature = "hub")]
mod selection;
#[cfg(feature = "hub")]
mod settings;
#[cfg(feature = "hub")]
mod snapshot;
mod source;
#[cfg(feature = "hub")]
mod transfer;
#[cfg(feature = "hub")]
mod trouble;

use std::path::PathBuf;

use anyhow::Result;

use crate::context::App;

pub(crate) use self::source::HubSource;

/// A base on this machine that came from a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// What records call it: `owner/repo@commit`, with `/file` behind it for a checkpoint.
    pub(crate) name: String,
    /// Its folder, or the checkpoint.
    pub(crate) path: PathBuf,
    /// The folder with licence and description.
    pub(crate) about: PathBuf,
}

/// Downloads what is missing of a base. A whole commit hash that is there already is used without asking.
#[cfg(feature = "hub")]
pub(crate) fn fetch(app: &App, source: &HubSource) -> Result<Fetched> {
    let settings = settings::HubSettings::from_environment()?;
    let progress = app.output.progress();
    let client = client::Client::new(&settings, app.run_context(&progress), app.output);
    snapshot::fetch(&client, source)
}

/// A base of a whole commit that is on this machine already. Nothing is asked for.
#[cfg(feature = "hub")]
pub(crate) fn cached(source: &HubSource) -> Option<Fetched> {
    let settings = settings::HubSettings::from_environment().ok()?;
    snapshot::cached(&settings.cache, source)
}

/// Without the feature, nothing is looked for.
#[cfg(not(feature = "hub"))]
pub(crate) fn cached(_source: &HubSource) -> Option<Fetched> {
    None
}

/// Says why it cannot be had.
#[cfg(not(feature = "hub"))]
pub(crate) fn fetch(_app: &App, source: &HubSource) -> Result<Fetched> {
    let message = format!(
        "cannot fetch `{source}`: this program was built without the feature `hub`, and uses no network; download the \
         base with another program and give its folder, or build with `--features hub`"
    );
    let code = atelier_core::ErrorCode::InvalidInput;
    Err(crate::failure::failed(code, message))
}
