//! Pictures come in.

use atelier_server::Limits;
use axum::body::Body;
use serde_json::{Value, json};

use crate::studio::{Studio, multipart, picture, request, steady};

/// Name, outcome and reason of every file.
fn outcomes(added: &Value) -> Vec<(&str, &str, &str)> {
    let files = added["files"].as_array().unwrap().iter();
    let told = files.map(|file| {
        let text = |field: &str| file.get(field).and_then(Value::as_str).unwrap_or_default();
        (text("file_name"), text("outcome"), text("reason"))
    });
    told.collect()
}

#[tokio::test]
async fn an_upload_is_answered_with_what_became_of_it() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let files = [("a.png", &picture(1)[..]), ("b.md", b"#")];
    let added = studio.upload(&dataset, &files).await.ok();
    insta::assert_snapshot!(steady(&added), @r#"
    {
      "dataset": {
        "id": "<id 0>",
        "name": "Blob faces",
        "description": "",
        "category": "character",
        "trigger_word": "BlobV1",
        "created_ms": 1700000000000,
        "changed_ms": 1700000000000,
        "trashed_ms": null,
        "owner": null,
        "shared": false,
        "version": 2,
        "hash": "<hash>",
        "image_count": 1,
        "cover": "<id 1>"
      },
      "version": {
        "number": 2,
        "hash": "<hash>",
        "change": "1 picture added",
        "created_ms": 1700000000000,
        "image_count": 1
      },
      "added": 1,
      "files": [
        {
          "file_name": "a.png",
          "archive": null,
          "outcome": "added",
          "image": "<id 1>",
          "reason": null
        },
        {
          "file_name": "b.md",
          "archive": null,
          "outcome": "refused",
          "image": null,
          "reason": "its content is not PNG, JPEG, WebP, GIF or BMP"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn a_bad_file_does_not_keep_the_good_ones_out() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    studio.add(&dataset, 9).await;
    let good = picture(1);
    let crops = br#"{"format": 1, "crops": {"a.png": {"left": 1, "top": 2, "side": 8}}}"#;
    let added = studio
        .upload(
            &dataset,
            &[
                ("a.png", &good),
                ("a.txt", b"\xef\xbb\xbfa  red\ncat"),
                ("cut.png", &good[..40]),
                ("text.png", b"no picture"),
                ("empty.png", b""),
                ("again.png", &picture(9)),
                ("twin.png", &good),
                ("alone.txt", b"nobody's"),
                ("latin.txt", b"caf\xe9"),
                ("crops.json", crops),
                ("../../../b.png", &picture(2)),
                ("c.png", &picture(3)),
                ("c.txt", "x".repeat(20_000).as_bytes()),
            ],
        )
        .await
        .ok();
    let told = outcomes(&added).into_iter();
    let told = told.map(|(name, outcome, reason)| format!("{name}: {outcome} {reason}"));
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        [
            "a.png: added ",
            "a.txt: caption ",
            "cut.png: refused it is damaged: unexpected end of file",
            "text.png: refused its content is not PNG, JPEG, WebP, GIF or BMP",
            "empty.png: refused the file is empty",
            "again.png: present ",
            "twin.png: present ",
            "alone.txt: ignored no new picture of this name came with it",
            "latin.txt: refused it is not UTF-8 text",
            "crops.json: crops ",
            "b.png: added ",
            "c.png: refused its caption: it has more than 10000 characters",
            "c.txt: ignored no new picture of this name came with it",
        ]
    );
    assert_eq!(added["files"][5]["image"], added["dataset"]["cover"]);
    let path = format!("/api/v1/datasets/{dataset}/versions/latest");
    let version = studio.get(&path).await.ok();
    assert_eq!(version["number"], 3);
    let a = &version["images"][1];
    assert_eq!(
        (&a["file_name"], &a["caption"]),
        (&json!("a.png"), &json!("a red cat"))
    );
    assert_eq!(a["crop"], json!({"left": 1, "top": 2, "side": 8}));
    assert_eq!(studio.uploads(), [""; 0]);
}

#[tokio::test]
async fn a_caption_may_begin_with_the_letters_of_an_archive() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let files: [(&str, &[u8]); 2] = [("a.png", &picture(1)), ("a.txt", b"PKW vor einem Haus")];
    let added = studio.upload(&dataset, &files).await.ok();
    assert_eq!(added["files"][1]["outcome"], "caption", "{added}");
    let version = studio
        .get(&format!("/api/v1/datasets/{dataset}/versions/latest"))
        .await
        .ok();
    assert_eq!(version["images"][0]["caption"], "PKW vor einem Haus");
}

#[tokio::test]
async fn an_upload_without_anything_usable_changes_nothing() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    for files in [
        &[][..],
        &[("a.txt", b"words".as_slice())],
        &[("a.png", b"x")],
    ] {
        let added = studio.upload(&dataset, files).await.ok();
        assert_eq!(
            (&added["added"], &added["version"]["number"]),
            (&json!(0), &json!(1))
        );
    }
    let path = format!("/api/v1/datasets/{dataset}");
    studio.call("DELETE", &path, &json!({})).await.ok();
    let refused = studio
        .upload(&dataset, &[("a.png", &picture(1))])
        .await
        .failure();
    assert_eq!(
        (refused.0, refused.2.as_str()),
        (400, "dataset `Blob faces` is in the trash")
    );
}

#[tokio::test]
async fn what_is_larger_than_is_accepted_is_refused() {
    let studio = Studio::with_limits(Limits {
        picture_bytes: 5_000,
        caption_bytes: 10,
        upload_bytes: 20_000,
        upload_files: 4,
        ..Limits::default()
    });
    let dataset = studio.dataset("Blob faces").await;
    let good = picture(1);
    let large = vec![0; 5_001];
    let added = studio
        .upload(
            &dataset,
            &[
                ("large.png", &large),
                ("a.png", &good),
                ("a.txt", b"eleven char"),
            ],
        )
        .await
        .ok();
    assert_eq!(
        outcomes(&added),
        [
            ("large.png", "refused", "it has more than 5000 bytes"),
            ("a.png", "added", ""),
            ("a.txt", "refused", "it has more than 10 bytes"),
        ]
    );
    let whole = studio
        .upload(&dataset, &[("a.png", &vec![0; 20_001])])
        .await;
    assert_eq!(
        whole.json()["error"]["details"],
        json!({"most_bytes": 20_000})
    );
    let whole = whole.failure();
    assert_eq!((whole.0, whole.1.as_str()), (413, "too_large"));
    let many = studio
        .upload(&dataset, &[("a.png", &good[..]); 5])
        .await
        .failure();
    assert_eq!(
        (many.0, many.2.as_str()),
        (413, "the upload has more than 4 files")
    );
    let newest = studio
        .get(&format!("/api/v1/datasets/{dataset}"))
        .await
        .ok();
    assert_eq!(newest["version"], 2);
}

#[tokio::test]
async fn what_stays_in_the_memory_of_an_upload_is_bounded() {
    let studio = Studio::with_limits(Limits {
        upload_files: 10,
        ..Limits::default()
    });
    let dataset = studio.dataset("Blob faces").await;
    let long = format!("{}/a.png", "x".repeat(6_000));
    let files = [(long.as_str(), &picture(1)[..]), (&long, b"x")];
    let (status, code, message) = studio.upload(&dataset, &files).await.failure();
    assert_eq!((status, code.as_str()), (413, "too_large"));
    assert!(message.contains("names"), "{message}");
    let crops = " ".repeat((4 << 20) + 1);
    let files = [("a.png", &picture(1)[..]), ("crops.json", crops.as_bytes())];
    let added = studio.upload(&dataset, &files).await.ok();
    let crops = ("crops.json", "refused", "it has more than 4194304 bytes");
    assert_eq!(outcomes(&added)[1], crops);
}

#[tokio::test]
async fn a_disk_without_room_takes_nothing_more() {
    let studio = Studio::with_limits(Limits {
        spare_bytes: u64::MAX,
        ..Limits::default()
    });
    let dataset = studio.dataset("Blob faces").await;
    let files = [("a.png", &picture(1)[..])];
    let (status, code, message) = studio.upload(&dataset, &files).await.failure();
    assert_eq!((status, code.as_str()), (507, "io"));
    assert!(message.contains("free"), "{message}");
}

#[tokio::test]
async fn pictures_that_would_fill_the_memory_are_refused_before_they_are_decoded() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let mut bomb = picture(1);
    // The head says 60,000 × 60,000 pixels.
    bomb[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bomb[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let added = studio.upload(&dataset, &[("bomb.png", &bomb)]).await.ok();
    let files = outcomes(&added);
    assert!(
        files[0].1 == "refused" && files[0].2.contains("too large"),
        "{files:?}"
    );
}

#[tokio::test]
async fn bodies_that_are_no_forms_are_refused() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let path = format!("/api/v1/datasets/{dataset}/images");
    let whole = multipart(&[("a.png", &picture(1))]);
    let form = "multipart/form-data; boundary=XBOUNDARYX";
    for (kind, body, status) in [
        (form, b"".to_vec(), 400),
        (form, b"--XBOUNDARYX".to_vec(), 400),
        (form, whole[..whole.len() / 2].to_vec(), 400),
        (form, b"\x00\xff".repeat(1000), 400),
        ("multipart/form-data", whole.clone(), 400),
        ("multipart/form-data; boundary=", whole.clone(), 400),
        ("application/json", whole.clone(), 415),
        ("text/plain", whole.clone(), 415),
        ("application/x-www-form-urlencoded", whole.clone(), 415),
    ] {
        let request = request("POST", &path).header("content-type", kind);
        let answer = studio.send(request.body(Body::from(body)).unwrap()).await;
        let (found, _, message) = answer.failure();
        assert_eq!(found, status, "{kind}: {message}");
    }
    let newest = studio
        .get(&format!("/api/v1/datasets/{dataset}"))
        .await
        .ok();
    assert_eq!(newest["version"], 1);
}

#[tokio::test]
async fn a_head_of_a_part_without_an_end_does_not_fill_the_memory() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let path = format!("/api/v1/datasets/{dataset}/images");
    let form = "multipart/form-data; boundary=X";
    for start in ["", "--X\r\nContent-Disposition: form-data; name=\"a"] {
        let pieces = [start.to_owned()].into_iter();
        let pieces = pieces.chain(std::iter::repeat_n("a".repeat(1 << 16), 1000));
        let pieces: Vec<_> = pieces.map(Ok::<_, std::io::Error>).collect();
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        let request = request("POST", &path).header("content-type", form);
        let (status, _, message) = studio.send(request.body(body).unwrap()).await.failure();
        assert_eq!(status, 400);
        assert!(message.contains("262144 bytes"), "{message}");
    }
}

#[tokio::test]
async fn captions_and_crops_find_their_pictures_however_accents_are_written() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let crops =
        "{\"format\": 1, \"crops\": {\"e\u{301}.png\": {\"left\": 1, \"top\": 2, \"side\": 8}}}";
    let added = studio
        .upload(
            &dataset,
            &[
                ("cafe\u{301}/\u{e9}.png", &picture(1)),
                ("caf\u{e9}/e\u{301}.txt", b"a red cat"),
                ("caf\u{e9}/crops.json", crops.as_bytes()),
            ],
        )
        .await
        .ok();
    let told: Vec<_> = outcomes(&added).into_iter().map(|told| told.1).collect();
    assert_eq!(told, ["added", "caption", "crops"]);
    let path = format!("/api/v1/datasets/{dataset}/versions/latest");
    let version = studio.get(&path).await.ok();
    let image = &version["images"][0];
    assert_eq!(
        (&image["caption"], &image["crop"]["side"]),
        (&json!("a red cat"), &json!(8))
    );
}
