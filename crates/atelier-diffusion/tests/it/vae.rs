//! Whole autoencoders.

use atelier_diffusion::stable_diffusion::{Vae, VaeConfig};
use atelier_nn::gradients::values_of;
use atelier_testkit::{golden, relative_error};

use crate::source::{assert_golden, build, device};

fn check(case: &str) {
    let (file, device) = (golden("vae"), device());
    let config = VaeConfig::read(&file.config()[case]).unwrap();
    let vae = build(&file, case, &device, |params| Vae::new(params, &config));
    let found = vae.encode(file.tensor(&format!("{case}.picture"), &device));
    assert_golden(found.mean_bchw, &file, &format!("{case}.mean"));
    assert_golden(found.logvar_bchw, &file, &format!("{case}.logvar"));
    let latents = file.tensor::<4>(&format!("{case}.latents"), &device);
    assert_golden(
        vae.decode(latents.clone()),
        &file,
        &format!("{case}.decoded"),
    );
    let back = values_of(vae.unscale(vae.scale(latents.clone())));
    assert!(relative_error(&back, &values_of(latents)).0 <= 1e-6);
}

#[test]
pub(crate) fn pictures_and_latents_agree_over_three_levels() {
    check("three_levels");
}

#[test]
pub(crate) fn eight_latent_channels_and_sixteen_groups_agree() {
    check("wide_latent");
}
