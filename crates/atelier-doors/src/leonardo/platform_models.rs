//! The bases of this studio, as models of the platform.

use atelier_server::door::{AppFor, Failure, Json};
use serde_json::{Value, json};

use super::refusal::Result;

/// The bases, the usual one first. Their names are their ids.
pub(super) async fn list_platform_models(AppFor(app): AppFor) -> Result<Json<Value>> {
    let planner = app.planner()?;
    let bases = app.work().files(move || planner.list_bases()).await?;
    let bases = bases.map_err(Failure::from)?.into_iter().enumerate();
    let models: Vec<_> = bases
        .map(|(at, base)| {
            let side = base.native_size;
            json!({
                "id": base.name,
                "name": base.name,
                "description": format!("A base of the family {}, for pictures of {side}×{side}.", base.family),
                "featured": at == 0,
                "nsfw": false,
                "generated_image": null,
            })
        })
        .collect();
    Ok(Json(json!({"custom_models": models})))
}
