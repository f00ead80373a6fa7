//! Who may have how many connections, and who has to log in on them.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use atelier_accounts::Role;
use atelier_core::{Coded as _, ErrorCode};
use atelier_server::{Access, Limits, Server};

use crate::accounts::account;
use crate::listening::{HEALTH, Running};
use crate::studio::Studio;

#[test]
fn whoever_holds_many_connections_gets_no_more_and_leaves_others_theirs() {
    let running = Running::start(Limits {
        connections_of_each: 3,
        ..Limits::default()
    });
    let held: Vec<_> = (0..3).map(|_| running.connect()).collect();
    let mut answer = String::new();
    running.connect().read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("retry-after: 2\r\n"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"]["code"], "busy");
    drop(held);
    assert!(running.becomes_well());
    running.finish();
}

#[test]
fn all_connections_may_come_from_a_proxy() {
    let studio = Studio::with_limits(Limits {
        connections_of_each: 3,
        ..Limits::default()
    });
    account(&studio, "olga", Role::Owner);
    let behind = Access {
        is_behind_proxy: true,
        ..Access::default()
    };
    let running = Running::guarded(studio, behind);
    let held: Vec<_> = (0..9).map(|_| running.connect()).collect();
    assert!(running.ask(HEALTH).starts_with("HTTP/1.1 200"));
    drop(held);
    running.finish();
}

#[test]
fn heads_are_waited_for_shortly_when_few_places_are_left() {
    let running = Running::start(Limits {
        head: Duration::from_mins(5),
        hurried_head: Duration::from_millis(200),
        connections: 4,
        ..Limits::default()
    });
    let held: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = running.connect();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
            stream
        })
        .collect();
    assert!(running.ask(HEALTH).starts_with("HTTP/1.1 200"));
    drop(held);
    running.finish();
}

#[test]
fn whoever_comes_through_a_proxy_or_under_another_machines_name_has_to_log_in() {
    let behind = Access {
        is_behind_proxy: true,
        ..Access::default()
    };
    let named = Access {
        hosts: vec!["studio.example".parse().unwrap()],
        ..Access::default()
    };
    for access in [behind, named] {
        let studio = Studio::new();
        let free = "127.0.0.1:0".parse().unwrap();
        let refused = Server::bind_with(free, studio.settings.clone(), access.clone());
        let error = refused.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput);
        assert!(error.to_string().contains("--role owner"), "{error}");
        account(&studio, "olga", Role::Owner);
        let running = Running::guarded(studio, access);
        let list = HEALTH.replace("/healthz", "/api/v1/datasets");
        assert!(running.ask(&list).starts_with("HTTP/1.1 401"));
        running.finish();
    }
}
