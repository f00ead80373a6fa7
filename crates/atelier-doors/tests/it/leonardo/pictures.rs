//! The user, datasets, and pictures that come in two steps.

use atelier_server::Limits;
use serde_json::{Value, json};

use super::{API, Client, refusal};
use crate::studio::{Studio, multipart_of, picture, text};

#[tokio::test]
async fn there_is_one_user_to_whom_nothing_costs_anything() {
    let client = Client::new();
    let me = client.get("/me").await;
    let user = &me["user_details"][0];
    assert!(user["apiSubscriptionTokens"].as_u64().unwrap() > 0);
    for list in ["elements", "models", "generations"] {
        let path = format!("/{list}/user/{}", text(&user["user"]["id"]));
        assert!(client.get(&path).await.is_object());
        let other = format!("/{list}/user/somebody");
        let refused = client.refused(("GET", &other), &Value::Null).await;
        assert_eq!(refused, (404, "not-found".to_owned()));
    }
    let body = json!({"service": "MODEL_TRAINING", "serviceParams": {"MODEL_TRAINING": {}}});
    let price = client.post("/pricing-calculator", body).await;
    assert_eq!(price["calculateProductionApiServiceCost"]["cost"], 0);
}

#[tokio::test]
async fn bases_are_models_of_the_platform() {
    let client = Client::new();
    let models = client.get("/platformModels").await;
    assert_eq!(models["custom_models"][0]["id"], "atelier-mini");
    assert_eq!(models["custom_models"][0]["featured"], true);
    assert_eq!(models["custom_models"][1]["featured"], false);
}

#[tokio::test]
async fn a_dataset_is_made_read_and_deleted() {
    let client = Client::new();
    let id = client.dataset(&[1, 2]).await;
    // Names need not differ there.
    let second = client.dataset(&[]).await;
    let other = client.get(&format!("/datasets/{second}")).await;
    assert_eq!(other["datasets_by_pk"]["name"], "blobs 2");
    let found = client.get(&format!("/datasets/{id}")).await["datasets_by_pk"].take();
    assert_eq!(
        (&found["id"], &found["name"]),
        (&json!(id), &json!("blobs"))
    );
    assert_eq!(found["createdAt"], "2023-11-14T22:13:20.000Z");
    let images = found["dataset_images"].as_array().unwrap();
    assert_eq!(images.len(), 2);
    for (image, shade) in images.iter().zip([1, 2]) {
        let file = client.fetch(&image["url"]).await;
        assert_eq!(file.body, picture(shade));
    }
    let path = format!("/datasets/{id}");
    let deleted = client.delete(&path).await;
    assert_eq!(deleted["delete_datasets_by_pk"]["id"], id);
    for method in ["GET", "DELETE"] {
        let refused = client.refused((method, &path), &json!({})).await;
        assert_eq!(refused.0, 404, "{method}");
    }
    let upload = format!("{path}/upload");
    let refused = client
        .refused(("POST", &upload), &json!({"extension": "png"}))
        .await;
    assert_eq!(refused.0, 404);
}

#[tokio::test]
async fn a_picture_has_the_id_under_which_it_was_announced() {
    let client = Client::new();
    let id = client.dataset(&[]).await;
    let announced = client.announce(&id).await;
    client.send(&announced, &picture(3)).await;
    let found = client.get(&format!("/datasets/{id}")).await["datasets_by_pk"].take();
    assert_eq!(found["dataset_images"][0]["id"], announced["id"]);
    // The token is used up.
    let again = client.send(&announced, &picture(4)).await;
    assert_eq!(refusal(&again).0, 404);
}

#[tokio::test]
async fn a_picture_that_the_dataset_has_is_told_as_the_image_that_it_is() {
    let client = Client::new();
    let id = client.dataset(&[]).await;
    let (first, second) = (client.announce(&id).await, client.announce(&id).await);
    assert_eq!(client.send(&first, &picture(3)).await.status, 204);
    let again = client.send(&second, &picture(3)).await;
    assert_eq!(refusal(&again), (409, "conflict".to_owned()));
    let message = again.json()["error"].as_str().unwrap().to_owned();
    assert!(message.contains(text(&first["id"])), "{message}");
    // Nothing more comes to its address.
    let other = client.send(&second, &picture(4)).await;
    assert_eq!(refusal(&other).0, 404);
    let found = client.get(&format!("/datasets/{id}")).await;
    let images = &found["datasets_by_pk"]["dataset_images"];
    assert_eq!(images.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn of_pictures_that_come_to_one_address_at_the_same_time_one_is_taken() {
    let client = Client::new();
    let id = client.dataset(&[]).await;
    let announced = client.announce(&id).await;
    let [one, two, three] = [1, 2, 3].map(picture);
    let answers = tokio::join!(
        client.send(&announced, &one),
        client.send(&announced, &two),
        client.send(&announced, &three),
    );
    let answers = [answers.0, answers.1, answers.2];
    let (taken, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 204);
    assert_eq!(taken.len(), 1);
    for other in others {
        let (status, code) = refusal(other);
        let is_told = [(409, "conflict"), (404, "not-found")].contains(&(status, code.as_str()));
        assert!(is_told, "{status} {code}");
    }
    let found = client.get(&format!("/datasets/{id}")).await;
    let images = &found["datasets_by_pk"]["dataset_images"];
    assert_eq!(images.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_announced_pictures_of_a_good_size_come_in() {
    let limits = Limits {
        picture_bytes: 2_000,
        ..Limits::default()
    };
    let client = Client::of(Studio::with_limits(limits));
    let id = client.dataset(&[]).await;
    let announced = client.announce(&id).await;
    let url = text(&announced["url"]).to_owned();
    let large = vec![0; 2_001];
    let many: Vec<_> = (0..31)
        .map(|at| (format!("a{at}"), String::new()))
        .collect();
    let long = [("a".to_owned(), "x".repeat(70_000))];
    for (body, status) in [
        (multipart_of(&[], Some(("a.png", b"no picture"))), 422),
        (multipart_of(&[], Some(("a.png", b""))), 422),
        (multipart_of(&[], Some(("a.zip", b"PK\x03\x04"))), 422),
        (multipart_of(&[], Some(("a.png", &large))), 413),
        (multipart_of(&[], None), 400),
        (multipart_of(&many, Some(("a.png", &picture(1)))), 400),
        (multipart_of(&long, Some(("a.png", &picture(1)))), 413),
        (b"--XBOUNDARYX".to_vec(), 400),
    ] {
        let answer = client.send_form(&url, body).await;
        assert_eq!(refusal(&answer).0, status);
    }
    let (start, _) = url.rsplit_once('/').unwrap();
    for token in ["00000000-0000-4000-8000-000000000000", "x", "..%2f..%2fetc"] {
        let body = multipart_of(&[], Some(("a.png", &picture(1))));
        let answer = client.send_form(&format!("{start}/{token}"), body).await;
        assert_eq!(refusal(&answer).0, 404, "{token}");
    }
    // A name leads nowhere, and after failures the right picture still comes in.
    let body = multipart_of(&[], Some(("../../a.png", &picture(1))));
    assert_eq!(client.send_form(&url, body).await.status, 204);
    let path = format!("/datasets/{id}/upload");
    for body in [
        json!({"extension": "gif"}),
        json!({"extension": "../a"}),
        json!({}),
    ] {
        let refused = client.refused(("POST", &path), &body).await;
        assert_eq!(refused, (400, "bad-request".to_owned()), "{body}");
    }
    let json = client
        .studio
        .post(&format!("{API}/uploads/x"), &json!({}))
        .await;
    assert_eq!(refusal(&json).0, 404);
}
