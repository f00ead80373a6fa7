//! An autoencoder whose activations f16 cannot hold, with either arithmetic: numbers, and those of diffusers in f32.

use atelier_diffusion::stable_diffusion::{Vae, VaeConfig};
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use atelier_testkit::{golden, relative_error};
use burn::tensor::{Device, Tensor};

use crate::TOLERANCE;
use crate::source::build_for;

/// The largest number of f16.
const LARGEST: f64 = 65504.0;

fn check(engine: Engine, tolerance: f64) {
    let (file, device) = (golden("overflow"), Device::flex());
    for part in ["encoder", "decoder"] {
        assert!(file.config()["largest"][part].as_f64().unwrap() > LARGEST);
    }
    let config = VaeConfig::read(&file.config()["vae"]).unwrap();
    let vae = build_for(engine, (&file, "vae"), &device, |params| {
        Vae::new(params, &config)
    });
    let agree = |found: Tensor<4>, name: &str| {
        let expected = file.vec(name);
        let (error, _) = relative_error(&values_of(found), &expected);
        println!("{engine:?} {name}: relative error {error:.1e}");
        assert!(error <= tolerance, "{name}: {error:.1e}");
    };
    let found = vae.encode(file.tensor("vae.picture", &device));
    agree(found.mean_bchw, "vae.mean");
    agree(found.logvar_bchw, "vae.logvar");
    agree(
        vae.decode(file.tensor("vae.latents", &device)),
        "vae.decoded",
    );
}

#[test]
fn activations_beyond_f16_agree_in_f32() {
    check(Engine::Exact, TOLERANCE);
}

/// Products of bf16 numbers, which have 8 bits, through some twenty layers.
#[test]
fn activations_beyond_f16_agree_in_bf16() {
    check(Engine::Mixed, 2e-2);
}
