//! `atelier doctor`: what this machine offers, and where things lie.

use anyhow::Result;
use atelier_app::ATELIER_HOME;
use atelier_app::context::{App, ExitKind};
use atelier_app::device::{self, Listed};
use atelier_app::embedded;
use atelier_app::memory::{free_bytes, kilobytes};
use atelier_app::settings::Sourced;
use atelier_kept::PackedContents;
use atelier_nn::kernels;
use serde::Serialize;

/// What `doctor` says.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    system: String,
    cpu: Option<String>,
    cores: Option<usize>,
    threads: usize,
    simd: Vec<&'static str>,
    kernels: &'static str,
    memory_total_bytes: Option<u64>,
    memory_available_bytes: Option<u64>,
    device: Device,
    home: Option<String>,
    home_exists: bool,
    packed_weights: Option<PackedContents>,
    embedded_base: Option<EmbeddedBase>,
}

/// Where networks compute.
#[derive(Debug, Serialize)]
struct Device {
    /// What is chosen where no flag says it.
    choice: String,
    /// The environment variable that chooses, or `default`.
    origin: &'static str,
    /// The interfaces to graphics processors in this build.
    interfaces: Vec<&'static str>,
    /// The graphics processors that can be chosen.
    graphics: Vec<Listed>,
}

impl Device {
    fn of(app: &App) -> Self {
        let Sourced { value, origin } = app.settings.device;
        Self {
            choice: value.to_string(),
            origin: origin.unwrap_or("default"),
            interfaces: device::INTERFACES.iter().map(|one| one.name()).collect(),
            graphics: device::list(),
        }
    }
}

/// The base inside the program.
#[derive(Debug, Serialize)]
struct EmbeddedBase {
    name: &'static str,
    size_bytes: u64,
    hash: &'static str,
}

/// Does it.
pub(super) fn run(app: &App) -> Result<ExitKind> {
    let cpu_info = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = fs_err::read_to_string("/proc/meminfo").unwrap_or_default();
    let home = app.settings.home.clone();
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        cpu: field(&cpu_info, "model name").map(str::to_owned),
        cores: cores(&cpu_info),
        threads: rayon::current_num_threads(),
        simd: simd(),
        kernels: kernels::instructions(),
        memory_total_bytes: kilobytes(&memory, "MemTotal"),
        memory_available_bytes: free_bytes(),
        device: Device::of(app),
        home_exists: home.as_ref().is_some_and(|home| home.is_dir()),
        home: home.map(|home| home.display().to_string()),
        packed_weights: app.packed().contents(),
        embedded_base: embedded::is_present().then(|| EmbeddedBase {
            name: embedded::NAME,
            size_bytes: embedded::size_bytes(),
            hash: embedded::content_hash(),
        }),
    };
    describe(app, &report);
    app.output.document(&report)?;
    Ok(ExitKind::Completed)
}

fn describe(app: &App, report: &Report) {
    let row = |label: &str, value: String| app.output.line(format_args!("{label:<14} {value}"));
    let unknown = || "unknown".to_owned();
    let gigabytes = |bytes: Option<u64>| {
        bytes.map_or_else(unknown, |bytes| format!("{:.1} GB", bytes as f64 / 1e9))
    };
    row("atelier", report.version.to_owned());
    row("system", report.system.clone());
    row("processor", report.cpu.clone().unwrap_or_else(unknown));
    let cores = report.cores.map_or_else(unknown, |cores| cores.to_string());
    row("cores", format!("{cores}, {} threads used", report.threads));
    row("instructions", report.simd.join(", "));
    row("kernels", report.kernels.to_owned());
    row(
        "memory",
        format!(
            "{}, {} available",
            gigabytes(report.memory_total_bytes),
            gigabytes(report.memory_available_bytes)
        ),
    );
    let Device {
        choice,
        origin,
        interfaces,
        graphics,
    } = &report.device;
    row("device", format!("{choice} ({origin})"));
    for listed in graphics {
        row("graphics", graphics_text(listed));
    }
    if graphics.is_empty() {
        let why = if interfaces.is_empty() {
            "none in this build; build with `--features vulkan` for them".to_owned()
        } else {
            format!("none found through {}", interfaces.join(", "))
        };
        row("graphics", why);
    }
    let home = match &report.home {
        None => format!("none; set {ATELIER_HOME} to keep bases"),
        Some(home) if report.home_exists => home.clone(),
        Some(home) => format!("{home} (made when something is kept)"),
    };
    row("home", home);
    if let Some(packed) = &report.packed_weights {
        row("packed weights", packed.to_string());
    }
    let base = report.embedded_base.as_ref().map_or_else(
        || "none in this build".to_owned(),
        |base| format!("{}, {:.1} MB", base.name, base.size_bytes as f64 / 1e6),
    );
    row("embedded base", base);
}

fn graphics_text(listed: &Listed) -> String {
    let Listed {
        device,
        name,
        kind,
        memory_bytes,
    } = listed;
    let memory = memory_bytes.map_or_else(
        || "memory unknown".to_owned(),
        |bytes| format!("{:.1} GB", bytes as f64 / 1e9),
    );
    format!("{device}: {name}, {kind}, {memory}")
}

/// The value of the first `name: value` line.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim())
}

/// Physical cores: distinct pairs of package and core number; as many as processors where there are none.
fn cores(cpu_info: &str) -> Option<usize> {
    let mut cores: Vec<_> = cpu_info
        .split("\n\n")
        .filter_map(|block| Some((field(block, "physical id")?, field(block, "core id")?)))
        .collect();
    cores.sort_unstable();
    cores.dedup();
    if cores.is_empty() {
        return std::thread::available_parallelism()
            .ok()
            .map(std::num::NonZero::get);
    }
    Some(cores.len())
}

/// Vector instructions that matter to the kernels.
fn simd() -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut add = |has: bool, name: &'static str| {
        if has {
            found.push(name);
        }
    };
    #[cfg(target_arch = "x86_64")]
    {
        add(is_x86_feature_detected!("avx2"), "avx2");
        add(is_x86_feature_detected!("fma"), "fma");
        add(is_x86_feature_detected!("avx512f"), "avx512f");
        add(is_x86_feature_detected!("avx512bf16"), "avx512bf16");
    }
    add(cfg!(target_arch = "aarch64"), "neon");
    if found.is_empty() {
        found.push("none");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_system_files_are_read() {
        let memory = "MemTotal:       16 kB\nMemAvailable:    8 kB\n";
        assert_eq!(kilobytes(memory, "MemTotal"), Some(16 * 1024));
        assert_eq!(kilobytes(memory, "Swap"), None);
        let cpu = "model name\t: X\nphysical id\t: 0\ncore id\t: 0\n\nphysical id\t: 0\ncore id\t: 0\n\nphysical id\t: 0\ncore id\t: 1\n";
        assert_eq!(field(cpu, "model name"), Some("X"));
        assert_eq!(cores(cpu), Some(2));
        assert!(cores("").is_some());
    }
}
