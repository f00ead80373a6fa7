//! Whoever has an account gives it another password.

use atelier_accounts::{PasswordHash, PasswordProblem, SecretHash};
use atelier_http::answer::{Failure, FailureBody, Result};
use atelier_store::{Account, login_key};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::By;
use crate::app::App;
use crate::audit;
use crate::extract::json::SHORT_BYTES;
use crate::extract::{AppFor, JsonOf};

/// The password that is, and the one that shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePassword {
    #[schema(max_length = 1024)]
    current: String,
    /// At least ten characters.
    #[schema(min_length = 10, max_length = 1024)]
    new: String,
}

impl std::fmt::Debug for ChangePassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChangePassword")
    }
}

/// Gives the account of whoever asks another password, and ends its other sessions.
#[utoipa::path(
    put, path = "/api/v1/session/password", tag = "accounts", request_body = ChangePassword,
    responses(
        (status = 204, description = "It is changed."),
        (status = 400, body = FailureBody, description = "The new one is too short, or whoever asks has no account."),
        (status = 401, body = FailureBody, description = "The current password is another one."),
        (status = 429, body = FailureBody, description = "It was tried too often; `Retry-After` says when it may be tried again.")
    )
)]
pub(crate) async fn change_password(
    AppFor(app): AppFor,
    JsonOf(wanted): JsonOf<ChangePassword, SHORT_BYTES>,
) -> Result<StatusCode> {
    let viewer = app.viewer();
    let Some(account) = viewer.account().cloned() else {
        let message = "the user of the machine has no password";
        return Err(Failure::invalid(message));
    };
    let name = login_key(&account.name);
    app.rates().login(viewer.address, name.as_deref())?;
    let keep = match &viewer.by {
        By::Session(secret) => secret.hash(),
        By::Token(hash, _) => hash.clone(),
        By::Place => return Err(Failure::unauthenticated("nobody is logged in")),
    };
    change(&app, account.clone(), wanted, keep).await?;
    app.rates().logged_in(viewer.address);
    app.change_admissions();
    audit::note(&app, "password-changed", Some(account.name)).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn change(
    app: &App,
    account: Account,
    wanted: ChangePassword,
    keep: SecretHash,
) -> Result<()> {
    let library = app.own_library();
    let change = move || -> Result<()> {
        if !library.password_of(account.id)?.fits(&wanted.current) {
            return Err(Failure::unauthenticated(
                "the current password is another one",
            ));
        }
        let new = hashed(&wanted.new)?;
        Ok(library.change_password(account.id, new, keep)?)
    };
    app.work().password(change).await?
}

/// The hash of a password that can be used.
pub(crate) fn hashed(password: &str) -> Result<PasswordHash> {
    PasswordHash::of(password).map_err(|problem| match problem {
        PasswordProblem::Hash(_) => Failure::internal(problem),
        _ => Failure::invalid(problem.to_string()),
    })
}
