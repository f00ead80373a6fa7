//! Models of the platform: the bases of this studio, and what Leonardo.Ai calls its own, for each of which a base stands.

use std::sync::Arc;

use atelier_core::{DoorWord, Planner};
use atelier_server::door::{AppFor, Failure, Json, MODELS, mapped_base};
use atelier_store::Library;
use serde_json::{Value, json};

use crate::leonardo::refusal::Result;

/// The bases, the usual one first; their names are their ids. Then the models of the other house, which draw on the base that
/// stands for them.
pub(in crate::leonardo) async fn list_platform_models(AppFor(app): AppFor) -> Result<Json<Value>> {
    let (library, planner) = (app.library(), app.planner()?);
    let models = app.work().files(move || list(&library, &planner));
    Ok(Json(json!({"custom_models": models.await??})))
}

fn list(library: &Library, planner: &Arc<dyn Planner>) -> Result<Vec<Value>> {
    let bases = planner.list_bases().map_err(Failure::from)?;
    let mut models = Vec::new();
    for (at, base) in bases.iter().enumerate() {
        let side = base.native_size;
        let about = format!(
            "A base of the family {}, for pictures of {side}×{side}.",
            base.family
        );
        models.push(view((&base.name, &base.name), at == 0, &about));
    }
    for (id, name) in MODELS {
        // One whose base is gone draws nothing.
        let Ok(base) = mapped_base(library, planner, &[(DoorWord::ModelId, id)]) else {
            continue;
        };
        let usual = bases.first().map(|base| base.name.clone());
        if let Some(base) = base.or(usual) {
            let about = format!("Draws on the base {base} of this studio.");
            models.push(view((id, name), false, &about));
        }
    }
    Ok(models)
}

fn view((id, name): (&str, &str), is_featured: bool, about: &str) -> Value {
    json!({
        "id": id,
        "name": name,
        "description": about,
        "featured": is_featured,
        "nsfw": false,
        "generated_image": null,
    })
}
