//! Times training steps on random latents, for comparison with other programs on the same base.

use atelier_core::{Clock, Precision, Recompute, Seed, Targets};
use atelier_diffusion::noise::TorchGenerator;
use atelier_diffusion::stable_diffusion::{AddedConditioning, Base, Conditioning, time_ids};
use atelier_diffusion::tokenizer::CONTEXT_LENGTH;
use atelier_nn::Engine;
use atelier_nn::adamw::{AdamW, Pace};
use atelier_nn::kernels::awake;
use burn::tensor::{Device, Tensor, TensorData};
use serde::Serialize;

use crate::Result;
use crate::factors::AdapterFactors;
use crate::memory::{Room, StepShape};
use crate::step::{Batch, training_step};

/// What is timed.
#[derive(Debug, Clone, Copy)]
pub struct BenchStep {
    /// Steps that count; one more runs first.
    pub steps: usize,
    /// Pictures per step.
    pub batch: usize,
    /// Rank of the adapter.
    pub rank: usize,
    /// Arithmetic of the base.
    pub precision: Precision,
    /// Side of the latents.
    pub latent_side: usize,
    /// What backward passes compute again; `Auto` means nothing here.
    pub recompute: Recompute,
    /// Layers with an adapter.
    pub targets: Targets,
}

/// What came out.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// Median seconds of a step.
    pub median_secs: f64,
    /// Fastest step.
    pub min_secs: f64,
    /// Slowest step.
    pub max_secs: f64,
    /// Trained values.
    pub lora_params: usize,
    /// Loss of the last step.
    pub loss: f32,
    /// The memory that was planned for, in bytes.
    pub planned_peak_bytes: u64,
}

/// The peer does not limit the gradient norm either.
const NO_LIMIT: f64 = 0.0;

/// Times forward, backward and optimizer on the denoiser of `base`, with adapters on `what.targets`.
pub fn bench_step(
    base: &Base,
    what: BenchStep,
    device: &Device,
    clock: &dyn Clock,
) -> Result<BenchReport> {
    let device = device.clone().autodiff();
    let engine = Engine::from(what.precision);
    let planned = StepShape {
        latent: [what.latent_side; 2],
        batch: what.batch,
        rank: what.rank,
        targets: what.targets,
        engine,
        recompute: what.recompute,
        is_composed: Room::on(&device, None).is_composed,
    }
    .memory(base)?;
    let mut unet = base
        .load_unet(&device, engine)?
        .with_recompute(what.recompute);
    base.finish_packed();
    let mut factors = AdapterFactors::fresh(
        &mut unet,
        what.targets,
        what.rank,
        what.rank as f32,
        Seed(0),
    );
    factors.attach(&mut unet, &device);
    let side = what.latent_side;
    let pixels = side * base.vae_config.pixels_per_latent();
    let latents = [what.batch, base.unet_config.in_channels, side, side];
    let context = [what.batch, CONTEXT_LENGTH, base.states_width()];
    let sizes = time_ids(pixels, pixels);
    let mut random = TorchGenerator::new(Seed(0));
    let (mut secs, mut loss) = (Vec::new(), 0.0);
    for step in 0..=what.steps as u64 {
        let batch = Batch {
            latents_bchw: normal(&mut random, latents, &device),
            noise_bchw: normal(&mut random, latents, &device),
            timesteps: (0..what.batch)
                .map(|i| (i * 97 + 13) % base.schedule.len())
                .collect(),
            conditioning: Conditioning {
                states_bsd: normal(&mut random, context, &device),
                added: base.pooled_width().map(|width| AddedConditioning {
                    pooled_bd: normal(&mut random, [what.batch, width], &device),
                    time_ids: vec![sizes; what.batch],
                }),
            },
        };
        let start = clock.unix_secs();
        awake(|| {
            factors.install(&mut unet, &device);
            let losses = training_step(&unet, &base.schedule, batch);
            loss = losses.per_picture.iter().sum::<f32>() / what.batch as f32;
            let gradients = AdapterFactors::gradients(&mut unet, losses.mean.backward());
            factors.update(
                gradients,
                &AdamW::with_weight_decay(0.01),
                Pace {
                    step: step + 1,
                    rate: 1e-4,
                },
                NO_LIMIT,
            );
        });
        secs.push(clock.unix_secs() - start);
    }
    let mut counted = secs.split_off(1);
    counted.sort_by(f64::total_cmp);
    let last = counted.len().saturating_sub(1);
    let at = |index: usize| counted.get(index).copied().unwrap_or_default();
    Ok(BenchReport {
        median_secs: at(counted.len() / 2),
        min_secs: at(0),
        max_secs: at(last),
        lora_params: factors.count(),
        loss,
        planned_peak_bytes: planned.total(),
    })
}

fn normal<const D: usize>(
    random: &mut TorchGenerator,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D> {
    Tensor::from_data(
        TensorData::new(random.randn(shape.iter().product()), shape),
        device,
    )
}
