//! The studio in a browser: where it listens, and how it ends.
#![cfg(unix)]

mod drawing;
mod jobs;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::workbench::{Workbench, program, signal};

/// The running server, and the address that it said.
fn started(bench: &Workbench) -> (Child, String) {
    let mut child = Command::new(program())
        .args(["serve", "--listen", "127.0.0.1:0"])
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
fn addresses_that_others_can_reach_are_refused() {
    let bench = Workbench::new();
    for address in ["0.0.0.0:0", "[::]:7860", "10.0.0.1:7860"] {
        let ended = bench.run(&["serve", "--listen", address]);
        assert_eq!(ended.status, 2, "{address}");
        assert!(ended.stderr.contains("accounts"), "{}", ended.stderr);
    }
    let ended = bench.run(&["--json", "serve", "--listen", "here"]);
    assert_eq!(ended.status, 2);
    assert!(
        ended.stdout.contains("\"invalid_input\""),
        "{}",
        ended.stdout
    );
    assert!(!bench.path("home").exists());
}
