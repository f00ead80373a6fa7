//! The whole way, and what becomes of generations.

use std::sync::Arc;

use atelier_core::{JobKind, JobState};
use atelier_server::Limits;
use atelier_store::{JobId, NewJob};
use serde_json::{Value, json};

use super::{Client, generation};
use crate::gate::Gate;
use crate::studio::{Studio, text};

const USER: &str = "00000000-0000-4000-8000-000000000001";

async fn drawn(client: &Client, body: Value) -> Value {
    let job = client.post("/generations", body).await["sdGenerationJob"].take();
    assert_eq!(job["apiCreditCost"], 0);
    client.until_idle().await;
    let path = format!("/generations/{}", text(&job["generationId"]));
    client.get(&path).await["generations_by_pk"].take()
}

#[tokio::test]
async fn the_whole_way() {
    let client = Client::new();
    let dataset = client.dataset(&[1, 2]).await;
    let number = client.element(&dataset).await;
    let mut body = generation();
    body["prompt"] = json!("BlobV1 in a wood");
    body["num_images"] = json!(2.0);
    body["seed"] = json!(5);
    body["userElements"] = json!([{"userLoraId": number as f64, "weight": 0.8}]);
    let found = drawn(&client, body).await;
    for (field, value) in [
        ("status", json!("COMPLETE")),
        ("prompt", json!("BlobV1 in a wood")),
        ("seed", json!(5)),
        ("imageWidth", json!(72)),
        ("imageHeight", json!(56)),
        ("inferenceSteps", json!(15)),
        ("scheduler", json!("EULER_DISCRETE")),
        ("presetStyle", json!("NONE")),
        ("modelId", json!("atelier-mini")),
    ] {
        assert_eq!(found[field], value, "{field}");
    }
    let element = &found["generation_elements"][0];
    assert_eq!(element["id"], number);
    assert!((element["weightApplied"].as_f64().unwrap() - 0.8).abs() < 1e-6);
    let images = found["generated_images"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    for image in images {
        let file = client.fetch(&image["url"]).await;
        assert_eq!(file.header("content-type"), "image/png");
    }
    let path = format!("/datasets/{dataset}/upload/gen");
    let body = json!({"generatedImageId": images[0]["id"]});
    let copied = client.post(&path, body).await;
    let id = &copied["uploadDatasetImageFromGen"]["id"];
    let dataset = client.get(&format!("/datasets/{dataset}")).await;
    assert_eq!(&dataset["datasets_by_pk"]["dataset_images"][2]["id"], id);
    let path = format!("/generations/{}", text(&found["id"]));
    let all = format!("/generations/user/{USER}?offset=0&limit=10");
    assert_eq!(client.get(&all).await["generations"][0]["id"], found["id"]);
    for limit in [0, 1, 500] {
        let some = format!("/generations/user/{USER}?limit={limit}");
        let some = client.get(&some).await;
        assert_eq!(some["generations"].as_array().unwrap().len(), 1);
    }
    let deleted = client.delete(&path).await;
    assert_eq!(deleted["delete_generations_by_pk"]["id"], found["id"]);
    for method in ["GET", "DELETE"] {
        assert_eq!(client.refused((method, &path), &json!({})).await.0, 404);
    }
    assert_eq!(client.get(&all).await["generations"], json!([]));
}

#[tokio::test]
async fn a_generation_that_says_nothing_is_drawn_by_the_usual_base() {
    let client = Client::new();
    let found = drawn(&client, generation()).await;
    assert_eq!(found["generated_images"].as_array().unwrap().len(), 4);
    assert_eq!(found["generation_elements"], json!([]));
    let other = drawn(&client, json!({"num_images": 1})).await;
    assert_ne!(other["seed"], found["seed"]);
    let named = json!({"modelId": "dreamy", "num_images": 1, "scheduler": "KLMS", "width": 512, "height": 512});
    let named = drawn(&client, named).await;
    assert_eq!(
        (&named["modelId"], &named["scheduler"], &named["imageWidth"]),
        (&json!("dreamy"), &json!("KLMS"), &json!(512))
    );
}

#[tokio::test]
async fn a_generation_is_pending_until_it_is_drawn_and_can_be_ended() {
    let gate: Arc<Gate> = Arc::default();
    let client = Client::of(Studio::paced(Limits::default(), gate.pace()));
    let job = client.post("/generations", generation()).await;
    let path = format!(
        "/generations/{}",
        text(&job["sdGenerationJob"]["generationId"])
    );
    let found = client.get(&path).await["generations_by_pk"].take();
    assert_eq!(
        (&found["status"], &found["generated_images"]),
        (&json!("PENDING"), &json!([]))
    );
    // What waits at the gate stops when it is told to, and is gone before.
    client.delete(&path).await;
    is_gone(&client, &path).await;
    client.until_idle().await;
    is_gone(&client, &path).await;
}

/// Nothing is there, in lists and by itself.
async fn is_gone(client: &Client, path: &str) {
    for method in ["GET", "DELETE"] {
        assert_eq!(client.refused((method, path), &json!({})).await.0, 404);
    }
    let all = client.get(&format!("/generations/user/{USER}")).await;
    assert_eq!(all["generations"], json!([]));
}

#[tokio::test]
async fn a_generation_that_failed_is_there_until_it_is_deleted() {
    let client = Client::new();
    let library = client.studio.settings.library.clone();
    // One that no worker understands.
    let new = NewJob {
        id: JobId::unused(),
        kind: JobKind::Generation,
        priority: 0,
        request: json!({"models": 7}),
    };
    let id = library.create_job(new).unwrap().id;
    client.until_idle().await;
    let path = format!("/generations/{id}");
    let found = client.get(&path).await;
    assert_eq!(found["generations_by_pk"]["status"], "FAILED");
    let deleted = client.delete(&path).await;
    assert_eq!(deleted["delete_generations_by_pk"]["id"], id.to_string());
    is_gone(&client, &path).await;
    let job = library.get_job(id).unwrap();
    assert_eq!(job.state, JobState::Cancelled);
    assert!(job.problem.is_some(), "why it failed is known no longer");
}
