//! The studio as the official clients of Leonardo.Ai speak: the same library, queue and planner as the rest, in other words.
//!
//! Every success is status 200 with JSON, every failure has the other house's shape. `docs/reference/leonardo.md` says what of
//! a request means what here, what is passed over and what is refused; `mapping.rs` is the table.

mod absent;
mod datasets;
mod elements;
mod files;
mod fine_tuned;
mod generation_request;
mod generations;
mod mapping;
mod me;
mod models;
mod refusal;
mod request;
mod shapes;
mod uploads;

use std::sync::Arc;

use atelier_server::door::App;
use axum::routing::{any, get, post};
use axum::{Extension, Router};

use files::Permits;
use uploads::Tickets;

/// The path that the clients have compiled in.
const PREFIX: &str = "/api/rest/v1";
/// Below this, everything is refused in the other house's shape.
const HOUSE: &str = "/api/rest";

/// Every place.
pub(crate) fn routes() -> Router<App> {
    let tickets: Arc<Tickets> = Arc::default();
    let permits: Arc<Permits> = Arc::default();
    let routes = Router::new()
        .route("/me", get(me::get_me))
        .route("/datasets", post(datasets::create_dataset))
        .route(
            "/datasets/{id}",
            get(datasets::get_dataset).delete(datasets::delete_dataset),
        )
        .route("/datasets/{id}/upload", post(uploads::announce_upload))
        .route("/datasets/{id}/upload/gen", post(datasets::add_generated))
        .route("/uploads/{token}", post(uploads::receive_upload))
        .route("/files/{token}", get(files::get_file))
        .route("/models", post(models::create_model))
        .route(
            "/models/{id}",
            get(models::get_model).delete(models::delete_model),
        )
        .route("/models/user/{user}", get(models::list_models))
        .route(
            "/platformModels",
            get(models::platform::list_platform_models),
        )
        .route(
            "/elements",
            get(elements::list_public).post(elements::create_element),
        )
        .route(
            "/elements/{id}",
            get(elements::get_element).delete(elements::delete_element),
        )
        .route("/elements/user/{user}", get(elements::list_elements))
        .route("/generations", post(generations::create_generation))
        .route(
            "/generations/{id}",
            get(generations::get_generation).delete(generations::delete_generation),
        )
        .route(
            "/generations/user/{user}",
            get(generations::list_generations),
        )
        .route("/pricing-calculator", post(me::calculate_price))
        .merge(absent::routes())
        .route("/{*rest}", any(absent::refuse_unknown))
        .method_not_allowed_fallback(absent::refuse_method)
        .layer(Extension(tickets))
        .layer(Extension(permits));
    let outside = Router::new().fallback(absent::refuse_outside);
    Router::new().nest(PREFIX, routes).nest(HOUSE, outside)
}
