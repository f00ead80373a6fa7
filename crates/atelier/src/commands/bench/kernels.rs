//! `atelier bench kernels`: times the operations that a denoiser spends its time in, at the sizes of Stable Diffusion 1.5.

use std::sync::Arc;

use anyhow::Result;
use atelier_core::Precision;
use atelier_nn::Engine;
use atelier_nn::kernels::{self, Frozen, Keep, WeightFormat};
use burn::tensor::{Device, Tensor, TensorData};
use clap::Args;
use serde::Serialize;

use crate::context::{App, ExitKind};
use crate::device::Chosen;

/// What `atelier bench kernels` can be told.
#[derive(Debug, Args)]
pub(crate) struct KernelsArgs {
    /// Runs of each operation; the fastest counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

/// Rows, inputs and outputs of linear maps.
const LINEAR: [[usize; 3]; 4] = [
    [4096, 320, 320],
    [1024, 640, 640],
    [1024, 640, 5120],
    [256, 1280, 10240],
];
/// Side of the picture, inputs and outputs of 3×3 convolutions.
const CONVOLUTIONS: [[usize; 3]; 4] = [
    [64, 320, 320],
    [32, 640, 640],
    [16, 1280, 1280],
    [8, 1280, 1280],
];
/// Heads, queries, keys and features of a head.
const ATTENTION: [[usize; 4]; 4] = [
    [8, 4096, 4096, 40],
    [8, 1024, 1024, 80],
    [8, 256, 256, 160],
    [8, 4096, 77, 40],
];

/// One operation in one arithmetic.
#[derive(Debug, Serialize)]
struct Row {
    operation: String,
    precision: &'static str,
    /// Billions of multiplications and additions in a second.
    forward_gflops: f64,
    /// The same for the gradient of the operands.
    backward_gflops: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    kernels: &'static str,
    threads: usize,
    rows: Vec<Row>,
}

/// Does it.
pub(super) fn run(args: &KernelsArgs, app: &App) -> Result<ExitKind> {
    let bench = Bench {
        app,
        runs: args.runs,
        device: Chosen::cpu().device.autodiff(),
    };
    let mut rows = Vec::new();
    for &precision in Precision::ALL {
        let Some(format) = Engine::from(precision).frozen_format() else {
            continue;
        };
        let name = precision.name();
        rows.extend(LINEAR.map(|sizes| bench.linear(sizes, format, name)));
        rows.extend(CONVOLUTIONS.map(|sizes| bench.convolution(sizes, format, name)));
    }
    for (precision, keep) in [
        (Precision::F32, Keep::Exact),
        (Precision::Bf16, Keep::Rounded),
    ] {
        rows.extend(ATTENTION.map(|sizes| bench.attention(sizes, keep, precision.name())));
    }
    for row in &rows {
        app.output.line(format_args!(
            "{:<34} {:<5} forward {:6.1}, backward {:6.1} GFLOP/s",
            row.operation, row.precision, row.forward_gflops, row.backward_gflops
        ));
    }
    app.output.document(&Report {
        kernels: kernels::instructions(),
        threads: rayon::current_num_threads(),
        rows,
    })?;
    Ok(ExitKind::Completed)
}

struct Bench<'a> {
    app: &'a App,
    runs: u32,
    device: Device,
}

impl Bench<'_> {
    /// Numbers between -1 and 1 whose gradient is wanted.
    fn operand<const D: usize>(&self, shape: [usize; D]) -> Tensor<D> {
        let values = numbers(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), &self.device).require_grad()
    }

    /// The fastest forward and backward pass in seconds.
    fn fastest<const D: usize>(&self, operation: impl Fn() -> Tensor<D>) -> [f64; 2] {
        let now = || self.app.clock().unix_secs();
        let mut best = [f64::INFINITY; 2];
        for _ in 0..=self.runs {
            let start = now();
            let y = operation();
            let middle = now();
            let loss = y.sum();
            let before = now();
            drop(loss.backward());
            let secs = [middle - start, now() - before];
            best = [best[0].min(secs[0]), best[1].min(secs[1])];
        }
        best
    }

    fn linear(
        &self,
        [rows, inputs, outputs]: [usize; 3],
        format: WeightFormat,
        precision: &'static str,
    ) -> Row {
        let weights = Frozen::new(
            &numbers(inputs * outputs),
            [outputs, inputs, 1],
            None,
            format,
        );
        let (x, weights) = (self.operand([rows, inputs]), Arc::new(weights));
        let secs = self.fastest(|| kernels::frozen_linear(x.clone(), &weights));
        let work = 2.0 * (rows * inputs * outputs) as f64;
        row(
            format!("linear {rows} × {inputs} → {outputs}"),
            precision,
            [work; 2],
            secs,
        )
    }

    fn convolution(
        &self,
        [side, inputs, outputs]: [usize; 3],
        format: WeightFormat,
        precision: &'static str,
    ) -> Row {
        let weights = Frozen::new(
            &numbers(9 * inputs * outputs),
            [outputs, inputs, 9],
            None,
            format,
        );
        let (x, weights) = (self.operand([1, side, side, inputs]), Arc::new(weights));
        let secs = self.fastest(|| kernels::frozen_conv2d(x.clone(), &weights, 1, 1));
        let work = 18.0 * (side * side * inputs * outputs) as f64;
        row(
            format!("convolution {side}² × {inputs} → {outputs}"),
            precision,
            [work; 2],
            secs,
        )
    }

    fn attention(
        &self,
        [heads, queries, keys, size]: [usize; 4],
        keep: Keep,
        precision: &'static str,
    ) -> Row {
        let query = self.operand([1, queries, heads * size]);
        let (key, value) = (
            self.operand([1, keys, heads * size]),
            self.operand([1, keys, heads * size]),
        );
        let operands = || [query.clone(), key.clone(), value.clone()];
        let secs = self.fastest(|| kernels::attend(operands(), heads, keep).into_tensor());
        let product = 2.0 * (heads * queries * keys * size) as f64;
        // two products forward; backward the logits again and four gradients
        let name = format!("attention {heads} × {queries} × {keys} × {size}");
        row(name, precision, [2.0 * product, 5.0 * product], secs)
    }
}

fn row(operation: String, precision: &'static str, work: [f64; 2], secs: [f64; 2]) -> Row {
    Row {
        operation,
        precision,
        forward_gflops: work[0] / secs[0] / 1e9,
        backward_gflops: work[1] / secs[1] / 1e9,
    }
}

/// `count` numbers between -1 and 1.
fn numbers(count: usize) -> Vec<f32> {
    let value = |i: usize| (i.wrapping_mul(2_654_435_761) % 2003) as f32 / 1001.0 - 1.0;
    (0..count).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_work_over_time() {
        let row = row("any".to_owned(), "f32", [2e9, 5e9], [0.5, 2.0]);
        assert!((row.forward_gflops - 4.0).abs() < 1e-9);
        assert!((row.backward_gflops - 2.5).abs() < 1e-9);
    }

    #[test]
    fn numbers_lie_between_minus_one_and_one_and_differ() {
        let values = numbers(1000);
        assert!(values.iter().all(|value| value.abs() <= 1.001));
        assert!(
            values
                .windows(2)
                .all(|pair| (pair[0] - pair[1]).abs() > 1e-3)
        );
    }
}
