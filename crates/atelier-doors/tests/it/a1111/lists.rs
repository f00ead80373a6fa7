//! What there is to choose from.

use serde_json::{Value, json};

use crate::studio::{Studio, steady};

#[tokio::test]
async fn lists_tell_what_there_is() {
    let studio = Studio::working();
    studio.trained("Blob faces", &json!({"epochs": 1})).await;
    let mut all = serde_json::Map::new();
    for path in ["sd-models", "loras", "samplers", "schedulers", "options"] {
        all.insert(path.to_owned(), studio.read(&format!("/{path}")).await);
    }
    insta::assert_snapshot!(steady(&Value::from(all)));
}

#[tokio::test]
async fn what_there_is_none_of_is_an_empty_list() {
    let studio = Studio::working();
    for path in [
        "upscalers",
        "latent-upscale-modes",
        "sd-vae",
        "hypernetworks",
        "prompt-styles",
        "face-restorers",
        "realesrgan-models",
        "script-info",
        "extensions",
    ] {
        assert_eq!(studio.read(&format!("/{path}")).await, json!([]), "{path}");
    }
    assert_eq!(
        studio.read("/scripts").await,
        json!({"txt2img": [], "img2img": []})
    );
    assert_eq!(
        studio.read("/embeddings").await,
        json!({"loaded": {}, "skipped": {}})
    );
    assert!(studio.read("/memory").await["ram"].is_object());
    assert!(studio.read("/cmd-flags").await.is_object());
    for path in ["/refresh-checkpoints", "/refresh-vae", "/refresh-loras"] {
        assert_eq!(studio.tell(path, &json!({})).await, json!(null));
    }
}
