//! Addresses for announced pictures: how they begin, and when they end.

use atelier_accounts::Role;
use atelier_server::Access;
use axum::body::Body;
use serde_json::{Value, json};

use super::{API, Client, refusal};
use crate::people::{ENDS, Person, guarded};
use crate::studio::{Studio, picture, request, text};

/// The address that an announcement with these headers names.
async fn address(studio: &Studio, headers: &[(&str, &str)]) -> String {
    let about = json!({"name": "blobs"});
    let made = studio.post(&format!("{API}/datasets"), &about).await.ok();
    let id = text(&made["insert_datasets_one"]["id"]);
    let mut announce = request("POST", &format!("{API}/datasets/{id}/upload"))
        .header("content-type", "application/json");
    for (name, value) in headers {
        announce = announce.header(*name, *value);
    }
    let body = Body::from("{\"extension\": \"png\"}");
    let announced = studio.send(announce.body(body).unwrap()).await.ok();
    text(&announced["uploadDatasetImage"]["url"]).to_owned()
}

#[tokio::test]
async fn an_address_is_https_where_the_proxy_before_the_server_says_so() {
    let secure = [("x-forwarded-proto", "https")];
    let alone = Studio::working();
    let mut behind = Studio::working();
    behind.guard(Access {
        is_behind_proxy: true,
        ..Access::default()
    });
    for (studio, headers, scheme) in [
        // Everybody can write the header.
        (&alone, &secure[..], "http"),
        (&alone, &[], "http"),
        (&behind, &secure, "https"),
        (&behind, &[], "http"),
        (&behind, &[("x-forwarded-proto", "http")], "http"),
    ] {
        let address = address(studio, headers).await;
        let start = format!("{scheme}://127.0.0.1:7860{API}/uploads/");
        assert!(address.starts_with(&start), "{address}");
    }
}

#[tokio::test]
async fn an_address_ends_with_what_let_its_owner_announce() {
    let client = Client::of(guarded());
    let library = client.studio.settings.library.clone();
    for (name, end) in ENDS {
        let who = Person::new(&client.studio, name, Role::Member);
        let dataset = who.dataset(&client, 1).await;
        let announced = who.announced(&dataset).await;
        end(&library, &who);
        let sent = client.send(&announced, &picture(2)).await;
        assert_eq!(refusal(&sent), (404, "not-found".to_owned()), "{name}");
        let images = library.get_version(dataset.parse().unwrap(), None);
        assert_eq!(images.unwrap().images.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn pictures_are_announced_for_datasets_that_may_be_changed() {
    let client = Client::of(guarded());
    let mia = Person::new(&client.studio, "mia", Role::Member);
    let max = Person::new(&client.studio, "max", Role::Member);
    let olga = Person::new(&client.studio, "olga", Role::Owner);
    let dataset = mia.dataset(&client, 1).await;
    let library = &client.studio.settings.library;
    library
        .share_dataset(dataset.parse().unwrap(), true)
        .unwrap();
    let path = format!("{API}/datasets/{dataset}");
    let seen = max.call(("GET", &path), &Value::Null).await;
    assert_eq!(seen.status, 200);
    let upload = format!("{path}/upload");
    let wanted = json!({"extension": "png"});
    let refused = max.call(("POST", &upload), &wanted).await;
    assert_eq!(refusal(&refused), (403, "access-denied".to_owned()));
    for person in [&mia, &olga] {
        person.announced(&dataset).await;
    }
}
