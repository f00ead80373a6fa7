//! Bases that trainings and drawings can use.

use std::sync::Arc;

use atelier_core::{BaseAbout, BaseKind, Planner};
use atelier_http::answer::{Failure, Json, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::AppFor;
use crate::openapi::choices;

/// A base that trainings and drawings can use.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Base)]
pub(crate) struct BaseView {
    /// The word by which requests name it.
    name: String,
    /// Its family, such as `sd15`.
    family: String,
    /// Which settings suit it.
    #[schema(schema_with = choices::base_kind)]
    kind: BaseKind,
    /// Side in pixels of the pictures that it was made for.
    native_size: usize,
    /// Its files together.
    size_bytes: u64,
}

impl From<BaseAbout> for BaseView {
    fn from(about: BaseAbout) -> Self {
        Self {
            name: about.name,
            family: about.family,
            kind: about.kind,
            native_size: about.native_size,
            size_bytes: about.size_bytes,
        }
    }
}

/// Every base.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BaseList {
    /// The first is used where none is named.
    bases: Vec<BaseView>,
}

/// The bases that there are, the usual one first.
#[utoipa::path(
    get, path = "/api/v1/bases", tag = "trainings",
    responses((status = 200, description = "The bases.", body = BaseList))
)]
pub(crate) async fn list_bases(AppFor(app): AppFor) -> Result<Json<BaseList>> {
    let planner = app.planner()?;
    let bases = app.work().files(move || planner.list_bases());
    let bases = bases.await??.into_iter();
    Ok(Json(BaseList {
        bases: bases.map(BaseView::from).collect(),
    }))
}

/// The base of this name, or the usual one. Requests name no files of this machine, and no other machines.
pub fn known(planner: &Arc<dyn Planner>, name: Option<&str>) -> Result<BaseAbout> {
    let mut bases = planner.list_bases()?.into_iter();
    let found = match name {
        Some(name) => bases.find(|base| base.name == name),
        None => bases.next(),
    };
    found.ok_or_else(|| match name {
        Some(name) => {
            let name: String = name.chars().take(200).collect();
            Failure::not_found(format!("there is no base `{name}`"))
        }
        None => Failure::not_found("there is no base yet"),
    })
}
