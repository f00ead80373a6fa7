//! What products of 16 bits change in the gradients of a trained network: the embedded base's, of adapters with random factors.
//!
//! Its deeper levels magnify what is rounded before them a thousandfold: their gradients are a small part of the upper levels',
//! and even those of two ways to compute in f32 differ by 1e-3 there.

use std::path::PathBuf;

use atelier_core::{Seed, Targets};
use atelier_data::{Limits, chw_unit, decode_picture, training_square};
use atelier_diffusion::noise::TorchGenerator;
use atelier_diffusion::stable_diffusion::{Base, TextStates, Unet};
use atelier_nn::Engine;
use atelier_nn::kernels::{attends_in_halves, rounds_to_bf16};
use atelier_train::{AdapterFactors, Batch, training_step};
use burn::tensor::{Device, Tensor, TensorData};

/// The medians of the relative errors (norms of differences) of single gradients and of all together when PyTorch 2.15 computes
/// in bf16 by `torch.autocast`, once and a half, since sets of draws differ by so much: `golden/bf16_gradients_of_base.py`, the
/// same pictures, captions and timesteps, 1.2e-2 and 9.4e-3. Ours by AMX were 8.9e-3 and 6.5e-3.
const BF16_OF_PYTORCH: [f64; 2] = [1.8e-2, 1.4e-2];
/// Once and a half what our products of whole numbers were found to give on every level of instructions: 1.2e-3 and 9.2e-4 at
/// most.
const WHOLE_NUMBERS: [f64; 2] = [1.8e-3, 1.4e-3];
/// The same where weights and slopes of attention are rounded to bf16: 2.5e-3 and 1.6e-3.
const AND_HALVES: [f64; 2] = [3.8e-3, 2.4e-3];

const TIMESTEPS: [usize; PICTURES] = [100, 400, 700, 900];
const PICTURES: usize = 4;
const DRAWS: u64 = 6;

/// Pictures and captions, encoded.
struct Examples {
    base: Base,
    latents_bchw: Tensor<4>,
    texts: Vec<TextStates>,
    device: Device,
}

impl Examples {
    fn new() -> Self {
        let assets = atelier_testkit::checkout().join("assets");
        let (base, device) = (
            Base::open(&assets.join("atelier-mini")).unwrap(),
            Device::flex().autodiff(),
        );
        let side = base.native_size();
        let mut paths: Vec<PathBuf> = std::fs::read_dir(assets.join("blob-faces/train"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "png"))
            .collect();
        paths.sort();
        paths.truncate(PICTURES);
        let pixels = paths.iter().flat_map(|path| {
            let picture = decode_picture(path, &Limits::default()).unwrap();
            chw_unit(&training_square(&picture, None, side))
        });
        let pixels = TensorData::new(pixels.collect(), [PICTURES, 3, side, side]);
        let vae = base.load_vae(&device, Engine::Exact).unwrap();
        let encoded = vae.encode(Tensor::from_data(pixels, &device));
        let encoders = base.load_texts(&device, Engine::Exact).unwrap();
        let text = |path: &PathBuf| {
            let caption = std::fs::read_to_string(path.with_extension("txt")).unwrap();
            base.encode_plain(&encoders, &caption, &device).unwrap()
        };
        Self {
            latents_bchw: vae.scale(encoded.mean_bchw),
            texts: paths.iter().map(text).collect(),
            base,
            device,
        }
    }

    fn unet(&self, engine: Engine) -> Unet {
        self.base.load_unet(&self.device, engine).unwrap()
    }

    fn batch(&self, draw: u64) -> Batch {
        let mut random = TorchGenerator::new(Seed(draw));
        let shape = self.latents_bchw.dims();
        let noise = TensorData::new(random.randn(shape.iter().product()), shape);
        let texts = self.texts.iter().map(|text| (text, [0.0; 6]));
        Batch {
            latents_bchw: self.latents_bchw.clone(),
            noise_bchw: Tensor::from_data(noise, &self.device),
            timesteps: TIMESTEPS.to_vec(),
            conditioning: TextStates::batch(texts, &self.device),
        }
    }

    /// The gradients for a draw of noise; the factors must be attached.
    fn gradients(&self, unet: &mut Unet, factors: &AdapterFactors, draw: u64) -> Vec<Vec<f32>> {
        factors.install(unet, &self.device);
        let loss = training_step(unet, &self.base.schedule, self.batch(draw));
        AdapterFactors::gradients(unet, loss.mean.backward())
    }
}

fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}

/// The norm of all tensors together, for the norms of each.
fn whole(norms: &[f64]) -> f64 {
    norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt()
}

fn apart((found, expected): (&Vec<f32>, &Vec<f32>)) -> f64 {
    norm(found.iter().zip(expected).map(|(a, b)| a - b))
}

/// The median, and the greatest.
fn median_and_most(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let median = f64::midpoint(values[(values.len() - 1) / 2], values[half]);
    (median, values[values.len() - 1])
}

#[test]
fn gradients_in_16_bits_lie_as_near_those_in_f32_as_those_of_pytorch() {
    let examples = Examples::new();
    let [mut exact, mut mixed] = [Engine::Exact, Engine::Mixed].map(|e| examples.unet(e));
    let mut factors = AdapterFactors::fresh(&mut exact, Targets::Transformer, 8, 8.0, Seed(1));
    for unet in [&mut exact, &mut mixed] {
        factors.attach(unet, &examples.device);
    }
    let (mut errors, mut together) = (Vec::new(), Vec::new());
    for draw in 0..DRAWS {
        let mut random = TorchGenerator::new(Seed(1000 + draw));
        for slot in &mut factors.slots {
            let [_, up] = &mut slot.values;
            let values = random.randn(up.len()).into_iter();
            *up = values.map(|value| value * 0.01).collect();
        }
        let expected = examples.gradients(&mut exact, &factors, draw);
        let found = examples.gradients(&mut mixed, &factors, draw);
        let sizes: Vec<f64> = expected.iter().map(|g| norm(g.iter().copied())).collect();
        let apart: Vec<f64> = found.iter().zip(&expected).map(apart).collect();
        errors.extend(apart.iter().zip(&sizes).map(|(apart, size)| apart / size));
        together.push(whole(&apart) / whole(&sizes));
    }
    let [(single, most), (all, most_of_all)] = [errors, together].map(median_and_most);
    println!(
        "gradients: median {single:.1e}, at most {most:.1e}; together {all:.1e}, at most {most_of_all:.1e}"
    );
    let limits = if rounds_to_bf16() {
        BF16_OF_PYTORCH
    } else if attends_in_halves() {
        AND_HALVES
    } else {
        WHOLE_NUMBERS
    };
    assert!(
        single <= limits[0] && all <= limits[1],
        "median {single}, together {all}"
    );
}
