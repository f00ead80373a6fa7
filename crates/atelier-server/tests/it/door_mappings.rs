//! The table of words of other houses.

use serde_json::{Value, json};

use crate::studio::Studio;

const PATH: &str = "/api/v1/door-mappings";

fn of<'a>(list: &'a Value, kind: &str, name: &str) -> &'a Value {
    let mut words = list.as_array().unwrap().iter();
    let found = words.find(|word| word["kind"] == kind && word["name"] == name);
    found.unwrap()
}

#[tokio::test]
async fn at_first_every_word_means_the_usual_base() {
    let studio = Studio::working();
    let list = studio.get(PATH).await.ok();
    let words = list.as_array().unwrap();
    for kind in ["model_id", "sd_version", "preset"] {
        assert!(words.iter().filter(|word| word["kind"] == kind).count() > 10);
    }
    for word in words {
        assert_eq!(
            (&word["base"], &word["is_default"], &word["is_installed"]),
            (&json!(null), &json!(true), &json!(true))
        );
    }
    let model = of(&list, "model_id", "b24e16ff-06e3-43eb-8d33-4416c2d75876");
    assert_eq!(model["label"], "Leonardo Lightning XL");
}

#[tokio::test]
async fn words_get_bases_and_lose_them() {
    let studio = Studio::working();
    let own = "018f0000-0000-7000-8000-000000000000";
    let set = json!([
        {"kind": "sd_version", "name": "SDXL_1_0", "base": "dreamy"},
        {"kind": "preset", "name": "ANIME", "base": "dreamy"},
        {"kind": "model_id", "name": own, "base": "dreamy"},
    ]);
    let list = studio.call("PUT", PATH, &set).await.ok();
    for (kind, name) in [
        ("sd_version", "SDXL_1_0"),
        ("preset", "ANIME"),
        ("model_id", own),
    ] {
        let word = of(&list, kind, name);
        assert_eq!(
            (&word["base"], &word["is_default"]),
            (&json!("dreamy"), &json!(false))
        );
    }
    let less = json!([
        {"kind": "sd_version", "name": "SDXL_1_0", "base": null},
        {"kind": "model_id", "name": own},
    ]);
    let list = studio.call("PUT", PATH, &less).await.ok();
    assert_eq!(of(&list, "sd_version", "SDXL_1_0")["is_default"], true);
    assert_eq!(of(&list, "preset", "ANIME")["base"], "dreamy");
    let words = list.as_array().unwrap();
    assert!(words.iter().all(|word| word["name"] != own));
    assert_eq!(studio.get(PATH).await.ok(), list);
}

#[tokio::test]
async fn what_cannot_be_set_is_told_together_and_nothing_is_set() {
    let studio = Studio::working();
    let set = json!([
        {"kind": "preset", "name": "ANIME", "base": "dreamy"},
        {"kind": "preset", "name": "CATS", "base": "dreamy"},
        {"kind": "colour", "name": "ANIME", "base": "dreamy"},
        {"kind": "sd_version", "name": "v1_5", "base": "/etc/passwd"},
        {"kind": "model_id", "name": "not an id", "base": "dreamy"},
    ]);
    let answer = studio.call("PUT", PATH, &set).await;
    let problems = answer.json()["error"]["details"]["problems"].clone();
    assert_eq!(problems.as_array().unwrap().len(), 4, "{problems}");
    assert_eq!(answer.failure().0, 400);
    let list = studio.get(PATH).await.ok();
    assert_eq!(of(&list, "preset", "ANIME")["is_default"], true);
    for wrong in [
        json!({}),
        json!([{"kind": "preset"}]),
        json!([{"kind": "preset", "name": "ANIME", "x": 1}]),
    ] {
        assert_eq!(studio.call("PUT", PATH, &wrong).await.failure().0, 400);
    }
}

#[tokio::test]
async fn a_base_that_is_gone_is_told() {
    let studio = Studio::working();
    let gone = atelier_store::DoorMapping {
        kind: atelier_core::DoorWord::Preset,
        name: "ANIME".to_owned(),
        base: Some("gone".to_owned()),
    };
    studio
        .settings
        .library
        .set_door_mappings(vec![gone])
        .unwrap();
    let list = studio.get(PATH).await.ok();
    let word = of(&list, "preset", "ANIME");
    assert_eq!(
        (&word["base"], &word["is_installed"]),
        (&json!("gone"), &json!(false))
    );
}
