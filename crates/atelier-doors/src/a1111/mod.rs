//! The studio as clients of AUTOMATIC1111's web interface speak: one request draws, and is answered with the pictures.
//!
//! A drawing takes its place in the queue like any other; the request waits for its end, and a client that goes away cancels it.
//! `docs/reference/a1111.md` says what of a request means what here, what is passed over and what is refused; `words.rs` is the
//! table.

mod absent;
mod answer;
mod desk;
mod draw;
mod infotext;
mod lists;
mod options;
mod pictures;
mod png_info;
mod progress;
mod refusal;
mod said;
mod wanted;
mod words;

use atelier_server::door::App;
use axum::routing::{any, get, post};
use axum::{Extension, Router};

use desk::Desk;

/// The path that the clients have compiled in.
const PREFIX: &str = "/sdapi/v1";
/// Below this, everything is refused in the other house's shape.
const HOUSE: &str = "/sdapi";

/// Every place.
pub(crate) fn routes() -> Router<App> {
    let routes = Router::new()
        .route("/txt2img", post(draw::draw_from_text))
        .route("/img2img", post(draw::draw_from_picture))
        .route("/png-info", post(png_info::read_png_info))
        .route("/progress", get(progress::get_progress))
        .route("/interrupt", post(progress::interrupt))
        .route("/skip", post(progress::skip))
        .route(
            "/options",
            get(options::get_options).post(options::set_options),
        )
        .route("/sd-models", get(lists::list_bases))
        .route("/loras", get(lists::list_loras))
        .route("/samplers", get(lists::list_samplers))
        .route("/schedulers", get(lists::list_schedulers))
        .merge(lists::constant())
        .merge(absent::routes())
        .route("/{*rest}", any(absent::refuse_unknown))
        .method_not_allowed_fallback(absent::refuse_method)
        .layer(Extension(Desk::default()));
    let outside = Router::new().fallback(absent::refuse_outside);
    Router::new().nest(PREFIX, routes).nest(HOUSE, outside)
}
