//! Tokens of programs.

use atelier_accounts::{Role, TokenScope};
use serde_json::json;

use super::{Asker, account, guarded, token};
use crate::studio::{Studio, request, text};

const LIST: &str = "/api/v1/datasets";

async fn status_with(studio: &Studio, token: &str, method: &str, path: &str) -> u16 {
    let request = request(method, path).header("authorization", format!("Bearer {token}"));
    let request = request.body(axum::body::Body::empty()).unwrap();
    studio.send(request).await.status.as_u16()
}

#[tokio::test]
async fn a_token_is_shown_once_works_and_can_be_revoked() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Member);
    let wanted = json!({"name": "script", "scope": "read", "expires_days": 7});
    let made = mia.post("/api/v1/tokens", &wanted).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    let secret = text(&made["token"]).to_owned();
    assert!(secret.starts_with("atl_") && secret.len() == 68);
    assert_eq!(
        (&made["account"], &made["scope"]),
        (&json!("mia"), &json!("read"))
    );
    assert!(made["expires_ms"].as_i64() > made["created_ms"].as_i64());
    let listed = mia.get("/api/v1/tokens").await;
    assert!(!String::from_utf8_lossy(&listed.body).contains(&secret));
    assert_eq!(listed.ok()["tokens"][0]["name"], "script");
    assert_eq!(status_with(&studio, &secret, "GET", LIST).await, 200);
    assert_eq!(status_with(&studio, &secret, "POST", LIST).await, 403);
    assert_eq!(
        status_with(&studio, &secret, "GET", "/api/v1/tokens").await,
        403
    );

    let path = format!("/api/v1/tokens/{}", text(&made["id"]));
    let other = Asker::new(&studio, "max", Role::Member);
    assert_eq!(other.status("DELETE", &path).await, 404);
    assert_eq!(
        other.get("/api/v1/tokens").await.ok()["tokens"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(mia.status("DELETE", &path).await, 204);
    assert_eq!(status_with(&studio, &secret, "GET", LIST).await, 401);
    for bad in [
        json!({"name": "a", "scope": "admin"}),
        json!({"name": "", "scope": "read"}),
        json!({"name": "a", "scope": "read", "expires_days": 0}),
        json!({"name": "a", "scope": "read", "account": "olga"}),
    ] {
        assert_eq!(
            mia.post("/api/v1/tokens", &bad).await.failure().0,
            400,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn guessing_tokens_is_slow_and_keeps_nobody_out_who_has_one_from_elsewhere() {
    let studio = guarded();
    for number in 0..20 {
        let guess = format!("atl_{number:064}");
        assert_eq!(status_with(&studio, &guess, "GET", LIST).await, 401);
    }
    assert_eq!(status_with(&studio, "atl_x", "GET", LIST).await, 429);
    let refused = studio.get(LIST).await;
    assert_eq!(refused.failure().0, 401, "what shows no token guesses none");
}

#[tokio::test]
async fn a_token_that_is_sent_counts_where_none_is_needed_too() {
    let studio = Studio::working();
    assert_eq!(studio.get(LIST).await.status, 200);
    assert_eq!(status_with(&studio, "atl_unknown", "GET", LIST).await, 401);
    let reading = token(&studio, None, TokenScope::Read);
    assert_eq!(status_with(&studio, &reading, "GET", LIST).await, 200);
    assert_eq!(status_with(&studio, &reading, "POST", LIST).await, 403);
    let all = token(&studio, None, TokenScope::All);
    assert_eq!(
        status_with(&studio, &all, "GET", "/api/v1/accounts").await,
        200
    );
    // It speaks for its account alone.
    studio.dataset("mine").await;
    let mia = account(&studio, "mia", Role::Member);
    let mia = Asker {
        studio: &studio,
        token: Some(token(&studio, Some(mia), TokenScope::All)),
    };
    assert_eq!(mia.get(LIST).await.ok()["total"], 0);
    assert_eq!(mia.get("/metrics").await.status, 403);
    for _ in 0..30 {
        assert_eq!(status_with(&studio, "atl_unknown", "GET", LIST).await, 401);
    }
}
