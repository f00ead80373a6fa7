//! Bases from a model hub, `hf:owner/repo`, downloaded into the cache that the hub's own programs use too.
//! The only crate that may use the network, and only when such a source is named. Without the feature `network`, sources
//! are recognised and refused.

#[cfg(feature = "network")]
mod blob_id;
#[cfg(feature = "network")]
mod cache;
#[cfg(feature = "network")]
mod client;
#[cfg(feature = "network")]
mod download;
#[cfg(feature = "network")]
mod env_vars;
#[cfg(feature = "network")]
mod listing;
#[cfg(feature = "network")]
mod partial;
#[cfg(feature = "network")]
mod refusal;
#[cfg(feature = "network")]
mod selection;
#[cfg(feature = "network")]
mod settings;
#[cfg(feature = "network")]
mod snapshot;
mod source;
#[cfg(feature = "network")]
mod transfer;
#[cfg(feature = "network")]
mod trouble;

use std::fmt::Display;
use std::path::PathBuf;

use anyhow::Result;
use atelier_core::RunContext;

pub use crate::source::HubSource;

/// Where remarks go about what takes long or is not as asked.
pub type Notes<'a> = &'a (dyn Fn(&dyn Display) + Sync);

/// A base on this machine that came from a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What records call it: `owner/repo@commit`, with `/file` behind it for a checkpoint.
    pub name: String,
    /// Its folder, or the checkpoint.
    pub path: PathBuf,
    /// The folder with licence and description.
    pub about: PathBuf,
}

/// Downloads what is missing of a base. A whole commit hash that is there already is used without asking.
#[cfg(feature = "network")]
pub fn fetch(source: &HubSource, run: RunContext<'_>, notes: Notes<'_>) -> Result<Fetched> {
    let settings = settings::HubSettings::from_environment()?;
    let client = client::Client::new(&settings, run, notes);
    snapshot::fetch(&client, source)
}

/// A base of a whole commit that is on this machine already. Nothing is asked for.
#[cfg(feature = "network")]
pub fn cached(source: &HubSource) -> Option<Fetched> {
    let settings = settings::HubSettings::from_environment().ok()?;
    snapshot::cached(&settings.cache, source)
}

/// Without the feature, nothing is looked for.
#[cfg(not(feature = "network"))]
pub fn cached(_source: &HubSource) -> Option<Fetched> {
    None
}

/// Says why it cannot be had.
#[cfg(not(feature = "network"))]
pub fn fetch(source: &HubSource, _run: RunContext<'_>, _notes: Notes<'_>) -> Result<Fetched> {
    let message = format!(
        "cannot fetch `{source}`: this program was built without the feature `hub`, and uses no network; download the \
         base with another program and give its folder, or build with `--features hub`"
    );
    let code = atelier_core::ErrorCode::InvalidInput;
    Err(atelier_failure::failed(code, message))
}

#[cfg(all(test, feature = "network"))]
mod tests {
    #[test]
    fn the_reference_page_describes_every_variable() {
        let page = include_str!("../../../docs/reference/environment.md");
        let code = include_str!("env_vars.rs");
        let names = code
            .lines()
            .filter(|line| line.starts_with("pub(crate) const "))
            .filter_map(|line| line.split('"').nth(1));
        assert!(names.clone().count() > 8);
        for name in names {
            assert!(page.contains(&format!("`{name}`")), "no `{name}`");
        }
    }
}
