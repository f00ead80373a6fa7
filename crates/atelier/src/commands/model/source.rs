//! Adapters that a command reads, files or models of the library, and the layers of the models that they are for.

use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_adapters::{AdapterFile, BaseLayers, MadeFor};
use atelier_app::bases;
use atelier_app::context::App;
use atelier_core::ErrorCode;
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, code_of, failed};

use crate::commands::library_models::FoundAdapter;

/// An adapter that was read.
pub(super) struct Source {
    /// Its file, or the folder that holds it.
    pub(super) path: PathBuf,
    /// What messages call it.
    pub(super) name: String,
    pub(super) file: AdapterFile,
    /// The word by which its base is found, of a model of the library.
    base: Option<String>,
}

impl Source {
    /// Reads an adapter that was found.
    pub(super) fn of(found: &FoundAdapter) -> Result<Self> {
        Ok(Self {
            path: found.used.path.clone(),
            name: found.name(),
            file: AdapterFile::read(&found.used.path).coded()?,
            base: found.model.as_ref().map(|model| model.base.clone()),
        })
    }

    /// Reads an adapter file.
    pub(super) fn of_file(path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            name: path.display().to_string(),
            file: AdapterFile::read(path).coded()?,
            base: None,
        })
    }

    /// The layers of the model's own base, where that is on this machine.
    fn own_layers(&self, app: &App) -> Result<Option<BaseLayers>> {
        let Some(base) = &self.base else {
            return Ok(None);
        };
        match bases::find_here(app, base) {
            Ok(found) => layers_of(&found.path).map(Some),
            Err(error) if code_of(&error) == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The layers on which an adapter is tried where no base is named: those of the published models that it is for, else of its own
/// base, if one of them is known.
pub(super) fn known_layers(app: &App, source: &Source) -> Result<Option<BaseLayers>> {
    match source.file.made_for() {
        Some(MadeFor::Family(family)) => Ok(Some(BaseLayers::published(family))),
        Some(_) => Ok(None),
        None => source.own_layers(app),
    }
}

/// The layers of `base`, or else of the published models that all the adapters are for, or where one of them does not tell of
/// the base that it has in the library.
pub(super) fn layers_for(app: &App, base: Option<&str>, sources: &[Source]) -> Result<BaseLayers> {
    if let Some(base) = base {
        return layers_of(&bases::find(app, base)?.path);
    }
    let mut known = None;
    for source in sources {
        let name = &source.name;
        let family = match source.file.made_for() {
            Some(MadeFor::Family(family)) => family,
            Some(other) => {
                let message = format!("cannot use `{name}`: it is made for {other}");
                return Err(failed(ErrorCode::AdapterMismatch, message));
            }
            None => {
                if let Some(layers) = source.own_layers(app)? {
                    return Ok(layers);
                }
                let message = format!(
                    "nothing in `{name}` says which architecture it is for; name its base with `--base`"
                );
                return Err(failed(ErrorCode::InvalidInput, message));
            }
        };
        let (first, one) = known.get_or_insert((name.clone(), family));
        if *one != family {
            let [one, other] = [*one, family].map(MadeFor::Family);
            let message = format!("`{first}` is made for {one}, `{name}` for {other}");
            return Err(failed(ErrorCode::AdapterMismatch, message));
        }
    }
    Ok(BaseLayers::published(
        known.map(|(_, family)| family).unwrap_or_default(),
    ))
}

fn layers_of(base: &Path) -> Result<BaseLayers> {
    Base::open(base).coded()?.adapter_layers().coded()
}
