//! Sessions of browsers.

use atelier_accounts::{PasswordHash, Role};
use atelier_store::AccountChange;
use axum::body::Body;
use axum::http::header;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::guarded;
use crate::studio::{Answer, Studio, request, text};

const PASSWORD: &str = "correct horse";
const LIST: &str = "/api/v1/datasets";

/// A studio with an account that somebody logs in to.
fn with_ana() -> Studio {
    let studio = guarded();
    let password = PasswordHash::of(PASSWORD).unwrap();
    let library = &studio.settings.library;
    library
        .create_account("Ana", Role::Member, password)
        .unwrap();
    studio
}

/// A browser, which remembers its cookie and what its page was told.
#[derive(Debug, Clone, Default)]
struct Browser {
    cookie: String,
    csrf: String,
}

impl Browser {
    async fn ask(&self, studio: &Studio, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = request(method, path);
        if !self.cookie.is_empty() {
            request = request.header(header::COOKIE, &self.cookie);
        }
        if !self.csrf.is_empty() {
            request = request.header("x-csrf-token", &self.csrf);
        }
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        studio.send(request.body(body).unwrap()).await
    }

    async fn login(&self, studio: &Studio, name: &str, password: &str) -> Answer {
        let login = json!({"name": name, "password": password});
        self.ask(studio, "POST", "/api/v1/session", Some(login))
            .await
    }

    /// The same after a login.
    async fn logged_in(&self, studio: &Studio) -> Self {
        let answer = self.login(studio, "ana", PASSWORD).await;
        let cookie = answer
            .header("set-cookie")
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let csrf = text(&answer.ok()["csrf_token"]).to_owned();
        Self { cookie, csrf }
    }

    async fn status(&self, studio: &Studio, method: &str, path: &str, body: Option<Value>) -> u16 {
        self.ask(studio, method, path, body).await.status.as_u16()
    }
}

#[tokio::test]
async fn a_name_and_a_password_begin_a_session_and_its_end_is_one() {
    let studio = with_ana();
    let fresh = Browser::default();
    let before = fresh
        .ask(&studio, "GET", "/api/v1/session", None)
        .await
        .ok();
    assert_eq!(
        before,
        json!({"needs_login": true, "account": null, "csrf_token": null})
    );
    let answer = fresh.login(&studio, " ANA ", PASSWORD).await;
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.starts_with("atelier_session="), "{cookie}");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"));
    let state = answer.ok();
    assert_eq!(
        (&state["account"]["name"], &state["account"]["role"]),
        (&json!("Ana"), &json!("member"))
    );

    let browser = fresh.logged_in(&studio).await;
    let again = browser.ask(&studio, "GET", "/api/v1/session", None).await;
    assert!(
        again.header("set-cookie").starts_with(&browser.cookie),
        "it lasts as long as it is used"
    );
    assert_eq!(again.ok()["csrf_token"], browser.csrf.as_str());
    assert_eq!(browser.status(&studio, "GET", LIST, None).await, 200);
    let out = browser
        .ask(&studio, "DELETE", "/api/v1/session", None)
        .await;
    assert!(out.status == 204 && out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(browser.status(&studio, "GET", LIST, None).await, 401);
    let after = browser
        .ask(&studio, "GET", "/api/v1/session", None)
        .await
        .ok();
    assert_eq!(after["account"], Value::Null);
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_are_answered_alike() {
    let studio = with_ana();
    let fresh = Browser::default();
    let mut told = Vec::new();
    for (name, password) in [
        ("ana", "wrong horse"),
        ("nobody", PASSWORD),
        ("", ""),
        ("olga", "none"),
    ] {
        let answer = fresh.login(&studio, name, password).await;
        assert_eq!(answer.header("set-cookie"), "");
        told.push(answer.failure());
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    assert_eq!((told[0].0, told[0].1.as_str()), (401, "unauthenticated"));
    assert!(!format!("{:?}", studio.notes.lock().unwrap()).contains("horse"));
}

#[tokio::test]
async fn what_a_page_of_another_site_makes_a_browser_send_changes_nothing() {
    let studio = with_ana();
    let browser = Browser::default().logged_in(&studio).await;
    let new = |name: &str| Some(json!({"name": name}));
    let mut forged = browser.clone();
    for csrf in ["", "x", &"0".repeat(64)] {
        forged.csrf = csrf.to_owned();
        assert_eq!(forged.status(&studio, "POST", LIST, new("a")).await, 403);
        assert_eq!(
            forged
                .status(&studio, "DELETE", "/api/v1/session", None)
                .await,
            403
        );
        assert_eq!(forged.status(&studio, "GET", LIST, None).await, 200);
    }
    assert_eq!(browser.status(&studio, "POST", LIST, new("a")).await, 201);
    // That of another session is none.
    let other = Browser::default().logged_in(&studio).await;
    forged.csrf = other.csrf;
    assert_eq!(forged.status(&studio, "POST", LIST, new("b")).await, 403);
}

#[tokio::test]
async fn a_login_makes_a_session_of_its_own_whatever_cookie_was_planted() {
    let studio = with_ana();
    let planted = Browser::default().logged_in(&studio).await;
    let mut victim = Browser {
        cookie: planted.cookie.clone(),
        csrf: String::new(),
    };
    victim = victim.logged_in(&studio).await;
    assert_ne!(victim.cookie, planted.cookie);
    assert_eq!(planted.status(&studio, "GET", LIST, None).await, 401);
    assert_eq!(victim.status(&studio, "GET", LIST, None).await, 200);
    let invented = Browser {
        cookie: format!("atelier_session={}", "0".repeat(64)),
        csrf: String::new(),
    };
    let begun = invented.logged_in(&studio).await;
    assert_ne!(begun.cookie, invented.cookie);
    assert_eq!(invented.status(&studio, "GET", LIST, None).await, 401);
}

#[tokio::test]
async fn another_password_ends_the_other_sessions() {
    let studio = with_ana();
    let (one, other) = (
        Browser::default().logged_in(&studio).await,
        Browser::default().logged_in(&studio).await,
    );
    let path = "/api/v1/session/password";
    let change = |current: &str, new: &str| Some(json!({"current": current, "new": new}));
    assert_eq!(
        one.status(&studio, "PUT", path, change("wrong horse", "another horse"))
            .await,
        401
    );
    assert_eq!(
        one.status(&studio, "PUT", path, change(PASSWORD, "short"))
            .await,
        400
    );
    assert_eq!(
        one.status(&studio, "PUT", path, change(PASSWORD, "another horse"))
            .await,
        204
    );
    assert_eq!(one.status(&studio, "GET", LIST, None).await, 200);
    assert_eq!(other.status(&studio, "GET", LIST, None).await, 401);
    let fresh = Browser::default();
    assert_eq!(fresh.login(&studio, "ana", PASSWORD).await.status, 401);
    assert_eq!(
        fresh.login(&studio, "ana", "another horse").await.status,
        200
    );
}

#[tokio::test]
async fn guessing_passwords_is_slow() {
    let studio = with_ana();
    let fresh = Browser::default();
    for _ in 0..5 {
        assert_eq!(fresh.login(&studio, "ana", "wrong horse").await.status, 401);
    }
    let refused = fresh.login(&studio, "ana", PASSWORD).await;
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=12).contains(&wait), "{wait}");
    let (status, code, _) = refused.failure();
    assert_eq!((status, code.as_str()), (429, "rate_limited"));
    let library = &studio.settings.library;
    let kept = library.page_of_audit((0, 50)).unwrap();
    assert_eq!(kept.entries[0].what, "login-failed");
    assert_eq!(
        (kept.total, kept.entries[0].thing.as_deref()),
        (5, Some("ana"))
    );
}

#[tokio::test]
async fn what_listens_to_events_ends_with_its_session() {
    let studio = with_ana();
    let browser = Browser::default().logged_in(&studio).await;
    let asked = request("GET", "/api/v1/events").header(header::COOKIE, &browser.cookie);
    let response = studio.response(asked.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("event: jobs"));
    let closed = AccountChange {
        is_disabled: Some(true),
        ..AccountChange::default()
    };
    let ana = studio.settings.library.find_account("ana").unwrap().id;
    // Another way out than by this server's own handlers: it is noticed at the next event.
    studio.settings.library.update_account(ana, closed).unwrap();
    let olga = super::Asker::with(&studio, "olga", atelier_accounts::TokenScope::All);
    let body_of = json!({"prompt": "a cat", "count": 1, "steps": 1});
    olga.post("/api/v1/drawings", &body_of).await.ok();
    let rest = body.collect().await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&rest).contains("generation"));
}

#[tokio::test]
async fn a_server_that_trusts_its_machine_takes_no_logins() {
    let studio = Studio::new();
    let fresh = Browser::default();
    let state = fresh
        .ask(&studio, "GET", "/api/v1/session", None)
        .await
        .ok();
    assert_eq!(
        state,
        json!({"needs_login": false, "account": null, "csrf_token": null})
    );
    assert_eq!(fresh.login(&studio, "ana", PASSWORD).await.failure().0, 400);
    let path = "/api/v1/session/password";
    let change = json!({"current": "a", "new": "b"});
    assert_eq!(
        fresh
            .ask(&studio, "PUT", path, Some(change))
            .await
            .failure()
            .0,
        400
    );
    assert_eq!(
        fresh
            .status(&studio, "DELETE", "/api/v1/session", None)
            .await,
        204
    );
}

#[tokio::test]
async fn all_ways_to_write_a_name_are_one_name_that_is_tried() {
    let studio = with_ana();
    let fresh = Browser::default();
    let mut statuses = Vec::new();
    for name in ["ana", " Ana", "ANA ", "\tana", "aNa", "anA"] {
        statuses.push(fresh.login(&studio, name, "wrong").await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
}

#[tokio::test]
async fn names_that_nobody_can_have_are_refused_like_those_that_nobody_has() {
    let studio = with_ana();
    let fresh = Browser::default();
    let long = "a".repeat(4_000);
    let (_, code, message) = fresh.login(&studio, &long, PASSWORD).await.failure();
    let (_, other_code, other_message) = fresh.login(&studio, "bob", PASSWORD).await.failure();
    assert_eq!((code, message), (other_code, other_message));
    assert!(
        studio
            .settings
            .library
            .page_of_audit((0, 10))
            .unwrap()
            .entries
            .iter()
            .all(|entry| entry.thing.as_ref().is_none_or(|thing| thing.len() < 10))
    );
}

#[tokio::test]
async fn a_login_is_short_since_anybody_may_send_one() {
    let studio = with_ana();
    let fresh = Browser::default();
    let long = "a".repeat(16 << 10);
    let (status, code, _) = fresh.login(&studio, "ana", &long).await.failure();
    assert_eq!((status, code.as_str()), (413, "too_large"));
    let browser = fresh.logged_in(&studio).await;
    let change = Some(json!({"current": PASSWORD, "new": long}));
    let path = "/api/v1/session/password";
    assert_eq!(browser.status(&studio, "PUT", path, change).await, 413);
    // The longest name and password have room, however their letters are written.
    let letters = "\\u00e9".repeat(512);
    let body = format!(
        "{{\"name\": \"{}\", \"password\": \"{letters}\"}}",
        "\\u00e9".repeat(200)
    );
    let request =
        request("POST", "/api/v1/session").header(header::CONTENT_TYPE, "application/json");
    let answer = studio.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn asking_who_asks_has_a_limit_too() {
    let studio = guarded();
    let fresh = Browser::default();
    let mut asked = 0;
    while fresh.status(&studio, "GET", "/api/v1/session", None).await == 200 {
        asked += 1;
        assert!(asked < 20_000, "nobody counts");
    }
    assert!(asked >= 2_000, "{asked}");
    assert_eq!(fresh.status(&studio, "GET", "/healthz", None).await, 429);
    assert_eq!(fresh.status(&studio, "GET", "/", None).await, 200);
}
