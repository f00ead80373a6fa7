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
    assert_eq!((names.len(), count), (81, 81), "{names:?}");
}
