//! Drawings over pictures, and what pictures say about themselves.

use std::sync::Arc;

use atelier_server::Limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{API, asked, pictures, refusal, taken};
use crate::studio::{Answer, Studio, picture, text};

fn in_base64(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

async fn draw_over(studio: &Studio, wanted: &Value) -> Answer {
    let mut all = asked(&json!({
        "width": 64, "height": 64, "steps": 4, "denoising_strength": 0.75, "resize_mode": 0, "mask_blur": 4,
        "inpainting_fill": 0, "inpaint_full_res": true, "inpaint_full_res_padding": 0, "inpainting_mask_invert": 0,
        "initial_noise_multiplier": 1, "image_cfg_scale": 1.5, "include_init_images": false,
    }));
    for (key, value) in wanted.as_object().unwrap() {
        all[key] = value.clone();
    }
    studio.post(&format!("{API}/img2img"), &all).await
}

#[tokio::test]
async fn a_picture_and_its_mask_are_drawn_over() {
    let studio = Studio::working();
    let wanted = json!({
        "init_images": [in_base64(&picture(7))], "mask": in_base64(&picture(0)), "denoising_strength": 0.5,
        "inpainting_mask_invert": 1,
    });
    let answer = taken(&draw_over(&studio, &wanted).await);
    let (drawn, info) = pictures(&answer);
    assert_eq!((drawn.len(), &info["denoising_strength"]), (1, &json!(0.5)));
    assert_eq!(
        (
            &answer["parameters"]["init_images"],
            &answer["parameters"]["mask"]
        ),
        (&json!(null), &json!(null))
    );
    let start = studio.jobs().await[0]["drawing"]["start"].clone();
    assert_eq!(start["denoise"], 0.5);
    let file = async |id: &Value| {
        let path = format!("/api/v1/start-pictures/{}/file", text(id));
        let file = image::load_from_memory(&studio.get(&path).await.body).unwrap();
        file.into_rgb8().get_pixel(0, 0).0
    };
    assert_eq!(file(&start["picture"]).await, [7; 3]);
    assert_eq!(file(&start["mask"]).await, [255; 3]);
}

#[tokio::test]
async fn pictures_that_cannot_be_drawn_over_are_refused() {
    let studio = Studio::working();
    let one = in_base64(&picture(7));
    // A PNG that says of itself that it has 60000×60000 pixels.
    let mut bomb = picture(7);
    bomb[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
    for (wanted, status, part) in [
        (json!({}), 422, "no picture"),
        (json!({"init_images": []}), 422, "no picture"),
        (json!({"init_images": [7]}), 422, "`init_images`"),
        (
            json!({"init_images": [one, one]}),
            501,
            "one request for each",
        ),
        (
            json!({"init_images": ["https://example.org/a.png"]}),
            422,
            "fetches nothing",
        ),
        (
            json!({"init_images": ["file:///etc/passwd"]}),
            422,
            "base64",
        ),
        (json!({"init_images": [in_base64(b"text")]}), 422, "PNG"),
        (json!({"init_images": [in_base64(&bomb)]}), 422, "too large"),
        (
            json!({"init_images": [one], "mask": in_base64(&bomb)}),
            422,
            "too large",
        ),
        (
            json!({"init_images": [one], "mask": in_base64(&bomb), "inpainting_mask_invert": 1}),
            422,
            "too large",
        ),
        (
            json!({"init_images": [one], "denoising_strength": 0}),
            422,
            "`denoising_strength`",
        ),
        (
            json!({"init_images": [one], "denoising_strength": 1.5}),
            422,
            "`denoising_strength`",
        ),
        (
            json!({"init_images": [one], "resize_mode": 3}),
            501,
            "`resize_mode`",
        ),
        (
            json!({"init_images": [one], "inpainting_fill": 2}),
            501,
            "`inpainting_fill`",
        ),
        (
            json!({"init_images": [one], "initial_noise_multiplier": 1.2}),
            501,
            "`initial_noise_multiplier`",
        ),
    ] {
        let (found, detail) = refusal(&draw_over(&studio, &wanted).await);
        assert_eq!(found, status, "{detail}");
        assert!(detail.contains(part), "{part}: {detail}");
    }
    assert!(studio.jobs().await.is_empty());
}

#[tokio::test]
async fn large_pictures_are_not_even_decoded() {
    let limits = Limits {
        picture_bytes: 20_000,
        picture_json_bytes: 60_000,
        ..Limits::default()
    };
    let studio = Studio::paced(limits, Arc::new(|_| ()));
    for (length, part) in [(30_000, "of `init_images` has"), (70_000, "JSON has")] {
        let wanted = json!({"init_images": ["A".repeat(length)]});
        let (status, detail) = refusal(&draw_over(&studio, &wanted).await);
        assert_eq!(status, 413);
        assert!(detail.contains(part), "{detail}");
    }
    let image = json!({"image": "A".repeat(30_000)});
    let refused = studio.post(&format!("{API}/png-info"), &image).await;
    assert_eq!(refusal(&refused).0, 413);
}

#[tokio::test]
async fn pictures_tell_how_they_were_drawn() {
    let studio = Studio::working();
    let wanted = json!({"prompt": "a cat", "seed": 9, "width": 64, "height": 64, "steps": 2});
    let drawn = taken(&studio.draw(&wanted).await);
    let told = studio
        .tell("/png-info", &json!({"image": drawn["images"][0]}))
        .await;
    assert_eq!(told["info"], "a cat\nSteps: 2, Seed: 9, Size: 64x64");
    assert_eq!(told["items"]["parameters"], told["info"]);
    assert_eq!(
        (&told["parameters"]["Prompt"], &told["parameters"]["Size-1"]),
        (&json!("a cat"), &json!("64"))
    );
    let silent = studio
        .tell("/png-info", &json!({"image": in_base64(&picture(1))}))
        .await;
    assert_eq!(silent, json!({"info": "", "items": {}, "parameters": {}}));
    for image in ["", "AAAA", "?"] {
        let refused = studio
            .post(&format!("{API}/png-info"), &json!({"image": image}))
            .await;
        assert_eq!(refusal(&refused).0, 422, "{image}");
    }
}
