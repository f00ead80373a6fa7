//! Elements: adapters that are called by whole numbers, which are the numbers of the library's models.

use atelier_server::door::{AppFor, Json};
use atelier_store::ModelCall;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fine_tuned::{FineTuned, Wish, delete, get, kinds, list, list_own, train};
use super::mapping::{
    ELEMENT_VERSIONS, category_of_focus, check_version, focus_of, strength_of_rate, version_of,
};
use super::refusal::Result;
use super::request::{Body, ElementNumber, Id, User};
use super::shapes::{no_cost, time};
use crate::whole::Whole;

/// Epochs that may be asked for.
const EPOCHS: (i64, i64) = (1, 250);
/// Weights of elements are told in whole numbers only.
const WEIGHTS: [u32; 3] = [0, 1, 1];

/// An element that is to be trained. `description`, `resolution` and `train_text_encoder` are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct CreateElement {
    #[serde(rename = "datasetId")]
    dataset: String,
    name: Option<String>,
    instance_prompt: Option<String>,
    learning_rate: f64,
    lora_focus: String,
    num_train_epochs: Whole,
    sd_version: Option<String>,
}

/// Starts a training.
pub(super) async fn create_element(
    AppFor(app): AppFor,
    Body(wanted): Body<CreateElement>,
) -> Result<Json<Value>> {
    check_version(wanted.sd_version.as_deref(), ELEMENT_VERSIONS)?;
    let category = category_of_focus(&wanted.lora_focus)?;
    let version = wanted.sd_version.as_deref().unwrap_or("FLUX_DEV");
    let strength = strength_of_rate(version, &wanted.lora_focus, wanted.learning_rate)?;
    let epochs = wanted.num_train_epochs.within("num_train_epochs", EPOCHS)?;
    let settings = Map::from_iter([
        ("strength".to_owned(), json!(strength)),
        ("epochs".to_owned(), json!(epochs)),
    ]);
    let wish = Wish {
        dataset: wanted.dataset,
        name: wanted.name,
        trigger: wanted.instance_prompt,
        category,
        version: wanted.sd_version,
        settings,
    };
    let number = train(&app, wish).await?.number;
    let job = json!({"userLoraId": number, "apiCreditCost": 0, "cost": no_cost()});
    Ok(Json(json!({"sdTrainingJob": job})))
}

/// An element, also one that is still trained.
pub(super) async fn get_element(
    AppFor(app): AppFor,
    Id(ElementNumber(number)): Id<ElementNumber>,
) -> Result<Json<Value>> {
    let found = get(&app, ModelCall::Number(number)).await?;
    Ok(Json(json!({"user_loras_by_pk": view(&found)})))
}

/// The elements of the user.
pub(super) async fn list_elements(AppFor(app): AppFor, _: User) -> Result<Json<Value>> {
    let found = list_own(&app).await?;
    let views: Vec<_> = found.iter().map(view).collect();
    Ok(Json(json!({"user_loras": views})))
}

fn view(one: &FineTuned) -> Value {
    let config = one.config.as_ref();
    json!({
        "id": one.number,
        "name": one.name,
        "description": one.description,
        "status": one.status,
        "focus": focus_of(one.category),
        "instancePrompt": one.trigger,
        "baseModel": one.base,
        "learningRate": config.map_or(0.0, |config| config.learning_rate),
        "trainingEpoch": config.map_or(0, |config| config.epochs),
        "resolution": config.and_then(|config| config.resolution).unwrap_or(0),
        "trainTextEncoder": false,
        "createdAt": time(one.created_ms),
        "updatedAt": time(one.changed_ms),
        "training": one.training,
    })
}

/// The elements that anybody can use: the models that are there, which generations may also call by their ids.
pub(super) async fn list_public(AppFor(app): AppFor) -> Result<Json<Value>> {
    let (found, kinds) = (list(&app).await?, kinds(&app).await?);
    let [least, most, usual] = WEIGHTS;
    let there = found.iter().filter(|one| one.status == "COMPLETE");
    let views = there.map(|one| {
        let kind = kinds.get(&one.base).map(|(kind, _)| *kind);
        let mut view = json!({
            "akUUID": one.id,
            "name": one.name,
            "description": one.description,
            "creatorName": one.owner.as_deref().unwrap_or("local"),
            "urlImage": null,
            "weightMin": least,
            "weightMax": most,
            "weightDefault": usual,
            "strength": one.strength,
        });
        if let Some(kind) = kind {
            view["baseModel"] = json!(version_of(kind));
        }
        view
    });
    Ok(Json(json!({"loras": views.collect::<Vec<_>>()})))
}

/// Puts an element into the trash, or ends its training.
pub(super) async fn delete_element(
    AppFor(app): AppFor,
    Id(ElementNumber(number)): Id<ElementNumber>,
) -> Result<Json<Value>> {
    let deleted = delete(&app, ModelCall::Number(number)).await?;
    Ok(Json(
        json!({"delete_user_loras_by_pk": {"id": deleted.number}}),
    ))
}
