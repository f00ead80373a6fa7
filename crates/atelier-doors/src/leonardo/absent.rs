//! What this studio does not do, refused by name.

use atelier_server::door::App;
use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::{get, post};

use super::PREFIX;
use super::refusal::Refusal;

/// What is refused at which address.
const ABSENT: [(&str, &str); 8] = [
    ("/variations/upscale", "upscaling"),
    ("/variations/unzoom", "unzooming"),
    ("/variations/nobg", "removal of backgrounds"),
    ("/variations/universal-upscaler", "upscaling"),
    ("/init-image", "drawing from uploaded pictures in this API"),
    ("/canvas-init-image", "canvas"),
    ("/prompt/improve", "program that improves prompts"),
    ("/prompt/random", "program that invents prompts"),
];

/// Their places.
pub(super) fn routes() -> Router<App> {
    let mut routes = Router::new()
        .route("/variations/{id}", get(no_variation))
        .route("/init-image/{id}", get(no_init_image).delete(no_init_image));
    for (path, what) in ABSENT {
        routes = routes.route(path, post(async move || Refusal::not_supported(what)));
    }
    routes
}

async fn no_variation() -> Refusal {
    Refusal::not_found("there is no such variation: this studio makes none")
}

async fn no_init_image() -> Refusal {
    Refusal::not_found("there is no such picture: this API takes none to draw from")
}

/// Any other address.
pub(super) async fn refuse_unknown(method: Method, uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(200).collect();
    Refusal::not_found(format!("this API has no `{method}` at `{path}`"))
}

/// Another method than an address takes.
pub(super) async fn refuse_method() -> Refusal {
    Refusal::wrong_method()
}

/// Any address of the other house outside this API, and the one that it lies below.
pub(super) async fn refuse_outside() -> Refusal {
    Refusal::not_found(format!(
        "there is nothing here; this API lies below `{PREFIX}`"
    ))
}
