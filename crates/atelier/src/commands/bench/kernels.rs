//! `atelier bench kernels`: times the operations that a denoiser spends its time in, at the sizes of Stable Diffusion 1.5.

use anyhow::Result;
use atelier_app::context::{App, ExitKind};
use atelier_app::stopwatch::{Rate, Stopwatch};
use atelier_core::Precision;
use atelier_nn::Engine;
use atelier_nn::kernels::{self, Keep};
use clap::Args;
use serde::Serialize;

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
    let watch = Stopwatch::new(app.clock(), args.runs);
    let mut rows = Vec::new();
    for &precision in Precision::ALL {
        let Some(format) = Engine::from(precision).frozen_format() else {
            continue;
        };
        let name = precision.name();
        rows.extend(LINEAR.map(|sizes| {
            let [rows, inputs, outputs] = sizes;
            let operation = format!("linear {rows} × {inputs} → {outputs}");
            row(operation, name, watch.linear(sizes, format))
        }));
        rows.extend(CONVOLUTIONS.map(|sizes| {
            let [side, inputs, outputs] = sizes;
            let operation = format!("convolution {side}² × {inputs} → {outputs}");
            row(operation, name, watch.convolution(sizes, format))
        }));
    }
    for (precision, keep) in [
        (Precision::F32, Keep::Exact),
        (Precision::Bf16, Keep::Rounded),
    ] {
        rows.extend(ATTENTION.map(|sizes| {
            let [heads, queries, keys, size] = sizes;
            let operation = format!("attention {heads} × {queries} × {keys} × {size}");
            row(operation, precision.name(), watch.attention(sizes, keep))
        }));
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

fn row(operation: String, precision: &'static str, rate: Rate) -> Row {
    Row {
        operation,
        precision,
        forward_gflops: rate.forward_gflops,
        backward_gflops: rate.backward_gflops,
    }
}
