//! How the description says who may ask.

use utoipa::openapi::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};

use super::failure;
use crate::security::is_guarded;

/// A token, or the cookie of a session.
const SCHEMES: [&str; 2] = ["bearer", "session"];
/// What those are told who may not.
const REFUSALS: [(&str, &str); 3] = [
    ("401", "Nobody was recognised, where somebody has to be."),
    ("403", "Whoever asks may not do this."),
    (
        "429",
        "Too much was asked for; `Retry-After` says when to ask again.",
    ),
];

/// Says of every operation that is not for everybody what it takes, and how those are refused who do not have it.
pub(super) fn describe(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let cookie = ApiKey::Cookie(ApiKeyValue::new("atelier_session"));
    let [by_token, by_session] = SCHEMES;
    components.add_security_scheme(by_token, SecurityScheme::Http(bearer));
    components.add_security_scheme(by_session, SecurityScheme::ApiKey(cookie));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            if is_guarded(method, path) {
                guard(operation);
            }
        }
    }
}

fn guard(operation: &mut Operation) {
    let either = SCHEMES.map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()));
    operation.security = Some(either.to_vec());
    for (status, description) in REFUSALS {
        let responses = &mut operation.responses.responses;
        let refusal = || failure(description).into();
        responses.entry(status.to_owned()).or_insert_with(refusal);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("POST", &mut item.post),
        ("PUT", &mut item.put),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}
