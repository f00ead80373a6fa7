//! `atelier bench forward`: one evaluation of a denoiser on recorded inputs, compared with a recorded output. For models of
//! full size, whose weights are too large to be kept beside the tests.

use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_app::context::{App, ExitKind};
use atelier_app::device::watch;
use atelier_app::memory::peak_bytes;
use atelier_core::{DeviceChoice, ErrorCode, Precision};
use atelier_diffusion::stable_diffusion::{AddedConditioning, Base, Conditioning};
use atelier_failure::{CodedResult as _, failed};
use atelier_nn::gradients::values_of;
use atelier_nn::visit::{Visit as _, Visitor};
use atelier_nn::{Conv2d, Linear};
use atelier_weights::TensorFile;
use burn::tensor::{Device, Tensor, TensorData};
use clap::Args;
use serde::Serialize;

/// What `atelier bench forward` can be told.
#[derive(Debug, Args)]
pub(crate) struct ForwardArgs {
    /// A diffusers folder or a single file.
    #[arg(long, value_name = "FOLDER|FILE")]
    base: PathBuf,
    /// What `golden/full_size.py` wrote for this base: inputs and the reference's output.
    #[arg(long, value_name = "FILE")]
    record: PathBuf,
    /// The arithmetic of the base.
    #[arg(long, default_value = "f32", value_parser = super::precision())]
    precision: Precision,
    /// Where networks compute.
    #[arg(long, value_name = "auto|cpu|vulkan:N")]
    device: Option<DeviceChoice>,
}

/// What came out.
#[derive(Debug, Serialize)]
struct Report {
    /// Largest difference over the largest value of the reference.
    relative_error: f64,
    /// Root of the mean squared difference over that of the reference.
    rms_error: f64,
    load_secs: f64,
    forward_secs: f64,
    /// Bytes of the loaded denoiser's weights, as they are held in memory.
    loaded_bytes: u64,
    /// Largest memory of the process after loading, and after the evaluation; only on Linux.
    load_peak_bytes: Option<u64>,
    peak_bytes: Option<u64>,
}

/// Does it.
pub(super) fn run(args: &ForwardArgs, app: &App) -> Result<ExitKind> {
    let chosen = app.device(args.device, args.precision)?;
    let report = watch(&chosen, "evaluating a denoiser", || {
        evaluated(args, &chosen.device, app)
    })?;
    app.output.line(format_args!(
        "relative error {:.1e} (root mean square {:.1e}), loaded in {:.1} s, evaluated in {:.1} s",
        report.relative_error, report.rms_error, report.load_secs, report.forward_secs
    ));
    app.output.document(&report)?;
    Ok(ExitKind::Completed)
}

fn evaluated(args: &ForwardArgs, device: &Device, app: &App) -> Result<Report> {
    let record = Record::open(&args.record)?;
    let base = Base::open(&args.base).coded()?;
    let begun = app.clock().unix_secs();
    let mut unet = base.load_unet(device, args.precision.into()).coded()?;
    let loaded = app.clock().unix_secs();
    let load_peak_bytes = peak_bytes();
    let conditioning = record.conditioning(&base, device)?;
    let latents = record.tensor::<4>("latents", device)?;
    let timesteps = record.numbers("timesteps")?;
    let found = unet.forward(latents, &timesteps, &conditioning);
    let found = values_of(found);
    let ended = app.clock().unix_secs();
    let (relative_error, rms_error) = errors(&found, &record.numbers("output")?);
    let mut held = HeldBytes(0);
    unet.visit("", &mut held);
    Ok(Report {
        relative_error,
        rms_error,
        load_secs: loaded - begun,
        forward_secs: ended - loaded,
        loaded_bytes: held.0,
        load_peak_bytes,
        peak_bytes: peak_bytes(),
    })
}

/// Sums the bytes of parameters as they are held in memory.
struct HeldBytes(u64);

impl Visitor for HeldBytes {
    fn param<const D: usize>(&mut self, _name: &str, tensor: &mut Tensor<D>) {
        let count: usize = tensor.dims().iter().product();
        self.0 += (count * tensor.dtype().size()) as u64;
    }

    fn linear(&mut self, _path: &str, layer: &mut Linear) {
        self.0 += layer.weight.bytes() as u64;
    }

    fn conv2d(&mut self, _path: &str, layer: &mut Conv2d) {
        self.0 += layer.weight.bytes() as u64;
    }
}

/// A file of recorded tensors.
struct Record(TensorFile);

impl Record {
    fn open(path: &Path) -> Result<Self> {
        TensorFile::open(path).coded().map(Self)
    }

    fn numbers(&self, name: &str) -> Result<Vec<f32>> {
        self.0.read_f32(name).coded()
    }

    fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Result<Tensor<D>> {
        let values = self.numbers(name)?;
        let shape = self.0.info(name).map_or(&[][..], |info| &info.shape);
        let shape = <[usize; D]>::try_from(shape).map_err(|_| {
            let message = format!("`{name}` of the record has shape {shape:?}, expected {D} axes");
            failed(ErrorCode::InvalidInput, message)
        })?;
        Ok(Tensor::from_data(TensorData::new(values, shape), device))
    }

    fn conditioning(&self, base: &Base, device: &Device) -> Result<Conditioning> {
        let states_bsd = self.tensor("context", device)?;
        let added = match base.pooled_width() {
            None => None,
            Some(_) => Some(AddedConditioning {
                pooled_bd: self.tensor("pooled", device)?,
                time_ids: self.numbers("sizes")?.as_chunks::<6>().0.to_vec(),
            }),
        };
        Ok(Conditioning { states_bsd, added })
    }
}

/// Largest difference over largest value, and root mean squares.
fn errors(found: &[f32], expected: &[f32]) -> (f64, f64) {
    let pairs = || {
        found
            .iter()
            .zip(expected)
            .map(|(&a, &b)| (f64::from(a), f64::from(b)))
    };
    let largest = pairs().map(|(_, b)| b.abs()).fold(0.0, f64::max);
    // NaN must not pass for a small difference.
    let worst = pairs()
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, |a: f64, b| if b > a || b.is_nan() { b } else { a });
    let sum = |f: fn((f64, f64)) -> f64| pairs().map(f).sum::<f64>();
    let rms = (sum(|(a, b)| (a - b).powi(2)) / sum(|(_, b)| b * b)).sqrt();
    if found.len() == expected.len() {
        (worst / largest, rms)
    } else {
        (f64::INFINITY, f64::INFINITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_in_memory_are_those_of_the_arithmetic_whatever_the_file_has() {
        let base = Base::open(&atelier_testkit::tiny_sd15()).unwrap();
        let weights = base.files().tensors("unet").unwrap();
        let shapes = weights.names().filter_map(|name| weights.info(name));
        let numbers: usize = shapes
            .map(|info| info.shape.iter().product::<usize>())
            .sum();
        let held = |precision: Precision| {
            let unet = base.load_unet(&Device::flex(), precision.into());
            let mut held = HeldBytes(0);
            unet.unwrap().visit("", &mut held);
            held.0 as f64 / numbers as f64
        };
        let (floats, wholes) = (held(Precision::F32), held(Precision::Bf16));
        // panels have room for whole vectors, 64 on either side with the widest, which is most of these few channels
        assert!((4.0..30.0).contains(&floats), "{floats} bytes for a number");
        assert!((2.0..15.0).contains(&wholes), "{wholes} bytes for a number");
        let share = wholes / floats;
        assert!((0.49..0.6).contains(&share), "{wholes} and {floats} bytes");
    }

    #[test]
    fn errors_are_relative_and_nan_or_another_length_is_never_small() {
        let (largest, rms) = errors(&[1.0, 2.5], &[1.0, 2.0]);
        assert!((largest - 0.25).abs() < 1e-9 && (rms - (0.25f64 / 5.0).sqrt()).abs() < 1e-9);
        assert!(errors(&[f32::NAN, 2.0], &[1.0, 2.0]).0.is_nan());
        assert!(errors(&[1.0], &[1.0, 2.0]).0.is_infinite());
    }
}
