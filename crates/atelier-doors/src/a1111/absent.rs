//! What this studio does not do, refused by name.

use atelier_server::door::App;
use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::post;
use serde_json::{Map, Value};

use super::keys::{Keys, is_wanted};
use super::refusal::{Refusal, Result};

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

/// Keys that would make another picture where they say anything but no.
const KEYS: [(&str, &str); 14] = [
    ("enable_hr", "second pass in another size"),
    ("restore_faces", "restoration of faces"),
    ("tiling", "pictures that tile"),
    ("styles", "styles of prompts"),
    ("script_name", "scripts"),
    ("subseed_strength", "variation of seeds"),
    ("seed_resize_from_w", "seeds of other sizes"),
    ("seed_resize_from_h", "seeds of other sizes"),
    ("s_churn", "noise between steps"),
    ("refiner_checkpoint", "refining by a second base"),
    (
        "disable_extra_networks",
        "way to pass over adapters in prompts",
    ),
    ("infotext", "settings from texts"),
    ("firstpass_image", "second pass in another size"),
    ("latent_mask", "masks of latents"),
];

/// Refuses the first of them that is wanted.
pub(super) fn check(keys: Keys<'_>) -> Result<()> {
    if let Some((key, what)) = KEYS.iter().find(|(key, _)| keys.is_wanted(key)) {
        return Err(Refusal::not_supported(&format!("{what} (`{key}`)")));
    }
    // The share of a sampler's noise that is its own: each has one, and clients send 1 whatever the sampler.
    let eta = keys.get::<f64>("eta")?;
    if eta.is_some_and(|eta| !is_one(eta) && eta.abs() > 0.0) {
        return Err(Refusal::not_supported(
            "other noise of samplers than their own (`eta`)",
        ));
    }
    for key in ["s_noise", "initial_noise_multiplier"] {
        let factor = keys.get::<f64>(key)?;
        if factor.is_some_and(|factor| !is_one(factor)) {
            return Err(Refusal::not_supported(&format!(
                "factor on noise (`{key}`)"
            )));
        }
    }
    let scripts = keys.get::<Map<String, Value>>("alwayson_scripts")?;
    let mut scripts = scripts.iter().flatten();
    match scripts.find(|(_, about)| is_on(about)) {
        Some((name, _)) => {
            let name: String = name.chars().take(100).collect();
            Err(Refusal::not_supported(&format!("script `{name}`")))
        }
        None => Ok(()),
    }
}

fn is_one(number: f64) -> bool {
    number.to_bits() == 1.0_f64.to_bits()
}

/// Whether a script would do something: clients send some that are switched off.
fn is_on(about: &Value) -> bool {
    let args = about.get("args").unwrap_or(&Value::Null);
    let args = args
        .as_array()
        .map_or(std::slice::from_ref(args), Vec::as_slice);
    let is_on = |arg: &Value| match arg.get("enabled").or_else(|| arg.get("enable")) {
        Some(enabled) => is_wanted(enabled),
        None => is_wanted(arg),
    };
    args.iter().any(is_on)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(request: &Value) -> bool {
        check(Keys(request.as_object().unwrap())).is_ok()
    }

    #[test]
    fn what_is_switched_off_is_passed_over() {
        for request in [
            json!({}),
            json!({"enable_hr": false, "styles": [], "script_name": null, "subseed_strength": 0.0, "seed_resize_from_w": -1}),
            json!({"eta": 1.0, "s_churn": 0, "s_noise": 1, "refiner_checkpoint": ""}),
            json!({"alwayson_scripts": {"ADetailer": {"args": [false]}, "ControlNet": {"args": []}, "x": {}}}),
            json!({"alwayson_scripts": {"ControlNet": {"args": [{"enabled": false, "model": "x"}]}}}),
        ] {
            assert!(checked(&request), "{request}");
        }
        for request in [
            json!({"enable_hr": true}),
            json!({"styles": ["x"]}),
            json!({"eta": 0.5}),
            json!({"s_noise": 1.1}),
            json!({"alwayson_scripts": {"ADetailer": {"args": [true, {}]}}}),
            json!({"alwayson_scripts": {"ControlNet": {"args": [{"model": "x"}]}}}),
        ] {
            assert!(!checked(&request), "{request}");
        }
    }
}
