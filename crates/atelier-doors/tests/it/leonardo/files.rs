//! Addresses of files in answers: fetched without a key, by whoever was told them, and when they end.

use atelier_accounts::Role;
use axum::body::Body;
use serde_json::{Value, json};

use super::{API, Client, generation, refusal};
use crate::people::{ENDS, Person, guarded};
use crate::studio::{Studio, picture, request, text};

/// The addresses of an image of a dataset and of a drawn picture, and the places of the two.
async fn told(client: &Client, who: &Person<'_>) -> [(Value, String); 2] {
    let dataset = who.dataset(client, 1).await;
    let wanted = generation();
    let started = who.leonardo(("POST", "/generations"), &wanted).await;
    let generation = text(&started["sdGenerationJob"]["generationId"]);
    client.until_idle().await;
    let look = async |path: String| {
        let mut found = who.leonardo(("GET", &path), &Value::Null).await;
        let (kind, list) = if path.starts_with("/datasets") {
            ("datasets_by_pk", "dataset_images")
        } else {
            ("generations_by_pk", "generated_images")
        };
        (found[kind][list][0]["url"].take(), path)
    };
    [
        look(format!("/datasets/{dataset}")).await,
        look(format!("/generations/{generation}")).await,
    ]
}

#[tokio::test]
async fn files_need_no_key_and_their_addresses_lead_to_no_other_file() {
    let client = Client::of(guarded());
    let mia = Person::new(&client.studio, "mia", Role::Member);
    let [(image, place), (drawn, _)] = told(&client, &mia).await;
    assert_eq!(client.fetch(&image).await.body, picture(1));
    let file = client.fetch(&drawn).await;
    assert_eq!(
        (file.status.as_u16(), file.header("content-type")),
        (200, "image/png")
    );
    // With a key as well, and in part.
    let path = text(&image).strip_prefix("http://127.0.0.1:7860").unwrap();
    let asked = request("GET", path).header("range", "bytes=0-3");
    let (_, secret) = mia.shown.as_ref().unwrap();
    let asked = asked.header("authorization", format!("Bearer {secret}"));
    let part = client.studio.send(asked.body(Body::empty()).unwrap()).await;
    assert_eq!((part.status.as_u16(), part.body.len()), (206, 4));
    // The same from answer to answer.
    let again = mia.leonardo(("GET", &place), &Value::Null).await;
    assert_eq!(again["datasets_by_pk"]["dataset_images"][0]["url"], image);
    let (_, of_drawn) = text(&drawn).rsplit_once('.').unwrap();
    let (said, proof) = text(&image).rsplit_once('.').unwrap();
    let (start, id) = said.rsplit_once('.').unwrap();
    for other in [
        said.to_owned(),
        format!("{said}.{of_drawn}"),
        format!("{said}.{}", proof.to_uppercase()),
        format!("{start}.018f0000-0000-7000-8000-000000000000.{proof}"),
        format!("{start}.{id}.{id}.{proof}"),
    ] {
        let refused = client.fetch(&json!(other)).await;
        assert_eq!(refusal(&refused), (404, "not-found".to_owned()), "{other}");
    }
}

#[tokio::test]
async fn where_no_key_is_needed_an_address_is_the_pictures_own_place() {
    let client = Client::of(Studio::working());
    let id = client.dataset(&[1]).await;
    let found = client.get(&format!("/datasets/{id}")).await;
    let url = &found["datasets_by_pk"]["dataset_images"][0]["url"];
    let start = format!("http://127.0.0.1:7860/api/v1/datasets/{id}/images/");
    assert!(text(url).starts_with(&start), "{url}");
}

#[tokio::test]
async fn an_address_ends_with_what_let_its_owner_look() {
    let client = Client::of(guarded());
    let library = client.studio.settings.library.clone();
    for (name, end) in ENDS {
        let who = Person::new(&client.studio, name, Role::Member);
        let told = told(&client, &who).await;
        end(&library, &who);
        for (url, _) in told {
            let refused = client.fetch(&url).await;
            assert_eq!(refusal(&refused), (404, "not-found".to_owned()), "{name}");
        }
    }
}

#[tokio::test]
async fn an_address_ends_when_its_file_is_deleted() {
    let client = Client::of(guarded());
    let mia = Person::new(&client.studio, "mia", Role::Member);
    for (url, path) in told(&client, &mia).await {
        assert_eq!(client.fetch(&url).await.status, 200, "{path}");
        mia.leonardo(("DELETE", &path), &Value::Null).await;
        assert_eq!(refusal(&client.fetch(&url).await).0, 404, "{path}");
    }
    let none = client.studio.get(&format!("{API}/files/x")).await;
    assert_eq!(refusal(&none).0, 404);
}
