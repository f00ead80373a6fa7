//! What is refused, and how.

use axum::body::Body;
use serde_json::{Value, json};

use super::{API, Client, element, generation, refusal};
use crate::studio::{Studio, request};

const ABSENT: &str = "018f0000-0000-7000-8000-000000000000";

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

#[tokio::test]
async fn generations_that_cannot_be_drawn_are_refused() {
    let client = Client::new();
    for (field, value, status) in [
        ("num_images", json!(9), 400),
        ("num_images", json!(1.5), 400),
        ("num_images", json!("4"), 400),
        ("width", json!(24), 400),
        ("width", json!(1004), 400),
        ("height", json!(2048), 400),
        ("num_inference_steps", json!(61), 400),
        ("guidance_scale", json!(51), 400),
        ("seed", json!(-1), 400),
        ("scheduler", json!("FAST"), 400),
        ("sd_version", json!("v9"), 400),
        ("modelId", json!(ABSENT), 404),
        ("modelId", json!("/etc/passwd"), 404),
        ("userElements", json!([{"userLoraId": 1, "weight": 1}]), 404),
        ("userElements", json!([{"userLoraId": -1}]), 404),
        ("userElements", json!([{"weight": 1}]), 400),
        ("elements", json!([{"akUUID": ABSENT}]), 404),
        ("elements", json!([{"akUUID": "x"}]), 404),
        // They are counted before any is looked up.
        ("elements", json!(vec![json!({"akUUID": ABSENT}); 9]), 400),
        (
            "userElements",
            json!(vec![json!({"userLoraId": 1}); 9]),
            400,
        ),
        ("init_image_id", json!(ABSENT), 501),
        ("init_generation_image_id", json!(ABSENT), 501),
        ("controlnets", json!([{"initImageId": ABSENT}]), 501),
        ("canvasRequest", json!(true), 501),
        ("imagePrompts", json!([ABSENT]), 501),
        ("tiling", json!(true), 501),
        ("transparency", json!("foreground_only"), 501),
    ] {
        let body = with(generation(), field, value);
        let (found, _) = client.refused(("POST", "/generations"), &body).await;
        assert_eq!(found, status, "{body}");
    }
    let harmless = json!({
        "controlnets": [], "imagePrompts": [], "tiling": false, "transparency": "disabled", "init_image_id": null,
        "photoReal": false, "promptMagic": true, "contrast": 3.5, "public": false, "newer": {"a": 1}, "num_images": 1,
    });
    client.post("/generations", harmless).await;
}

#[tokio::test]
async fn trainings_that_cannot_be_done_are_refused() {
    let client = Client::new();
    let dataset = client.dataset(&[1]).await;
    for (field, value, status) in [
        ("datasetId", json!(ABSENT), 404),
        ("datasetId", json!("x"), 404),
        ("datasetId", json!(""), 404),
        ("learning_rate", json!(0), 400),
        ("lora_focus", json!("Cats"), 400),
        ("num_train_epochs", json!(251), 400),
        ("num_train_epochs", json!(1.5), 400),
        ("sd_version", json!("v1_5"), 400),
        ("instance_prompt", json!("x".repeat(1_000)), 400),
    ] {
        let body = with(element(&dataset), field, value);
        let (found, _) = client.refused(("POST", "/elements"), &body).await;
        assert_eq!(found, status, "{body}");
    }
    let empty = client.dataset(&[]).await;
    let refused = client
        .refused(("POST", "/elements"), &element(&empty))
        .await;
    assert_eq!(refused, (422, "unprocessable".to_owned()));
    let model = json!({"datasetId": dataset, "name": "a", "instance_prompt": "BlobV1"});
    for (field, value) in [
        ("modelType", json!("CATS")),
        ("strength", json!("HUGE")),
        ("sd_version", json!("FLUX")),
        ("name", json!(7)),
    ] {
        let body = with(model.clone(), field, value);
        let refused = client.refused(("POST", "/models"), &body).await;
        assert_eq!(refused.0, 400, "{body}");
    }
    assert_eq!(client.studio.get("/api/v1/jobs").await.ok()["total"], 0);
}

#[tokio::test]
async fn what_is_not_there_is_refused_by_name() {
    let client = Client::new();
    for path in [
        "/variations/upscale",
        "/variations/unzoom",
        "/variations/nobg",
        "/variations/universal-upscaler",
        "/init-image",
        "/canvas-init-image",
        "/prompt/improve",
        "/prompt/random",
    ] {
        let refused = client.refused(("POST", path), &json!({"id": ABSENT})).await;
        assert_eq!(refused, (501, "not-supported".to_owned()), "{path}");
    }
    for place in [
        "generations",
        "elements",
        "models",
        "datasets",
        "variations",
        "init-image",
    ] {
        for id in [ABSENT, "x", "..%2f..%2fetc", "-1", "4294967296"] {
            let path = format!("/{place}/{id}");
            let refused = client.refused(("GET", &path), &Value::Null).await;
            assert_eq!(refused, (404, "not-found".to_owned()), "{path}");
        }
    }
    for (method, path) in [
        ("POST", "/generations-lcm"),
        ("GET", "/blueprints"),
        ("PUT", "/a/b"),
    ] {
        assert_eq!(
            client.refused((method, path), &json!({})).await.0,
            404,
            "{path}"
        );
    }
    let path = format!("/datasets/{ABSENT}/upload/gen");
    for id in [ABSENT, "x"] {
        let body = json!({"generatedImageId": id});
        assert_eq!(client.refused(("POST", &path), &body).await.0, 404);
    }
}

#[tokio::test]
async fn other_methods_and_what_lies_beside_the_api_are_refused_in_its_shape_too() {
    let client = Client::new();
    for (method, path) in [
        ("PUT", "/me"),
        ("DELETE", "/datasets"),
        ("PATCH", "/generations/x"),
        ("GET", "/init-image"),
        ("PUT", "/prompt/random"),
    ] {
        let refused = client.refused((method, path), &json!({})).await;
        assert_eq!(refused.0, 405, "{method} {path}");
    }
    for path in ["/api/rest", API, "/api/rest/v1/", "/api/rest/v2/me"] {
        for method in ["GET", "POST"] {
            let answer = client.studio.call(method, path, &json!({})).await;
            let refused = refusal(&answer);
            assert_eq!(refused, (404, "not-found".to_owned()), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn pages_of_others_are_kept_out_here_too() {
    let client = Client::new();
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let post = request("POST", &format!("{API}/datasets")).header(name, value);
        let post = post.header("content-type", "application/json");
        let answer = client
            .studio
            .send(post.body(Body::from("{\"name\": \"a\"}")).unwrap());
        assert_eq!(answer.await.status, 403);
    }
    let other = axum::http::Request::builder().uri(format!("{API}/me"));
    let other = other
        .header("host", "evil.example:7860")
        .body(Body::empty());
    assert_eq!(client.studio.send(other.unwrap()).await.status, 403);
}

#[tokio::test]
async fn a_server_that_computes_nothing_still_has_datasets() {
    let client = Client::of(Studio::new());
    let dataset = client.dataset(&[1]).await;
    for (path, body) in [
        ("/elements", element(&dataset)),
        ("/generations", generation()),
    ] {
        let refused = client.refused(("POST", path), &body).await;
        assert_eq!(refused.0, 404, "{path}");
    }
}
