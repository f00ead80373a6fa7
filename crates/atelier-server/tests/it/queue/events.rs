//! Server-sent events.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use atelier_core::CancelFlag;
use atelier_server::{Limits, Server};
use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::learning::runs::{Gate, waiting};
use crate::studio::{Studio, request};

/// What a client hears.
struct Heard {
    body: BodyDataStream,
    text: String,
}

impl Heard {
    async fn from(studio: &Studio, last: Option<&str>) -> Self {
        let mut asked = request("GET", "/api/v1/events").header("accept-encoding", "gzip");
        if let Some(last) = last {
            asked = asked.header("last-event-id", last);
        }
        let response = studio.response(asked.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        assert_eq!(headers["content-type"], "text/event-stream");
        assert!(!headers.contains_key("content-encoding"));
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// The fields of the next event or comment; nothing at the end.
    async fn next(&mut self) -> Option<Vec<(String, String)>> {
        while !self.text.contains("\n\n") {
            let piece = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
        let (event, rest) = self.text.split_once("\n\n").unwrap();
        let fields = event.lines().map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.trim_start().to_owned())
        });
        let fields = fields.collect();
        self.text = rest.into();
        Some(fields)
    }

    /// The next event's id and data.
    async fn event(&mut self) -> (String, Value) {
        loop {
            let fields = self.next().await.unwrap();
            let field = |name: &str| {
                let found = fields.iter().find(|field| field.0 == name);
                found.map(|field| field.1.clone())
            };
            if let Some(data) = field("data") {
                assert_eq!(field("event").as_deref(), Some("jobs"));
                return (field("id").unwrap(), serde_json::from_str(&data).unwrap());
            }
        }
    }

    /// Events until one shows a job in a state; the id of that one.
    async fn until(&mut self, job: &Value, state: &str) -> String {
        loop {
            let (id, data) = self.event().await;
            assert_eq!(data["revision"].to_string(), id);
            let mut jobs = data["jobs"].as_array().unwrap().iter();
            if jobs.any(|one| one["id"] == job["id"] && one["state"] == state) {
                return id;
            }
        }
    }
}

/// Waits until the queue shows a job, which it does a moment after it accepted one.
async fn shown(studio: &Studio) {
    let queue = studio.services.queue.clone().unwrap();
    let look = move || {
        let mut changes = queue.changes(0, Duration::ZERO);
        while changes.jobs.is_empty() {
            changes = queue.changes(changes.revision, Duration::from_secs(30));
        }
    };
    tokio::task::spawn_blocking(look).await.unwrap();
}

#[tokio::test]
async fn clients_hear_what_becomes_of_jobs_and_go_on_where_they_were() {
    let gate: Arc<Gate> = Arc::default();
    let (studio, started) = waiting(&gate).await;
    let job = &started["job"];
    shown(&studio).await;
    let mut heard = Heard::from(&studio, None).await;
    let (first, data) = heard.event().await;
    assert_eq!(
        (&data["is_whole"], &data["jobs"][0]["id"]),
        (&json!(true), &job["id"])
    );
    gate.open();
    let last = heard.until(job, "completed").await;
    drop(heard);
    let mut again = Heard::from(&studio, Some(&first)).await;
    let (_, data) = again.event().await;
    assert_eq!(
        (&data["is_whole"], &data["jobs"][0]["state"]),
        (&json!(false), &json!("completed"))
    );
    // Who missed nothing hears of what comes.
    let mut again = Heard::from(&studio, Some(&last)).await;
    let (id, data) = again.event().await;
    assert_eq!((id.as_str(), &data["jobs"]), (last.as_str(), &json!([])));
    let drawing = studio
        .post("/api/v1/drawings", &json!({"steps": 1}))
        .await
        .ok();
    again.until(&drawing, "completed").await;
    for bad in ["x", "-1", "99999999999999999999999", "18446744073709551615"] {
        let (_, data) = Heard::from(&studio, Some(bad)).await.event().await;
        assert_eq!(data["is_whole"], true, "{bad}");
    }
}

#[tokio::test]
async fn silence_is_broken_by_heartbeats() {
    let limits = Limits {
        heartbeat: Duration::from_millis(5),
        ..Limits::default()
    };
    let studio = Studio::paced(limits, Arc::new(|_| ()));
    let mut heard = Heard::from(&studio, None).await;
    heard.event().await;
    for _ in 0..3 {
        assert_eq!(heard.next().await.unwrap()[0].0, "");
    }
}

#[tokio::test]
async fn more_clients_than_there_are_places_are_sent_away() {
    let limits = Limits {
        event_clients: 2,
        ..Limits::default()
    };
    let studio = Studio::paced(limits, Arc::new(|_| ()));
    let mut first = Heard::from(&studio, None).await;
    let _second = Heard::from(&studio, None).await;
    let refused = studio.get("/api/v1/events").await.failure();
    assert_eq!((refused.0, refused.1.as_str()), (503, "busy"));
    first.event().await;
    drop(first);
    // The place is free again once it is noticed that nobody listens.
    loop {
        let asked = request("GET", "/api/v1/events").body(Body::empty());
        if studio.response(asked.unwrap()).await.status() == 200 {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_let_go() {
    let limits = Limits {
        event_clients: 1,
        pause: Duration::from_millis(5),
        ..Limits::default()
    };
    let studio = Studio::paced(limits, Arc::new(|_| ()));
    let mut stalled = Heard::from(&studio, None).await;
    for _ in 0..4 {
        let job = studio
            .post("/api/v1/drawings", &json!({"steps": 1}))
            .await
            .ok();
        studio.until(&job, "completed").await;
    }
    let mut events = 0;
    while stalled.next().await.is_some() {
        events += 1;
    }
    assert!(events <= 3, "{events}");
    Heard::from(&studio, None).await.event().await;
}

#[tokio::test]
async fn streams_end_when_the_queue_does() {
    let studio = Studio::working();
    let mut heard = Heard::from(&studio, None).await;
    heard.event().await;
    let queue = studio.services.queue.clone().unwrap();
    let ended = tokio::task::spawn_blocking(move || queue.shut_down(Duration::from_secs(20)));
    ended.await.unwrap();
    while heard.next().await.is_some() {}
    let refused = studio.post("/api/v1/drawings", &json!({})).await.failure();
    assert_eq!((refused.0, refused.1.as_str()), (503, "busy"));
}

#[test]
fn streams_do_not_keep_the_server_from_stopping() {
    let limits = Limits {
        farewell: Duration::from_mins(1),
        ..Limits::default()
    };
    let studio = Studio::paced(limits, Arc::new(|_| ()));
    let free = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(free, studio.settings.clone()).unwrap();
    let server = server.with(studio.services.clone());
    let (address, stop) = (server.address(), CancelFlag::default());
    let stopping = stop.clone();
    let thread = std::thread::spawn(move || server.run(&stopping));
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let asked = format!("GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(asked.as_bytes()).unwrap();
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("data:") {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0);
        heard.extend_from_slice(&piece[..count]);
    }
    stop.cancel();
    stream.read_to_end(&mut heard).unwrap();
    thread.join().unwrap().unwrap();
}
