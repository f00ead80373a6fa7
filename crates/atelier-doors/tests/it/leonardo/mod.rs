//! The API that the official clients of Leonardo.Ai speak, with the bodies that these send.

mod accounts;
pub(crate) mod bases;
mod drawing;
mod files;
mod mapped;
mod pictures;
mod refusals;
mod strangers;
mod training;
mod uploads;

use serde_json::{Value, json};

use crate::studio::{Answer, Studio, multipart_of, picture, request, text};

pub(crate) const API: &str = "/api/rest/v1";

/// A studio that speaks like the clients.
pub(crate) struct Client {
    pub(crate) studio: Studio,
}

impl Client {
    pub(crate) fn of(studio: Studio) -> Self {
        Self { studio }
    }

    pub(crate) fn new() -> Self {
        Self::of(Studio::working())
    }

    /// An answer as the clients take it: status 200 with JSON.
    fn taken(answer: &Answer) -> Value {
        assert_eq!(
            answer.status,
            200,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        assert_eq!(answer.header("content-type"), "application/json");
        answer.json()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        Self::taken(&self.studio.get(&format!("{API}{path}")).await)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        Self::taken(&self.studio.post(&format!("{API}{path}"), &body).await)
    }

    pub(crate) async fn delete(&self, path: &str) -> Value {
        let delete = request("DELETE", &format!("{API}{path}"));
        let delete = delete.body(axum::body::Body::empty()).unwrap();
        Self::taken(&self.studio.send(delete).await)
    }

    /// Status and code of a refusal, which has their shape.
    pub(crate) async fn refused(
        &self,
        (method, path): (&str, &str),
        body: &Value,
    ) -> (u16, String) {
        let path = format!("{API}{path}");
        let answer = self.studio.call(method, &path, body).await;
        refusal(&answer)
    }

    /// Makes a dataset with pictures that came in two steps, and returns its id.
    pub(crate) async fn dataset(&self, shades: &[u8]) -> String {
        let made = self.post("/datasets", json!({"name": "blobs"})).await;
        let id = text(&made["insert_datasets_one"]["id"]).to_owned();
        for shade in shades {
            let announced = self.announce(&id).await;
            let sent = self.send(&announced, &picture(*shade)).await;
            assert_eq!((sent.status.as_u16(), sent.body.len()), (204, 0));
        }
        id
    }

    pub(crate) async fn announce(&self, dataset: &str) -> Value {
        let path = format!("/datasets/{dataset}/upload");
        let announced = self.post(&path, json!({"extension": "png"})).await;
        announced["uploadDatasetImage"].clone()
    }

    /// Sends a picture where an announcement says, as the storage of the other house takes it.
    pub(crate) async fn send(&self, announced: &Value, bytes: &[u8]) -> Answer {
        let fields: Value = serde_json::from_str(text(&announced["fields"])).unwrap();
        let fields = fields.as_object().unwrap().iter();
        let fields: Vec<_> = fields
            .map(|(name, value)| (name.clone(), text(value).to_owned()))
            .collect();
        let body = multipart_of(&fields, Some(("picture.png", bytes)));
        self.send_form(text(&announced["url"]), body).await
    }

    pub(crate) async fn send_form(&self, url: &str, body: Vec<u8>) -> Answer {
        let path = url.strip_prefix("http://127.0.0.1:7860").unwrap();
        let kind = "multipart/form-data; boundary=XBOUNDARYX";
        let post = request("POST", path).header("content-type", kind);
        let body = axum::body::Body::from(body);
        self.studio.send(post.body(body).unwrap()).await
    }

    /// What is at an address that was told, without a key.
    pub(crate) async fn fetch(&self, url: &Value) -> Answer {
        let path = text(url).strip_prefix("http://127.0.0.1:7860").unwrap();
        self.studio.get(path).await
    }

    /// Trains an element to its end, and returns its number.
    pub(crate) async fn element(&self, dataset: &str) -> u64 {
        let started = self.post("/elements", element(dataset)).await;
        let number = started["sdTrainingJob"]["userLoraId"].as_u64().unwrap();
        self.until_idle().await;
        number
    }

    /// Waits until the queue has nothing to do.
    pub(crate) async fn until_idle(&self) {
        let queue = self.studio.services.queue.clone().unwrap();
        let library = self.studio.settings.library.clone();
        let look = move || {
            let mut revision = 0;
            while !library.list_open_jobs().unwrap().is_empty() {
                let patience = std::time::Duration::from_secs(30);
                let changes = queue.changes(revision, patience);
                assert!(changes.revision > revision, "nothing changes any more");
                revision = changes.revision;
            }
        };
        tokio::task::spawn_blocking(look).await.unwrap();
    }
}

/// What the Python client sends for an element where its user says as little as can be.
pub(crate) fn element(dataset: &str) -> Value {
    json!({
        "datasetId": dataset, "description": "", "instance_prompt": "BlobV1", "learning_rate": 0.000_001,
        "lora_focus": "Style", "name": "blob", "num_train_epochs": 2, "resolution": 1024,
        "sd_version": "SDXL_1_0", "train_text_encoder": true,
    })
}

/// What the clients send for a generation where their user says nothing.
pub(crate) fn generation() -> Value {
    json!({
        "alchemy": true, "height": 768, "modelId": "b24e16ff-06e3-43eb-8d33-4416c2d75876", "num_images": 4,
        "presetStyle": "DYNAMIC", "prompt": "A majestic cat in the snow", "width": 1024,
    })
}

/// Status and code of a refusal, which has their shape.
pub(crate) fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert!(!text(&body["error"]).is_empty(), "{body}");
    assert_eq!(body["path"], "$");
    (answer.status.as_u16(), text(&body["code"]).to_owned())
}
