//! Sessions of browsers begin with a name and a password, and end.

use std::sync::OnceLock;

use atelier_accounts::{PasswordHash, Secret};
use atelier_http::answer::{Failure, FailureBody, Json, Result};
use atelier_http::security::is_https;
use atelier_store::{Account, Library, login_key};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::credentials::{Shown, forget_cookie, set_cookie};
use super::{By, Viewer, Who};
use crate::accounts::views::role;
use crate::app::App;
use crate::audit;
use crate::extract::json::SHORT_BYTES;
use crate::extract::{AppFor, JsonOf};

/// Who asks, as a page needs to know it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionState {
    /// Whether this server asks who is there. Where it does not, everybody who reaches it is the user of its machine.
    needs_login: bool,
    /// The account; nothing for the user of the machine, and where nobody is logged in.
    #[schema(required)]
    account: Option<SessionAccount>,
    /// What requests that change something have to bring as `x-csrf-token`; nothing where they need not.
    #[schema(required)]
    csrf_token: Option<String>,
}

/// An account as it sees itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionAccount {
    #[schema(format = "uuid")]
    id: String,
    name: String,
    /// What it may do.
    #[schema(schema_with = role)]
    role: &'static str,
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    #[schema(max_length = 60)]
    name: String,
    #[schema(max_length = 1024)]
    password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Login").field(&self.name).finish()
    }
}

impl SessionState {
    fn of(app: &App, viewer: &Viewer) -> Self {
        let account = viewer.account().map(|account| SessionAccount {
            id: account.id.to_string(),
            name: account.name.clone(),
            role: account.role.name(),
        });
        Self {
            needs_login: app.access().needs_login,
            account,
            csrf_token: viewer.csrf_token().map(|token| token.as_str().to_owned()),
        }
    }
}

/// Who asks, and whether this server needs to know.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "accounts",
    responses((status = 200, description = "Who asks.", body = SessionState))
)]
pub(crate) async fn get_session(AppFor(app): AppFor, asked: HeaderMap) -> impl IntoResponse {
    let viewer = app.viewer();
    // A browser that comes again keeps its cookie for as long as its session lasts.
    let cookie = match &viewer.by {
        By::Session(secret) => set_cookie(secret, is_https(&asked, app.access())),
        By::Place | By::Token(..) => None,
    };
    (cookies(cookie), Json(SessionState::of(&app, viewer)))
}

/// Begins a session, which a cookie stands for.
#[utoipa::path(
    post, path = "/api/v1/session", tag = "accounts", request_body = Login,
    responses(
        (status = 200, description = "Who asks from now on.", body = SessionState),
        (status = 400, body = FailureBody, description = "This server needs no login."),
        (status = 401, body = FailureBody, description = "No account has this name and this password."),
        (status = 429, body = FailureBody, description = "It was tried too often; `Retry-After` says when it may be tried again.")
    )
)]
pub(crate) async fn begin_session(
    AppFor(app): AppFor,
    asked: HeaderMap,
    JsonOf(login): JsonOf<Login, SHORT_BYTES>,
) -> Result<impl IntoResponse> {
    if !app.access().needs_login {
        let message = "this server needs no login: whoever reaches it is the user of its machine";
        return Err(Failure::invalid(message));
    }
    let (address, name) = (app.viewer().address, login_key(&login.name));
    app.rates().login(address, name.as_deref())?;
    let (library, known) = (app.own_library(), name.clone());
    let checked = move || check(&library, known.as_deref(), &login.password);
    let secret = Secret::new("").map_err(Failure::internal)?;
    let begun = match app.work().password(checked).await?? {
        Some(found) => begin(&app, (found, &secret), Shown::of(&asked)).await?,
        None => None,
    };
    let Some(account) = begun else {
        audit::note(&app, "login-failed", name).await;
        let message = "no account that can be used has this name and this password";
        return Err(Failure::unauthenticated(message));
    };
    app.rates().logged_in(address);
    let viewer = Viewer {
        who: Who::Account(account),
        by: By::Session(secret.clone()),
        address,
    };
    let app = app.seen_by(viewer.into());
    audit::note(&app, "login", None).await;
    let cookie = set_cookie(&secret, is_https(&asked, app.access()));
    Ok((cookies(cookie), Json(SessionState::of(&app, app.viewer()))))
}

fn cookies(cookie: Option<HeaderValue>) -> HeaderMap {
    let cookies = cookie.map(|cookie| (header::SET_COOKIE, cookie));
    cookies.into_iter().collect()
}

/// Always a session of its own: one that was shown may be somebody else's, and ends. None begins where the password was changed
/// meanwhile.
async fn begin(
    app: &App,
    ((account, password), secret): (Known, &Secret),
    shown: Shown,
) -> Result<Option<Account>> {
    let (library, hash) = (app.own_library(), secret.hash());
    let begin = move || {
        if let Shown::Session(before) = shown {
            library.end_session(before.hash())?;
        }
        let begun = library.create_session(account.id, &password, hash)?;
        Ok(begun.then_some(account))
    };
    let begun = app.work().catalogue(begin).await?;
    app.change_admissions();
    Ok(begun)
}

/// An account, and what is kept of its password.
type Known = (Account, PasswordHash);

/// The account with this name and this password. Takes as long for names that nobody has, or can have.
fn check(library: &Library, name: Option<&str>, password: &str) -> Result<Option<Known>> {
    static NOBODY: OnceLock<PasswordHash> = OnceLock::new();
    // Before the name is looked up, so that the first login tells nothing either.
    if NOBODY.get().is_none() {
        let _ = NOBODY.set(PasswordHash::of_nobody().map_err(Failure::internal)?);
    }
    let found = name.map(|name| library.find_login(name)).transpose()?;
    let found = found.flatten();
    let kept = found.as_ref().map(|(_, kept)| kept).or(NOBODY.get());
    let fits = kept.is_some_and(|kept| kept.fits(password));
    Ok(found.filter(|_| fits))
}

/// Ends the session of whoever asks.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "accounts",
    responses((status = 204, description = "It has ended."), (status = 401, body = FailureBody, description = "There is none."))
)]
pub(crate) async fn end_session(
    AppFor(app): AppFor,
    asked: HeaderMap,
) -> Result<impl IntoResponse> {
    if let By::Session(secret) = &app.viewer().by {
        let (library, hash) = (app.own_library(), secret.hash());
        let ended = app.work();
        ended.catalogue(move || library.end_session(hash)).await?;
        app.change_admissions();
        audit::note(&app, "logout", None).await;
    }
    let cookie = forget_cookie(is_https(&asked, app.access()));
    Ok((StatusCode::NO_CONTENT, cookies(cookie)))
}
