//! Autoencoders tile by tile, against `enable_tiling` of diffusers.

use atelier_core::VaeTiling;
use atelier_diffusion::stable_diffusion::{Base, Pipeline, VaeConfig};
use atelier_nn::Engine;
use atelier_testkit::{golden, golden_folder, tiny_sd15};
use burn::tensor::{Device, Tensor};

use super::draw;
use crate::source::assert_golden;

fn check(case: &str) {
    let (file, device) = (golden("tiles"), Device::flex());
    let folder = file.config()[case]["folder"].as_str().unwrap().to_owned();
    let base = Base::open(&golden_folder().join(folder)).unwrap();
    let vae = base.load_vae(&device, Engine::Exact).unwrap();
    let picture = vae.decode_tiled(&file.tensor(&format!("{case}.latents"), &device));
    assert_golden(picture, &file, &format!("{case}.picture"));
    let found = vae.encode_tiled(&file.tensor(&format!("{case}.picture"), &device));
    assert_golden(found.mean_bchw, &file, &format!("{case}.mean"));
    assert_golden(found.logvar_bchw, &file, &format!("{case}.logvar"));
}

#[test]
fn one_row_of_tiles_agrees() {
    check("row");
}

#[test]
fn tiles_of_an_uneven_size_agree() {
    check("uneven");
}

#[test]
fn a_rest_thinner_than_the_blend_agrees() {
    check("thin");
}

#[test]
fn a_picture_within_one_tile_is_not_cut() {
    check("small");
    let (file, device) = (golden("tiles"), Device::flex());
    let base = Base::open(&golden_folder().join("tiny-sdxl")).unwrap();
    let vae = base.load_vae(&device, Engine::Exact).unwrap();
    let latents: Tensor<4> = file.tensor("small.latents", &device);
    let whole = vae.decode(latents.clone()).into_data();
    assert_eq!(vae.decode_tiled(&latents).into_data(), whole);
}

#[test]
fn pictures_are_drawn_with_tiles_where_asked() {
    let base = Base::open(&tiny_sd15()).unwrap();
    let mut pipeline = Pipeline::in_turn(base, &Device::flex(), Engine::Exact);
    let mut request = atelier_core::GenerateRequest {
        steps: 1,
        width: Some(40),
        height: Some(24),
        ..Default::default()
    };
    let latents = pipeline.final_latents(&request, None).unwrap();
    let mut drawn = |tiling: VaeTiling| {
        request.vae_tiling = tiling;
        draw(&mut pipeline, &request, None).rgb
    };
    let [on, off, auto] = [VaeTiling::On, VaeTiling::Off, VaeTiling::Auto].map(&mut drawn);
    assert_ne!(on, off);
    assert_eq!(auto, off);
    let tiled = pipeline.decode(latents, true).unwrap();
    let values = atelier_nn::gradients::values_of(tiled.permute([0, 2, 3, 1]));
    let byte = |value: f32| ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
    assert_eq!(on, values.into_iter().map(byte).collect::<Vec<_>>());
}

#[test]
fn an_odd_size_of_tiles_still_gives_a_whole_picture() {
    let (file, device) = (golden("vae"), Device::flex());
    let mut config = file.config()["three_levels"].clone();
    for side in [4, 22, 40] {
        config["sample_size"] = side.into();
        let config = VaeConfig::read(&config).unwrap();
        let vae = crate::source::build(&file, "three_levels", &device, |params| {
            atelier_diffusion::stable_diffusion::Vae::new(params, &config)
        });
        let latents = Tensor::<4>::ones([1, config.latent_channels, 13, 9], &device);
        let picture = vae.decode_tiled(&latents);
        assert_eq!(picture.dims(), [1, 3, 52, 36], "tiles of {side}");
        let back = vae.encode_tiled(&picture);
        assert_eq!(back.mean_bchw.dims(), latents.dims(), "tiles of {side}");
    }
}
