//! Names of bases that would lead elsewhere.

use serde_json::json;

use super::{Client, element, generation};

/// Other machines, files of this one, and ways out of a folder.
pub(crate) const ELSEWHERE: [&str; 9] = [
    "http://127.0.0.1:9/base.safetensors",
    "https://example.org/base.safetensors",
    "hf:stabilityai/sdxl-turbo",
    "file:///etc/passwd",
    "/etc/passwd",
    "../..",
    "../../etc/passwd",
    "dreamy/../atelier-mini",
    "\\\\example.org\\share",
];

#[tokio::test]
async fn names_of_bases_lead_nowhere_else() {
    let client = Client::new();
    let dataset = client.dataset(&[1]).await;
    for name in ELSEWHERE {
        let mut wanted = generation();
        wanted["modelId"] = json!(name);
        let refused = client.refused(("POST", "/generations"), &wanted).await;
        assert_eq!(refused, (404, "not-found".to_owned()), "{name}");
        let versions = [
            ("/generations", generation()),
            ("/elements", element(&dataset)),
            (
                "/models",
                json!({"datasetId": dataset, "name": "a", "instance_prompt": "BlobV1"}),
            ),
        ];
        for (path, mut wanted) in versions {
            wanted["sd_version"] = json!(name);
            let refused = client.refused(("POST", path), &wanted).await;
            assert_eq!(refused, (400, "bad-request".to_owned()), "{path} {name}");
        }
    }
    assert_eq!(client.studio.get("/api/v1/jobs").await.ok()["total"], 0);
}
