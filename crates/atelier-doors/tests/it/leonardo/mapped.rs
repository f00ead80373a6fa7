//! Words that bases stand for.

use atelier_core::DoorWord;
use atelier_store::DoorMapping;
use serde_json::json;

use super::Client;

const KINO: &str = "aa77f04e-3eec-4034-9c07-d0f619684628";
const USUAL: &str = "b24e16ff-06e3-43eb-8d33-4416c2d75876";

impl Client {
    fn map(&self, words: &[(DoorWord, &str, &str)]) {
        let mappings = words.iter().map(|(kind, name, base)| DoorMapping {
            kind: *kind,
            name: (*name).to_owned(),
            base: Some((*base).to_owned()),
        });
        let library = &self.studio.settings.library;
        library.set_door_mappings(mappings.collect()).unwrap();
    }

    /// The base that a generation draws on.
    async fn base_of(&self, mut wanted: serde_json::Value) -> serde_json::Value {
        wanted["num_images"] = json!(1);
        wanted["num_inference_steps"] = json!(1);
        self.post("/generations", wanted).await;
        let jobs = self.studio.get("/api/v1/jobs").await.ok();
        let mut jobs = jobs["jobs"].as_array().unwrap().clone();
        jobs.retain(|job| job["kind"] == "generation");
        jobs[0]["drawing"]["base"].take()
    }
}

#[tokio::test]
async fn words_that_nothing_was_set_for_mean_the_usual_base() {
    let client = Client::new();
    for wanted in [
        json!({"modelId": KINO}),
        // That of the other house's own samples.
        json!({"modelId": "6bef9f1b-29cb-40c7-b9df-32b51c1f67d3", "width": 512, "height": 512}),
        json!({"modelId": "cd2b2a15-9760-4174-a5ff-4d2925057376"}),
        json!({"modelId": USUAL, "presetStyle": "DYNAMIC"}),
        json!({"sd_version": "SDXL_1_0"}),
        json!({"presetStyle": "ANIME"}),
        json!({"presetStyle": "UNHEARD_OF"}),
    ] {
        assert_eq!(client.base_of(wanted).await, "atelier-mini");
    }
}

#[tokio::test]
async fn words_draw_on_the_base_that_was_set_for_them() {
    let client = Client::new();
    client.map(&[
        (DoorWord::ModelId, KINO, "dreamy"),
        (DoorWord::SdVersion, "SDXL_1_0", "dreamy"),
        (DoorWord::SdVersion, "v1_5", "atelier-mini"),
        (DoorWord::Preset, "ANIME", "dreamy"),
    ]);
    for (wanted, base) in [
        (json!({"modelId": KINO}), "dreamy"),
        (
            json!({"modelId": USUAL, "presetStyle": "DYNAMIC", "sd_version": "SDXL_1_0"}),
            "dreamy",
        ),
        (json!({"modelId": USUAL, "presetStyle": "ANIME"}), "dreamy"),
        // The first that the user chose.
        (json!({"modelId": KINO, "sd_version": "v1_5"}), "dreamy"),
        (
            json!({"sd_version": "v1_5", "presetStyle": "ANIME"}),
            "atelier-mini",
        ),
        // A base by its name needs no table.
        (
            json!({"modelId": "atelier-mini", "presetStyle": "ANIME"}),
            "atelier-mini",
        ),
        (
            json!({"modelId": USUAL, "presetStyle": "DYNAMIC"}),
            "atelier-mini",
        ),
    ] {
        assert_eq!(client.base_of(wanted.clone()).await, base, "{wanted}");
    }
    client.map(&[(DoorWord::ModelId, USUAL, "dreamy")]);
    let filled_in = json!({"modelId": USUAL, "presetStyle": "DYNAMIC"});
    assert_eq!(client.base_of(filled_in).await, "dreamy");
}

#[tokio::test]
async fn models_that_the_owner_added_are_known() {
    let client = Client::new();
    let other = "018f0000-0000-4000-8000-000000000000";
    let wanted = json!({"modelId": other});
    let path = format!("{}/generations", super::API);
    let refused = client.studio.post(&path, &wanted).await;
    assert_eq!(super::refusal(&refused), (404, "not-found".to_owned()));
    let message = refused.json()["error"].as_str().unwrap().to_owned();
    assert!(
        message.contains("the owner of this studio can set one"),
        "{message}"
    );
    client.map(&[(DoorWord::ModelId, other, "dreamy")]);
    assert_eq!(client.base_of(wanted).await, "dreamy");
}

#[tokio::test]
async fn trainings_are_on_the_base_of_their_version() {
    let client = Client::new();
    client.map(&[
        (DoorWord::SdVersion, "FLUX_DEV", "dreamy"),
        (DoorWord::SdVersion, "v1_5", "dreamy"),
    ]);
    let dataset = client.dataset(&[1, 2]).await;
    let element = json!({
        "name": "one", "datasetId": dataset, "instance_prompt": "BlobV1", "learning_rate": 0.0005,
        "lora_focus": "Character", "num_train_epochs": 1, "sd_version": "FLUX_DEV",
    });
    client.post("/elements", element).await;
    let model = json!({
        "name": "two", "datasetId": dataset, "instance_prompt": "BlobV2", "sd_version": "v1_5", "strength": "VERY_LOW",
    });
    client.post("/models", model).await;
    let model = json!({
        "name": "three", "datasetId": dataset, "instance_prompt": "BlobV3", "sd_version": "v2", "strength": "VERY_LOW",
    });
    client.post("/models", model).await;
    let runs = client.studio.get("/api/v1/runs").await.ok();
    let base = |name: &str| {
        let mut runs = runs["runs"].as_array().unwrap().iter();
        runs.find(|run| run["name"] == name).unwrap()["base"].clone()
    };
    assert_eq!(
        (base("one"), base("two")),
        (json!("dreamy"), json!("dreamy"))
    );
    assert_eq!(base("three"), "atelier-mini");
}

#[tokio::test]
async fn a_base_that_is_gone_is_told_in_their_shape() {
    let client = Client::new();
    client.map(&[
        (DoorWord::ModelId, KINO, "gone"),
        (DoorWord::SdVersion, "FLUX_DEV", "gone"),
    ]);
    let dataset = client.dataset(&[1]).await;
    let element = json!({
        "name": "one", "datasetId": dataset, "instance_prompt": "BlobV1", "learning_rate": 0.0005,
        "lora_focus": "Character", "num_train_epochs": 1, "sd_version": "FLUX_DEV",
    });
    for (path, wanted) in [
        ("/generations", json!({"modelId": KINO})),
        ("/elements", element),
    ] {
        let answer = client
            .studio
            .post(&format!("{}{path}", super::API), &wanted)
            .await;
        assert_eq!(answer.status, 404);
        let message = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(
            message.contains("base `gone`") && message.contains("settings"),
            "{message}"
        );
    }
    let listed = client.get("/platformModels").await;
    let models = listed["custom_models"].as_array().unwrap();
    let has = |id: &str| models.iter().any(|model| model["id"] == id);
    assert!(has(USUAL) && has("atelier-mini") && !has(KINO));
}
