//! Elements and custom models: trained, polled, listed, deleted.

use std::sync::Arc;

use atelier_server::Limits;
use atelier_store::{About, NewModel};
use serde_json::{Value, json};

use super::{API, Client, element, generation, refusal};
use crate::gate::Gate;
use crate::studio::{Studio, text};

const USER: &str = "00000000-0000-4000-8000-000000000001";

#[tokio::test]
async fn an_element_has_its_number_before_it_is_trained() {
    let gate: Arc<Gate> = Arc::default();
    let client = Client::of(Studio::paced(Limits::default(), gate.pace()));
    let dataset = client.dataset(&[1, 2]).await;
    let mut body = element(&dataset);
    body["num_train_epochs"] = json!(2.0);
    let started = client.post("/elements", body).await;
    let job = &started["sdTrainingJob"];
    assert_eq!(
        (&job["userLoraId"], &job["cost"]),
        (&json!(1), &json!({"amount": "0", "unit": "CREDITS"}))
    );
    let pending = client.get("/elements/1").await["user_loras_by_pk"].take();
    for (field, value) in [
        ("id", json!(1)),
        ("status", json!("PENDING")),
        ("focus", json!("Style")),
        ("name", json!("blob")),
        ("instancePrompt", json!("BlobV1")),
        ("trainingEpoch", json!(2)),
        ("baseModel", json!("atelier-mini")),
    ] {
        assert_eq!(pending[field], value, "{field}");
    }
    let mut wanted = generation();
    wanted["userElements"] = json!([{"userLoraId": 1.0, "weight": 0.8}]);
    assert_eq!(
        client.refused(("POST", "/generations"), &wanted).await.0,
        400
    );
    gate.open();
    client.until_idle().await;
    let done = client.get("/elements/1.0").await["user_loras_by_pk"].take();
    assert_eq!(
        (&done["status"], &done["id"]),
        (&json!("COMPLETE"), &json!(1))
    );
    let models = client.studio.get("/api/v1/models").await.ok();
    assert_eq!(
        (&models["total"], &models["models"][0]["number"]),
        (&json!(1), &json!(1))
    );
    let public = client.get("/elements").await;
    assert_eq!(public["loras"][0]["akUUID"], models["models"][0]["id"]);
    assert!(public["loras"][0]["weightDefault"].is_u64());
}

#[tokio::test]
async fn the_same_name_is_given_twice_and_the_second_gets_a_number() {
    let client = Client::new();
    let dataset = client.dataset(&[1]).await;
    let (first, second) = (
        client.element(&dataset).await,
        client.element(&dataset).await,
    );
    assert_eq!((first, second), (1, 2));
    let second = client.get("/elements/2").await;
    assert_eq!(second["user_loras_by_pk"]["name"], "blob 2");
    let mut unnamed = element(&dataset);
    unnamed["name"] = json!("placeholder");
    client.post("/elements", unnamed).await;
    let third = client.get("/elements/3").await;
    assert_eq!(third["user_loras_by_pk"]["name"], "blobs-1");
    client.until_idle().await;
    let all = client.get(&format!("/elements/user/{USER}")).await;
    let numbers = all["user_loras"].as_array().unwrap().iter();
    let numbers: Vec<_> = numbers.map(|one| one["id"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(
        client.delete("/elements/2").await["delete_user_loras_by_pk"]["id"],
        2
    );
    for method in ["GET", "DELETE"] {
        assert_eq!(
            client.refused((method, "/elements/2"), &json!({})).await.0,
            404
        );
    }
    let trash = client.studio.get("/api/v1/models?trash=true").await.ok();
    assert_eq!(trash["total"], 1);
}

#[tokio::test]
async fn the_training_of_an_element_can_be_ended() {
    let gate: Arc<Gate> = Arc::default();
    let client = Client::of(Studio::paced(Limits::default(), gate.pace()));
    let dataset = client.dataset(&[1]).await;
    for _ in 0..2 {
        client.post("/elements", element(&dataset)).await;
    }
    // The second waits and is gone at once; the first stops within a step.
    client.delete("/elements/2").await;
    assert_eq!(
        client.refused(("GET", "/elements/2"), &Value::Null).await.0,
        404
    );
    client.delete("/elements/1").await;
    for is_over in [false, true] {
        if is_over {
            client.until_idle().await;
        }
        let first = client.refused(("GET", "/elements/1"), &Value::Null).await;
        assert_eq!(first.0, 404);
        let mut wanted = generation();
        wanted["userElements"] = json!([{"userLoraId": 1, "weight": 0.8}]);
        let drawn = client.refused(("POST", "/generations"), &wanted).await;
        assert_eq!(drawn.0, 404, "nothing to wait for");
        let all = client.get(&format!("/elements/user/{USER}")).await;
        assert_eq!(all["user_loras"], json!([]));
    }
    let models = client.studio.get("/api/v1/models").await.ok();
    assert_eq!(models["total"], 0);
}

#[tokio::test]
async fn a_training_without_a_trigger_word_gets_the_datasets_or_one_of_its_name() {
    let client = Client::new();
    let dataset = client.dataset(&[1]).await;
    // What the clients send for a style where their user gives no word.
    let mut wanted = element(&dataset);
    wanted["instance_prompt"] = json!("");
    wanted["sd_version"] = json!("FLUX_DEV");
    for (name, word) in [
        ("ink line", "inklineV1"),
        // A word that everybody knows would be refused.
        ("style", "styleV1"),
        ("cat7", "cat7"),
        ("!?", "blobsV1"),
        ("placeholder", "blobsV1"),
    ] {
        wanted["name"] = json!(name);
        let started = client.post("/elements", wanted.clone()).await;
        let path = format!("/elements/{}", started["sdTrainingJob"]["userLoraId"]);
        let found = client.get(&path).await;
        assert_eq!(found["user_loras_by_pk"]["instancePrompt"], word, "{name}");
    }
    let own = client.studio.dataset("own").await;
    client.studio.add(&own, 1).await;
    let model = json!({"datasetId": own, "name": "x", "instance_prompt": " "});
    let started = client.post("/models", model).await;
    let path = format!(
        "/models/{}",
        text(&started["sdTrainingJob"]["customModelId"])
    );
    let found = client.get(&path).await;
    assert_eq!(found["custom_models_by_pk"]["instancePrompt"], "BlobV1");
    let unnamed = json!({"name": "!!"});
    let unnamed = client.post("/datasets", unnamed).await["insert_datasets_one"]["id"].take();
    client.studio.add(text(&unnamed), 1).await;
    wanted["datasetId"] = unnamed;
    let answer = client
        .studio
        .post(&format!("{API}/elements"), &wanted)
        .await;
    assert_eq!(refusal(&answer).0, 400);
    let message = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(message.contains("`instance_prompt`"), "{message}");
}

#[tokio::test]
async fn lists_have_every_model() {
    let client = Client::new();
    let file = client.studio.folder.path().join("a.safetensors");
    fs_err::write(&file, "adapter").unwrap();
    let library = &client.studio.settings.library;
    for number in 1..=201 {
        let new = NewModel {
            about: About {
                name: format!("model {number}"),
                ..About::default()
            },
            strength: None,
            base: "atelier-mini".to_owned(),
            base_hash: None,
        };
        library.import_model(new, &file).unwrap();
    }
    for (path, list) in [
        (format!("/elements/user/{USER}"), "user_loras"),
        (format!("/models/user/{USER}"), "custom_models"),
        ("/elements".to_owned(), "loras"),
    ] {
        let found = client.get(&path).await;
        assert_eq!(found[list].as_array().unwrap().len(), 201, "{path}");
    }
}

#[tokio::test]
async fn a_custom_model_is_called_by_the_id_that_it_will_have() {
    let client = Client::new();
    let dataset = client.dataset(&[1, 2]).await;
    let body = json!({
        "datasetId": dataset, "description": "", "instance_prompt": "BlobV1", "modelType": "CHARACTERS",
        "name": "a/b", "nsfw": false, "resolution": 512, "strength": "VERY_LOW", "sd_version": "v1_5",
    });
    let started = client.post("/models", body).await;
    let id = text(&started["sdTrainingJob"]["customModelId"]).to_owned();
    let path = format!("/models/{id}");
    client.get(&path).await;
    client.until_idle().await;
    let done = client.get(&path).await["custom_models_by_pk"].take();
    for (field, value) in [
        ("id", json!(id)),
        ("status", json!("COMPLETE")),
        ("type", json!("CHARACTERS")),
        ("name", json!("a-b")),
        ("sdVersion", json!("v1_5")),
        ("modelWidth", json!(64)),
        ("instancePrompt", json!("BlobV1")),
    ] {
        assert_eq!(done[field], value, "{field}");
    }
    let runs = client.studio.get("/api/v1/runs").await.ok();
    assert_eq!(runs["runs"][0]["settings"]["strength"], "very-low");
    let mut wanted = generation();
    wanted["modelId"] = json!(id);
    let job = client.post("/generations", wanted).await;
    let generation = text(&job["sdGenerationJob"]["generationId"]).to_owned();
    let drawn = client.get(&format!("/generations/{generation}")).await;
    assert_eq!(
        drawn["generations_by_pk"]["generation_elements"][0]["lora"]["akUUID"],
        id
    );
    let all = client.get(&format!("/models/user/{USER}")).await;
    assert_eq!(all["custom_models"][0]["id"], id);
    assert_eq!(
        client.delete(&path).await["delete_custom_models_by_pk"]["id"],
        id
    );
    assert_eq!(client.refused(("GET", &path), &Value::Null).await.0, 404);
}
