//! Servers where everybody has to log in, and people who ask them with tokens.

use atelier_accounts::{PasswordHash, Role, Secret, TokenScope};
use atelier_server::Access;
use atelier_store::{AccountChange, AccountId, Library, NewToken, TokenId};
use axum::body::Body;
use axum::http::header;
use serde_json::Value;

use crate::studio::{Answer, Studio, request};

/// A studio that pretends to work, and lets in who has an account or a token.
pub(crate) fn guarded() -> Studio {
    let mut studio = Studio::working();
    studio.guard(Access {
        needs_login: true,
        ..Access::default()
    });
    studio
}

/// A token of an account, or of the user of the machine: what it is called by, and its secret.
pub(crate) fn token(
    studio: &Studio,
    account: Option<AccountId>,
    scope: TokenScope,
) -> (TokenId, String) {
    let secret = Secret::new("atl_").unwrap();
    let new = NewToken {
        name: "client".to_owned(),
        account,
        scope,
        days: None,
    };
    let library = &studio.settings.library;
    let token = library.create_token(new, secret.hash()).unwrap();
    (token.id, secret.as_str().to_owned())
}

/// What becomes of somebody.
type End = fn(&Library, &Person<'_>);

/// How somebody, called by the name, stops being let in to do what members do.
pub(crate) const ENDS: [(&str, End); 4] = [
    ("closed", |library, who| {
        let new = AccountChange {
            is_disabled: Some(true),
            ..AccountChange::default()
        };
        library.update_account(who.account.unwrap(), new).unwrap();
    }),
    ("looks", |library, who| {
        let new = AccountChange {
            role: Some(Role::Viewer),
            ..AccountChange::default()
        };
        library.update_account(who.account.unwrap(), new).unwrap();
    }),
    ("revoked", |library, who| {
        let (token, _) = who.shown.as_ref().unwrap();
        library.revoke_token(*token).unwrap();
    }),
    ("removed", |library, who| {
        library.delete_account(who.account.unwrap()).unwrap();
    }),
];

/// Somebody who asks.
pub(crate) struct Person<'a> {
    studio: &'a Studio,
    pub(crate) account: Option<AccountId>,
    /// The token that they show.
    pub(crate) shown: Option<(TokenId, String)>,
}

impl<'a> Person<'a> {
    /// Somebody with a new account, and a token that may do everything that it may.
    pub(crate) fn new(studio: &'a Studio, name: &str, role: Role) -> Self {
        let password = PasswordHash::kept("none".to_owned());
        let library = &studio.settings.library;
        let account = library.create_account(name, role, password).unwrap().id;
        let shown = Some(token(studio, Some(account), TokenScope::All));
        Self {
            studio,
            account: Some(account),
            shown,
        }
    }

    /// The same with a token that only reads.
    pub(crate) fn reading(&self) -> Self {
        Self {
            shown: Some(token(self.studio, self.account, TokenScope::Read)),
            ..*self
        }
    }

    /// The user of the machine, from elsewhere.
    pub(crate) fn machine(studio: &'a Studio) -> Self {
        Self {
            studio,
            account: None,
            shown: Some(token(studio, None, TokenScope::All)),
        }
    }

    /// Somebody without a token.
    pub(crate) fn nobody(studio: &'a Studio) -> Self {
        Self {
            studio,
            account: None,
            shown: None,
        }
    }

    /// Asks with a body, or with none where it is null.
    pub(crate) async fn call(&self, (method, path): (&str, &str), body: &Value) -> Answer {
        let mut request = request(method, path);
        if let Some((_, secret)) = &self.shown {
            request = request.header(header::AUTHORIZATION, format!("Bearer {secret}"));
        }
        let request = match body {
            Value::Null => request.body(Body::empty()),
            body => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string())),
        };
        self.studio.send(request.unwrap()).await
    }
}
