//! Accounts come, change, and go. Only those with the role owner do this.

use atelier_accounts::Role;
use atelier_http::answer::{Failure, FailureBody, Json, Result};
use atelier_store::{AccountChange, AccountId};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::{AccountView, role};
use crate::audit;
use crate::extract::json::SHORT_BYTES;
use crate::extract::{AppFor, JsonOf, PathOf};
use crate::session::password::hashed;

/// The longest name of a new account.
const NAME_CHARS: usize = 60;

/// Every account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountList {
    /// In the order of their names.
    accounts: Vec<AccountView>,
}

/// What a new account is made of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateAccount {
    /// A name that no other account has.
    #[schema(min_length = 1, max_length = 60)]
    name: String,
    /// At least ten characters.
    #[schema(min_length = 10, max_length = 1024)]
    password: String,
    /// What it may do.
    #[schema(schema_with = role)]
    role: Role,
}

/// What becomes of an account; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeAccount {
    /// Another role.
    #[serde(default)]
    #[schema(schema_with = role)]
    role: Option<Role>,
    /// Whether it is closed. Its sessions end, and its tokens are refused for as long.
    #[serde(default)]
    disabled: Option<bool>,
    /// Another password. Its sessions end.
    #[serde(default)]
    #[schema(min_length = 10, max_length = 1024)]
    password: Option<String>,
}

impl std::fmt::Debug for CreateAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CreateAccount").field(&self.name).finish()
    }
}

impl std::fmt::Debug for ChangeAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChangeAccount")
    }
}

/// The accounts.
#[utoipa::path(
    get, path = "/api/v1/accounts", tag = "accounts",
    responses((status = 200, description = "Every account.", body = AccountList))
)]
pub(crate) async fn list_accounts(AppFor(app): AppFor) -> Result<Json<AccountList>> {
    let library = app.own_library();
    let accounts = app
        .work()
        .catalogue(move || library.list_accounts())
        .await?;
    let accounts = accounts.into_iter().map(AccountView::from).collect();
    Ok(Json(AccountList { accounts }))
}

/// Makes an account.
#[utoipa::path(
    post, path = "/api/v1/accounts", tag = "accounts", request_body = CreateAccount,
    responses((status = 201, description = "The account.", body = AccountView), (status = 400, body = FailureBody, description = "The name is taken or cannot be one, or the password is too short."))
)]
pub(crate) async fn create_account(
    AppFor(app): AppFor,
    JsonOf(wanted): JsonOf<CreateAccount, SHORT_BYTES>,
) -> Result<(StatusCode, Json<AccountView>)> {
    if wanted.name.chars().count() > NAME_CHARS {
        let message = format!("the name of an account has more than {NAME_CHARS} characters");
        return Err(Failure::invalid(message));
    }
    let library = app.own_library();
    let create = move || -> Result<_> {
        let password = hashed(&wanted.password)?;
        Ok(library.create_account(&wanted.name, wanted.role, password)?)
    };
    let made = app.work().password(create).await??;
    let thing = format!("{} ({})", made.name, made.role);
    audit::note(&app, "account-added", Some(thing)).await;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Gives an account another role or password, closes it, or opens it again.
#[utoipa::path(
    patch, path = "/api/v1/accounts/{account}", tag = "accounts", request_body = ChangeAccount,
    params(("account" = String, Path, format = "uuid")),
    responses(
        (status = 200, description = "The account.", body = AccountView),
        (status = 400, body = FailureBody, description = "No account with the role owner would be left, or the password is too short."),
        (status = 404, body = FailureBody, description = "There is none.")
    )
)]
pub(crate) async fn update_account(
    AppFor(app): AppFor,
    PathOf(id): PathOf<AccountId>,
    JsonOf(wanted): JsonOf<ChangeAccount, SHORT_BYTES>,
) -> Result<Json<AccountView>> {
    let library = app.own_library();
    let update = move || -> Result<_> {
        let change = AccountChange {
            role: wanted.role,
            is_disabled: wanted.disabled,
            password: wanted.password.as_deref().map(hashed).transpose()?,
        };
        let changed = library.update_account(id, change.clone())?;
        Ok((change.deeds(&changed.name), changed))
    };
    let (deeds, changed) = app.work().password(update).await??;
    app.change_admissions();
    for (what, thing) in deeds {
        audit::note(&app, what, Some(thing)).await;
    }
    Ok(Json(changed.into()))
}

/// Removes an account. What it made passes to those with the role owner.
#[utoipa::path(
    delete, path = "/api/v1/accounts/{account}", tag = "accounts",
    params(("account" = String, Path, format = "uuid")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 400, body = FailureBody, description = "No account with the role owner would be left."),
        (status = 404, body = FailureBody, description = "There is none.")
    )
)]
pub(crate) async fn delete_account(
    AppFor(app): AppFor,
    PathOf(id): PathOf<AccountId>,
) -> Result<StatusCode> {
    let library = app.own_library();
    let gone = app.work();
    let gone = gone.catalogue(move || library.delete_account(id)).await?;
    app.change_admissions();
    audit::note(&app, "account-removed", Some(gone.name)).await;
    Ok(StatusCode::NO_CONTENT)
}
