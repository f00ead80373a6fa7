//! Whether the server answers.

use atelier_http::answer::{FailureBody, Json, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::AppFor;

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`; everything else is a failure.
    status: &'static str,
}

/// Whether the server answers and its catalogue can be read.
#[utoipa::path(
    get, path = "/healthz", tag = "server",
    responses(
        (status = 200, description = "All is well.", body = Health),
        (status = 500, description = "The library cannot be read.", body = FailureBody),
        (status = 503, description = "The server is busy.", body = FailureBody)
    )
)]
pub(crate) async fn get_health(AppFor(app): AppFor) -> Result<Json<Health>> {
    let library = app.library();
    app.work().catalogue(move || library.id()).await?;
    Ok(Json(Health { status: "ok" }))
}
