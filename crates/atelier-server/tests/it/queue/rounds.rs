//! Clients that ask without a pause while the queue works.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use atelier_accounts::{Role, TokenScope};
use atelier_core::CancelFlag;
use atelier_server::{Access, Error, Server};
use serde_json::{Value, json};

use crate::accounts::{account, token};
use crate::learning::runs::{Gate, waiting};

/// A client that keeps its connection, and says who it is.
struct Client {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Client {
    fn new(address: SocketAddr, token: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let timeout = Some(Duration::from_secs(20));
        stream.set_read_timeout(timeout).unwrap();
        Self {
            stream: BufReader::new(stream),
            head: format!("Host: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"),
        }
    }

    /// The status and the body of the answer.
    fn get(&mut self, path: &str) -> (u16, String) {
        let asked = format!("GET {path} HTTP/1.1\r\n{}", self.head);
        self.stream.get_mut().write_all(asked.as_bytes()).unwrap();
        let (mut head, mut line) = (String::new(), String::new());
        while line != "\r\n" {
            line.clear();
            assert!(self.stream.read_line(&mut line).unwrap() > 0);
            head.push_str(&line.to_ascii_lowercase());
        }
        let after = |name: &str| head.split_once(name).unwrap().1;
        let number = |text: &str| text.split_whitespace().next().unwrap().parse::<usize>();
        let status = number(after("http/1.1")).unwrap();
        let mut body = vec![0; number(after("content-length:")).unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        (status as u16, String::from_utf8(body).unwrap())
    }
}

/// A server with accounts, beside a job that is running.
struct Busy {
    address: SocketAddr,
    token: String,
    job: String,
    gate: Arc<Gate>,
    stop: CancelFlag,
    serving: JoinHandle<Result<(), Error>>,
}

impl Busy {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let gate = Arc::default();
        let (studio, started) = runtime.block_on(waiting(&gate));
        account(&studio, "olga", Role::Owner);
        let access = Access {
            needs_login: true,
            ..Access::default()
        };
        let free = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind_with(free, studio.settings.clone(), access).unwrap();
        let server = server.with(studio.services.clone());
        let (address, stop) = (server.address(), CancelFlag::default());
        let stopping = stop.clone();
        Self {
            address,
            token: token(&studio, None, TokenScope::All),
            job: format!("/api/v1/jobs/{}", started["job"]["id"].as_str().unwrap()),
            gate,
            stop,
            serving: thread::spawn(move || {
                let served = server.run(&stopping);
                drop(studio);
                served
            }),
        }
    }

    /// What so many clients get that ask without a pause, each so often.
    fn ask(&self, clients: usize, often: usize) -> Vec<(u16, String)> {
        let asking: Vec<_> = (0..clients)
            .map(|number| {
                let path = ["/api/v1/jobs", &self.job][number % 2].to_owned();
                let mut client = Client::new(self.address, &self.token);
                thread::spawn(move || -> Vec<_> { (0..often).map(|_| client.get(&path)).collect() })
            })
            .collect();
        let answers = asking.into_iter().map(|asking| asking.join().unwrap());
        answers.flatten().collect()
    }

    fn finish(self) {
        self.gate.open();
        self.stop.cancel();
        self.serving.join().unwrap().unwrap();
    }
}

#[test]
fn who_asks_without_a_pause_beside_a_job_waits_for_rounds_and_is_counted() {
    let busy = Busy::start();
    for (status, answer) in busy.ask(6, 60) {
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let job = answer.get("jobs").map_or(&answer, |jobs| &jobs[0]);
        assert_eq!((status, &job["state"]), (200, &json!("running")));
    }
    let (_, metrics) = Client::new(busy.address, &busy.token).get("/metrics");
    let number = |line: String| {
        let found = metrics.lines().find_map(|text| text.strip_prefix(&line));
        found
            .unwrap_or_else(|| panic!("{line} in {metrics}"))
            .trim()
            .parse::<u32>()
            .unwrap()
    };
    let mut soon = 0;
    for route in ["/api/v1/jobs", "/api/v1/jobs/{job}"] {
        let labels = format!("method=\"GET\",route=\"{route}\",status=\"200\"");
        let all = number(format!("atelier_http_requests_total{{{labels}}}"));
        assert_eq!(all, 180);
        let within = format!("{{{labels},le=\"0.01\"}}");
        soon += number(format!(
            "atelier_http_request_duration_seconds_bucket{within}"
        ));
    }
    // 200 are answered at once, and the clients of a round wait for its end one way or the other.
    assert!(soon < 360 - 40, "{metrics}");
    busy.finish();
}

#[test]
fn equal_questions_count_for_the_limit_of_requests_one_by_one() {
    let busy = Busy::start();
    let answers = busy.ask(60, 60);
    let refused = answers.iter().filter(|(status, _)| *status == 429).count();
    let good = answers.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!(refused + good, 3_600);
    assert!(
        good >= 2_000 && refused > 0,
        "{good} good, {refused} refused"
    );
    busy.finish();
}
