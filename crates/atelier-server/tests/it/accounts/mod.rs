//! A server where everybody has to log in.

mod documents;
mod lifecycle;
mod privacy;
mod rights;
mod sessions;
mod sharing;
mod tokens;

use atelier_accounts::{PasswordHash, Role, Secret, TokenScope};
use atelier_server::Access;
use atelier_store::{AccountId, NewToken};
use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::Value;

use crate::studio::{Answer, Studio, request};

/// A studio that pretends to work, and lets in who has an account.
pub(crate) fn guarded() -> Studio {
    let mut studio = Studio::working();
    studio.guard(Access {
        needs_login: true,
        ..Access::default()
    });
    account(&studio, "olga", Role::Owner);
    studio
}

/// An account that nobody logs in to.
pub(crate) fn account(studio: &Studio, name: &str, role: Role) -> AccountId {
    let password = PasswordHash::kept("none".to_owned());
    let library = &studio.settings.library;
    library.create_account(name, role, password).unwrap().id
}

/// A token of an account, or of the user of the machine.
pub(crate) fn token(studio: &Studio, account: Option<AccountId>, scope: TokenScope) -> String {
    let secret = Secret::new("atl_").unwrap();
    let new = NewToken {
        name: "test".to_owned(),
        account,
        scope,
        days: None,
    };
    let library = &studio.settings.library;
    library.create_token(new, secret.hash()).unwrap();
    secret.as_str().to_owned()
}

/// Somebody who asks with a token.
pub(crate) struct Asker<'a> {
    studio: &'a Studio,
    token: Option<String>,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(studio: &'a Studio, name: &str, role: Role) -> Self {
        let account = account(studio, name, role);
        Self {
            studio,
            token: Some(token(studio, Some(account), TokenScope::All)),
        }
    }

    /// Nobody in particular.
    pub(crate) fn nobody(studio: &'a Studio) -> Self {
        let token = None;
        Self { studio, token }
    }

    /// The account of this name, with a token of this scope.
    pub(crate) fn with(studio: &'a Studio, name: &str, scope: TokenScope) -> Self {
        let account = studio.settings.library.find_account(name).unwrap().id;
        let token = Some(token(studio, Some(account), scope));
        Self { studio, token }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let request = request(method, path);
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = self.request("GET", path).body(Body::empty());
        self.studio.send(request.unwrap()).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string()));
        self.studio.send(request.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, body).await
    }

    /// Asks with an empty body, and looks only at the status.
    pub(crate) async fn status(&self, method: &str, path: &str) -> StatusCode {
        let request = self.request(method, path).body(Body::empty());
        self.studio.response(request.unwrap()).await.status()
    }

    /// Sends files as a browser does.
    pub(crate) async fn upload(&self, dataset: &str, files: &[(&str, &[u8])]) -> Answer {
        let path = format!("/api/v1/datasets/{dataset}/images");
        let kind = "multipart/form-data; boundary=XBOUNDARYX";
        let request = self
            .request("POST", &path)
            .header(header::CONTENT_TYPE, kind);
        let body = Body::from(crate::studio::multipart(files));
        self.studio.send(request.body(body).unwrap()).await
    }
}
