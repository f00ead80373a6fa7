//! Every request passes here: it is found out who asks, and whether they may.

use std::net::IpAddr;
use std::panic::resume_unwind;
use std::sync::Arc;

use atelier_accounts::{Secret, SecretHash};
use atelier_core::ErrorCode;
use atelier_http::answer::{Failure, Result};
use atelier_http::security::{client_address, refused};
use atelier_store::AccountId;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::credentials::Shown;
use super::{By, Viewer, Who};
use crate::app::App;
use crate::audit::note_request;
use crate::security::Right;

/// The header that repeats what the session's page was told.
const CSRF: &str = "x-csrf-token";

/// In the extensions of a response: for whom its request counted.
#[derive(Debug, Clone, Copy)]
struct CountedFor(Option<AccountId>, Option<IpAddr>);

/// Counts a further request that an answer fits. Whether it may have it: not where there were too many.
pub(crate) fn count_again(app: &App, answer: &Response) -> bool {
    let counted = answer.extensions().get();
    counted
        .is_none_or(|CountedFor(account, address)| app.rates().request(*account, *address).is_ok())
}

/// Says to the handlers who asks, or refuses the request.
pub(crate) async fn recognise(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let right = Right::of(&request);
    let address = client_address(&request, app.access());
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let asked = (request.headers(), address, changes);
    let viewer = match admit(&app, right, asked).await {
        Ok(viewer) => Arc::new(viewer),
        Err(failure) => return refuse(right, request.uri().path(), failure),
    };
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(Arc::clone(&viewer));
    let counted = is_counted(&app, right).then(|| CountedFor(viewer.account_id(), address));
    let answer = async move {
        let mut response = next.run(request).await;
        if let Some(counted) = counted {
            response.extensions_mut().insert(counted);
        }
        if let Some(what) = right.noted
            && response.status().is_success()
        {
            note_request(&app.seen_by(viewer), what, path).await;
        }
        response
    };
    if !changes || right.ends_with_client {
        return answer.await;
    }
    // What a client begins and does not wait for is done to its end, and noted.
    match tokio::spawn(answer).await {
        Ok(response) => response,
        Err(ended) if ended.is_panic() => resume_unwind(ended.into_panic()),
        Err(_) => Failure::new(ErrorCode::Internal, "the server stops").into_response(),
    }
}

/// The answer to a request that is refused; with the methods that its place takes, where it is one of another.
fn refuse(right: Right, path: &str, failure: Failure) -> Response {
    let mut response = refused(path, failure);
    if let Some(methods) = right.other_methods
        && response.status() == StatusCode::METHOD_NOT_ALLOWED
    {
        let methods = HeaderValue::from_static(methods);
        response.headers_mut().insert(header::ALLOW, methods);
    }
    response
}

/// Whether requests for something have a limit.
fn is_counted(app: &App, right: Right) -> bool {
    app.access().needs_login && !right.is_page
}

async fn admit(
    app: &App,
    right: Right,
    (headers, address, changes): (&HeaderMap, Option<IpAddr>, bool),
) -> Result<Viewer> {
    let viewer = identify(app, headers, address).await?;
    if is_counted(app, right) {
        app.rates().request(viewer.account_id(), address)?;
    }
    right.check(&viewer)?;
    right.check_method()?;
    if changes && right.is_guarded() {
        check_csrf(&viewer, headers)?;
    }
    Ok(viewer)
}

/// Refuses what a browser sends without its page having asked for it.
fn check_csrf(viewer: &Viewer, headers: &HeaderMap) -> Result<()> {
    let Some(expected) = viewer.csrf_token() else {
        return Ok(());
    };
    let shown = headers.get(CSRF).and_then(|value| value.to_str().ok());
    if shown.is_some_and(|shown| expected.is(shown)) {
        return Ok(());
    }
    let message = format!("the request has no `{CSRF}` that belongs to its session");
    Err(Failure::new(ErrorCode::Forbidden, message))
}

/// Who asks; nobody is one answer, and an unknown token is refused.
async fn identify(app: &App, headers: &HeaderMap, address: Option<IpAddr>) -> Result<Viewer> {
    let needs_login = app.access().needs_login;
    let (who, by) = match Shown::of(headers) {
        Shown::Token(secret) => of_token(app, &secret, address).await?,
        _ if !needs_login => (Who::Machine, By::Place),
        Shown::Session(secret) => of_session(app, secret).await?,
        Shown::Nothing => (Who::Nobody, By::Place),
    };
    Ok(Viewer { who, by, address })
}

async fn of_token(app: &App, secret: &Secret, address: Option<IpAddr>) -> Result<(Who, By)> {
    if let Some(known) = known_token(app, secret.hash()).await? {
        return Ok(known);
    }
    // Whoever shows a token that is known is not made to wait by others at the same address.
    if app.access().needs_login {
        app.rates().unknown_token(address)?;
    }
    let message = "the token is unknown, has expired or was revoked";
    Err(Failure::unauthenticated(message))
}

async fn known_token(app: &App, hash: SecretHash) -> Result<Option<(Who, By)>> {
    let library = app.own_library();
    let asked = hash.clone();
    let found = app.work();
    let found = found
        .catalogue(move || library.recognise_token(&asked))
        .await?;
    Ok(found.map(|(token, account)| {
        let who = account.map_or(Who::Machine, Who::Account);
        (who, By::Token(hash, token.scope))
    }))
}

async fn of_session(app: &App, secret: Secret) -> Result<(Who, By)> {
    let (library, hash) = (app.own_library(), secret.hash());
    let found = app.work();
    let found = found.catalogue(move || library.find_session(&hash)).await?;
    Ok(found.map_or((Who::Nobody, By::Place), |session| {
        (Who::Account(session.account), By::Session(secret))
    }))
}

/// Whether those who asked would be let in as the same again, so that what lasts ends with their session.
pub(crate) async fn is_still_admitted(app: &App) -> bool {
    let viewer = app.viewer();
    let found = match &viewer.by {
        By::Place => return true,
        By::Session(secret) => of_session(app, secret.clone()).await.ok(),
        By::Token(hash, _) => known_token(app, hash.clone()).await.ok().flatten(),
    };
    found.is_some_and(|(who, _)| who == viewer.who)
}
