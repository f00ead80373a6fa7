//! Accounts come, change and go, and what was done is noted.

use std::time::Duration;

use atelier_accounts::{Role, TokenScope};
use atelier_store::Audit;
use serde_json::{Value, json};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::{Asker, guarded};
use crate::studio::text;

const ACCOUNTS: &str = "/api/v1/accounts";

#[tokio::test]
async fn an_owner_says_who_has_an_account() {
    let studio = guarded();
    let olga = Asker::with(&studio, "olga", TokenScope::All);
    let new = json!({"name": "mia", "password": "correct horse", "role": "member"});
    let made = olga.post(ACCOUNTS, &new).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    assert_eq!(
        (&made["role"], &made["disabled"]),
        (&json!("member"), &json!(false))
    );
    assert_eq!(
        olga.post(ACCOUNTS, &new).await.failure().0,
        400,
        "the name is taken"
    );
    for bad in [
        json!({"name": "a", "password": "short", "role": "member"}),
        json!({"name": " ", "password": "correct horse", "role": "member"}),
        json!({"name": "a", "password": "correct horse", "role": "admin"}),
        json!({"name": "a".repeat(61), "password": "correct horse", "role": "member"}),
    ] {
        assert_eq!(olga.post(ACCOUNTS, &bad).await.failure().0, 400, "{bad}");
    }
    let mia = format!("{ACCOUNTS}/{}", text(&made["id"]));
    let token = Asker::with(&studio, "mia", TokenScope::Read);
    assert_eq!(token.get("/api/v1/datasets").await.status, 200);
    let closed = olga
        .call("PATCH", &mia, &json!({"disabled": true}))
        .await
        .ok();
    assert_eq!(closed["disabled"], true);
    assert_eq!(token.get("/api/v1/datasets").await.status, 401);
    let open = json!({"disabled": false, "role": "viewer"});
    assert_eq!(olga.call("PATCH", &mia, &open).await.ok()["role"], "viewer");
    let listed = olga.get(ACCOUNTS).await.ok();
    let names: Vec<&Value> = listed["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["mia", "olga"]);
    assert!(!listed.to_string().contains("argon2"));
    assert_eq!(olga.status("DELETE", &mia).await, 204);
    assert_eq!(olga.status("DELETE", &mia).await, 404);
    assert_eq!(token.get("/api/v1/datasets").await.status, 401);

    let own = format!(
        "{ACCOUNTS}/{}",
        studio.settings.library.find_account("olga").unwrap().id
    );
    assert_eq!(olga.status("DELETE", &own).await, 400);
    for last in [json!({"role": "member"}), json!({"disabled": true})] {
        let (status, _, message) = olga.call("PATCH", &own, &last).await.failure();
        assert!(
            status == 400 && message.contains("last account"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn what_was_done_is_noted_with_who_did_it() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Member);
    let dataset = mia
        .post("/api/v1/datasets", &json!({"name": "faces"}))
        .await
        .ok();
    let path = format!("/api/v1/datasets/{}", text(&dataset["id"]));
    mia.call("PUT", &format!("{path}/shared"), &json!({"shared": true}))
        .await
        .ok();
    assert_eq!(mia.status("DELETE", &path).await, 200);
    assert_eq!(
        mia.status("DELETE", &path).await,
        400,
        "what fails is not noted"
    );
    mia.post(
        "/api/v1/tokens",
        &json!({"name": "script", "scope": "write"}),
    )
    .await
    .ok();
    let draw = json!({"prompt": "a cat", "count": 1, "steps": 1});
    mia.post("/api/v1/drawings", &draw).await.ok();
    let olga = Asker::with(&studio, "olga", TokenScope::All);
    let audit = olga.get("/api/v1/audit?limit=10").await.ok();
    let entries = audit["entries"].as_array().unwrap();
    let whats: Vec<_> = entries.iter().map(|one| text(&one["what"])).collect();
    let expected = [
        "drawing-started",
        "token-added",
        "dataset-deleted",
        "dataset-shared",
    ];
    assert_eq!(whats, expected);
    assert!(entries.iter().all(|one| one["account"] == "mia"));
    assert_eq!(entries[2]["thing"], path.as_str());
    assert_eq!(entries[1]["thing"], "script (write)");
    let page = olga.get("/api/v1/audit?limit=1&offset=1").await.ok();
    assert_eq!(
        (&page["entries"][0]["what"], &page["total"]),
        (&json!("token-added"), &json!(4))
    );
}

/// Whoever closes the connection gets no answer, and hides nothing.
#[tokio::test]
async fn what_was_begun_is_done_and_noted_though_its_client_goes_away() {
    let studio = guarded();
    let olga = Asker::with(&studio, "olga", TokenScope::All);
    let library = studio.settings.library.clone();
    let new = json!({"name": "eve", "role": "owner", "password": "correct horse"});
    let is_there = async {
        while library.find_account("eve").is_err() {
            yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = is_there => {}
        answer = olga.post(ACCOUNTS, &new) => panic!("the client was to go first: {answer:?}"),
    }
    let noted = async {
        let is_new = |entry: &Audit| entry.what == "account-added";
        while !library
            .page_of_audit((0, 10))
            .unwrap()
            .entries
            .iter()
            .any(is_new)
        {
            yield_now().await;
        }
    };
    timeout(Duration::from_mins(1), noted).await.unwrap();
}

#[tokio::test]
async fn an_account_has_only_so_many_tokens() {
    let studio = guarded();
    let mia = Asker::new(&studio, "mia", Role::Viewer);
    let new = json!({"name": "one more", "scope": "read"});
    let mut made = 0;
    let refused = loop {
        let answer = mia.post("/api/v1/tokens", &new).await;
        if answer.status != 201 {
            break answer.failure();
        }
        made += 1;
    };
    // With the one that mia asks with.
    assert_eq!((made, refused.0), (99, 400));
    assert!(refused.2.contains("revoke some"), "{}", refused.2);
    let olga = Asker::with(&studio, "olga", TokenScope::All);
    assert_eq!(olga.post("/api/v1/tokens", &new).await.status, 201);
}
