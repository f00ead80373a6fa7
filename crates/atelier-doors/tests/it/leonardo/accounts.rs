//! Who asks, where there are accounts.

use std::sync::Arc;

use atelier_accounts::Role;
use atelier_server::{Access, Limits};
use serde_json::{Value, json};

use super::{API, Client, element, generation};
use crate::gate::Gate;
use crate::people::{Person, guarded};
use crate::studio::{Studio, picture, text};

const MACHINE: &str = "00000000-0000-4000-8000-000000000001";

impl Person<'_> {
    /// The answer of this API, as the clients take it.
    pub(crate) async fn leonardo(&self, (method, path): (&str, &str), body: &Value) -> Value {
        let answer = self.call((method, &format!("{API}{path}")), body).await;
        Client::taken(&answer)
    }

    /// Makes a dataset of one picture.
    pub(crate) async fn dataset(&self, client: &Client, shade: u8) -> String {
        let about = json!({"name": "blobs"});
        let made = self.leonardo(("POST", "/datasets"), &about).await;
        let id = text(&made["insert_datasets_one"]["id"]).to_owned();
        let announced = self.announced(&id).await;
        let sent = client.send(&announced, &picture(shade)).await;
        assert_eq!(sent.status, 204);
        id
    }

    /// Announces a picture.
    pub(crate) async fn announced(&self, dataset: &str) -> Value {
        let path = format!("/datasets/{dataset}/upload");
        let wanted = json!({"extension": "png"});
        let announced = self.leonardo(("POST", &path), &wanted).await;
        announced["uploadDatasetImage"].clone()
    }
}

#[tokio::test]
async fn whoever_asks_is_the_account_that_the_token_speaks_for() {
    let studio = guarded();
    let mia = Person::new(&studio, "mia", Role::Member);
    let vera = Person::new(&studio, "vera", Role::Viewer);
    let machine = Person::machine(&studio);
    let id = |person: &Person<'_>| person.account.unwrap().to_string();
    let (mia_id, vera_id) = (id(&mia), id(&vera));
    let everybody = [
        (&mia, mia_id.as_str(), "mia"),
        (&vera, vera_id.as_str(), "vera"),
        (&machine, MACHINE, "local"),
    ];
    for (person, id, name) in everybody {
        let me = person.leonardo(("GET", "/me"), &Value::Null).await;
        let user = &me["user_details"][0]["user"];
        assert_eq!(user, &json!({"id": id, "username": name}));
        for list in ["elements", "models", "generations"] {
            for (_, other, _) in everybody {
                let path = format!("{API}/{list}/user/{other}");
                let answer = person.call(("GET", &path), &Value::Null).await;
                let status = if other == id { 200 } else { 404 };
                assert_eq!(answer.status, status, "{name}: {path}");
            }
        }
    }
}

/// How much the lists of somebody have: elements, custom models, generations.
async fn listed(who: &Person<'_>) -> [usize; 3] {
    let id = who
        .account
        .map_or_else(|| MACHINE.to_owned(), |id| id.to_string());
    let lists = [
        ("elements", "user_loras"),
        ("models", "custom_models"),
        ("generations", "generations"),
    ];
    let mut counts = [0; 3];
    for (count, (place, list)) in counts.iter_mut().zip(lists) {
        let path = format!("/{place}/user/{id}");
        let found = who.leonardo(("GET", &path), &Value::Null).await;
        *count = found[list].as_array().unwrap().len();
    }
    counts
}

#[tokio::test]
async fn lists_of_the_user_have_only_what_belongs_to_whoever_asks() {
    let gate: Arc<Gate> = Arc::default();
    let mut studio = Studio::paced(Limits::default(), gate.pace());
    studio.guard(Access {
        needs_login: true,
        ..Access::default()
    });
    let client = Client::of(studio);
    let mia = Person::new(&client.studio, "mia", Role::Member);
    let others = [
        Person::new(&client.studio, "max", Role::Member),
        Person::new(&client.studio, "olga", Role::Owner),
        Person::machine(&client.studio),
    ];
    let dataset = mia.dataset(&client, 1).await;
    let wanted = element(&dataset);
    mia.leonardo(("POST", "/elements"), &wanted).await;
    let wanted = generation();
    mia.leonardo(("POST", "/generations"), &wanted).await;
    let library = &client.studio.settings.library;
    for is_over in [false, true] {
        if is_over {
            gate.open();
            client.until_idle().await;
            // Everybody sees it then, and it is hers.
            let model = library.list_models(false).unwrap()[0].id;
            library.share_model(model, true).unwrap();
        }
        assert_eq!(listed(&mia).await, [1, 1, 1]);
        for other in &others {
            assert_eq!(listed(other).await, [0, 0, 0]);
        }
    }
    for other in &others {
        let public = other.leonardo(("GET", "/elements"), &Value::Null).await;
        assert_eq!(public["loras"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_name_that_somebody_elses_hidden_run_has_gets_a_number() {
    let client = Client::of(guarded());
    let mia = Person::new(&client.studio, "mia", Role::Member);
    let max = Person::new(&client.studio, "max", Role::Member);
    let mut numbers = Vec::new();
    for (person, shade) in [(&mia, 1), (&max, 2), (&max, 3)] {
        let dataset = person.dataset(&client, shade).await;
        let wanted = element(&dataset);
        let started = person.leonardo(("POST", "/elements"), &wanted);
        let number = started.await["sdTrainingJob"]["userLoraId"].take();
        numbers.push(number.as_u64().unwrap());
    }
    client.until_idle().await;
    for (person, number, name) in [
        (&mia, numbers[0], "blob"),
        (&max, numbers[1], "blob 2"),
        (&max, numbers[2], "blob 3"),
    ] {
        let path = format!("/elements/{number}");
        let found = person.leonardo(("GET", &path), &Value::Null).await;
        assert_eq!(found["user_loras_by_pk"]["name"], name);
        let is_told = found.to_string().contains("mia");
        assert!(!is_told, "{found}");
    }
}
