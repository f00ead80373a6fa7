//! Tokens are taken in the ways in which the clients show them.

use atelier_accounts::TokenScope;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::people::{guarded, token};
use crate::studio::{Answer, Studio, request};

/// A studio where everybody has to log in, and a token of the user of the machine.
fn with_token(scope: TokenScope) -> (Studio, String) {
    let studio = guarded();
    let (_, secret) = token(&studio, None, scope);
    (studio, secret)
}

async fn ask(studio: &Studio, (method, path): (&str, &str), shown: &str) -> Answer {
    let request = request(method, path)
        .header("authorization", shown)
        .header("content-type", "application/json");
    let body = Body::from(json!({"steps": 1, "width": 64, "height": 64}).to_string());
    studio.send(request.body(body).unwrap()).await
}

#[tokio::test]
async fn a_token_is_a_bearers_or_a_password() {
    let (studio, token) = with_token(TokenScope::Write);
    let bearer = format!("Bearer {token}");
    let basic = format!("Basic {}", STANDARD.encode(format!("any:{token}")));
    for place in [("GET", "/api/rest/v1/me"), ("POST", "/sdapi/v1/txt2img")] {
        for shown in [&bearer, &basic] {
            assert_eq!(ask(&studio, place, shown).await.status, 200, "{place:?}");
        }
    }
}

#[tokio::test]
async fn who_shows_none_or_too_little_is_refused_in_the_shape_of_the_place() {
    let (studio, reader) = with_token(TokenScope::Read);
    let reader = format!("Bearer {reader}");
    for (shown, status) in [
        ("Bearer any", 401),
        ("Basic YW55OmFueQ==", 401),
        (reader.as_str(), 403),
    ] {
        let drawing = ask(&studio, ("POST", "/sdapi/v1/txt2img"), shown).await;
        assert_eq!(drawing.status, status);
        assert!(drawing.json()["detail"].is_string());
        let generation = ask(&studio, ("POST", "/api/rest/v1/generations"), shown).await;
        assert_eq!(generation.status, status);
        assert!(generation.json()["error"].is_string());
    }
    let listed = ask(&studio, ("GET", "/sdapi/v1/samplers"), &reader).await;
    assert_eq!(listed.status, 200);
}
