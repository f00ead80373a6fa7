//! Fine-tuned models: made, read, changed, proved, downloaded, deleted.

use atelier_server::Limits;
use axum::body::Body;
use serde_json::{Value, json};

use crate::studio::{Answer, Studio, request, steady, text};

async fn model(studio: &Studio) -> (Value, String) {
    let (run, _) = studio.trained("Blob faces", &json!({"epochs": 2})).await;
    let path = format!("/api/v1/models/{}", text(&run["model"]));
    (run, path)
}

#[tokio::test]
async fn a_model_is_made_of_an_epoch_and_changed() {
    let studio = Studio::working();
    let (run, _) = model(&studio).await;
    let body = json!({"run": run["id"], "epoch": 1, "name": "early"});
    let made = studio.post("/api/v1/models", &body).await;
    assert_eq!(made.status, 201);
    let path = made.header("location").to_owned();
    let mut made = made.ok();
    assert_eq!(studio.get(&path).await.ok(), made);
    made["preview_prompts"] = json!(made["preview_prompts"].as_array().unwrap().len());
    insta::assert_snapshot!(steady(&made), @r#"
    {
      "id": "<id 0>",
      "number": 2,
      "name": "early",
      "description": "",
      "category": "character",
      "trigger_word": "BlobV1",
      "preview_prompts": 6,
      "strength": 0.8,
      "hash": "<hash>",
      "size_bytes": 46,
      "run": "<id 1>",
      "run_name": "Blob faces-1",
      "epoch": 1,
      "dataset": "<id 2>",
      "dataset_name": "Blob faces",
      "dataset_version": 3,
      "base": "atelier-mini",
      "base_hash": "<hash>",
      "created_ms": 1700000000000,
      "trashed_ms": null,
      "owner": null,
      "shared": false
    }
    "#);
    let change = json!({"name": "late", "strength": 1.1, "epoch": 2, "description": "a\nb"});
    let changed = studio.call("PATCH", &path, &change).await.ok();
    assert_eq!(
        (&changed["name"], &changed["epoch"]),
        (&json!("late"), &json!(2))
    );
    assert_ne!(changed["hash"], made["hash"]);
    let listed = studio.get("/api/v1/models?limit=1").await.ok();
    assert_eq!(
        (&listed["models"][0]["name"], &listed["total"]),
        (&json!("late"), &json!(2))
    );
    let of = format!("/api/v1/models?dataset={}", text(&run["dataset"]));
    assert_eq!(studio.get(&of).await.ok()["total"], 2);
}

#[tokio::test]
async fn what_cannot_be_a_model_is_refused() {
    let studio = Studio::working();
    let (run, path) = model(&studio).await;
    let run = &run["id"];
    let absent = "018f0000-0000-7000-8000-000000000000";
    for (body, status) in [
        (json!({"run": run, "epoch": 3}), 404),
        (json!({"run": run, "epoch": -1}), 400),
        (json!({"run": absent, "epoch": 1}), 404),
        (json!({"run": "x", "epoch": 1}), 400),
        (json!({"run": run, "epoch": 1, "name": "../a"}), 400),
        (json!({"run": run, "epoch": 1, "name": ""}), 400),
        (json!({"run": run, "epoch": 1, "name": "Blob faces-1"}), 400),
        (json!({"run": run}), 400),
    ] {
        let (found, _, message) = studio.post("/api/v1/models", &body).await.failure();
        assert_eq!(found, status, "{body} {message}");
    }
    for body in [
        json!({"strength": 1.6}),
        json!({"strength": -0.1}),
        json!({"strength": 1e39}),
        json!({"name": "a:b"}),
        json!({"name": "a\r\nb"}),
        json!({"trigger_word": "x".repeat(101)}),
        json!({"category": "cat"}),
        json!({"more": 1}),
    ] {
        let answer = studio.call("PATCH", &path, &body).await;
        assert_eq!(answer.failure().0, 400, "{body}");
    }
    let other = studio.call("PATCH", &path, &json!({"epoch": 9})).await;
    assert_eq!(other.failure().0, 404);
    for id in [absent, "x", "..%2f..%2fetc"] {
        for rest in ["", "/lineage", "/file"] {
            let (status, ..) = studio
                .get(&format!("/api/v1/models/{id}{rest}"))
                .await
                .failure();
            assert_eq!(status, if id == absent { 404 } else { 400 }, "{id}{rest}");
        }
    }
}

#[tokio::test]
async fn a_checkpoint_with_another_content_is_refused_without_saying_where_it_lies() {
    let studio = Studio::working();
    let (run, _) = model(&studio).await;
    let folder = studio.settings.home.join("runs").join(text(&run["id"]));
    let file = folder.join("checkpoints/epoch-001/adapter.safetensors");
    fs_err::write(file, "other").unwrap();
    let body = json!({"run": run["id"], "epoch": 1});
    let (status, _, message) = studio.post("/api/v1/models", &body).await.failure();
    let expected = "adapter `Blob faces-1 after epoch 1`: its content is not what the run wrote";
    assert_eq!((status, message.as_str()), (400, expected));
}

#[tokio::test]
async fn lineage_reads_every_file_and_says_what_is_wrong() {
    let studio = Studio::working();
    let (_, path) = model(&studio).await;
    let lineage = studio.get(&format!("{path}/lineage")).await.ok();
    // The pretended adapter has no header, and the pretended planner looks at no base.
    assert_eq!(
        (&lineage["verdict"], &lineage["run"]["state"]),
        (&json!("not-provable"), &json!("completed"))
    );
    let verdicts = lineage["proofs"].as_array().unwrap().iter();
    let verdicts: Vec<_> = verdicts.map(|proof| text(&proof["verdict"])).collect();
    let unproved = "not-provable";
    assert_eq!(verdicts, ["proved", "proved", "proved", unproved, unproved]);
    let hash = text(&lineage["model"]["hash"]);
    let blobs = studio.settings.home.join("blobs");
    fs_err::remove_file(blobs.join(&hash[..2]).join(hash)).unwrap();
    let lineage = studio.get(&format!("{path}/lineage")).await.ok();
    assert_eq!(
        (&lineage["is_proved"], &lineage["proofs"][0]["problem"]),
        (&json!(false), &json!("is gone"))
    );
    assert_eq!(lineage["verdict"], "refuted");
    let file = studio.get(&format!("{path}/file")).await.failure();
    assert_eq!((file.0, file.1.as_str()), (500, "damaged_library"));
    assert!(!file.2.contains("blobs"), "{}", file.2);
}

#[tokio::test]
async fn the_file_comes_under_the_name_of_the_model_whole_and_in_parts() {
    let studio = Studio::working();
    let (_, path) = model(&studio).await;
    let name = json!({"name": "Blob\"; x=\u{732b}"});
    studio.call("PATCH", &path, &name).await.ok();
    let whole = studio.get(&format!("{path}/file")).await;
    assert_eq!((whole.status.as_u16(), whole.body.len()), (200, 46));
    assert_eq!(whole.header("content-type"), "application/octet-stream");
    assert_eq!(
        whole.header("content-disposition"),
        "attachment; filename=\"Blob__ x__.safetensors\"; filename*=UTF-8''Blob%22%3B%20x%3D%E7%8C%AB.safetensors"
    );
    let part = request("GET", &format!("{path}/file")).header("range", "bytes=0-6");
    let part = studio.send(part.body(Body::empty()).unwrap()).await;
    assert_eq!(
        (part.status.as_u16(), part.body.as_slice()),
        (206, &b"adapter"[..])
    );
    // A browser says this of all that it asks for.
    let packed = request("GET", &format!("{path}/file")).header("accept-encoding", "gzip");
    let packed = studio.send(packed.body(Body::empty()).unwrap()).await;
    assert_eq!(packed.header("content-encoding"), "");
    assert_eq!(packed.header("content-length"), "46");
    let etag = whole.header("etag");
    let known = request("GET", &format!("{path}/file")).header("if-none-match", etag);
    let known = studio.send(known.body(Body::empty()).unwrap()).await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
}

#[tokio::test]
async fn a_model_is_exported_in_the_format_of_other_programs() {
    let studio = Studio::working();
    let (_, path) = model(&studio).await;
    let exported = studio
        .get(&format!("{path}/export?format=peft&dtype=f16"))
        .await;
    assert_eq!(exported.status, 200);
    assert!(
        exported
            .header("content-disposition")
            .contains("Blob faces-1-peft.safetensors")
    );
    let text = String::from_utf8(exported.body).unwrap();
    assert!(text.starts_with("peft f16 "), "{text}");
    // Folders of uploads before it may still be on their way out.
    let uploads = std::fs::read_dir(studio.settings.home.join("uploads"));
    let mut left = uploads.unwrap().map(|entry| entry.unwrap().path());
    assert!(left.all(|folder| !folder.join("adapter.safetensors").exists()));
    for wrong in [
        "",
        "?format=zip",
        "?format=peft&dtype=int8",
        "?format=peft&more=1",
    ] {
        let answer = studio.get(&format!("{path}/export{wrong}")).await;
        assert_eq!(answer.failure().0, 400, "{wrong}");
    }
    let nobody = Studio::new();
    let absent = "/api/v1/models/018f0000-0000-7000-8000-000000000000/export?format=peft";
    assert_eq!(nobody.get(absent).await.failure().0, 404);
}

#[tokio::test]
async fn models_go_into_the_trash_and_come_back() {
    let studio = Studio::working();
    let (run, path) = model(&studio).await;
    let deleted = studio.call("DELETE", &path, &json!({})).await.ok();
    assert_eq!(deleted["trashed_ms"], 1_700_000_000_000_u64);
    assert_eq!(
        studio.call("PATCH", &path, &json!({})).await.failure().0,
        400
    );
    let trash = studio.get("/api/v1/models?trash=true").await.ok();
    assert_eq!(trash["models"][0]["run"], run["id"]);
    let restored = studio
        .post(&format!("{path}/restore"), &json!({}))
        .await
        .ok();
    assert_eq!(restored["trashed_ms"], json!(null));
}

/// The bytes of an adapter file with one layer.
fn adapter() -> Vec<u8> {
    adapter_of("lora_unet_mid_block_attentions_0_proj_in")
}

/// The same of another layer.
fn adapter_of(name: &str) -> Vec<u8> {
    let header = json!({
        "__metadata__": {"modelspec.trigger_phrase": "blob"},
        format!("{name}.lora_down.weight"): {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
        format!("{name}.lora_up.weight"): {"dtype": "F32", "shape": [2, 1], "data_offsets": [8, 16]},
    });
    let header = header.to_string();
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), &[0; 16]].concat()
}

/// Sends a form with a file of this name, and texts.
async fn import(studio: &Studio, file: Option<(&str, &[u8])>, texts: &[(&str, &str)]) -> Answer {
    let mut body = Vec::new();
    for (name, text) in texts {
        let head =
            format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
        body.extend_from_slice(head.as_bytes());
    }
    if let Some((name, bytes)) = file {
        let head = format!(
            "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--X--\r\n");
    let form = request("POST", "/api/v1/models/import");
    let form = form.header("content-type", "multipart/form-data; boundary=X");
    studio.send(form.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn an_adapter_file_from_elsewhere_becomes_a_model() {
    let studio = Studio::working();
    let bytes = adapter();
    let texts = [
        ("category", "style"),
        ("strength", "1.1"),
        ("base", "dreamy"),
    ];
    let file = Some(("../../etc/Ink.safetensors", &bytes[..]));
    let made = import(&studio, file, &texts).await;
    assert_eq!(made.status, 201);
    let path = made.header("location").to_owned();
    let made = made.ok();
    let field = |name: &str| made[name].clone();
    assert_eq!(
        ["name", "trigger_word", "category", "base", "run", "epoch"].map(field),
        [
            json!("Ink"),
            json!("blob"),
            json!("style"),
            json!("dreamy"),
            json!(null),
            json!(null)
        ]
    );
    assert_eq!(studio.get(&format!("{path}/file")).await.body, bytes);
    let lineage = studio.get(&format!("{path}/lineage")).await.ok();
    assert_eq!(
        (&lineage["verdict"], &lineage["run"]),
        (&json!("not-provable"), &json!(null))
    );
    let taken = import(&studio, file, &texts).await.failure();
    assert_eq!(
        (taken.0, taken.2.as_str()),
        (400, "there is a model `Ink` already")
    );
    assert!(studio.uploads().is_empty());
}

#[tokio::test]
async fn files_that_are_no_adapters_do_not_come_in() {
    let limits = Limits {
        adapter_bytes: 1000,
        ..Limits::default()
    };
    let studio = Studio::paced(limits, std::sync::Arc::new(|_| ()));
    let bytes = adapter();
    let good = Some(("a.safetensors", &bytes[..]));
    let large = vec![0; 1001];
    let second = adapter_of("lora_te2_text_model_encoder_layers_0_mlp_fc1");
    let long = "x".repeat(70_000);
    for (file, texts, status) in [
        (Some(("a.safetensors", &b"adapter"[..])), &[][..], 422),
        (Some(("a.zip", b"PK\x03\x04")), &[], 422),
        (Some(("a.safetensors", &bytes[..60])), &[], 422),
        (Some(("a.safetensors", b"")), &[], 422),
        // For a base with a second text encoder, which this one has not.
        (Some(("a.safetensors", &second)), &[], 422),
        (Some(("a.safetensors", &large)), &[], 413),
        (None, &[], 400),
        (good, &[("more", "1")], 400),
        (good, &[("strength", "x")], 400),
        (good, &[("strength", "1.6")], 400),
        (good, &[("strength", "NaN")], 400),
        (good, &[("category", "cat")], 400),
        (good, &[("name", "../a")], 400),
        (good, &[("name", "a\r\nb")], 400),
        (good, &[("base", "/etc/passwd")], 404),
        (good, &[("description", &long)], 413),
        (good, &[("description", "a"); 20], 400),
        (Some((".safetensors", &bytes)), &[], 400),
    ] {
        let (found, _, message) = import(&studio, file, texts).await.failure();
        assert_eq!(found, status, "{texts:?} {message}");
        assert!(!message.contains("upload-"), "{message}");
    }
    let json = studio.post("/api/v1/models/import", &json!({})).await;
    assert_eq!(json.failure().0, 415);
    assert_eq!(studio.get("/api/v1/models").await.ok()["total"], 0);
    assert!(studio.uploads().is_empty());
}
