//! What was found out about a base model: how it is stored, and which tensors are used, missing or strange.

use std::fmt::Write as _;

use crate::error::first_names;
use crate::{
    Checkpoint, DType, Evidence, Layout, ModelFiles, Prediction, PredictionType, Result,
    expected_tensors,
};

/// What is known about a base model without loading it.
#[derive(Debug, Clone)]
pub struct Report {
    /// Folder or single file.
    pub layout: Layout,
    /// The class of the pipeline.
    pub class_name: String,
    /// The family that loads this class, where one does.
    pub family: Option<&'static str>,
    /// The published architecture that a single file follows.
    pub architecture: Option<&'static str>,
    /// What the denoiser predicts, and how that is known; none when a folder states something unknown.
    pub prediction: Option<Prediction>,
    /// The parts with weights, sorted.
    pub parts: Vec<PartReport>,
    /// Tensors of a single file that belong to no part.
    pub unexpected: Vec<String>,
    /// Tensors that are known and not needed: buffers, moving averages, a replaced VAE.
    pub harmless: Vec<String>,
    /// How many tensors of moving averages there are.
    pub ema: usize,
    /// Whether the U-Net is the moving average, because the file has no other.
    pub unet_is_ema: bool,
}

/// The tensors of one part.
#[derive(Debug, Clone)]
pub struct PartReport {
    /// The part, such as `unet`.
    pub part: &'static str,
    /// Number formats and how many tensors have each, the most frequent first.
    pub precision: Vec<(DType, usize)>,
    /// Bytes that its tensors take on disk.
    pub size_bytes: u64,
    /// Whether it is known which tensors the part needs; where not, the lists below say nothing about it.
    pub is_known: bool,
    /// How many of its tensors the network uses.
    pub used: usize,
    /// Names that the network needs and that are not there.
    pub missing: Vec<String>,
    /// Names that the network does not ask for, as they stand in the file.
    pub unexpected: Vec<String>,
    /// Tensors of another shape than the network needs.
    pub misshapen: Vec<Misshapen>,
}

/// A tensor of another shape than the network needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    /// Its diffusers name.
    pub name: String,
    /// Its shape.
    pub got: Vec<usize>,
    /// The shape that the configuration asks for.
    pub expected: Vec<usize>,
}

impl Report {
    pub(crate) fn of(model: &ModelFiles) -> Result<Self> {
        let checkpoint = model.checkpoint();
        let mut parts = Vec::new();
        let mut harmless = Vec::new();
        for part in model.weighted_parts() {
            let (report, known) = PartReport::of(model, part)?;
            parts.push(report);
            harmless.extend(known);
        }
        harmless.extend_from_slice(checkpoint.map_or(&[], |file| file.harmless()));
        Ok(Self {
            layout: model.layout(),
            class_name: model.class_name().to_owned(),
            family: model.family(),
            architecture: checkpoint.map(|file| file.architecture().name()),
            prediction: model.prediction()?,
            parts,
            unexpected: checkpoint.map_or_else(Vec::new, |file| file.unexpected().to_vec()),
            harmless,
            ema: checkpoint.map_or(0, Checkpoint::ema_count),
            unet_is_ema: checkpoint.is_some_and(Checkpoint::unet_is_ema),
        })
    }

    /// Whether no network can be built, with everything that stands in the way.
    pub fn problem(&self) -> Option<String> {
        let mut problem = String::new();
        for part in &self.parts {
            let name = part.part;
            if !part.missing.is_empty() {
                let (count, names) = named(&part.missing);
                let _ = write!(problem, "{name}: {count} tensors are missing: {names}; ");
            }
            if let Some(Misshapen {
                name: tensor,
                got,
                expected,
            }) = part.misshapen.first()
            {
                let count = part.misshapen.len();
                let _ = write!(
                    problem,
                    "{name}: {count} tensors have another shape, such as `{tensor}` with {got:?}, expected {expected:?}; "
                );
            }
        }
        let problem = problem.trim_end_matches("; ");
        (!problem.is_empty()).then(|| problem.to_owned())
    }
}

fn named(names: &[String]) -> (usize, String) {
    (names.len(), first_names(names.iter().map(String::as_str)))
}

impl PartReport {
    /// The report, and the tensors that are known and not needed.
    fn of(model: &ModelFiles, part: &'static str) -> Result<(Self, Vec<String>)> {
        let tensors = model.tensors(part)?;
        let expected = expected_tensors(part, &model.config(part)?);
        let mut report = Self {
            part,
            precision: tensors.formats(),
            size_bytes: tensors.size_bytes(),
            is_known: expected.is_some(),
            used: 0,
            missing: Vec::new(),
            unexpected: Vec::new(),
            misshapen: Vec::new(),
        };
        let expected = expected.unwrap_or_default();
        let mut harmless = Vec::new();
        for name in tensors.names() {
            let stored = tensors.stored(name).map_or(name, |(_, stored)| stored);
            let is_harmless = crate::checkpoint::is_harmless(stored);
            match (expected.get(name), tensors.info(name)) {
                (Some(shape), Some(info)) if *shape == info.shape => report.used += 1,
                (Some(shape), Some(info)) => report.misshapen.push(Misshapen {
                    name: name.to_owned(),
                    got: info.shape.clone(),
                    expected: shape.clone(),
                }),
                _ if is_harmless => harmless.push(stored.to_owned()),
                _ if report.is_known => report.unexpected.push(stored.to_owned()),
                _ => {}
            }
        }
        let needed = expected.into_keys();
        report.missing = needed.filter(|name| tensors.info(name).is_none()).collect();
        if let Some(checkpoint) = model.checkpoint() {
            report
                .unexpected
                .extend_from_slice(checkpoint.unplaced(part));
        }
        Ok((report, harmless))
    }
}

/// What a folder's scheduler states.
pub(crate) fn stated_prediction(scheduler: &serde_json::Value) -> Option<Prediction> {
    let kind = match scheduler.get("prediction_type") {
        // diffusers' default.
        None => Some(PredictionType::Epsilon),
        Some(kind) => kind.as_str().and_then(PredictionType::from_name),
    };
    let rescale = scheduler.get("rescale_betas_zero_snr");
    Some(Prediction {
        kind: kind?,
        rescale_betas_zero_snr: rescale.and_then(serde_json::Value::as_bool) == Some(true),
        evidence: Evidence::SchedulerConfig,
    })
}
