//! Adapter files that a command reads, and the layers of the models that they are for.

use std::path::Path;

use anyhow::Result;
use atelier_adapters::{AdapterFile, BaseLayers, MadeFor};
use atelier_app::bases;
use atelier_app::context::App;
use atelier_core::ErrorCode;
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, failed};

/// An adapter file that was read.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) file: AdapterFile,
}

impl<'a> Source<'a> {
    pub(super) fn read(path: &'a Path) -> Result<Self> {
        let file = AdapterFile::read(path).coded()?;
        Ok(Self { path, file })
    }
}

/// The layers of `base`, or else of the published models that all the adapters are for.
pub(super) fn layers_for(
    app: &App,
    base: Option<&str>,
    sources: &[Source<'_>],
) -> Result<BaseLayers> {
    if let Some(base) = base {
        let found = bases::find(app, base)?;
        return Base::open(&found.path).coded()?.adapter_layers().coded();
    }
    let mut known = None;
    for Source { path, file } in sources {
        let path = path.display();
        let family = match file.made_for() {
            Some(MadeFor::Family(family)) => family,
            Some(other) => {
                let message = format!("cannot use `{path}`: it is made for {other}");
                return Err(failed(ErrorCode::AdapterMismatch, message));
            }
            None => {
                let message = format!(
                    "nothing in `{path}` says which architecture it is for; name its base with `--base`"
                );
                return Err(failed(ErrorCode::InvalidInput, message));
            }
        };
        let (first, one) = known.get_or_insert((path.to_string(), family));
        if *one != family {
            let [one, other] = [*one, family].map(MadeFor::Family);
            let message = format!("`{first}` is made for {one}, `{path}` for {other}");
            return Err(failed(ErrorCode::AdapterMismatch, message));
        }
    }
    Ok(BaseLayers::published(
        known.map(|(_, family)| family).unwrap_or_default(),
    ))
}
