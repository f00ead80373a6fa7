//! The family against reference tensors of diffusers, transformers, peft and `PyTorch`; `golden/README.md` says where they
//! come from. References differ from exact arithmetic by about 1e-6, so 1e-4 leaves room for rounding and none for a wrong
//! formula.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_sign_loss,
    reason = "a step that fails is a test that fails; errors are shown with `--nocapture`; bytes come from 0 to 1"
)]

mod adamw;
mod adapter_kinds;
mod adapters;
#[cfg(feature = "vulkan")]
mod gpu;
mod layers;
mod loss_curve;
mod noise;
mod schedules;
mod source;
mod stable_diffusion;
mod text;
mod unet;
mod vae;

/// Largest relative error of outputs in f32.
const TOLERANCE: f64 = 1e-4;
