//! Every place of the API, with everybody who may ask.

use atelier_accounts::{Role, TokenScope};
use serde_json::{Value, json};

use super::{Asker, guarded};

const ID: &str = "018f0000-0000-7000-8000-000000000000";

/// Who may ask, in the words of the guide.
#[derive(Debug, Clone, Copy)]
struct Expected {
    is_open: bool,
    /// An account that only looks, a member, an owner; a token of theirs that reads, and one that writes.
    may: [bool; 5],
}

fn expected(method: &str, path: &str) -> Expected {
    let is_own = path.contains("/session") || path.contains("/tokens");
    let is_open =
        path == "/healthz" || (path == "/api/v1/session" && matches!(method, "GET" | "POST"));
    let administers = path.contains("/accounts")
        || path.contains("/audit")
        || (path.contains("/door-mappings") && method == "PUT");
    let orders = path == "/api/v1/jobs/{job}" && method == "PATCH";
    let is_owners = administers || orders || path.ends_with("/log") || path == "/metrics";
    let looks = method == "GET";
    let computes = path.ends_with("/judge") || path.ends_with("/plan");
    let may = [
        is_own || (looks && !is_owners),
        !is_owners,
        true,
        !is_own && !administers && (looks || computes),
        !is_own && !administers,
    ];
    Expected {
        is_open,
        may: may.map(|may| may || is_open),
    }
}

#[tokio::test]
async fn every_place_is_open_to_those_it_is_for_and_to_nobody_else() {
    let studio = guarded();
    let nobody = Asker::nobody(&studio);
    let viewer = Asker::new(&studio, "vera", Role::Viewer);
    let member = Asker::new(&studio, "mia", Role::Member);
    let owner = Asker::with(&studio, "olga", TokenScope::All);
    let reading = Asker::with(&studio, "olga", TokenScope::Read);
    let writing = Asker::with(&studio, "olga", TokenScope::Write);
    let askers = [
        (&viewer, "viewer"),
        (&member, "member"),
        (&owner, "owner"),
        (&reading, "reading"),
        (&writing, "writing"),
    ];
    let described: Value = serde_json::from_str(&atelier_server::openapi_json()).unwrap();
    let mut count = 0;
    for (path, operations) in described["paths"].as_object().unwrap() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if !operations[method.to_lowercase()].is_object() {
                continue;
            }
            count += 1;
            let rule = expected(method, path);
            let address = path
                .replace("{version}", "1")
                .replace("{epoch}", "1")
                .replace("{number}", "1");
            let address = address
                .split('/')
                .map(|part| if part.starts_with('{') { ID } else { part });
            let address = address.collect::<Vec<_>>().join("/");
            for ((asker, who), may) in askers.iter().zip(rule.may) {
                let status = asker.status(method, &address).await.as_u16();
                let what = format!("{who}: {method} {address}: {status}");
                assert_ne!(status, 401, "{what}");
                assert_eq!(status != 403, may, "{what}");
            }
            let status = nobody.status(method, &address).await.as_u16();
            assert_eq!(
                status == 401,
                !rule.is_open,
                "nobody: {method} {address}: {status}"
            );
        }
    }
    assert!(count > 60, "{count}");
}

#[tokio::test]
async fn a_method_that_a_place_does_not_take_is_told_to_whoever_may_know_the_place() {
    let studio = guarded();
    let nobody = Asker::nobody(&studio);
    let member = Asker::new(&studio, "mia", Role::Member);
    let owner = Asker::with(&studio, "olga", TokenScope::All);
    let images = format!("/api/v1/datasets/{ID}/images");
    for (method, path, takes) in [
        ("GET", images.as_str(), "POST"),
        ("PUT", "/api/v1/datasets", "GET, HEAD, POST"),
        ("POST", "/api/v1/audit", "GET, HEAD"),
        ("OPTIONS", "/api/v1/about", "GET, HEAD"),
    ] {
        for asker in [&member, &owner] {
            let answer = asker.call(method, path, &json!({})).await;
            assert_eq!(answer.header("allow"), takes, "{method} {path}");
            let (status, code, _) = answer.failure();
            assert_eq!((status, code.as_str()), (405, "invalid_input"), "{path}");
        }
        assert_eq!(nobody.status(method, path).await, 401, "{path}");
    }
    assert_eq!(nobody.status("PUT", "/healthz").await, 405);
}

#[tokio::test]
async fn pages_are_for_everybody_and_addresses_that_are_none_for_nobody() {
    let studio = guarded();
    let nobody = Asker::nobody(&studio);
    for path in ["/", "/datasets/1", "/login", "/healthz"] {
        assert_eq!(nobody.status("GET", path).await, 200, "{path}");
    }
    for path in [
        "/api/v1/nothing",
        "/api/v2",
        "/api/rest/v1/nothing",
        "/sdapi/v1/nothing",
        "/metrics",
    ] {
        assert_eq!(nobody.status("GET", path).await, 401, "{path}");
        assert_eq!(nobody.status("POST", path).await, 401, "{path}");
    }
    let answer = nobody.get("/api/v1/datasets").await;
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let (status, code, message) = answer.failure();
    assert_eq!(
        (status, code.as_str()),
        (401, "unauthenticated"),
        "{message}"
    );
    let refused = nobody.get("/api/rest/v1/me").await.json();
    assert_eq!(refused["code"], "invalid-token");
    assert!(refused["error"].is_string() && refused["path"] == "$");
}
