//! What there is to choose from. What this studio does not have is an empty list.

use atelier_server::door::{App, AppFor, Failure, Json};
use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::refusal::Result;
use super::words::{SAMPLERS, SCHEDULERS};

/// Lists that stay empty.
const EMPTY: [&str; 9] = [
    "/script-info",
    "/sd-vae",
    "/hypernetworks",
    "/prompt-styles",
    "/face-restorers",
    "/realesrgan-models",
    "/latent-upscale-modes",
    "/upscalers",
    "/extensions",
];
/// What needs no doing, since this studio always knows what there is.
const NOTHING_TO_DO: [&str; 3] = ["/refresh-checkpoints", "/refresh-vae", "/refresh-loras"];

/// Places that always say the same.
pub(super) fn constant() -> Router<App> {
    let mut routes = Router::new()
        .route("/scripts", get(list_scripts))
        .route("/embeddings", get(list_embeddings))
        .route("/memory", get(get_memory))
        .route("/cmd-flags", get(get_flags));
    for path in EMPTY {
        routes = routes.route(path, get(async || Json(json!([]))));
    }
    for path in NOTHING_TO_DO {
        routes = routes.route(path, post(async || Json(Value::Null)));
    }
    routes
}

/// The bases, the usual one first. Where they lie is nobody's business.
pub(super) async fn list_bases(AppFor(app): AppFor) -> Result<Json<Value>> {
    let planner = app.planner()?;
    let bases = app.work().files(move || planner.list_bases()).await?;
    let bases = bases.map_err(Failure::from)?.into_iter().map(|base| {
        json!({
            "title": base.name,
            "model_name": base.name,
            "hash": null,
            "sha256": null,
            "filename": base.name,
            "config": null,
        })
    });
    Ok(Json(bases.collect()))
}

/// The models, by the names that prompts call them by.
pub(super) async fn list_loras(AppFor(app): AppFor) -> Result<Json<Value>> {
    let library = app.library();
    let models = app.work().catalogue(move || library.list_models(false));
    let models = models.await?.into_iter().map(|model| {
        let about = model.about;
        json!({
            "name": about.name,
            "alias": about.name,
            "path": format!("{}.safetensors", about.name),
            "metadata": {
                "base": model.base,
                "description": about.description,
                "trigger_word": about.trigger_word,
                "strength": model.strength,
                "sha256": model.hash,
            },
        })
    });
    Ok(Json(models.collect()))
}

/// The samplers.
pub(super) async fn list_samplers() -> Json<Value> {
    let samplers = SAMPLERS.iter().map(|sampler| {
        json!({"name": sampler.name, "aliases": sampler.aliases, "options": {"schedule": sampler.schedule}})
    });
    Json(samplers.collect())
}

/// The schedulers.
pub(super) async fn list_schedulers() -> Json<Value> {
    let schedulers = SCHEDULERS.iter().map(|(name, label, _)| {
        json!({"name": name, "label": label, "aliases": null, "default_rho": -1, "need_inner_model": false})
    });
    Json(schedulers.collect())
}

async fn list_scripts() -> Json<Value> {
    Json(json!({"txt2img": [], "img2img": []}))
}

async fn list_embeddings() -> Json<Value> {
    Json(json!({"loaded": {}, "skipped": {}}))
}

async fn get_memory() -> Json<Value> {
    let untold = json!({"error": "this studio does not tell it here"});
    Json(json!({"ram": untold, "cuda": untold}))
}

async fn get_flags() -> Json<Value> {
    Json(json!({"api": true}))
}
