//! Twenty training steps of adapters against peft and `torch.optim.AdamW`, every random choice given.

use std::collections::BTreeMap;

use atelier_diffusion::stable_diffusion::{Base, Conditioning};
use atelier_nn::adamw::{AdamW, Moments, Pace};
use atelier_nn::gradients::{clip_norm, values_of};
use atelier_nn::kernels::rounds_to_bf16;
use atelier_nn::lora::Detach;
use atelier_nn::{Engine, Visit as _};
use atelier_testkit::{Golden, assert_case_close, golden, tiny_sd15};
use burn::tensor::{Device, Tensor};

use crate::adapters::{GradientReader, attach, factors, load_unet_for, mean_square};

/// Down and up of every layer.
type Values = BTreeMap<String, (Vec<f32>, Vec<f32>)>;

/// Entry `step` of a tensor that has one per step.
fn at_step<const D: usize, const E: usize>(
    file: &Golden,
    name: &str,
    step: usize,
    device: &Device,
) -> Tensor<D> {
    let all = file.tensor::<E>(name, device);
    all.slice([step..=step]).squeeze_dim::<D>(0)
}

#[test]
fn twenty_steps_overlay_the_losses_and_factors_of_peft() {
    let (file, losses, norms, values) = trained(Engine::Exact);
    check(&file, &losses, &norms, &values);
}

#[test]
fn twenty_steps_with_products_of_sixteen_bits_overlay_the_losses_of_peft() {
    let (file, losses, norms, _) = trained(Engine::Mixed);
    // bf16 rounds operands by up to 2⁻⁹, integers by a tenth of that
    let limit = if rounds_to_bf16() { 4e-3 } else { 1e-3 };
    assert_case_close("losses", &losses, &file.vec("losses"), limit);
    assert_case_close("norms", &norms, &file.vec("gradient_norms"), 10.0 * limit);
}

/// The golden file, the losses, the norms of the gradients, and the trained values.
fn trained(engine: Engine) -> (Golden, Vec<f32>, Vec<f32>, Values) {
    let file = golden("loss_curve");
    let config = file.config();
    let device = Device::flex().autodiff();
    let mut unet = load_unet_for(engine, &device);
    let schedule = Base::open(&tiny_sd15()).unwrap().schedule;
    let adamw = AdamW::with_weight_decay(config["weight_decay"].as_f64().unwrap());
    let rate = config["learning_rate"].as_f64().unwrap();
    let timesteps = file.ints("timesteps");
    let mut values = factors(&file, "start.", |_| true);
    let mut moments: BTreeMap<String, Moments> = BTreeMap::new();
    let (mut losses, mut norms) = (Vec::new(), Vec::new());
    for step in 0..config["steps"].as_u64().unwrap() as usize {
        unet.visit("", &mut Detach);
        attach(&mut unet, &values, 1.0, 1.0, &device);
        let steps: Vec<usize> = timesteps[2 * step..2 * step + 2]
            .iter()
            .map(|&t| t.try_into().unwrap())
            .collect();
        let noise = at_step::<4, 5>(&file, "noise", step, &device);
        let latents = at_step::<4, 5>(&file, "latents", step, &device);
        let context = at_step::<3, 4>(&file, "context", step, &device);
        let noisy = schedule.add_noise(latents, noise.clone(), &steps);
        let told: Vec<f32> = steps.iter().map(|&t| t as f32).collect();
        let words = Conditioning::states(context);
        let loss = mean_square(unet.forward(noisy, &told, &words), noise);
        losses.extend(values_of(loss.clone()));
        let mut reader = GradientReader {
            gradients: loss.backward(),
            found: BTreeMap::new(),
        };
        unet.visit("", &mut reader);
        let mut all: Vec<_> = reader.found.values().cloned().collect();
        norms.push(clip_norm(&mut all, f64::INFINITY) as f32);
        for (layer, (down, up)) in &mut values {
            for (part, numbers) in [("lora_down", down), ("lora_up", up)] {
                let name = format!("{layer}.{part}.weight");
                let gradient = &reader.found[&name];
                let state = moments
                    .entry(name)
                    .or_insert_with(|| Moments::zeros(gradient.len()));
                adamw.update(
                    numbers,
                    gradient,
                    state,
                    Pace {
                        step: step as u64 + 1,
                        rate,
                    },
                );
            }
        }
    }
    (file, losses, norms, values)
}

fn check(file: &Golden, losses: &[f32], norms: &[f32], values: &Values) {
    assert_case_close("losses", losses, &file.vec("losses"), 1e-5);
    assert_case_close("norms", norms, &file.vec("gradient_norms"), 1e-4);
    // the curve is that of a training: at its end it lies clearly below the losses of the untouched base
    let last = file.vec("untrained_losses")[19] - losses[19];
    assert!(last > 0.01, "the last loss is only {last} lower");
    let expected = file.weights("end.");
    assert_eq!(expected.len(), 2 * values.len());
    for (layer, (down, up)) in values {
        for (part, numbers) in [("lora_down", down), ("lora_up", up)] {
            let name = format!("{layer}.{part}.weight");
            assert_case_close(&name, numbers, &expected[&name].1, 1e-3);
        }
    }
}
