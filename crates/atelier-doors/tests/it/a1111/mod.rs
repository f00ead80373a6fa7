//! The API that clients of AUTOMATIC1111's web interface speak, with the bodies that the client `webuiapi` sends.

mod bases;
mod drawing;
mod lists;
mod options;
mod over_pictures;
mod progress;
mod refusals;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::studio::{Answer, Studio};

pub(crate) const API: &str = "/sdapi/v1";

/// What `webuiapi` sends for a drawing from words, with what a test wants else.
pub(crate) fn asked(wanted: &Value) -> Value {
    let text = r#"{
        "enable_hr": false, "hr_scale": 2, "hr_upscaler": "Latent", "hr_second_pass_steps": 0, "hr_resize_x": 0,
        "hr_resize_y": 0, "hr_checkpoint_name": null, "hr_sampler_name": null, "hr_scheduler": null, "hr_prompt": "",
        "hr_negative_prompt": "", "denoising_strength": 0.7, "firstphase_width": 0, "firstphase_height": 0,
        "prompt": "", "styles": [], "seed": -1, "subseed": -1, "subseed_strength": 0.0, "seed_resize_from_h": 0,
        "seed_resize_from_w": 0, "batch_size": 1, "n_iter": 1, "steps": 20, "cfg_scale": 7.0, "width": 512,
        "height": 512, "restore_faces": false, "tiling": false, "do_not_save_samples": false,
        "do_not_save_grid": false, "negative_prompt": "", "eta": 1.0, "s_churn": 0, "s_tmax": 0, "s_tmin": 0,
        "s_noise": 1, "override_settings": {}, "override_settings_restore_afterwards": true,
        "sampler_name": "Euler a", "scheduler": "automatic", "sampler_index": "Euler a", "script_name": null,
        "script_args": [], "send_images": true, "save_images": false, "alwayson_scripts": {}
    }"#;
    let mut asked: Value = serde_json::from_str(text).unwrap();
    for (key, value) in wanted.as_object().unwrap() {
        asked[key] = value.clone();
    }
    asked
}

/// An answer as the client takes it: status 200 with JSON.
pub(crate) fn taken(answer: &Answer) -> Value {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 200, "{text}");
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()
}

/// The pictures of an answer, and what is told about them.
pub(crate) fn pictures(answer: &Value) -> (Vec<image::RgbImage>, Value) {
    let pictures = answer["images"].as_array().unwrap().iter().map(|picture| {
        let bytes = STANDARD.decode(picture.as_str().unwrap()).unwrap();
        image::load_from_memory(&bytes).unwrap().into_rgb8()
    });
    let info = serde_json::from_str(answer["info"].as_str().unwrap()).unwrap();
    (pictures.collect(), info)
}

/// Status and `detail` of a refusal, which has their shape.
pub(crate) fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    for key in ["error", "detail", "body", "errors"] {
        assert!(body[key].is_string(), "{body}");
    }
    let detail = body["detail"].as_str().unwrap().to_owned();
    assert!(!detail.is_empty());
    (answer.status.as_u16(), detail)
}

impl Studio {
    pub(crate) async fn draw(&self, wanted: &Value) -> Answer {
        self.post(&format!("{API}/txt2img"), &asked(wanted)).await
    }

    pub(crate) async fn read(&self, path: &str) -> Value {
        taken(&self.get(&format!("{API}{path}")).await)
    }

    pub(crate) async fn tell(&self, path: &str, body: &Value) -> Value {
        taken(&self.post(&format!("{API}{path}"), body).await)
    }

    /// The jobs that there are, newest first.
    pub(crate) async fn jobs(&self) -> Vec<Value> {
        let jobs = self.get("/api/v1/jobs").await.ok()["jobs"].take();
        jobs.as_array().unwrap().clone()
    }
}
