//! `atelier base show`: everything that is known about a base without loading it.

use std::fmt::Display;
use std::path::Path;

use anyhow::Result;
use atelier_app::bases;
use atelier_app::context::App;
use atelier_diffusion::schedule::{BetaSchedule, ScheduleConfig};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::CodedResult as _;
use atelier_weights::{FileHashes, PartReport, Report};
use serde::Serialize;

/// Names of a list that are shown to people; the document has all.
const SHOWN_NAMES: usize = 5;

/// What `show` says.
#[derive(Debug, Serialize)]
struct Description {
    name: String,
    path: String,
    layout: &'static str,
    family: &'static str,
    architecture: Option<&'static str>,
    native_size: usize,
    prediction_type: Option<&'static str>,
    prediction_evidence: Option<String>,
    notes: Vec<String>,
    timesteps: usize,
    beta_schedule: &'static str,
    rescale_betas_zero_snr: bool,
    parts: Vec<Part>,
    /// Tensors that belong to no part.
    unexpected: Vec<String>,
    /// Tensors that are known and not needed.
    harmless: usize,
    ema_tensors: usize,
    unet_is_ema: bool,
    /// Why no network can be built, if none can.
    problem: Option<String>,
    hash: String,
    files: Vec<File>,
    about: Vec<String>,
}

/// The weights of one part.
#[derive(Debug, Serialize)]
struct Part {
    name: &'static str,
    parameters: u64,
    dtype: String,
    size_bytes: u64,
    used: usize,
    missing: Vec<String>,
    unexpected: Vec<String>,
    misshapen: Vec<String>,
}

/// A file with weights.
#[derive(Debug, Serialize)]
struct File {
    path: String,
    size_bytes: u64,
    sha256: String,
    blake3: String,
}

pub(super) fn show(app: &App, wanted: &str) -> Result<()> {
    let found = bases::find(app, wanted)?;
    let base = Base::open(&found.path).coded()?;
    let report = base.files().report().coded()?;
    let hashes = base.files().hashes_with(&app.hashes()).coded()?;
    let about = about_of(&base, &report, found, &hashes)?;
    describe(app, &about);
    app.output.notes(&about.notes);
    app.output.document(&about)
}

fn about_of(
    base: &Base,
    report: &Report,
    found: bases::FoundBase,
    hashes: &[FileHashes],
) -> Result<Description> {
    let schedule = &base.schedule_config;
    let prediction = report.prediction.as_ref();
    let parts = report.parts.iter().map(|part| part_of(base, part));
    let about = bases::about_files(&found.path);
    Ok(Description {
        name: found.name,
        layout: report.layout.name(),
        family: base.family.name,
        architecture: report.architecture,
        native_size: base.native_size(),
        prediction_type: prediction.map(|prediction| prediction.kind.name()),
        prediction_evidence: prediction.map(|prediction| prediction.evidence.to_string()),
        notes: base.files().prediction_note().into_iter().collect(),
        timesteps: schedule.num_train_timesteps,
        beta_schedule: beta_schedule(schedule),
        rescale_betas_zero_snr: schedule.rescale_betas_zero_snr,
        parts: parts.collect::<Result<_>>()?,
        unexpected: report.unexpected.clone(),
        harmless: report.harmless.len(),
        ema_tensors: report.ema,
        unet_is_ema: report.unet_is_ema,
        problem: report.problem(),
        hash: base.files().hash_from(hashes).coded()?,
        files: hashes.iter().map(File::of).collect(),
        about: about.iter().map(|path| in_words(path)).collect(),
        path: in_words(&found.path),
    })
}

fn beta_schedule(schedule: &ScheduleConfig) -> &'static str {
    match schedule.beta_schedule {
        None => "that of the sampler",
        Some(BetaSchedule::Linear) => "linear",
        Some(BetaSchedule::ScaledLinear) => "scaled_linear",
        Some(BetaSchedule::SquaredcosCapV2) => "squaredcos_cap_v2",
    }
}

fn part_of(base: &Base, report: &PartReport) -> Result<Part> {
    let weights = base.files().tensors(report.part).coded()?;
    let infos = weights.names().filter_map(|name| weights.info(name));
    let counts = infos
        .filter(|info| info.dtype.is_float())
        .map(|info| info.shape.iter().map(|&side| side as u64).product::<u64>());
    let formats = report.precision.iter().map(|(dtype, _)| dtype.name());
    let misshapen = report.misshapen.iter().map(|tensor| {
        format!(
            "{} is {:?}, expected {:?}",
            tensor.name, tensor.got, tensor.expected
        )
    });
    Ok(Part {
        name: report.part,
        parameters: counts.sum(),
        dtype: formats.collect::<Vec<_>>().join(" and "),
        size_bytes: report.size_bytes,
        used: report.used,
        missing: report.missing.clone(),
        unexpected: report.unexpected.clone(),
        misshapen: misshapen.collect(),
    })
}

impl File {
    fn of(hashes: &FileHashes) -> Self {
        Self {
            path: in_words(&hashes.path),
            size_bytes: hashes.size_bytes,
            sha256: hashes.sha256.clone(),
            blake3: hashes.blake3.clone(),
        }
    }
}

fn describe(app: &App, about: &Description) {
    let row = |label: &str, value: &dyn Display| {
        app.output.line(format_args!("{label:<15} {value}"));
    };
    row("name", &about.name);
    row("path", &about.path);
    let architecture = about.architecture.map(|name| format!(", {name}"));
    let architecture = architecture.unwrap_or_default();
    row("family", &format_args!("{}{architecture}", about.family));
    row("stored as", &about.layout);
    let side = about.native_size;
    row("picture size", &format_args!("{side}x{side}"));
    let kind = about.prediction_type.unwrap_or("unknown");
    let evidence = about.prediction_evidence.as_deref().unwrap_or("not stated");
    row("prediction", &format_args!("{kind} ({evidence})"));
    let zero = if about.rescale_betas_zero_snr {
        ", rescaled to end in pure noise"
    } else {
        ""
    };
    let schedule = format_args!(
        "{}, {} timesteps{zero}",
        about.beta_schedule, about.timesteps
    );
    row("schedule", &schedule);
    for part in &about.parts {
        describe_part(&row, part);
    }
    if !about.unexpected.is_empty() {
        row("unexpected", &named(&about.unexpected));
    }
    if about.ema_tensors > 0 {
        let used = if about.unet_is_ema {
            "used"
        } else {
            "not used"
        };
        let count = about.ema_tensors;
        row("moving average", &format_args!("{count} tensors, {used}"));
    }
    if let Some(problem) = &about.problem {
        row("cannot be used", problem);
    }
    row("hash", &about.hash);
    for file in &about.files {
        let name = Path::new(&file.path).file_name().unwrap_or_default();
        row("file", &name.to_string_lossy());
        row("  SHA-256", &file.sha256);
        row("  BLAKE3", &file.blake3);
    }
    for path in &about.about {
        row("see", path);
    }
}

fn describe_part(row: &dyn Fn(&str, &dyn Display), part: &Part) {
    let megabytes = part.size_bytes as f64 / 1e6;
    let text = format_args!(
        "{} parameters, {}, {megabytes:.1} MB, {} tensors used",
        part.parameters, part.dtype, part.used
    );
    row(part.name, &text);
    for (label, names) in [
        ("  missing", &part.missing),
        ("  unexpected", &part.unexpected),
        ("  other shape", &part.misshapen),
    ] {
        if !names.is_empty() {
            row(label, &named(names));
        }
    }
}

/// A path for people and programs, whatever its characters are.
fn in_words(path: &Path) -> String {
    path.display().to_string()
}

/// How many, and the first of them.
fn named(names: &[String]) -> String {
    let first = names.iter().take(SHOWN_NAMES).map(String::as_str);
    let first = first.collect::<Vec<_>>().join(", ");
    let more = if names.len() > SHOWN_NAMES {
        ", …"
    } else {
        ""
    };
    format!("{}: {first}{more}", names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted_and_only_their_start_is_shown() {
        let names: Vec<String> = (0..7).map(|i| format!("t{i}")).collect();
        assert_eq!(named(&names), "7: t0, t1, t2, t3, t4, …");
        assert_eq!(named(&names[..2]), "2: t0, t1");
    }
}
