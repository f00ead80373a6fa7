//! How many requests there were and how long they took.

use std::time::Instant;

use atelier_http::answer::Cause;
use atelier_http::rounds::Arrived;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::extract::AppFor;

/// Counts each request, and tells the person at the server what clients are not told about failures.
pub(crate) async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>();
    let route = path.map_or("pages", MatchedPath::as_str).to_owned();
    let arrived = request.extensions().get();
    let start = arrived.map_or_else(Instant::now, |Arrived(start)| *start);
    let mut response = next.run(request).await;
    if let Some(Cause(cause)) = response.extensions().get() {
        app.note(&format_args!("{method} {route}: {cause}"));
    }
    let taken = start.elapsed();
    app.metrics().count(&method, &route, &mut response, taken);
    response
}

/// Requests by route and status, and how long they took.
#[utoipa::path(
    get, path = "/metrics", tag = "server",
    responses((status = 200, description = "In the text format of Prometheus.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn get_metrics(AppFor(app): AppFor) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, app.metrics().text())
}
