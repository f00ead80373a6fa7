//! `atelier user` and `atelier token`, and the server that they let people in to.
#![cfg(unix)]

use serde_json::{Value, json};

use crate::workbench::{Ended, Workbench};

/// Runs a command with a password on its stdin.
fn with_password(bench: &Workbench, words: &[&str], password: &str) -> Ended {
    let mut command = bench.command(&[words, &["--password-stdin"]].concat());
    bench.ended(
        &command
            .write_stdin(format!("{password}\n"))
            .output()
            .unwrap(),
    )
}

fn add(bench: &Workbench, name: &str, role: &str) {
    let ended = with_password(
        bench,
        &["user", "add", name, "--role", role],
        "correct horse",
    );
    assert_eq!(ended.status, 0, "{}", ended.stderr);
}

fn accounts(bench: &Workbench) -> Vec<(String, String, bool)> {
    let listed = bench.document(&["user", "list"]);
    let accounts = listed["accounts"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = accounts.map(|one| {
        (
            word(&one["name"]),
            word(&one["role"]),
            one["disabled_ms"].is_null(),
        )
    });
    rows.collect()
}

#[test]
fn accounts_are_made_changed_closed_and_removed() {
    let bench = Workbench::new();
    add(&bench, "Olga", "owner");
    add(&bench, "mia", "member");
    let row = |name: &str, role: &str, is_open| (name.to_owned(), role.to_owned(), is_open);
    assert_eq!(
        accounts(&bench),
        [row("mia", "member", true), row("Olga", "owner", true)]
    );
    bench.succeed(&["user", "role", "MIA", "viewer"]);
    bench.succeed(&["user", "revoke", "mia"]);
    assert_eq!(accounts(&bench)[0], row("mia", "viewer", false));
    bench.succeed(&["user", "restore", "mia"]);
    let ended = with_password(&bench, &["user", "password", "mia"], "another horse");
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    bench.succeed(&["user", "revoke", "mia", "--remove"]);
    assert_eq!(accounts(&bench), [row("Olga", "owner", true)]);

    bench
        .run(&["user", "revoke", "olga"])
        .refused(&["last account"]);
    bench
        .run(&["user", "role", "nobody", "owner"])
        .refused(&["no account `nobody`"]);
    bench
        .run(&["user", "add", "max"])
        .refused(&["--password-stdin"]);
    let short = with_password(&bench, &["user", "add", "max"], "short");
    short.refused(&["has 5 characters", "at least 10"]);
    let taken = with_password(&bench, &["user", "add", "OLGA"], "correct horse");
    taken.refused(&["account `OLGA` already"]);
}

#[test]
fn a_token_is_printed_once_and_refused_after_it_is_revoked() {
    let bench = Workbench::new();
    add(&bench, "mia", "member");
    let made = bench.document(&["token", "add", "script"]);
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("atl_") && token.len() == 68, "{token}");
    assert_eq!(
        (&made["about"]["scope"], &made["about"]["account"]),
        (&json!("write"), &Value::Null)
    );
    let words = [
        "token",
        "add",
        "script",
        "--user",
        "Mia",
        "--scope",
        "read",
        "--expires-days",
        "7",
    ];
    let of_mia = bench.succeed(&words);
    assert!(of_mia.stdout.starts_with("atl_") && of_mia.stdout.lines().count() == 1);
    let listed = bench.succeed(&["token", "list"]).stdout;
    assert!(
        listed.contains("this machine") && listed.contains("mia"),
        "{listed}"
    );
    assert!(!listed.contains(token));
    bench
        .run(&["token", "revoke", "script"])
        .refused(&["2 tokens are called `script`"]);
    let id = made["about"]["id"].as_str().unwrap();
    bench.succeed(&["token", "revoke", id]);
    let revoked = bench.document(&["token", "revoke", "script"]);
    assert_eq!(revoked["revoked"]["account"], "mia");
    bench
        .run(&["token", "revoke", "script"])
        .refused(&["no token `script`"]);
    bench
        .run(&["token", "add", "a", "--user", "max"])
        .refused(&["no account `max`"]);
}
