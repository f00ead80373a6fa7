//! Drawings from words.

use serde_json::json;

use super::{API, asked, pictures, refusal, taken};
use crate::studio::{Studio, text};

#[tokio::test]
async fn a_drawing_is_answered_with_its_pictures_and_what_is_to_be_known_of_them() {
    let studio = Studio::working();
    let wanted = json!({
        "prompt": "a cat", "negative_prompt": "dogs", "seed": 5, "steps": 3, "batch_size": 2, "n_iter": 2, "width": 64,
        "height": 128, "sampler_name": "DPM++ 2M Karras", "cfg_scale": 6.5,
    });
    let answer = taken(&studio.draw(&wanted).await);
    let (drawn, info) = pictures(&answer);
    let sizes: Vec<_> = drawn.iter().map(image::RgbImage::dimensions).collect();
    assert_eq!(sizes, [(64, 128); 4]);
    let asked = asked(&wanted);
    let parameters = answer["parameters"].as_object().unwrap();
    for key in wanted.as_object().unwrap().keys() {
        assert_eq!(parameters[key], asked[key], "{key}");
    }
    assert_eq!(
        (&info["seed"], &info["all_seeds"]),
        (&json!(5), &json!([5, 6, 7, 8]))
    );
    for (key, value) in [
        ("prompt", json!("a cat")),
        ("all_negative_prompts", json!(vec!["dogs"; 4])),
        ("steps", json!(3)),
        ("width", json!(64)),
        ("sampler_name", json!("DPM++ 2M")),
        ("batch_size", json!(2)),
        ("clip_skip", json!(1)),
        ("denoising_strength", json!(null)),
    ] {
        assert_eq!(info[key], value, "{key}");
    }
    let texts = info["infotexts"].as_array().unwrap();
    assert_eq!(
        (texts.len(), text(&texts[1])),
        (4, "a cat\nSteps: 3, Seed: 6, Size: 64x128")
    );
    // It is a job like any other, whose pictures are in the library.
    let job = &studio.jobs().await[0];
    let drawing = &job["drawing"];
    assert_eq!(job["id"], info["atelier"]["job"]);
    assert_eq!(
        (
            &drawing["sampler"],
            &drawing["schedule"],
            &drawing["guidance"]
        ),
        (&json!("dpmpp-2m"), &json!("karras"), &json!(6.5))
    );
    let kept = studio.get("/api/v1/pictures").await.ok();
    assert_eq!(kept["total"], 4);
}

#[tokio::test]
async fn a_seed_that_nobody_names_is_chosen_and_told() {
    let studio = Studio::working();
    let small = json!({"width": 64, "height": 64, "steps": 1});
    let (_, first) = pictures(&taken(&studio.draw(&small).await));
    let (_, second) = pictures(&taken(&studio.draw(&small).await));
    assert_ne!(first["seed"], second["seed"]);
    let kept = studio.get("/api/v1/pictures").await.ok();
    let seed = kept["pictures"][0]["seed"].to_string();
    assert_eq!(seed.trim_matches('"'), second["seed"].to_string());
}

#[tokio::test]
async fn what_is_not_said_is_usual_and_pictures_may_stay_here() {
    let studio = Studio::working();
    let answer = studio
        .tell("/txt2img", &json!({"steps": 2.0, "send_images": false}))
        .await;
    let (drawn, info) = pictures(&answer);
    assert!(drawn.is_empty());
    assert_eq!(info["infotexts"].as_array().unwrap().len(), 1);
    assert_eq!(info["atelier"]["pictures"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&info["width"], &info["sampler_name"]),
        (&json!(64), &json!("Euler"))
    );
    let drawing = &studio.jobs().await[0]["drawing"];
    assert_eq!(
        (
            &drawing["width"],
            &drawing["negative"],
            &drawing["schedule"]
        ),
        (&json!(null), &json!(null), &json!("linspace"))
    );
}

#[tokio::test]
async fn answers_repeat_nothing_that_means_nothing_here() {
    let studio = Studio::working();
    let wanted = json!({
        "width": 64, "height": 64, "steps": 1, "script_args": [0, [0]], "comments": {"a": [0]},
        "override_settings": {"samples_save": [0], "CLIP_stop_at_last_layers": 2},
    });
    let answer = taken(&studio.draw(&wanted).await);
    let parameters = &answer["parameters"];
    for absent in [
        &parameters["script_args"],
        &parameters["comments"],
        &parameters["override_settings"]["samples_save"],
    ] {
        assert_eq!(absent, &json!(null));
    }
    assert_eq!(
        parameters["override_settings"]["CLIP_stop_at_last_layers"],
        2
    );
}

#[tokio::test]
async fn adapters_are_called_in_prompts() {
    let studio = Studio::working();
    studio.trained("Blob faces", &json!({"epochs": 1})).await;
    let loras = studio.read("/loras").await;
    let name = text(&loras[0]["name"]).to_owned();
    let prompt = format!("BlobV1 <lora:{name}:0.8>");
    let wanted = json!({"prompt": prompt, "width": 64, "height": 64, "steps": 1});
    let (_, info) = pictures(&taken(&studio.draw(&wanted).await));
    assert_eq!(info["prompt"], prompt.as_str());
}

#[tokio::test]
async fn what_cannot_be_drawn_is_refused_in_their_shape() {
    let studio = Studio::working();
    for (wanted, status, part) in [
        (json!({"sampler_name": "Restart"}), 422, "sampler `Restart`"),
        (
            json!({"scheduler": "kl_optimal"}),
            422,
            "scheduler `kl_optimal`",
        ),
        (json!({"steps": 0}), 422, "`steps`"),
        (json!({"steps": "many"}), 422, "`steps`"),
        (json!({"width": 513}), 422, "`width`"),
        (json!({"height": 4096}), 422, "`height`"),
        (json!({"batch_size": 8, "n_iter": 9}), 422, "72 pictures"),
        (json!({"cfg_scale": 99}), 422, "guidance"),
        (json!({"seed": -2}), 422, "`seed`"),
        (json!({"seed": 1e20}), 422, "`seed`"),
        (json!({"prompt": 7}), 422, "`prompt`"),
        (json!({"prompt": "x".repeat(10_001)}), 422, "prompt"),
        (
            json!({"override_settings": {"sd_model_checkpoint": "/etc/passwd"}}),
            404,
            "no base",
        ),
        (
            json!({"override_settings": {"randn_source": "dice"}}),
            422,
            "`randn_source`",
        ),
        (
            json!({"override_settings": {"sd_vae": "other.pt"}}),
            501,
            "`sd_vae`",
        ),
        (json!({"enable_hr": true}), 501, "`enable_hr`"),
        (json!({"restore_faces": true}), 501, "`restore_faces`"),
        (json!({"tiling": true}), 501, "`tiling`"),
        (json!({"styles": ["mine"]}), 501, "`styles`"),
        (json!({"script_name": "X/Y/Z plot"}), 501, "`script_name`"),
        (json!({"subseed_strength": 0.2}), 501, "`subseed_strength`"),
        (
            json!({"alwayson_scripts": {"ControlNet": {"args": [{"model": "x"}]}}}),
            501,
            "`ControlNet`",
        ),
    ] {
        let (found, detail) = refusal(&studio.draw(&wanted).await);
        assert_eq!(found, status, "{wanted} {detail}");
        assert!(detail.contains(part), "{detail}");
    }
    assert!(studio.jobs().await.is_empty());
    let list = studio.post(&format!("{API}/txt2img"), &json!([])).await;
    assert_eq!(refusal(&list).0, 422);
}
