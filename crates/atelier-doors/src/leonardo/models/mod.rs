//! Custom models: trainings in the older words. They are adapters as well, called by the ids of the library's models.

pub(super) mod platform;

use std::collections::HashMap;

use atelier_core::BaseKind;
use atelier_server::door::{AppFor, Json};
use atelier_store::{ModelCall, ModelId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fine_tuned::{FineTuned, Wish, delete, get, kinds, list_own, train};
use super::mapping::{
    MODEL_VERSIONS, category_of_type, check_version, strength, type_of, version_of,
};
use super::refusal::Result;
use super::request::{Body, Id, User};
use super::shapes::{no_cost, time};

/// A model that is to be trained. `description`, `nsfw` and `resolution` are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct CreateModel {
    #[serde(rename = "datasetId")]
    dataset: String,
    name: String,
    instance_prompt: String,
    #[serde(rename = "modelType")]
    kind: Option<String>,
    sd_version: Option<String>,
    strength: Option<String>,
}

/// Starts a training.
pub(super) async fn create_model(
    AppFor(app): AppFor,
    Body(wanted): Body<CreateModel>,
) -> Result<Json<Value>> {
    check_version(wanted.sd_version.as_deref(), MODEL_VERSIONS)?;
    let strength = strength(wanted.strength.as_deref())?;
    let wish = Wish {
        dataset: wanted.dataset,
        name: Some(wanted.name),
        trigger: Some(wanted.instance_prompt),
        category: category_of_type(wanted.kind.as_deref())?,
        version: wanted.sd_version,
        settings: Map::from_iter([("strength".to_owned(), json!(strength))]),
    };
    let id = train(&app, wish).await?.id;
    let job = json!({"customModelId": id, "apiCreditCost": 0, "cost": no_cost()});
    Ok(Json(json!({"sdTrainingJob": job})))
}

/// A model, also one that is still trained.
pub(super) async fn get_model(AppFor(app): AppFor, Id(id): Id<ModelId>) -> Result<Json<Value>> {
    let found = get(&app, ModelCall::Id(id)).await?;
    let view = view(&found, &kinds(&app).await?);
    Ok(Json(json!({"custom_models_by_pk": view})))
}

/// The models of the user.
pub(super) async fn list_models(AppFor(app): AppFor, _: User) -> Result<Json<Value>> {
    let (found, kinds) = (list_own(&app).await?, kinds(&app).await?);
    let views: Vec<_> = found.iter().map(|one| view(one, &kinds)).collect();
    Ok(Json(json!({"custom_models": views})))
}

fn view(one: &FineTuned, kinds: &HashMap<String, (BaseKind, usize)>) -> Value {
    let mut view = json!({
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "status": one.status,
        "type": type_of(one.category),
        "instancePrompt": one.trigger,
        "public": false,
        "createdAt": time(one.created_ms),
        "updatedAt": time(one.changed_ms),
        "training": one.training,
    });
    if let Some((kind, side)) = kinds.get(&one.base) {
        view["sdVersion"] = json!(version_of(*kind));
        view["modelWidth"] = json!(side);
        view["modelHeight"] = json!(side);
    }
    view
}

/// Puts a model into the trash, or ends its training.
pub(super) async fn delete_model(AppFor(app): AppFor, Id(id): Id<ModelId>) -> Result<Json<Value>> {
    let deleted = delete(&app, ModelCall::Id(id)).await?;
    Ok(Json(
        json!({"delete_custom_models_by_pk": {"id": deleted.id}}),
    ))
}
