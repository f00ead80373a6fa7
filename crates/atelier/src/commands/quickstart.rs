//! Flags of `atelier quickstart`.

use std::path::PathBuf;

use atelier_app::embedded;
use atelier_core::Seed;
use clap::Args;

use super::seed;

/// What `atelier quickstart` can be told.
#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// The folder for everything that it makes.
    #[arg(long, value_name = "DIR", default_value = "atelier-quickstart")]
    pub(crate) out: PathBuf,
    /// Random choices follow from this number; a negative one counts down from 2^64, as in `PyTorch`.
    #[arg(long, default_value_t = Seed(0), value_parser = seed)]
    pub(crate) seed: Seed,
    /// Passes over all pictures.
    #[arg(long, default_value_t = 40)]
    pub(crate) epochs: usize,
    /// A name from `base list`, a folder, a file, or `hf:owner/repo[@revision][/file.safetensors]`.
    #[arg(long, value_name = "NAME|FOLDER|FILE|hf:REPO", default_value = embedded::NAME, hide = true)]
    pub(crate) base: String,
}
