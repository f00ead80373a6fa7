//! Versions as archives.

use std::io::{Cursor, Read as _};

use serde_json::json;

use crate::studio::{Studio, picture};

#[tokio::test]
async fn an_archive_holds_pictures_captions_and_crops_and_comes_back_in() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob \"faces\"").await;
    let (image, _) = (studio.add(&dataset, 1).await, studio.add(&dataset, 2).await);
    let crop = json!({"left": 3, "top": 0, "side": 20});
    let edits = json!({"edits": [
        {"set_crop": {"image": image, "crop": crop}},
        {"set_caption": {"image": image, "caption": "a cat"}},
    ]});
    let path = format!("/api/v1/datasets/{dataset}");
    studio.post(&format!("{path}/edits"), &edits).await.ok();
    let exported = studio.get(&format!("{path}/versions/latest/export")).await;
    assert_eq!(exported.header("content-type"), "application/zip");
    assert!(
        exported
            .header("content-disposition")
            .starts_with("attachment; filename=\"Blob _faces_-v4.zip\"")
    );
    let mut zip = zip::ZipArchive::new(Cursor::new(&exported.body)).unwrap();
    let names: Vec<_> = zip
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "grey-1.png",
            "grey-1.txt",
            "grey-2.png",
            "grey-2.txt",
            "crops.json"
        ]
    );
    let mut read = |name: &str| {
        let mut bytes = Vec::new();
        zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    assert_eq!(read("grey-1.png"), picture(1));
    assert_eq!(read("grey-1.txt"), b"a cat\n");
    let other = studio.dataset("Others").await;
    let added = studio
        .upload(&other, &[("x.zip", &exported.body)])
        .await
        .ok();
    assert_eq!(added["added"], 2);
    let here = studio.get(&format!("{path}/versions/latest")).await.ok();
    let there = studio
        .get(&format!("/api/v1/datasets/{other}/versions/latest"))
        .await
        .ok();
    assert_eq!(here["hash"], there["hash"]);
    let empty = studio
        .get(&format!("{path}/versions/1/export"))
        .await
        .failure();
    assert_eq!((empty.0, empty.1.as_str()), (422, "dataset_empty"));
}

#[tokio::test]
async fn an_archive_of_a_damaged_file_ends_as_none() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    studio.add(&dataset, 1).await;
    fs_err::remove_dir_all(studio.settings.home.join("blobs")).unwrap();
    let path = format!("/api/v1/datasets/{dataset}/versions/latest/export");
    let request = crate::studio::request("GET", &path);
    let response = studio
        .response(request.body(axum::body::Body::empty()).unwrap())
        .await;
    let body = http_body_util::BodyExt::collect(response.into_body()).await;
    assert!(body.is_err());
}
