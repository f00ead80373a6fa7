//! The table is read by everybody, and changed by the owner.

use std::collections::BTreeSet;

use atelier_core::DoorWord;
use atelier_http::answer::{Failure, FailureBody, Json, Result};
use atelier_store::{DoorMapping, Library};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::words;
use crate::app::App;
use crate::extract::json::LONG_BYTES;
use crate::extract::{AppFor, JsonOf};
use crate::openapi::choices;

/// Words that can be set at the same time.
const MOST: usize = 1_000;
/// The longest word that a failure repeats.
const TOLD_CHARS: usize = 100;

/// A word of another house, and the base that stands for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DoorMapping)]
pub(crate) struct DoorMappingView {
    /// What kind of word it is.
    #[schema(schema_with = choices::door_word)]
    kind: DoorWord,
    /// The word.
    name: String,
    /// What it is called there, where that is something else.
    #[schema(required)]
    label: Option<String>,
    /// The name of the base; the usual one where there is none.
    #[schema(required)]
    base: Option<String>,
    /// Whether no base was set, so that the usual one stands for it.
    is_default: bool,
    /// Whether the base is there. Clients that name a word whose base is gone are told so.
    is_installed: bool,
}

/// A word of another house, and the base that is to stand for it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DoorMappingChange {
    /// What kind of word it is.
    #[schema(schema_with = choices::door_word)]
    kind: String,
    /// One of the words that the list has; of models any id.
    #[schema(max_length = 200)]
    name: String,
    /// The name of the base; the usual one when absent.
    #[schema(max_length = 200)]
    base: Option<String>,
}

/// Words by which clients of other houses name models, and the bases that stand for them: all that are known, and those that were set.
#[utoipa::path(
    get, path = "/api/v1/door-mappings", tag = "server",
    responses((status = 200, description = "The words.", body = Vec<DoorMappingView>))
)]
pub(crate) async fn list_door_mappings(AppFor(app): AppFor) -> Result<Json<Vec<DoorMappingView>>> {
    let app_again = app.clone();
    let list = app.work().files(move || list(&app_again));
    Ok(Json(list.await??))
}

/// Sets bases for words; those that are not named stay as they are.
#[utoipa::path(
    put, path = "/api/v1/door-mappings", tag = "server", request_body = Vec<DoorMappingChange>,
    responses(
        (status = 200, description = "All words, as they are now.", body = Vec<DoorMappingView>),
        (status = 400, body = FailureBody, description = "A word or base cannot be used; `details.problems` has each.")
    )
)]
pub(crate) async fn set_door_mappings(
    AppFor(app): AppFor,
    JsonOf(wanted): JsonOf<Vec<DoorMappingChange>, LONG_BYTES>,
) -> Result<Json<Vec<DoorMappingView>>> {
    let app_again = app.clone();
    let set = move || {
        let mappings = checked(&app_again, wanted)?;
        app_again.library().set_door_mappings(mappings)?;
        list(&app_again)
    };
    Ok(Json(app.work().files(set).await??))
}

fn list(app: &App) -> Result<Vec<DoorMappingView>> {
    let set = app.library().list_door_mappings()?;
    let bases = bases(app)?;
    let mut views = Vec::new();
    for &kind in DoorWord::ALL {
        let mut names = words::known(kind);
        let others = set.iter().filter(|mapping| mapping.kind == kind);
        let others = others.map(|mapping| mapping.name.as_str());
        let others: Vec<_> = others.filter(|name| !names.contains(name)).collect();
        names.extend(others);
        views.extend(names.into_iter().map(|name| {
            let found = set
                .iter()
                .find(|mapping| mapping.kind == kind && mapping.name == name);
            let base = found.and_then(|mapping| mapping.base.clone());
            DoorMappingView {
                kind,
                name: name.to_owned(),
                label: words::label(kind, name).map(str::to_owned),
                is_default: base.is_none(),
                is_installed: base.as_ref().is_none_or(|base| bases.contains(base)),
                base,
            }
        }));
    }
    Ok(views)
}

/// The names of the bases; none where nobody knows bases.
fn bases(app: &App) -> Result<BTreeSet<String>> {
    let Ok(planner) = app.planner() else {
        return Ok(BTreeSet::new());
    };
    let bases = planner.list_bases()?.into_iter();
    Ok(bases.map(|base| base.name).collect())
}

/// What is to be set, once it is seen that it can be.
fn checked(app: &App, wanted: Vec<DoorMappingChange>) -> Result<Vec<DoorMapping>> {
    if wanted.len() > MOST {
        let message = format!("more than {MOST} words are to be set at once");
        return Err(Failure::invalid(message));
    }
    let (bases, library) = (bases(app)?, app.library());
    let (mut mappings, mut problems) = (Vec::new(), Vec::new());
    for change in wanted {
        match mapping(&library, &bases, change) {
            Ok(mapping) => mappings.push(mapping),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        return Ok(mappings);
    }
    let message = format!("this cannot be set: {}", problems.join("; "));
    Err(Failure::invalid(message).with_details(json!({"problems": problems})))
}

fn mapping(
    library: &Library,
    bases: &BTreeSet<String>,
    change: DoorMappingChange,
) -> Result<DoorMapping, String> {
    let told = |text: &str| text.chars().take(TOLD_CHARS).collect::<String>();
    let DoorMappingChange { kind, name, base } = change;
    let kind: DoorWord = told(&kind).parse().map_err(|error| format!("{error}"))?;
    let is_set = |name: &str| {
        let set = library.list_door_mappings().unwrap_or_default();
        let mut set = set.iter();
        set.any(|mapping| mapping.kind == kind && mapping.name == name)
    };
    let is_id = kind == DoorWord::ModelId && Uuid::try_parse(&name).is_ok();
    if !is_id && !words::known(kind).contains(&name.as_str()) && !is_set(&name) {
        return Err(format!("no client says `{}` as {kind}", told(&name)));
    }
    match base {
        Some(base) if !bases.contains(&base) => Err(format!("there is no base `{}`", told(&base))),
        base => Ok(DoorMapping { kind, name, base }),
    }
}
