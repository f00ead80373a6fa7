//! Clients that ask without a pause while the queue works.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use atelier_core::CancelFlag;
use atelier_server::Server;
use serde_json::Value;

use crate::learning::runs::waiting;

/// A client that keeps its connection.
struct Client(BufReader<TcpStream>, SocketAddr);

impl Client {
    fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let timeout = Some(Duration::from_secs(20));
        stream.set_read_timeout(timeout).unwrap();
        Self(BufReader::new(stream), address)
    }

    /// The body of the answer, which is a good one.
    fn get(&mut self, path: &str) -> String {
        let Self(stream, address) = self;
        let asked = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.get_mut().write_all(asked.as_bytes()).unwrap();
        let (mut head, mut line) = (String::new(), String::new());
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).unwrap();
            head.push_str(&line.to_ascii_lowercase());
        }
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.split_once("content-length: ").unwrap().1;
        let length = length.split_once("\r\n").unwrap().0.parse();
        let mut body = vec![0; length.unwrap()];
        stream.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }
}

#[test]
fn who_asks_without_a_pause_beside_a_job_gets_answers_that_are_counted() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gate = Arc::default();
    let (studio, started) = runtime.block_on(waiting(&gate));
    let free = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(free, studio.settings.clone()).unwrap();
    let server = server.with(studio.services.clone());
    let (address, stop) = (server.address(), CancelFlag::default());
    let stopping = stop.clone();
    let serving = thread::spawn(move || server.run(&stopping));
    let job = format!("/api/v1/jobs/{}", started["job"]["id"].as_str().unwrap());
    let asking: Vec<_> = (0..6)
        .map(|number| {
            let path = ["/api/v1/jobs", &job][number % 2].to_owned();
            thread::spawn(move || {
                let mut client = Client::new(address);
                for _ in 0..60 {
                    let answer: Value = serde_json::from_str(&client.get(&path)).unwrap();
                    let job = answer.get("jobs").map_or(&answer, |jobs| &jobs[0]);
                    assert_eq!(job["state"], "running");
                }
            })
        })
        .collect();
    for client in asking {
        client.join().unwrap();
    }
    let metrics = Client::new(address).get("/metrics");
    for route in ["/api/v1/jobs", "/api/v1/jobs/{job}"] {
        let labels = format!("{{method=\"GET\",route=\"{route}\",status=\"200\"}}");
        let line = format!("atelier_http_requests_total{labels} 180\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
    gate.open();
    stop.cancel();
    serving.join().unwrap().unwrap();
}
