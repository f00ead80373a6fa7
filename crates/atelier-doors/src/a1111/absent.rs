//! What this studio does not do, refused by name.

use atelier_server::door::App;
use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::post;

use super::PREFIX;
use super::refusal::{Refusal, Result};
use super::said::Said;

/// What is refused at which address.
const PLACES: [(&str, &str); 9] = [
    ("/extra-single-image", "upscaling"),
    ("/extra-batch-images", "upscaling"),
    ("/interrogate", "program that describes pictures"),
    ("/create/embedding", "training of embeddings"),
    ("/create/hypernetwork", "training of hypernetworks"),
    ("/train/embedding", "training of embeddings"),
    ("/train/hypernetwork", "training of hypernetworks"),
    (
        "/unload-checkpoint",
        "unloading of bases; each drawing loads its own",
    ),
    (
        "/reload-checkpoint",
        "reloading of bases; each drawing loads its own",
    ),
];

/// Refuses what would make another picture where it says anything but no.
pub(super) fn check(said: &Said) -> Result<()> {
    let keys = [
        (&said.enable_hr, "second pass in another size (`enable_hr`)"),
        (
            &said.restore_faces,
            "restoration of faces (`restore_faces`)",
        ),
        (&said.tiling, "pictures that tile (`tiling`)"),
        (&said.styles, "styles of prompts (`styles`)"),
        (&said.script_name, "scripts (`script_name`)"),
        (
            &said.subseed_strength,
            "variation of seeds (`subseed_strength`)",
        ),
        (
            &said.seed_resize_from_w,
            "seeds of other sizes (`seed_resize_from_w`)",
        ),
        (
            &said.seed_resize_from_h,
            "seeds of other sizes (`seed_resize_from_h`)",
        ),
        (&said.s_churn, "noise between steps (`s_churn`)"),
        (
            &said.refiner_checkpoint,
            "refining by a second base (`refiner_checkpoint`)",
        ),
        (
            &said.disable_extra_networks,
            "way to pass over adapters in prompts (`disable_extra_networks`)",
        ),
        (&said.infotext, "settings from texts (`infotext`)"),
        (
            &said.firstpass_image,
            "second pass in another size (`firstpass_image`)",
        ),
        (&said.latent_mask, "masks of latents (`latent_mask`)"),
    ];
    if let Some((_, what)) = keys.iter().find(|(key, _)| key.is_wanted()) {
        return Err(Refusal::not_supported(what));
    }
    // The share of a sampler's noise that is its own: each has one, and clients send 1 whatever the sampler.
    let eta = said.eta.get("eta")?;
    if eta.is_some_and(|&eta| !is_one(eta) && eta.abs() > 0.0) {
        return Err(Refusal::not_supported(
            "other noise of samplers than their own (`eta`)",
        ));
    }
    for (key, name) in [
        (&said.s_noise, "s_noise"),
        (&said.initial_noise_multiplier, "initial_noise_multiplier"),
    ] {
        if key.get(name)?.is_some_and(|&factor| !is_one(factor)) {
            return Err(Refusal::not_supported(&format!(
                "factor on noise (`{name}`)"
            )));
        }
    }
    let scripts = said.alwayson_scripts.get("alwayson_scripts")?;
    match scripts.and_then(|scripts| scripts.on.as_deref()) {
        Some(name) => {
            let name: String = name.chars().take(100).collect();
            Err(Refusal::not_supported(&format!("script `{name}`")))
        }
        None => Ok(()),
    }
}

fn is_one(number: f64) -> bool {
    number.to_bits() == 1.0_f64.to_bits()
}

/// Their places.
pub(super) fn routes() -> Router<App> {
    let mut routes = Router::new();
    for (path, what) in PLACES {
        routes = routes.route(path, post(async move || Refusal::not_supported(what)));
    }
    routes
}

/// Any other address.
pub(super) async fn refuse_unknown(method: Method, uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(200).collect();
    Refusal::not_found(format!("this API has no `{method}` at `{path}`"))
}

/// Another method than an address takes.
pub(super) async fn refuse_method() -> Refusal {
    Refusal::wrong_method()
}

/// Any address of the other house outside this API, and the one that it lies below.
pub(super) async fn refuse_outside() -> Refusal {
    Refusal::not_found(format!(
        "there is nothing here; this API lies below `{PREFIX}`"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(request: &Value) -> bool {
        check(&serde_json::from_str(&request.to_string()).unwrap()).is_ok()
    }

    #[test]
    fn what_is_switched_off_is_passed_over() {
        for request in [
            json!({}),
            json!({"enable_hr": false, "styles": [], "script_name": null, "subseed_strength": 0.0, "seed_resize_from_w": -1}),
            json!({"eta": 1.0, "s_churn": 0, "s_noise": 1, "refiner_checkpoint": ""}),
            json!({"refiner_checkpoint": "None", "script_name": "none"}),
            json!({"alwayson_scripts": {"ADetailer": {"args": [false]}, "ControlNet": {"args": []}, "x": {}}}),
            json!({"alwayson_scripts": {"ControlNet": {"args": [{"enabled": false, "model": "x"}]}}}),
            json!({"alwayson_scripts": {"a": {"args": [{"enable": true, "enabled": null}]}, "b": [1], "c": 1}}),
        ] {
            assert!(checked(&request), "{request}");
        }
        for request in [
            json!({"enable_hr": true}),
            json!({"refiner_checkpoint": "dreamy"}),
            json!({"styles": ["x"]}),
            json!({"eta": 0.5}),
            json!({"s_noise": 1.1}),
            json!({"alwayson_scripts": {"ADetailer": {"args": [true, {}]}}}),
            json!({"alwayson_scripts": {"ControlNet": {"args": [{"model": "x"}]}}}),
            json!({"alwayson_scripts": {"a": {"args": {"x": 0}}}}),
            json!({"alwayson_scripts": {"a": {"args": [false, [0]]}}}),
            json!({"alwayson_scripts": [1]}),
        ] {
            assert!(!checked(&request), "{request}");
        }
    }
}
