//! The description of the API.

use crate::studio::Studio;

#[test]
fn the_committed_description_is_the_one_that_is_served() {
    let committed = include_str!("../../../../docs/reference/openapi.json");
    assert!(
        atelier_server::openapi_json() == committed,
        "run `cargo run -p atelier-server --example openapi > docs/reference/openapi.json`"
    );
}

#[tokio::test]
async fn it_is_served_and_names_every_operation() {
    let studio = Studio::new();
    let document = studio.get("/api/v1/openapi.json").await.ok();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    let operations = paths
        .values()
        .flat_map(|path| path.as_object().unwrap().values());
    let mut names: Vec<_> = operations
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!((names.len(), count), (84, 84), "{names:?}");
}

/// What takes no other properties cannot be a part of something that has more.
#[test]
fn nothing_is_all_of_an_object_that_is_closed() {
    let document: serde_json::Value =
        serde_json::from_str(&atelier_server::openapi_json()).unwrap();
    let schemas = &document["components"]["schemas"];
    let wholes: Vec<_> = schemas.as_object().unwrap().values().collect();
    let parts = wholes
        .iter()
        .filter_map(|schema| schema["allOf"].as_array())
        .flatten();
    let mut count = 0;
    for part in parts {
        let at = part["$ref"].as_str().unwrap_or_default();
        let named = at.rsplit('/').next().unwrap_or_default();
        let schema = if named.is_empty() {
            part
        } else {
            &schemas[named]
        };
        assert_ne!(schema["additionalProperties"], false, "{named}");
        count += 1;
    }
    assert!(count > 4, "{count}");
}
