//! Files of pictures, and small pictures of them.

use atelier_server::Limits;
use axum::body::Body;
use serde_json::json;

use crate::studio::{Answer, Studio, picture, request};

/// A JPEG of 60×20 pixels, red on the left and blue on the right, which is to be turned by a quarter to the right.
fn turned() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let color = |x, _| image::Rgb(if x < 30 { [255, 0, 0] } else { [0, 0, 255] });
    let picture = image::RgbImage::from_fn(60, 20, color);
    picture
        .write_to(&mut bytes, image::ImageFormat::Jpeg)
        .unwrap();
    let jpeg = bytes.into_inner();
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    [&jpeg[..2], exif, &jpeg[2..]].concat()
}

async fn asked(studio: &Studio, path: &str, header: &str, value: &str) -> Answer {
    let request = request("GET", path).header(header, value);
    studio.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_file_comes_back_byte_by_byte_with_what_it_is() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let jpeg = turned();
    // Its name says something else than its content.
    let added = studio
        .upload(&dataset, &[("cat \u{732b}.png", &jpeg)])
        .await
        .ok();
    let image = added["files"][0]["image"].as_str().unwrap();
    let path = format!("/api/v1/datasets/{dataset}/images/{image}/file");
    let whole = studio.get(&path).await;
    assert_eq!((whole.status.as_u16(), &whole.body), (200, &jpeg));
    assert_eq!(whole.header("content-type"), "image/jpeg");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert!(whole.header("cache-control").contains("immutable"));
    assert!(whole.header("content-security-policy").contains("sandbox"));
    assert_eq!(
        whole.header("content-disposition"),
        "inline; filename=\"cat _.png\"; filename*=UTF-8''cat%20%E7%8C%AB.png"
    );
    let saved = studio.get(&format!("{path}?download=true")).await;
    assert!(
        saved
            .header("content-disposition")
            .starts_with("attachment")
    );
    let etag = whole.header("etag");
    let known = asked(&studio, &path, "if-none-match", etag).await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    for (tags, status) in [
        ("\"x\"".to_owned(), 200),
        (format!("W/{etag}"), 304),
        (format!("\"x\", {etag}"), 304),
        ("*".to_owned(), 304),
    ] {
        let answer = asked(&studio, &path, "if-none-match", &tags).await;
        assert_eq!(answer.status, status, "{tags}");
    }
}

#[tokio::test]
async fn parts_of_a_file_are_answered() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let image = studio.add(&dataset, 1).await;
    let path = format!("/api/v1/datasets/{dataset}/images/{image}/file");
    let png = picture(1);
    let part = asked(&studio, &path, "range", "bytes=1-3").await;
    assert_eq!(
        (part.status.as_u16(), part.body.as_slice()),
        (206, &b"PNG"[..])
    );
    let range = format!("bytes 1-3/{}", png.len());
    assert_eq!(part.header("content-range"), range);
    assert_eq!(part.header("content-length"), "3");
    let end = asked(&studio, &path, "range", "bytes=-4").await;
    assert_eq!(end.body, png[png.len() - 4..]);
    let beyond = asked(&studio, &path, "range", "bytes=99999-").await;
    assert_eq!(
        beyond.header("content-range"),
        format!("bytes */{}", png.len())
    );
    // It is nothing of the file, and not kept like that.
    assert_eq!(beyond.header("cache-control"), "no-store");
    assert_eq!(beyond.header("content-type"), "application/json");
    for of_the_file in ["etag", "content-disposition", "accept-ranges"] {
        assert_eq!(beyond.header(of_the_file), "", "{of_the_file}");
    }
    assert_eq!(beyond.failure().0, 416);
    for all in ["bytes=0-0,2-3", "bytes=x", "rows=1-2"] {
        assert_eq!(asked(&studio, &path, "range", all).await.body, png, "{all}");
    }
    let other = request("GET", &path)
        .header("range", "bytes=0-1")
        .header("if-range", "\"x\"");
    let other = studio.send(other.body(Body::empty()).unwrap()).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn thumbnails_are_upright_and_of_the_square_where_that_is_asked() {
    let studio = Studio::new();
    let dataset = studio.dataset("Blob faces").await;
    let added = studio.upload(&dataset, &[("a.jpg", &turned())]).await.ok();
    let image = added["files"][0]["image"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/datasets/{dataset}/images/{image}/thumbnail");
    let drawn = |answer: Answer| {
        assert_eq!(answer.header("content-type"), "image/jpeg");
        image::load_from_memory(&answer.body).unwrap().into_rgb8()
    };
    let whole = studio.get(&format!("{path}?side=64")).await;
    assert!(whole.header("cache-control").contains("immutable"));
    let whole = drawn(whole);
    assert_eq!(whole.dimensions(), (20, 60));
    assert!(whole.get_pixel(10, 5)[0] > 200 && whole.get_pixel(10, 55)[2] > 200);
    let square = studio.get(&format!("{path}?side=50&crop=true")).await;
    assert!(square.header("cache-control").contains("no-cache"));
    let etag = square.header("etag").to_owned();
    assert_eq!(drawn(square).dimensions(), (64, 64));
    let square = format!("{path}?side=50&crop=true");
    assert_eq!(
        asked(&studio, &square, "if-none-match", &etag).await.status,
        304
    );
    let crop = json!({"left": 0, "top": 40, "side": 20});
    let edits = json!({"edits": [{"set_crop": {"image": image, "crop": crop}}]});
    studio
        .post(&format!("/api/v1/datasets/{dataset}/edits"), &edits)
        .await
        .ok();
    let changed = asked(&studio, &square, "if-none-match", &etag).await;
    assert_eq!(changed.status, 200);
    let changed = drawn(changed);
    assert!(changed.get_pixel(5, 5)[2] > 200 && changed.get_pixel(60, 60)[0] < 50);
    let old = studio.get(&format!("{square}&version=2")).await;
    assert!(old.header("cache-control").contains("immutable"));
    assert_eq!(old.header("etag"), etag);
    for query in [
        "",
        "side=15",
        "side=1025",
        "side=x",
        "side=64&crop=2",
        "side=64&version=-1",
    ] {
        let refused = studio.get(&format!("{path}?{query}")).await;
        assert_eq!(refused.failure().0, 400, "{query}");
    }
}

#[tokio::test]
async fn thumbnails_are_kept_until_there_is_no_room() {
    let studio = Studio::with_limits(Limits {
        thumbnails_bytes: 2_000,
        ..Limits::default()
    });
    let dataset = studio.dataset("Blob faces").await;
    for shade in 0..9 {
        let image = studio.add(&dataset, shade).await;
        let path = format!("/api/v1/datasets/{dataset}/images/{image}/thumbnail?side=64");
        let first = studio.get(&path).await;
        assert_eq!(first.status, 200);
        assert_eq!(studio.get(&path).await.body, first.body);
    }
    let folders = fs_err::read_dir(studio.settings.home.join("thumbnails")).unwrap();
    let files = folders.flat_map(|folder| fs_err::read_dir(folder.unwrap().path()).unwrap());
    let sizes = files.map(|file| file.unwrap().metadata().unwrap().len());
    let total: u64 = sizes.sum();
    assert!(total > 0 && total <= 2_000, "{total}");
}
