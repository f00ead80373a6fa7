//! Datasets come, change, go and come back.

use serde_json::json;

use crate::studio::{Studio, steady};

#[tokio::test]
async fn a_dataset_is_made_read_changed_deleted_and_restored() {
    let studio = Studio::new();
    let about = json!({"name": " Blob faces ", "category": "style", "trigger_word": "BlobV1"});
    let made = studio.post("/api/v1/datasets", &about).await;
    assert_eq!(made.status, 201);
    let location = made.header("location").to_owned();
    let made = made.ok();
    insta::assert_snapshot!(steady(&made), @r#"
    {
      "id": "<id 0>",
      "name": "Blob faces",
      "description": "",
      "category": "style",
      "trigger_word": "BlobV1",
      "created_ms": 1700000000000,
      "changed_ms": 1700000000000,
      "trashed_ms": null,
      "owner": null,
      "shared": false,
      "version": 1,
      "hash": "<hash>",
      "image_count": 0,
      "cover": null
    }
    "#);
    assert_eq!(studio.get(&location).await.ok(), made);
    let change = json!({"name": "Faces", "description": "a\nb"});
    let changed = studio.call("PATCH", &location, &change).await.ok();
    assert_eq!(changed["name"], "Faces");
    assert_eq!(changed["category"], "style");
    let deleted = studio.call("DELETE", &location, &json!({})).await.ok();
    assert_eq!(deleted["trashed_ms"], 1_700_000_000_000_u64);
    let refused = studio.call("PATCH", &location, &change).await.failure();
    assert_eq!(refused.0, 400);
    assert_eq!(refused.2, "dataset `Faces` is in the trash");
    assert_eq!(studio.get("/api/v1/datasets").await.ok()["total"], 0);
    let trash = studio.get("/api/v1/datasets?trash=true").await.ok();
    assert_eq!(trash["datasets"][0]["name"], "Faces");
    let restored = studio
        .post(&format!("{location}/restore"), &json!({}))
        .await;
    assert_eq!(restored.ok()["trashed_ms"], json!(null));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let studio = Studio::new();
    for name in ["a", "b", "c"] {
        studio.dataset(name).await;
    }
    let page = studio.get("/api/v1/datasets?limit=2&offset=1").await.ok();
    let names = page["datasets"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["b", "a"]);
    assert_eq!(
        (&page["total"], &page["limit"], &page["offset"]),
        (&json!(3), &json!(2), &json!(1))
    );
    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "offset=-1",
        "trash=2",
        "more=1",
    ] {
        let (status, code, _) = studio
            .get(&format!("/api/v1/datasets?{query}"))
            .await
            .failure();
        assert_eq!((status, code.as_str()), (400, "invalid_input"), "{query}");
    }
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_the_reason() {
    let studio = Studio::new();
    studio.dataset("Taken").await;
    for (body, reason) in [
        (
            json!({"name": "taken"}),
            "there is a dataset `taken` already",
        ),
        (json!({"name": ""}), "it is empty"),
        (json!({}), "missing field `name`"),
        (json!({"name": "a", "more": 1}), "unknown field `more`"),
        (
            json!({"name": "a", "category": "cat"}),
            "unknown variant `cat`",
        ),
        (json!({"name": "a\u{0}b"}), "control characters"),
        (json!([]), "invalid"),
        (json!({"name": 5}), "invalid type"),
    ] {
        let answer = studio.post("/api/v1/datasets", &body).await;
        let (status, code, message) = answer.failure();
        assert_eq!((status, code.as_str()), (400, "invalid_input"), "{body}");
        assert!(message.contains(reason), "{message}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let absent = "018f0000-0000-7000-8000-000000000000";
    for path in [
        format!("/api/v1/datasets/{absent}"),
        format!("/api/v1/datasets/{absent}/versions"),
        format!("/api/v1/datasets/{absent}/versions/latest"),
        format!("/api/v1/datasets/{absent}/versions/1/export"),
        format!("/api/v1/datasets/{absent}/diff"),
        format!("/api/v1/datasets/{absent}/images/{absent}/file"),
        format!("/api/v1/datasets/{dataset}/images/{absent}/file"),
        format!("/api/v1/datasets/{dataset}/images/{absent}/thumbnail?side=64"),
        format!("/api/v1/datasets/{dataset}/versions/2"),
        "/api/v1/datasets/".to_owned(),
        "/api/v2/datasets".to_owned(),
        "/api".to_owned(),
    ] {
        let (status, code, _) = studio.get(&path).await.failure();
        assert_eq!((status, code.as_str()), (404, "not_found"), "{path}");
    }
    for path in ["x", "..%2f..%2fetc", "%ff", "%00", &"x".repeat(5000)] {
        for rest in [
            "",
            "/versions",
            "/images/x/file",
            "/versions/0",
            "/versions/%2e%2e",
        ] {
            let answer = studio.get(&format!("/api/v1/datasets/{path}{rest}")).await;
            assert!(answer.status.is_client_error(), "{path}{rest}");
            answer.failure();
        }
    }
    let wrong = studio.call("PUT", "/api/v1/datasets", &json!({})).await;
    assert_eq!(wrong.failure().0, 405);
}

#[tokio::test]
async fn names_with_html_come_back_as_json_only() {
    let studio = Studio::new();
    let name = "<script>alert(1)</script>";
    studio.dataset(name).await;
    let answer = studio.get("/api/v1/datasets").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.ok()["datasets"][0]["name"], name);
}

#[tokio::test]
async fn about_and_health_tell_nothing_of_where_things_lie() {
    let studio = Studio::new();
    assert_eq!(studio.get("/healthz").await.ok(), json!({"status": "ok"}));
    let about = studio.get("/api/v1/about").await;
    let home = studio.settings.home.to_str().unwrap();
    assert!(!String::from_utf8_lossy(&about.body).contains(home));
    let about = about.ok();
    assert_eq!(about["name"], "atelier");
    assert_eq!(about["library_id"], studio.settings.library.id().unwrap());
    let metrics = studio.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let text = String::from_utf8(metrics.body).unwrap();
    let line =
        "atelier_http_requests_total{method=\"GET\",route=\"/api/v1/about\",status=\"200\"} 1";
    assert!(text.contains(line), "{text}");
}

#[tokio::test]
async fn a_library_that_cannot_be_read_is_told_without_its_place() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let image = studio.add(&dataset, 1).await;
    fs_err::remove_dir_all(studio.settings.home.join("blobs")).unwrap();
    let path = format!("/api/v1/datasets/{dataset}/images/{image}/file");
    let (status, code, message) = studio.get(&path).await.failure();
    assert_eq!((status, code.as_str()), (500, "damaged_library"));
    assert_eq!(message, "the file of `grey-1.png` is gone");
    let upload = studio
        .upload(&dataset, &[("b.png", &crate::studio::picture(2))])
        .await;
    let home = studio.settings.home.to_str().unwrap();
    assert!(!String::from_utf8_lossy(&upload.body).contains(home));
    let path = format!("/api/v1/datasets/{dataset}/versions/latest/export");
    let request = crate::studio::request("GET", &path).body(axum::body::Body::empty());
    let broken = studio.response(request.unwrap()).await.into_body();
    assert!(http_body_util::BodyExt::collect(broken).await.is_err());
    let notes = studio.notes.lock().unwrap().join("; ");
    assert!(notes.contains("an export ended too early"), "{notes}");
}

#[tokio::test]
async fn a_wrong_address_is_told_in_our_own_words() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    for (path, told) in [
        ("/api/v1/datasets/x".to_owned(), "the path: "),
        (
            format!("/api/v1/datasets/{dataset}/versions/0"),
            "no version; expected is a number",
        ),
        ("/api/v1/datasets/%ff".to_owned(), "is not UTF-8"),
        ("/api/v1/datasets?limit=x".to_owned(), "the query: "),
    ] {
        let (status, _, message) = studio.get(&path).await.failure();
        assert_eq!(status, 400, "{path}");
        assert!(message.contains(told), "{message}");
        for word in ["URL", "eserialize", "Uuid"] {
            assert!(!message.contains(word), "{message}");
        }
    }
}
