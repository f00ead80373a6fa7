//! The family `sdxl`: text states, whole pictures and adapter gradients of the tiny base.

use std::collections::BTreeMap;

use atelier_core::{GenerateRequest, Generator as _, SamplerKind, Seed, Targets};
use atelier_diffusion::prompt::Prompt;
use atelier_diffusion::stable_diffusion::{
    AddedConditioning, Base, Conditioning, Pipeline, Unet, recipe,
};
use atelier_nn::gradients::{gradient_of, values_of};
use atelier_nn::lora::{Attach, Detach, Factors};
use atelier_nn::{Conv2d, Engine, Linear, Visit as _, Visitor};
use atelier_testkit::{Golden, golden, parity, relative_error, tiny_sdxl};
use burn::tensor::{Device, Gradients, Tensor};

use crate::source::{assert_golden, device};

/// Gradients pass through every layer twice, and small ones are sums of large ones.
const GRADIENT_TOLERANCE: f64 = 1e-3;

fn request(file: &Golden, case: &str) -> GenerateRequest {
    let facts = file.config().clone();
    let text = |key: &str| facts[key].as_str().unwrap().to_owned();
    let mut request = GenerateRequest {
        prompt: text("prompt"),
        negative: Some(text("negative")),
        seed: Seed(facts["seed"].as_u64().unwrap()),
        steps: facts["steps"].as_u64().unwrap() as usize,
        guidance: facts["guidance"].as_f64().unwrap() as f32,
        sampler: SamplerKind::Euler,
        ..GenerateRequest::default()
    };
    match case {
        "absent" => request.negative = None,
        "empty" => request.negative = Some(String::new()),
        "second" => {
            request.prompt_2 = Some("the moon".to_owned());
            request.negative_2 = Some("the sun".to_owned());
        }
        "second_alone" => {
            request.negative = None;
            request.negative_2 = Some("the sun".to_owned());
        }
        "skipped" => request.clip_skip = 1,
        "uneven" => (request.width, request.height) = (Some(40), Some(24)),
        "ddim" => request.sampler = SamplerKind::Ddim,
        _ => {}
    }
    request
}

#[test]
pub(crate) fn states_and_pooled_state_of_both_encoders_are_those_of_diffusers() {
    let (file, device) = (golden("sdxl_pictures"), device());
    let base = Base::open(&tiny_sdxl()).unwrap();
    let encoders = base.load_texts(&device, Engine::Exact).unwrap();
    for (case, skip) in [("given", 0), ("skipped", 1), ("second", 0)] {
        let request = request(&file, case);
        let encode = |first: &str, second: Option<&String>, skip: usize| {
            let second = second.map_or(first, String::as_str);
            let prompts = [Prompt::plain(first), Prompt::plain(second)];
            base.encode(&encoders, &prompts, skip, &device)
                .unwrap()
                .states
        };
        let wanted = encode(&request.prompt, request.prompt_2.as_ref(), skip);
        assert_golden(wanted.states_bsd, &file, &format!("{case}.states"));
        assert_golden(wanted.pooled_bd.unwrap(), &file, &format!("{case}.pooled"));
        let unwanted = encode(
            request.negative.as_ref().unwrap(),
            request.negative_2.as_ref(),
            0,
        );
        assert_golden(
            unwanted.states_bsd,
            &file,
            &format!("{case}.negative_states"),
        );
        let pooled = unwanted.pooled_bd.unwrap();
        assert_golden(pooled, &file, &format!("{case}.negative_pooled"));
    }
}

#[test]
fn whole_pictures_are_those_of_diffusers() {
    let (file, device) = (golden("sdxl_pictures"), Device::flex());
    let base = Base::open(&tiny_sdxl()).unwrap();
    let mut pipeline = Pipeline::in_turn(base, &device, Engine::Exact);
    for case in [
        "absent",
        "empty",
        "given",
        "second",
        "second_alone",
        "skipped",
        "uneven",
        "ddim",
    ] {
        let latents = pipeline.final_latents(&request(&file, case), None).unwrap();
        assert_golden(latents.clone(), &file, &format!("{case}.latents"));
        let pixels = pipeline.decode(latents, false).unwrap();
        let pixels = (pixels / 2.0 + 0.5).clamp(0.0, 1.0);
        assert_golden(
            pixels.permute([0, 2, 3, 1]),
            &file,
            &format!("{case}.picture"),
        );
        let notes = pipeline.take_notes();
        assert_eq!(
            notes.len(),
            usize::from(case == "second_alone"),
            "{notes:?}"
        );
    }
}

#[test]
fn an_absent_and_an_empty_negative_prompt_are_not_the_same() {
    let file = golden("sdxl_pictures");
    let [absent, empty] = ["absent", "empty"].map(|case| file.vec(&format!("{case}.latents")));
    assert!(relative_error(&absent, &empty).0 > 1e-3);
}

/// `[layer].lora_A.weight` and `[layer].lora_B.weight` of the golden file for every layer.
fn factors(file: &Golden, targets: Targets) -> BTreeMap<String, Factors> {
    let values = file.weights("factor.");
    let layers = values
        .keys()
        .filter_map(|name| name.strip_suffix(".lora_A.weight"));
    let layers = layers.filter(|layer| recipe::is_target(layer, targets));
    let factors = |layer: &str| Factors {
        rank: 4,
        scale: 0.5,
        down: values[&format!("{layer}.lora_A.weight")].1.clone(),
        up: values[&format!("{layer}.lora_B.weight")].1.clone(),
    };
    layers
        .map(|layer| (layer.to_owned(), factors(layer)))
        .collect()
}

struct GradientReader {
    gradients: Gradients,
    found: BTreeMap<String, Vec<f32>>,
}

impl GradientReader {
    fn read<const D: usize, const E: usize>(
        &mut self,
        path: &str,
        down: &Tensor<D>,
        up: &Tensor<E>,
    ) {
        let down = gradient_of(down, &mut self.gradients);
        let up = gradient_of(up, &mut self.gradients);
        self.found.insert(format!("{path}.lora_A.weight"), down);
        self.found.insert(format!("{path}.lora_B.weight"), up);
    }
}

impl Visitor for GradientReader {
    fn param<const D: usize>(&mut self, _name: &str, _tensor: &mut Tensor<D>) {}

    fn linear(&mut self, path: &str, layer: &mut Linear) {
        for adapter in &layer.adapters {
            self.read(path, &adapter.down, &adapter.up);
        }
    }

    fn conv2d(&mut self, path: &str, layer: &mut Conv2d) {
        for adapter in &layer.adapters {
            self.read(path, &adapter.down, &adapter.up);
        }
    }
}

fn conditioning(file: &Golden, device: &Device) -> Conditioning {
    let sizes = file.vec("sizes");
    Conditioning {
        states_bsd: file.tensor("context", device),
        added: Some(AddedConditioning {
            pooled_bd: file.tensor("pooled", device),
            time_ids: sizes.as_chunks::<6>().0.to_vec(),
        }),
    }
}

fn check_gradients(unet: &mut Unet, gradients: Gradients, file: &Golden, targets: Targets) {
    let mut reader = GradientReader {
        gradients,
        found: BTreeMap::new(),
    };
    unet.visit("", &mut reader);
    let expected = file.weights(&format!("{}.gradient.", targets.name()));
    let names = |map: &BTreeMap<String, _>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        reader.found.keys().cloned().collect::<Vec<_>>(),
        names(&expected)
    );
    let mut worst = 0.0_f64;
    for (name, (_, expected)) in &expected {
        let (error, position) = relative_error(&reader.found[name], expected);
        parity::relative(name, error, GRADIENT_TOLERANCE);
        assert!(
            error <= GRADIENT_TOLERANCE,
            "gradient of `{name}` is off by {error:.1e} at {position}"
        );
        worst = worst.max(error);
    }
    println!("{targets}: largest relative error of a gradient {worst:.1e}");
}

#[test]
fn adapter_gradients_with_pooled_text_and_sizes_are_those_of_peft() {
    check_adapters(&[
        Targets::Attention,
        Targets::Transformer,
        Targets::TransformerAndConvolution,
    ]);
}

/// Prediction, loss and every gradient of adapters on such layers.
pub(crate) fn check_adapters(targets: &[Targets]) {
    let (file, device) = (golden("sdxl_gradients"), device().autodiff());
    let base = Base::open(&tiny_sdxl()).unwrap();
    let mut unet = base.load_unet(&device, Engine::Exact).unwrap();
    let steps = file.ints("timesteps");
    let steps: Vec<usize> = steps.iter().map(|&step| step.try_into().unwrap()).collect();
    let told: Vec<f32> = steps.iter().map(|&step| step as f32).collect();
    for &targets in targets {
        let factors = factors(&file, targets);
        unet.visit("", &mut Detach);
        let mut attach = Attach {
            factors: |layer: &str| factors.get(layer).cloned(),
            strength: 1.0,
            device: &device,
            trainable: true,
        };
        unet.visit("", &mut attach);
        let noise = file.tensor::<4>("noise", &device);
        let noisy = base
            .schedule
            .add_noise(file.tensor("latents", &device), noise.clone(), &steps);
        let prediction = unet.forward(noisy, &told, &conditioning(&file, &device));
        let name = targets.name();
        assert_golden(prediction.clone(), &file, &format!("{name}.prediction"));
        let error = prediction - noise;
        let loss = (error.clone() * error).mean();
        let found = values_of(loss.clone());
        atelier_testkit::assert_close(&found, &file.vec(&format!("{name}.loss")), 1e-5);
        check_gradients(&mut unet, loss.backward(), &file, targets);
    }
}
