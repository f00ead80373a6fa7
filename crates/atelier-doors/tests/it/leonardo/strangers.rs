//! What belongs to other accounts is answered as what is not there: looked at, changed, deleted and used.

use atelier_accounts::Role;
use serde_json::{Value, json};

use super::{API, Client, element, generation};
use crate::people::{Person, guarded};
use crate::studio::{Answer, text};

const ABSENT: &str = "018f0000-0000-7000-8000-000000000000";

/// What mia made, by ids.
struct Things {
    dataset: String,
    number: String,
    element: String,
    model: String,
    generation: String,
    picture: String,
}

async fn things(client: &Client, mia: &Person<'_>) -> Things {
    let dataset = mia.dataset(client, 1).await;
    let wanted = element(&dataset);
    let trained = mia.leonardo(("POST", "/elements"), &wanted);
    let number = trained.await["sdTrainingJob"]["userLoraId"].to_string();
    let wanted = json!({"datasetId": dataset, "name": "own", "instance_prompt": "BlobV1"});
    let trained = mia.leonardo(("POST", "/models"), &wanted);
    let model = trained.await["sdTrainingJob"]["customModelId"].take();
    client.until_idle().await;
    let mut wanted = generation();
    wanted["userElements"] = json!([{"userLoraId": number.parse::<u32>().unwrap()}]);
    let started = mia.leonardo(("POST", "/generations"), &wanted).await;
    let generation = text(&started["sdGenerationJob"]["generationId"]).to_owned();
    client.until_idle().await;
    let look = async |path: String| mia.leonardo(("GET", &path), &Value::Null).await;
    let drawn = look(format!("/generations/{generation}")).await["generations_by_pk"].take();
    Things {
        element: text(&drawn["generation_elements"][0]["lora"]["akUUID"]).to_owned(),
        picture: text(&drawn["generated_images"][0]["id"]).to_owned(),
        model: text(&model).to_owned(),
        dataset,
        number,
        generation,
    }
}

/// Status and body, with a word in the place of the id.
fn without((answer, id): (&Answer, &str)) -> (u16, String) {
    let body = answer.json().to_string();
    (answer.status.as_u16(), body.replace(id, "ID"))
}

/// What is asked with `ID`.
type Question<'a> = (&'static str, String, Value, &'a str, u16);

/// Method, path and body, whose id `ID` is, and the status of the answer.
#[rustfmt::skip]
fn questions<'a>(it: &'a Things, own: &str) -> Vec<Question<'a>> {
    let nothing = Value::Null;
    let drawn = |key: &str, value: Value| {
        let mut body = generation();
        body[key] = value;
        body
    };
    let model = json!({"datasetId": "ID", "name": "a", "instance_prompt": "BlobV1"});
    let added = json!({"generatedImageId": it.picture});
    let questions = [
        ("GET", "/datasets/ID", nothing.clone(), &it.dataset, 404),
        ("DELETE", "/datasets/ID", nothing.clone(), &it.dataset, 404),
        ("POST", "/datasets/ID/upload", json!({"extension": "png"}), &it.dataset, 404),
        ("POST", "/datasets/ID/upload/gen", added, &it.dataset, 404),
        ("POST", "/datasets/OWN/upload/gen", json!({"generatedImageId": "ID"}), &it.picture, 404),
        ("POST", "/elements", element("ID"), &it.dataset, 404),
        ("POST", "/models", model, &it.dataset, 404),
        ("GET", "/elements/ID", nothing.clone(), &it.number, 404),
        ("DELETE", "/elements/ID", nothing.clone(), &it.number, 404),
        ("GET", "/models/ID", nothing.clone(), &it.model, 404),
        ("DELETE", "/models/ID", nothing.clone(), &it.model, 404),
        ("GET", "/generations/ID", nothing.clone(), &it.generation, 404),
        ("DELETE", "/generations/ID", nothing.clone(), &it.generation, 404),
        ("POST", "/generations", drawn("modelId", json!("ID")), &it.model, 404),
        ("POST", "/generations", drawn("elements", json!([{"akUUID": "ID"}])), &it.element, 404),
        ("POST", "/generations", drawn("userElements", json!([{"userLoraId": "ID"}])), &it.number, 404),
        ("POST", "/generations", drawn("init_image_id", json!("ID")), &it.picture, 501),
        ("POST", "/generations", drawn("init_generation_image_id", json!("ID")), &it.picture, 501),
        ("GET", "/init-image/ID", nothing.clone(), &it.picture, 404),
        ("DELETE", "/init-image/ID", nothing.clone(), &it.picture, 404),
        ("GET", "/variations/ID", nothing, &it.picture, 404),
    ];
    let questions = questions.into_iter().map(|(method, path, body, id, status)| {
        (method, path.replace("OWN", own), body, id.as_str(), status)
    });
    questions.collect()
}

#[tokio::test]
async fn what_is_somebody_elses_is_answered_as_what_is_not_there() {
    let client = Client::of(guarded());
    let mia = Person::new(&client.studio, "mia", Role::Member);
    let max = Person::new(&client.studio, "max", Role::Member);
    let it = things(&client, &mia).await;
    let own = max.dataset(&client, 9).await;
    for (method, path, body, id, status) in questions(&it, &own) {
        let is_number = id == it.number;
        let absent = if is_number { "999" } else { ABSENT };
        let ask = async |id: &str| {
            let path = format!("{API}{}", path.replace("ID", id));
            // Numbers stand as numbers.
            let in_json = json!(id).to_string();
            let in_json = if is_number { id } else { &in_json };
            let body = body.to_string().replace("\"ID\"", in_json);
            let body = serde_json::from_str(&body).unwrap();
            max.call((method, &path), &body).await
        };
        let (found, none) = (ask(id).await, ask(absent).await);
        assert_eq!(found.status, status, "{method} {path}");
        let (found, none) = (without((&found, id)), without((&none, absent)));
        assert_eq!(found, none, "{method} {path}");
    }
    check_lists(&max).await;
    let path = format!("/api/v1/pictures/{}/file", it.picture);
    let nobody = Person::nobody(&client.studio);
    for (person, status) in [(&mia, 200), (&max, 404), (&nobody, 401)] {
        let file = person.call(("GET", &path), &Value::Null).await;
        assert_eq!(file.status, status, "{path}");
    }
    // All is as it was.
    for path in [
        format!("/datasets/{}", it.dataset),
        format!("/elements/{}", it.number),
        format!("/models/{}", it.model),
        format!("/generations/{}", it.generation),
    ] {
        mia.leonardo(("GET", &path), &Value::Null).await;
    }
}

/// Nobody else's things stand in the lists of somebody who made none.
async fn check_lists(max: &Person<'_>) {
    let id = max.account.unwrap();
    for (path, list) in [
        ("/elements".to_owned(), "loras"),
        (format!("/elements/user/{id}"), "user_loras"),
        (format!("/models/user/{id}"), "custom_models"),
        (format!("/generations/user/{id}"), "generations"),
    ] {
        let found = max.leonardo(("GET", &path), &Value::Null).await;
        assert_eq!(found[list], json!([]), "{path}");
    }
    let loras = max.call(("GET", "/sdapi/v1/loras"), &Value::Null).await;
    assert_eq!(loras.ok(), json!([]));
}
