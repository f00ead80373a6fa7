//! Drawn pictures: listed, read, shown, deleted, and put into datasets.

use axum::body::Body;
use serde_json::json;

use crate::studio::{Studio, request, steady, text};

#[tokio::test]
async fn a_picture_has_its_file_a_thumbnail_and_its_recipe() {
    let studio = Studio::working();
    let pictures = studio.drawn(1).await;
    let path = format!("/api/v1/pictures/{}", text(&pictures[0]["id"]));
    let mut picture = studio.get(&path).await.ok();
    picture["size_bytes"].take();
    insta::assert_snapshot!(steady(&picture), @r#"
    {
      "id": "<id 0>",
      "job": "<id 1>",
      "position": 0,
      "hash": "<hash>",
      "size_bytes": null,
      "width": 64,
      "height": 64,
      "seed": 7,
      "seed_text": "7",
      "created_ms": 1700000000000,
      "trashed_ms": null,
      "owner": null,
      "shared": false,
      "recipe": {
        "base": "atelier-mini",
        "models": [],
        "prompt": "a cat",
        "seed": 7
      }
    }
    "#);
    let file = studio.get(&format!("{path}/file")).await;
    assert_eq!(file.header("content-type"), "image/png");
    assert!(file.header("content-security-policy").contains("sandbox"));
    assert!(
        file.header("content-disposition")
            .starts_with("inline; filename=\"drawn-7.png\"")
    );
    let saved = studio.get(&format!("{path}/file?download=true")).await;
    assert!(
        saved
            .header("content-disposition")
            .starts_with("attachment")
    );
    let part = request("GET", &format!("{path}/file")).header("range", "bytes=1-3");
    let part = studio.send(part.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (part.status.as_u16(), part.body.as_slice()),
        (206, &b"PNG"[..])
    );
    let small = studio.get(&format!("{path}/thumbnail?side=32")).await;
    assert_eq!(small.header("content-type"), "image/jpeg");
    assert!(image::load_from_memory(&small.body).is_ok());
    for query in ["", "side=15", "side=1025", "side=x", "side=64&crop=true"] {
        let refused = studio.get(&format!("{path}/thumbnail?{query}")).await;
        assert_eq!(refused.failure().0, 400, "{query}");
    }
}

#[tokio::test]
async fn pictures_are_listed_newest_job_first_and_go_into_the_trash() {
    let studio = Studio::working();
    let (old, new) = (studio.drawn(2).await, studio.drawn(1).await);
    let list = studio.get("/api/v1/pictures?limit=2").await.ok();
    assert_eq!(
        (&list["pictures"][0]["id"], &list["total"]),
        (&new[0]["id"], &json!(3))
    );
    assert_eq!(list["pictures"][1]["id"], old[0]["id"]);
    let path = format!("/api/v1/pictures/{}", text(&old[0]["id"]));
    let deleted = studio.call("DELETE", &path, &json!({})).await.ok();
    assert_eq!(deleted["trashed_ms"], 1_700_000_000_000_u64);
    assert_eq!(
        studio.call("DELETE", &path, &json!({})).await.failure().0,
        400
    );
    let of = format!("/api/v1/pictures?job={}", text(&old[0]["job"]));
    assert_eq!(studio.get(&of).await.ok()["total"], 1);
    let trash = studio.get(&format!("{of}&trash=true")).await.ok();
    assert_eq!(trash["pictures"][0]["id"], old[0]["id"]);
    studio
        .post(&format!("{path}/restore"), &json!({}))
        .await
        .ok();
    let second = studio.get(&format!("{of}&offset=1&limit=1")).await.ok();
    assert_eq!(
        (&second["pictures"][0]["id"], &second["total"]),
        (&old[1]["id"], &json!(2))
    );
    for query in ["limit=0", "limit=201", "job=x", "more=1"] {
        let answer = studio.get(&format!("/api/v1/pictures?{query}")).await;
        assert_eq!(answer.failure().0, 400, "{query}");
    }
}

#[tokio::test]
async fn pictures_are_found_by_the_models_that_took_part() {
    let studio = Studio::working();
    let (run, _) = studio.trained("Blob faces", &json!({"epochs": 2})).await;
    let model = text(&run["model"]);
    studio.drawn(1).await;
    let models = json!([{"model": model, "epoch": 1, "text_strength": 0.5}]);
    let body = json!({"models": models, "count": 2, "steps": 1});
    let job = studio.post("/api/v1/drawings", &body).await.ok();
    assert_eq!(job["drawing"]["models"][0]["text_strength"], 0.5);
    studio.until(&job, "completed").await;
    let of = format!("/api/v1/pictures?model={model}");
    let found = studio.get(&of).await.ok();
    assert_eq!(
        (&found["total"], &found["pictures"][0]["job"]),
        (&json!(2), &job["id"])
    );
    let first = text(&found["pictures"][0]["id"]);
    studio
        .call("DELETE", &format!("/api/v1/pictures/{first}"), &json!({}))
        .await
        .ok();
    for (query, total) in [
        (String::new(), 1),
        ("&trash=true".to_owned(), 1),
        (format!("&job={}", text(&job["id"])), 1),
        ("&job=018f0000-0000-7000-8000-000000000000".to_owned(), 0),
        ("&offset=1".to_owned(), 1),
    ] {
        let found = studio.get(&format!("{of}{query}")).await.ok();
        assert_eq!(found["total"], total, "{query}");
    }
    let refused = studio.get("/api/v1/pictures?model=x").await;
    assert_eq!(refused.failure().0, 400);
}

#[tokio::test]
async fn a_picture_becomes_an_image_of_a_dataset_once() {
    let studio = Studio::working();
    let picture = &studio.drawn(1).await[0]["id"];
    let dataset = studio.dataset("Blob faces").await;
    let path = format!("/api/v1/datasets/{dataset}/images/from-picture");
    let body = json!({"picture": picture, "caption": "a cat"});
    let added = studio.post(&path, &body).await.ok();
    assert_eq!(
        (&added["is_new"], &added["version"]["change"]),
        (&json!(true), &json!("1 drawn picture added"))
    );
    let again = studio.post(&path, &body).await.ok();
    assert_eq!(
        (&again["is_new"], &again["image"]),
        (&json!(false), &added["image"])
    );
    assert_eq!(again["version"], added["version"]);
    let version = format!("/api/v1/datasets/{dataset}/versions/latest");
    let image = studio.get(&version).await.ok()["images"][0].take();
    assert_eq!(
        (&image["file_name"], &image["caption"]),
        (&json!("drawn-7.png"), &json!("a cat"))
    );
    let absent = "018f0000-0000-7000-8000-000000000000";
    let long = json!({"picture": studio.drawn(2).await[1]["id"], "caption": "x".repeat(10_001)});
    for (body, status) in [
        (json!({"picture": absent}), 404),
        (json!({"picture": "x"}), 400),
        (json!({}), 400),
        (long, 400),
    ] {
        assert_eq!(
            studio.post(&path, &body).await.failure().0,
            status,
            "{body}"
        );
    }
    let other = format!("/api/v1/datasets/{absent}/images/from-picture");
    assert_eq!(
        studio
            .post(&other, &json!({"picture": picture}))
            .await
            .failure()
            .0,
        404
    );
}

#[tokio::test]
async fn pictures_that_are_not_there_are_not_found() {
    let studio = Studio::working();
    let absent = "018f0000-0000-7000-8000-000000000000";
    for (id, status) in [
        (absent, 404),
        ("x", 400),
        ("..%2f..%2fetc", 400),
        ("%ff", 400),
    ] {
        let path = format!("/api/v1/pictures/{id}");
        for rest in ["", "/file", "/thumbnail?side=64"] {
            let answer = studio.get(&format!("{path}{rest}")).await;
            assert_eq!(answer.failure().0, status, "{id}{rest}");
        }
        let restore = studio.post(&format!("{path}/restore"), &json!({})).await;
        assert_eq!(restore.failure().0, status);
    }
}
