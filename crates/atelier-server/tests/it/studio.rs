//! A server over a library of its own, and what its answers are made of.

use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atelier_core::{Clock, JobState};
use atelier_jobs::Queue;
use atelier_server::{Access, Limits, Note, Services, Settings, guarded_router, router};
use atelier_store::{JobId, Library};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::pretend::{Pace, PretendExecutor, PretendPlanner};

/// Where the server believes to be.
pub(crate) const HOST: &str = "127.0.0.1:7860";

/// A clock that stands.
#[derive(Debug)]
pub(crate) struct SetClock(pub(crate) f64);

impl Clock for SetClock {
    fn unix_secs(&self) -> f64 {
        self.0
    }
}

/// A server, and everything that it said to its owner.
pub(crate) struct Studio {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) settings: Settings,
    /// What it said to its owner.
    pub(crate) notes: Arc<Mutex<Vec<String>>>,
    /// Who plans, trains and draws; nobody where a test needs none.
    pub(crate) services: Services,
    router: Router,
}

/// An answer that has come wholly.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{} {text}", self.status))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON of an answer that is no failure.
    pub(crate) fn ok(self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert!(self.status.is_success(), "{} {text}", self.status);
        self.json()
    }

    /// Status, code and message of a failure.
    pub(crate) fn failure(self) -> (u16, String, String) {
        let error = &self.json()["error"];
        for field in ["code", "message", "hint"] {
            assert!(!error[field].as_str().unwrap().is_empty(), "{error}");
        }
        assert!(error["details"].is_object(), "{error}");
        let text = |field: &str| error[field].as_str().unwrap().to_owned();
        (self.status.as_u16(), text("code"), text("message"))
    }
}

impl Studio {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// One that pretends to train and to draw, as fast as it can.
    pub(crate) fn working() -> Self {
        Self::paced(Limits::default(), Arc::new(|_| ()))
    }

    /// One that pretends to train and to draw at this pace.
    pub(crate) fn paced(limits: Limits, pace: Pace) -> Self {
        let mut studio = Self::with_limits(limits);
        let library = studio.settings.library.clone();
        let queue = Queue::open(atelier_jobs::Settings {
            library: library.clone(),
            executor: Box::new(PretendExecutor::new(library, pace)),
            clock: Arc::new(SetClock(1.7e9)),
            free_bytes: Arc::new(|| Some(8 << 30)),
            note: studio.settings.note.clone(),
            limits: atelier_jobs::Limits {
                tick: Duration::from_millis(5),
                idle_tick: Duration::from_millis(5),
                ..atelier_jobs::Limits::default()
            },
            stops_at: None,
        });
        studio.services = Services {
            planner: Some(Arc::new(PretendPlanner)),
            queue: Some(queue.unwrap()),
            adapter_writer: Some(crate::pretend::adapter_writer()),
            doors: crate::doors(),
        };
        let address = HOST.parse().unwrap();
        let (settings, services) = (studio.settings.clone(), studio.services.clone());
        studio.router = router(settings, services, address).unwrap();
        studio
    }

    /// Lets in only those whom these rules let in.
    pub(crate) fn guard(&mut self, access: Access) {
        let (settings, services) = (self.settings.clone(), self.services.clone());
        let place = (HOST.parse().unwrap(), access);
        self.router = guarded_router(settings, services, place).unwrap();
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let notes = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&notes);
        let note: Note = Arc::new(move |text: &dyn Display| {
            noted.lock().unwrap().push(text.to_string());
        });
        let settings = Settings {
            library: Library::open(&home, Arc::new(SetClock(1.7e9))).unwrap(),
            home,
            limits,
            note,
        };
        let address = HOST.parse().unwrap();
        let services = Services {
            doors: crate::doors(),
            ..Services::default()
        };
        Self {
            router: router(settings.clone(), services.clone(), address).unwrap(),
            folder,
            settings,
            notes,
            services,
        }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.response(request).await;
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    /// The answer when it begins.
    pub(crate) async fn response(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = request(method, path).header(header::CONTENT_TYPE, "application/json");
        let body = Body::from(body.to_string());
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, body).await
    }

    /// Sends files as a browser does.
    pub(crate) async fn upload(&self, dataset: &str, files: &[(&str, &[u8])]) -> Answer {
        let path = format!("/api/v1/datasets/{dataset}/images");
        let kind = "multipart/form-data; boundary=XBOUNDARYX";
        let request = request("POST", &path).header(header::CONTENT_TYPE, kind);
        self.send(request.body(Body::from(multipart(files))).unwrap())
            .await
    }

    /// Waits until a job is in a state, and returns it.
    pub(crate) async fn until(&self, job: &Value, state: &str) -> Value {
        let (queue, id) = (self.services.queue.clone().unwrap(), &job["id"]);
        let id: JobId = id.as_str().unwrap().parse().unwrap();
        let state: JobState = state.parse().unwrap();
        let look = move || {
            let mut revision = 0;
            while queue.snapshot(id).unwrap().job.state != state {
                let changes = queue.changes(revision, Duration::from_secs(30));
                assert!(changes.revision > revision, "nothing changes any more");
                revision = changes.revision;
            }
        };
        tokio::task::spawn_blocking(look).await.unwrap();
        self.get(&format!("/api/v1/jobs/{id}")).await.ok()
    }

    /// Makes a dataset of two pictures, trains on it to the end, and returns the run and its job.
    pub(crate) async fn trained(&self, name: &str, settings: &Value) -> (Value, Value) {
        let dataset = self.dataset(name).await;
        self.add(&dataset, 1).await;
        self.add(&dataset, 2).await;
        let body = json!({"dataset": dataset, "settings": settings});
        let started = self.post("/api/v1/trainings", &body).await.ok();
        let job = self.until(&started["job"], "completed").await;
        let run = format!("/api/v1/runs/{}", text(&started["run"]["id"]));
        (self.get(&run).await.ok(), job)
    }

    /// Draws as many pictures, and returns them.
    pub(crate) async fn drawn(&self, count: usize) -> Vec<Value> {
        let body = json!({"prompt": "a cat", "count": count, "steps": 2, "seed": 7});
        let job = self.post("/api/v1/drawings", &body).await.ok();
        self.until(&job, "completed").await;
        let pictures = format!("/api/v1/pictures?job={}", text(&job["id"]));
        let pictures = self.get(&pictures).await.ok()["pictures"].take();
        pictures.as_array().unwrap().clone()
    }

    /// The folders of uploads that are under way, or were left.
    pub(crate) fn uploads(&self) -> Vec<String> {
        let entries = fs_err::read_dir(self.settings.home.join("uploads")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with("upload-")).collect()
    }

    /// Makes a dataset and returns its id.
    pub(crate) async fn dataset(&self, name: &str) -> String {
        let about = json!({"name": name, "trigger_word": "BlobV1"});
        let made = self.post("/api/v1/datasets", &about).await.ok();
        made["id"].as_str().unwrap().to_owned()
    }

    /// Adds a picture of this shade of grey, and returns its id.
    pub(crate) async fn add(&self, dataset: &str, shade: u8) -> String {
        let name = format!("grey-{shade}.png");
        let added = self.upload(dataset, &[(&name, &picture(shade))]).await.ok();
        added["files"][0]["image"].as_str().unwrap().to_owned()
    }
}

/// The words of a JSON string.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// A request that names the server as its host.
pub(crate) fn request(method: &str, path: &str) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    request.header(header::HOST, HOST)
}

/// The body of a form with these files.
pub(crate) fn multipart(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in files {
        let head = format!(
            "--XBOUNDARYX\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XBOUNDARYX--\r\n");
    body
}

/// The body of a form with these fields, and a file as its last part.
pub(crate) fn multipart_of(fields: &[(String, String)], file: Option<(&str, &[u8])>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head = "--XBOUNDARYX\r\nContent-Disposition: form-data; name=";
        body.extend_from_slice(format!("{head}\"{name}\"\r\n\r\n{value}\r\n").as_bytes());
    }
    if let Some((name, bytes)) = file {
        let head = format!(
            "--XBOUNDARYX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XBOUNDARYX--\r\n");
    body
}

/// A PNG of one shade of grey, 40×24 pixels.
pub(crate) fn picture(shade: u8) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(40, 24, image::Rgb([shade; 3]));
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

/// JSON with what may differ from run to run replaced: ids by their order, hashes by a word.
pub(crate) fn steady(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap();
    let mut ids: Vec<&str> = Vec::new();
    let pieces = text.split('"').map(|word| {
        let is_id = word.len() == 36 && word.chars().filter(|c| *c == '-').count() == 4;
        let is_hash = word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
        if is_id && !ids.contains(&word) {
            ids.push(word);
        }
        match ids.iter().position(|id| *id == word) {
            Some(at) => format!("<id {at}>"),
            None if is_hash => "<hash>".to_owned(),
            None => word.to_owned(),
        }
    });
    pieces.collect::<Vec<_>>().join("\"")
}
