//! The studio in a browser: where it listens, and how it ends.
#![cfg(unix)]

mod drawing;
mod export;
mod jobs;
mod planning;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::workbench::{Workbench, program, signal};

/// The running server, and the address that it said.
fn started(bench: &Workbench) -> (Child, String) {
    started_with(bench, &[])
}

/// The same with more flags.
fn started_with(bench: &Workbench, flags: &[&str]) -> (Child, String) {
    let mut child = Command::new(program())
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(flags)
        .env("ATELIER_HOME", bench.path("home"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let address = line
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split(';').next());
    let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
    (child, address)
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_shows_the_library_until_it_is_asked_to_stop() {
    let bench = Workbench::new();
    let made = bench.run(&["dataset", "create", "Blob faces"]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let (mut child, address) = started(&bench);
    let list = get(&address, "/api/v1/datasets");
    assert!(list.contains("\"name\":\"Blob faces\""), "{list}");
    assert!(get(&address, "/").starts_with("HTTP/1.1 200"));
    let taken = bench.run(&["serve", "--listen", &address]);
    assert_eq!(taken.status, 1);
    assert!(
        taken.stderr.contains("another program does"),
        "{}",
        taken.stderr
    );
    assert!(taken.stderr.contains("--listen"), "{}", taken.stderr);
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn nobody_else_is_let_in_before_there_is_an_account_that_lets_them() {
    let bench = Workbench::new();
    for words in [
        &["serve", "--listen", "0.0.0.0:0"][..],
        &["serve", "--listen", "[::]:7860"],
        &["serve", "--listen", "10.0.0.1:7860"],
        &["serve", "--listen", "127.0.0.1:0", "--require-login"],
    ] {
        let ended = bench.run(words);
        assert_eq!(ended.status, 2, "{words:?}");
        let makes_one = "atelier user add NAME --role owner";
        assert!(ended.stderr.contains(makes_one), "{}", ended.stderr);
    }
    let ended = bench.run(&["--json", "serve", "--listen", "here"]);
    assert_eq!(ended.status, 2);
    assert!(
        ended.stdout.contains("\"invalid_input\""),
        "{}",
        ended.stdout
    );
    let ended = bench.run(&["serve", "--host", "https://studio.example"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("the host"), "{}", ended.stderr);
    assert!(!bench.path("home").exists());
    let member = bench.shell("echo 'correct horse' | $ATELIER user add mia --password-stdin");
    assert_eq!(member.status, 0, "{}", member.stderr);
    assert_eq!(bench.run(&["serve", "--require-login"]).status, 2);
}

#[test]
fn with_a_login_required_a_token_opens_what_nobody_else_sees() {
    let bench = Workbench::new();
    let owner =
        bench.shell("echo 'correct horse' | $ATELIER user add olga --role owner --password-stdin");
    assert_eq!(owner.status, 0, "{}", owner.stderr);
    let token = bench
        .succeed(&["token", "add", "script", "--user", "olga"])
        .stdout;
    let (mut child, address) =
        started_with(&bench, &["--require-login", "--host", "studio.example"]);
    assert!(get(&address, "/api/v1/datasets").starts_with("HTTP/1.1 401"));
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    let with_token = |host: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let token = token.trim();
        let request = format!(
            "GET /api/v1/datasets HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(with_token(&address).starts_with("HTTP/1.1 200"));
    assert!(with_token("studio.example").starts_with("HTTP/1.1 200"));
    assert!(with_token("other.example").starts_with("HTTP/1.1 403"));
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
