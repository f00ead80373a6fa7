//! What was done, in pages.

use atelier_http::answer::{FailureBody, Json, Result};
use atelier_store::Audit;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::extract::paging::{fifty, page};
use crate::extract::{AppFor, QueryOf};

/// Which entries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// How many, at most.
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// How many to pass over.
    #[serde(default)]
    #[param(default = 0)]
    offset: u32,
}

/// Something that was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// When, in milliseconds since the Unix epoch.
    time_ms: i64,
    /// What the account was called; nothing for the user of the machine, and where nobody was recognised.
    #[schema(required)]
    account: Option<String>,
    /// What was done, such as `login` or `model-deleted`.
    what: String,
    /// What it was done to: a name, or the address of a request.
    #[schema(required)]
    thing: Option<String>,
    /// Where the request came from.
    #[schema(required)]
    address: Option<String>,
}

/// Some of what was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditList {
    /// Newest first.
    entries: Vec<AuditEntry>,
    /// How many there are in all.
    total: u32,
    limit: u32,
    offset: u32,
}

impl From<Audit> for AuditEntry {
    fn from(entry: Audit) -> Self {
        Self {
            time_ms: entry.time_ms,
            account: entry.account,
            what: entry.what,
            thing: entry.thing,
            address: entry.address,
        }
    }
}

/// What was done by whom, newest first: logins, changes of accounts and tokens, deletions, sharing, and what was started.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "accounts", params(AuditQuery),
    responses((status = 200, description = "Some of what was done.", body = AuditList), (status = 400, body = FailureBody, description = "A value cannot be used."))
)]
pub(crate) async fn list_audit(
    AppFor(app): AppFor,
    QueryOf(AuditQuery { limit, offset }): QueryOf<AuditQuery>,
) -> Result<Json<AuditList>> {
    let wanted = page(offset, limit)?;
    let library = app.own_library();
    let page = app.work();
    let page = page
        .catalogue(move || library.page_of_audit(wanted))
        .await?;
    Ok(Json(AuditList {
        entries: page.entries.into_iter().map(AuditEntry::from).collect(),
        total: page.total,
        limit,
        offset,
    }))
}
