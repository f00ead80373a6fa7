//! What the pages should know about the server. Nothing here says where things lie.

use atelier_http::answer::{Json, Result};
use atelier_store::TRASH_DAYS;
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::AppFor;

/// What the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerAbout {
    /// The program.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// Which library it shows.
    library_id: String,
    /// How long what was deleted can be restored at least; a server that runs removes it within a day after that.
    trash_days: i64,
    /// How much is accepted.
    limits: LimitsAbout,
}

/// How much is accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitsAbout {
    /// The size of a picture file.
    picture_bytes: u64,
    /// The size of an upload, and of what archives in it hold.
    upload_bytes: u64,
    /// The size of an adapter file.
    adapter_bytes: u64,
    /// Files of an upload, those inside its archives included.
    upload_files: usize,
}

/// What the server is, and how much it accepts.
#[utoipa::path(
    get, path = "/api/v1/about", tag = "server",
    responses((status = 200, description = "What the server is.", body = ServerAbout))
)]
pub(crate) async fn get_about(AppFor(app): AppFor) -> Result<Json<ServerAbout>> {
    let library = app.library();
    let library_id = app.work().catalogue(move || library.id()).await?;
    let limits = app.limits();
    Ok(Json(ServerAbout {
        name: "atelier",
        version: env!("CARGO_PKG_VERSION"),
        library_id,
        trash_days: TRASH_DAYS,
        limits: LimitsAbout {
            picture_bytes: limits.picture_bytes,
            upload_bytes: limits.upload_bytes,
            adapter_bytes: limits.adapter_bytes,
            upload_files: limits.upload_files,
        },
    }))
}
