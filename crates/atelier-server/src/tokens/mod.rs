//! Tokens, by which programs are recognised.

use atelier_accounts::{Secret, TokenScope};
use atelier_http::answer::{Failure, FailureBody, Json, Result};
use atelier_store::{ApiToken, NewToken, TokenId};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use crate::app::App;
use crate::audit;
use crate::extract::{AppFor, JsonOf, PathOf};
use crate::openapi::choices::one_of;

/// How tokens begin, so that people see what they are.
const PREFIX: &str = "atl_";
/// The longest time that can be asked for, in days.
const MOST_DAYS: u32 = 3_650;

fn scope() -> Object {
    one_of(&TokenScope::ALL.map(TokenScope::name))
}

/// A token, without the secret by which it is recognised.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenView {
    #[schema(format = "uuid")]
    id: String,
    /// What it is for, in words.
    name: String,
    /// The name of the account that it speaks for; nothing for the user of the machine.
    #[schema(required)]
    account: Option<String>,
    /// What it may do of what the account may.
    #[schema(schema_with = scope)]
    scope: &'static str,
    /// When it was made, in milliseconds since the Unix epoch.
    created_ms: i64,
    /// When it was last used, within minutes.
    #[schema(required)]
    used_ms: Option<i64>,
    /// From when on it is refused; nothing where it has no end.
    #[schema(required)]
    expires_ms: Option<i64>,
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewTokenView {
    #[serde(flatten)]
    about: TokenView,
    /// What a program sends as `Authorization: Bearer …`. It is shown this once.
    token: String,
}

/// Tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenList {
    /// Newest first.
    tokens: Vec<TokenView>,
}

/// What a new token is made of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateToken {
    /// What it is for, in words.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it may do.
    #[schema(schema_with = scope)]
    scope: TokenScope,
    /// After how many days it ends; without an end when absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3650)]
    expires_days: Option<u32>,
}

impl From<ApiToken> for TokenView {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name,
            account: token.account,
            scope: token.scope.name(),
            created_ms: token.created_ms,
            used_ms: token.used_ms,
            expires_ms: token.expires_ms,
        }
    }
}

/// Whether whoever asks has a token in hand.
fn is_own(app: &App, token: &ApiToken) -> bool {
    let viewer = app.viewer().of_library();
    viewer.sees_all() || token.account_id == viewer.account()
}

/// The tokens of whoever asks; with the role owner, those of everybody.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "accounts",
    responses((status = 200, description = "The tokens.", body = TokenList))
)]
pub(crate) async fn list_tokens(AppFor(app): AppFor) -> Result<Json<TokenList>> {
    let library = app.own_library();
    let mut tokens = app
        .work()
        .catalogue(move || library.list_tokens(None))
        .await?;
    tokens.retain(|token| is_own(&app, token));
    let tokens = tokens.into_iter().map(TokenView::from).collect();
    Ok(Json(TokenList { tokens }))
}

/// Makes a token for whoever asks.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "accounts", request_body = CreateToken,
    responses((status = 201, description = "The token, which is shown this once.", body = NewTokenView), (status = 400, body = FailureBody, description = "A value cannot be used."))
)]
pub(crate) async fn create_token(
    AppFor(app): AppFor,
    JsonOf(wanted): JsonOf<CreateToken>,
) -> Result<(StatusCode, Json<NewTokenView>)> {
    if let Some(days) = wanted.expires_days
        && !(1..=MOST_DAYS).contains(&days)
    {
        let message = format!("expires_days `{days}`: expected is a number from 1 to {MOST_DAYS}");
        return Err(Failure::invalid(message));
    }
    let secret = Secret::new(PREFIX).map_err(Failure::internal)?;
    let (library, hash) = (app.own_library(), secret.hash());
    let new = NewToken {
        name: wanted.name,
        account: app.viewer().account_id(),
        scope: wanted.scope,
        days: wanted.expires_days,
    };
    let made = app.work();
    let made = made
        .catalogue(move || library.create_token(new, hash))
        .await?;
    let thing = format!("{} ({})", made.name, made.scope);
    audit::note(&app, "token-added", Some(thing)).await;
    let token = NewTokenView {
        about: made.into(),
        token: secret.as_str().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(token)))
}

/// Refuses a token from now on.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{token}", tag = "accounts",
    params(("token" = String, Path, format = "uuid")),
    responses((status = 204, description = "It is refused."), (status = 404, body = FailureBody, description = "There is none, or it is somebody else's."))
)]
pub(crate) async fn revoke_token(
    AppFor(app): AppFor,
    PathOf(id): PathOf<TokenId>,
) -> Result<StatusCode> {
    let library = app.own_library();
    let asked = app.clone();
    let revoke = move || -> Result<_> {
        let token = library.get_token(id)?;
        if is_own(&asked, &token) {
            return Ok(library.revoke_token(id)?);
        }
        Err(Failure::not_found(format!("there is no token `{id}`")))
    };
    let revoked = app.work().files(revoke).await??;
    app.change_admissions();
    audit::note(&app, "token-revoked", Some(revoked.name)).await;
    Ok(StatusCode::NO_CONTENT)
}
