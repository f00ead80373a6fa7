//! What 16 bits change in the gradients of a trained base: those of the embedded one, of an adapter that has learnt a little.

use std::path::{Path, PathBuf};

use atelier_core::{Seed, Targets};
use atelier_data::{Limits, chw_unit, decode_picture, training_square};
use atelier_diffusion::noise::TorchGenerator;
use atelier_diffusion::stable_diffusion::{Base, TextStates, Unet};
use atelier_nn::Engine;
use atelier_nn::adamw::{AdamW, Pace};
use atelier_train::{AdapterFactors, Batch, training_step};
use burn::tensor::{Device, Tensor, TensorData};

/// Relative to the norm of the gradient in f32. Products of 16 bits round operands to 2⁻⁹ with bf16, some fifty in a row.
const MEDIAN: f64 = 2e-2;
const MOST: f64 = 4e-2;

/// Steps that the adapter learns before it is looked at.
const STEPS: u64 = 20;
const PICTURES: usize = 4;

/// Pictures and captions, encoded.
struct Examples {
    base: Base,
    latents_bchw: Tensor<4>,
    texts: Vec<TextStates>,
    device: Device,
}

impl Examples {
    fn new() -> Self {
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets");
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

    /// All examples at timesteps and with noise that follow from the step.
    fn batch(&self, step: u64) -> Batch {
        let mut random = TorchGenerator::new(Seed(step));
        let shape = self.latents_bchw.dims();
        let noise = TensorData::new(random.randn(shape.iter().product()), shape);
        let timesteps = random.randint(PICTURES, 0, 1000).into_iter();
        let texts = self.texts.iter().map(|text| (text, [0.0; 6]));
        Batch {
            latents_bchw: self.latents_bchw.clone(),
            noise_bchw: Tensor::from_data(noise, &self.device),
            timesteps: timesteps.map(|t| usize::try_from(t).unwrap()).collect(),
            conditioning: TextStates::batch(texts, &self.device),
        }
    }

    fn gradients(&self, unet: &mut Unet, factors: &AdapterFactors, step: u64) -> Vec<Vec<f32>> {
        factors.install(unet, &self.device);
        let loss = training_step(unet, &self.base.schedule, self.batch(step));
        AdapterFactors::gradients(unet, loss.mean.backward())
    }
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

#[test]
fn products_of_16_bits_turn_gradients_of_a_trained_base_by_hundredths() {
    let examples = Examples::new();
    let mut exact = examples.unet(Engine::Exact);
    let mut factors = AdapterFactors::fresh(&mut exact, Targets::Transformer, 8, 8.0, Seed(1));
    factors.attach(&mut exact, &examples.device);
    for step in 0..STEPS {
        let gradients = examples.gradients(&mut exact, &factors, step);
        let pace = Pace {
            step: step + 1,
            rate: 1e-3,
        };
        factors.update(gradients, &AdamW::with_weight_decay(0.01), pace, 1.0);
    }
    let mut mixed = examples.unet(Engine::Mixed);
    factors.attach(&mut mixed, &examples.device);
    let expected = examples.gradients(&mut exact, &factors, STEPS);
    let found = examples.gradients(&mut mixed, &factors, STEPS);
    let error = |(found, expected): (&Vec<f32>, &Vec<f32>)| {
        let pairs = found.iter().zip(expected);
        norm(pairs.map(|(a, b)| f64::from(a - b))) / norm(expected.iter().map(|&v| f64::from(v)))
    };
    let mut errors: Vec<f64> = found.iter().zip(&expected).map(error).collect();
    errors.sort_by(f64::total_cmp);
    let (median, most) = (errors[errors.len() / 2], errors[errors.len() - 1]);
    println!(
        "{} gradients, relative error: median {median:.1e}, at most {most:.1e}",
        errors.len()
    );
    assert!(
        median < MEDIAN && most < MOST,
        "median {median}, at most {most}"
    );
}
