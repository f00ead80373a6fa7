//! Drawings that start from pictures.

use std::sync::Arc;

use atelier_store::Library;
use axum::body::Body;
use serde_json::{Value, json};

use crate::studio::{Answer, SetClock, Studio, multipart_of, picture, request, text};

const STARTS: &str = "/api/v1/start-pictures";
const DRAW: &str = "/api/v1/drawings";

async fn send(studio: &Studio, name: &str, bytes: &[u8]) -> Answer {
    let body = multipart_of(&[], Some((name, bytes)));
    let form = "multipart/form-data; boundary=XBOUNDARYX";
    let request = request("POST", STARTS).header("content-type", form);
    studio.send(request.body(Body::from(body)).unwrap()).await
}

async fn kept(studio: &Studio, name: &str, shade: u8) -> Value {
    send(studio, name, &picture(shade)).await.ok()
}

#[tokio::test]
async fn a_picture_that_is_sent_is_what_a_drawing_starts_from() {
    let studio = Studio::working();
    let sent = send(&studio, "me/beach.png", &picture(7)).await;
    assert_eq!(sent.status, 201);
    let location = sent.header("location").to_owned();
    let start = sent.ok();
    assert_eq!(location, format!("{STARTS}/{}", text(&start["id"])));
    assert_eq!(
        (&start["name"], &start["width"], &start["height"]),
        (&json!("beach.png"), &json!(40), &json!(24))
    );
    assert_eq!(studio.get(&location).await.ok(), start);
    let file = studio.get(&format!("{location}/file")).await;
    assert_eq!(
        (file.header("content-type"), file.body.as_slice()),
        ("image/png", picture(7).as_slice())
    );
    let small = studio.get(&format!("{location}/thumbnail?side=32")).await;
    assert_eq!(small.header("content-type"), "image/jpeg");
    let mask = kept(&studio, "mask.png", 255).await;
    let wanted = json!({"picture": start["id"], "mask": mask["id"], "denoise": 0.4});
    let body = json!({"prompt": "a cat", "steps": 5, "start": wanted});
    let job = studio.post(DRAW, &body).await.ok();
    let drawing = &job["drawing"];
    assert_eq!(drawing["start"], wanted);
    assert_eq!(
        (&drawing["start_name"], &drawing["mask_name"]),
        (&json!("beach.png"), &json!("mask.png"))
    );
    assert_eq!(drawing["width"], Value::Null);
    // Nothing of where files lie here.
    assert!(!job.to_string().contains("inputs"), "{job}");
    studio.until(&job, "completed").await;
    let usual = json!({"steps": 5, "start": {"picture": start["id"]}});
    let job = studio.post(DRAW, &usual).await.ok();
    assert_eq!(job["drawing"]["start"]["denoise"], 0.6);
    assert_eq!(job["drawing"]["mask_name"], Value::Null);
}

#[tokio::test]
async fn what_is_in_the_library_is_a_start_too() {
    let studio = Studio::working();
    let drawn = &studio.drawn(1).await[0];
    let from = format!("{STARTS}/from-library");
    let start = studio.post(&from, &json!({"picture": drawn["id"]})).await;
    assert_eq!(start.status, 201);
    let start = start.ok();
    assert_eq!(
        (&start["hash"], &start["name"]),
        (&drawn["hash"], &json!("drawn-7.png"))
    );
    let dataset = studio.dataset("Blob faces").await;
    let image = studio.add(&dataset, 9).await;
    let body = json!({"dataset": dataset, "image": image});
    let start = studio.post(&from, &body).await.ok();
    assert_eq!(
        (&start["name"], &start["width"]),
        (&json!("grey-9.png"), &json!(40))
    );
    let body = json!({"steps": 2, "start": {"picture": start["id"], "denoise": 1}});
    let job = studio.post(DRAW, &body).await.ok();
    studio.until(&job, "completed").await;
    let absent = "018f0000-0000-7000-8000-000000000000";
    for (body, status) in [
        (json!({}), 400),
        (json!({"picture": drawn["id"], "dataset": dataset}), 400),
        (json!({"dataset": dataset}), 400),
        (json!({"picture": absent}), 404),
        (json!({"dataset": dataset, "image": absent}), 404),
        (json!({"dataset": absent, "image": image}), 404),
        (json!({"path": "/etc/passwd"}), 400),
    ] {
        let refused = studio.post(&from, &body).await.failure();
        assert_eq!(refused.0, status, "{body} {}", refused.2);
    }
    let path = format!("/api/v1/pictures/{}", text(&drawn["id"]));
    studio.call("DELETE", &path, &json!({})).await.ok();
    let trashed = studio.post(&from, &json!({"picture": drawn["id"]})).await;
    assert_eq!(trashed.failure().0, 400);
}

#[tokio::test]
async fn files_that_are_no_pictures_are_no_start() {
    let studio = Studio::working();
    let (status, code, message) = send(&studio, "a.png", b"words").await.failure();
    assert_eq!((status, code.as_str()), (422, "bad_picture"), "{message}");
    // A head that promises more pixels than are taken.
    let mut bomb = picture(1);
    bomb[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    let (status, _, message) = send(&studio, "a.png", &bomb).await.failure();
    assert_eq!(status, 422, "{message}");
    assert!(message.contains("too large"), "{message}");
    assert!(studio.uploads().is_empty());
    let empty = multipart_of(&[], None);
    let other = multipart_of(&[("name".to_owned(), "x".to_owned())], Some(("a", b"x")));
    for body in [empty, other] {
        let form = "multipart/form-data; boundary=XBOUNDARYX";
        let request = request("POST", STARTS).header("content-type", form);
        let answer = studio.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.failure().0, 400);
    }
    let absent = format!("{STARTS}/018f0000-0000-7000-8000-000000000000");
    for rest in ["", "/file", "/thumbnail?side=64"] {
        let answer = studio.get(&format!("{absent}{rest}")).await;
        assert_eq!(answer.failure().0, 404, "{rest}");
    }
}

#[tokio::test]
async fn starts_that_cannot_be_drawn_over_are_refused_before_they_wait() {
    let studio = Studio::working();
    let start = text(&kept(&studio, "a.png", 7).await["id"]).to_owned();
    let absent = "018f0000-0000-7000-8000-000000000000";
    for (wanted, status) in [
        (json!({"picture": start, "denoise": 0}), 400),
        (json!({"picture": start, "denoise": 1.01}), 400),
        (json!({"picture": start, "path": "/etc/passwd"}), 400),
        (json!({"picture": absent}), 404),
        (json!({"picture": start, "mask": absent}), 404),
        (json!({"denoise": 0.5}), 400),
    ] {
        let refused = studio.post(DRAW, &json!({"start": wanted})).await.failure();
        assert_eq!(refused.0, status, "{wanted} {}", refused.2);
    }
    let mut wide = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::new(4000, 400);
    let png = image::ImageFormat::Png;
    picture.write_to(&mut wide, png).unwrap();
    let wide = send(&studio, "wide.png", wide.get_ref()).await.ok();
    let body = json!({"start": {"picture": wide["id"]}});
    let (_, _, message) = studio.post(DRAW, &body).await.failure();
    assert!(message.contains("a drawing of 4000x400"), "{message}");
    let body = json!({"start": {"picture": wide["id"]}, "width": 640, "steps": 1});
    studio.post(DRAW, &body).await.ok();
}

#[tokio::test]
async fn a_start_picture_stays_as_long_as_a_drawing_is_there_that_started_from_it() {
    let studio = Studio::working();
    let start = kept(&studio, "a.png", 7).await;
    let location = format!("{STARTS}/{}", text(&start["id"]));
    let body = json!({"steps": 1, "start": {"picture": start["id"]}});
    let job = studio.post(DRAW, &body).await.ok();
    studio.until(&job, "completed").await;
    let pictures = format!("/api/v1/pictures?job={}", text(&job["id"]));
    let drawn = studio.get(&pictures).await.ok()["pictures"][0].take();
    let path = format!("/api/v1/pictures/{}", text(&drawn["id"]));
    studio.call("DELETE", &path, &json!({})).await.ok();
    // Days later.
    let clock = Arc::new(SetClock(1.7e9 + 60.0 * 86_400.0));
    let library = Library::open(&studio.settings.home, clock).unwrap();
    library
        .restore_picture(text(&drawn["id"]).parse().unwrap())
        .unwrap();
    library.empty_trash(0).unwrap();
    studio.get(&location).await.ok();
    library
        .delete_picture(text(&drawn["id"]).parse().unwrap())
        .unwrap();
    let emptied = library.empty_trash(0).unwrap();
    assert_eq!((emptied.pictures, emptied.start_pictures), (1, 1));
    assert_eq!(studio.get(&location).await.failure().0, 404);
}
