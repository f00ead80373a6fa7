//! Changes of captions and crops.

use serde_json::{Value, json};

use crate::studio::{Studio, steady};

fn captions(version: &Value) -> Vec<&str> {
    let images = version["images"].as_array().unwrap().iter();
    images
        .map(|image| image["caption"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn changes_of_a_request_become_one_version() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let (a, b) = (studio.add(&dataset, 1).await, studio.add(&dataset, 2).await);
    let path = format!("/api/v1/datasets/{dataset}");
    let edits = json!({"edits": [
        {"set_caption": {"image": a, "caption": "a  red\ncat"}},
        {"set_crop": {"image": a, "crop": {"left": 2, "top": 0, "side": 24}}},
        {"remove": {"image": b}},
    ], "expected_version": 3});
    let edited = studio.post(&format!("{path}/edits"), &edits).await.ok();
    assert_eq!(edited["dataset"]["version"], 4);
    let version = studio.get(&format!("{path}/versions/latest")).await.ok();
    assert_eq!(edited["version"], version);
    insta::assert_snapshot!(steady(&version), @r#"
    {
      "dataset": "<id 0>",
      "number": 4,
      "hash": "<hash>",
      "change": "1 picture removed, 1 caption changed, 1 crop changed",
      "created_ms": 1700000000000,
      "image_count": 1,
      "images": [
        {
          "id": "<id 1>",
          "file_name": "grey-1.png",
          "hash": "<hash>",
          "size_bytes": 193,
          "width": 40,
          "height": 24,
          "caption": "a red cat",
          "crop": {
            "left": 2,
            "top": 0,
            "side": 24
          }
        }
      ]
    }
    "#);
    let difference = studio.get(&format!("{path}/diff?from=3&to=4")).await.ok();
    insta::assert_snapshot!(steady(&difference), @r#"
    {
      "from": 3,
      "to": 4,
      "added": [],
      "removed": [
        {
          "id": "<id 0>",
          "file_name": "grey-2.png",
          "hash": "<hash>",
          "size_bytes": 193,
          "width": 40,
          "height": 24,
          "caption": "",
          "crop": null
        }
      ],
      "changed": [
        {
          "id": "<id 1>",
          "file_name": "grey-1.png",
          "caption": {
            "before": "",
            "after": "a red cat"
          },
          "crop": {
            "before": null,
            "after": {
              "left": 2,
              "top": 0,
              "side": 24
            }
          }
        }
      ]
    }
    "#);
    let versions = studio.get(&format!("{path}/versions")).await.ok();
    assert_eq!(versions["versions"].as_array().unwrap().len(), 4);
    assert_eq!(versions["versions"][0]["change"], version["change"]);
    let page = studio
        .get(&format!("{path}/versions?limit=1&offset=1"))
        .await
        .ok();
    assert_eq!(page["total"], 4);
    assert_eq!(page["versions"].as_array().unwrap().len(), 1);
    assert_eq!(page["versions"][0]["number"], 3);
    let same = json!({"edits": []});
    let short = format!("{path}/edits?images=false");
    let short = studio.post(&short, &same).await.ok();
    assert_eq!(short["version"]["images"], json!([]));
    assert_eq!(short["version"]["image_count"], 1);
    let again = studio.post(&format!("{path}/edits"), &edits).await;
    let details = again.json()["error"]["details"].clone();
    assert_eq!(details, json!({"newest": 4, "expected": 3}));
    assert_eq!(again.failure().0, 409);
}

#[tokio::test]
async fn captions_of_several_images_are_changed_at_once() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let (a, b) = (studio.add(&dataset, 1).await, studio.add(&dataset, 2).await);
    let path = format!("/api/v1/datasets/{dataset}/edits");
    for (edit, expected) in [
        (json!({"append_caption": {"text": "cat"}}), ["cat", "cat"]),
        (
            json!({"prepend_caption": {"images": [b], "text": "red"}}),
            ["cat", "red, cat"],
        ),
        (
            json!({"replace_in_caption": {"old": "cat", "new": "dog"}}),
            ["dog", "red, dog"],
        ),
        (
            json!({"remove_from_caption": {"images": [a, b], "text": "red"}}),
            ["dog", "dog"],
        ),
        (
            json!({"add_trigger": {"images": [a]}}),
            ["BlobV1, dog", "dog"],
        ),
        (
            json!({"add_trigger": {"images": []}}),
            ["BlobV1, dog", "dog"],
        ),
        (json!({"add_trigger": {}}), ["BlobV1, dog", "BlobV1, dog"]),
    ] {
        let body = json!({"edits": [edit], "change": "words"});
        let edited = studio.post(&path, &body).await.ok();
        assert_eq!(captions(&edited["version"]), expected, "{edit}");
        assert_eq!(edited["version"]["change"], "words");
    }
}

#[tokio::test]
async fn a_change_that_is_not_possible_changes_nothing() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let image = studio.add(&dataset, 1).await;
    let absent = "018f0000-0000-7000-8000-000000000000";
    let path = format!("/api/v1/datasets/{dataset}/edits");
    let caption = |text: &str| json!({"set_caption": {"image": image, "caption": text}});
    let crop = |side: i64| json!({"set_crop": {"image": image, "crop": {"left": 0, "top": 0, "side": side}}});
    for (edits, status, reason) in [
        (
            json!([caption("a"), {"remove": {"image": absent}}]),
            404,
            "there is no image",
        ),
        (json!([caption("a"), crop(25)]), 400, "40×24"),
        (json!([crop(0)]), 400, "40×24"),
        (json!([crop(-1)]), 400, "-1"),
        (json!([crop(1 << 40)]), 400, "1099511627776"),
        (
            json!([caption(&"x".repeat(10_001))]),
            400,
            "10000 characters",
        ),
        (json!([{"paint": {}}]), 400, "unknown variant `paint`"),
        (json!([{"remove": {"image": "x"}}]), 400, "UUID"),
        (json!([{}]), 400, "expected"),
        (json!("x"), 400, "expected a sequence"),
        (
            json!([{"append_caption": {"images": vec![absent; 50_001], "text": "a"}}]),
            400,
            "50000",
        ),
        (
            json!(vec![json!({"add_trigger": {}}); 50_001]),
            400,
            "more than 50000 times",
        ),
    ] {
        let answer = studio.post(&path, &json!({"edits": edits})).await;
        let (found, _, message) = answer.failure();
        assert_eq!(found, status, "{message}");
        assert!(message.contains(reason), "{message}");
    }
    let words = json!({"edits": [caption("a")], "change": "x".repeat(201)});
    assert_eq!(studio.post(&path, &words).await.failure().0, 400);
    let newest = studio
        .get(&format!("/api/v1/datasets/{dataset}"))
        .await
        .ok();
    assert_eq!(newest["version"], 2);
}
