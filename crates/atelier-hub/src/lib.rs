//! Bases from a model hub, `hf:owner/repo`, downloaded into the cache that the hub's own programs use too.
//! The only crate that may use the network, and only when such a source is named. Without the feature `network`, sources
//! are recognised and refused.

#[cfg(feature = "network")]
mod network;
#[cfg(not(feature = "network"))]
mod without_network;

mod source;

use std::fmt::Display;
use std::path::PathBuf;

#[cfg(feature = "network")]
pub use crate::network::{cached, fetch};
pub use crate::source::HubSource;
#[cfg(not(feature = "network"))]
pub use crate::without_network::{cached, fetch};

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
