//! Models are handed out in the formats of other programs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::jobs::{stop, straight};
use super::{get, started};
use crate::library::{damage, studio};

#[test]
fn a_model_is_exported_as_the_command_converts_it() {
    let bench = studio();
    let (_, model) = straight(&bench, "1");
    bench.succeed(&["model", "export", "Slopes-1", "--out", "own.safetensors"]);
    let by_hand = [
        ["model", "convert", "own.safetensors", "--base", &model.base],
        ["--to", "peft", "--dtype", "f16", "--out"].map(|word| word),
    ];
    let by_hand = by_hand.concat();
    bench.succeed(&[&by_hand[..], &["by-hand.safetensors"]].concat());
    let (server, address) = started(&bench);
    let mut stream = TcpStream::connect(&address).unwrap();
    let path = format!("/api/v1/models/{}/export?format=peft&dtype=f16", model.id);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    let file = std::fs::read(bench.path("by-hand.safetensors")).unwrap();
    assert!(answer.ends_with(&file), "the same bytes come");
    damage(&bench, "Slopes-1");
    let refused = get(&address, &path);
    assert!(refused.contains("damaged_library"), "{refused}");
    stop(server);
}
