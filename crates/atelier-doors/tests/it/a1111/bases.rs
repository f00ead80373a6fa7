//! Names of bases that would lead elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{API, asked, refusal};
use crate::leonardo::bases::ELSEWHERE;
use crate::studio::{Studio, picture};

#[tokio::test]
async fn names_of_bases_lead_nowhere_else() {
    let studio = Studio::working();
    let start = STANDARD.encode(picture(7));
    let refused = async |path: &str, body: &Value| {
        let answer = studio.post(&format!("{API}/{path}"), body).await;
        refusal(&answer)
    };
    for name in ELSEWHERE {
        let spelled = [
            name.to_owned(),
            format!("{name}.safetensors"),
            format!("{name} [0123456789]"),
        ];
        for word in spelled {
            let base = json!({"sd_model_checkpoint": word});
            let drawing = json!({"override_settings": base, "init_images": [start]});
            for (path, body) in [
                ("options", &base),
                ("txt2img", &asked(&drawing)),
                ("img2img", &asked(&drawing)),
            ] {
                let (status, detail) = refused(path, body).await;
                assert_eq!(status, 404, "{path} {word}");
                assert!(detail.contains("there is no base"), "{detail}");
            }
        }
    }
    assert!(studio.jobs().await.is_empty());
    let options = studio.read("/options").await;
    assert_eq!(options["sd_model_checkpoint"], "atelier-mini");
}
