//! What the denoiser of a checkpoint predicts: nothing in the weights says it for sure, so the evidence is kept.

use std::fmt;
use std::path::{Path, PathBuf};

use super::architecture::Architecture;
use super::companions::Companions;
use crate::TensorFile;

/// What a denoiser predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PredictionType {
    /// The noise.
    Epsilon,
    /// The velocity between noise and picture.
    VPrediction,
}

impl PredictionType {
    /// The word in diffusers' `scheduler_config.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Epsilon => "epsilon",
            Self::VPrediction => "v_prediction",
        }
    }

    /// Reads the word, or the short one that other programs write.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "epsilon" | "eps" => Some(Self::Epsilon),
            "v_prediction" | "v" => Some(Self::VPrediction),
            _ => None,
        }
    }
}

/// What a denoiser predicts, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// What it predicts.
    pub kind: PredictionType,
    /// Whether the noise schedule is stretched so that it ends in noise alone.
    pub rescale_betas_zero_snr: bool,
    /// How that is known.
    pub evidence: Evidence,
}

/// How it is known what a denoiser predicts, the strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// `scheduler_config.json` of a folder states it.
    SchedulerConfig,
    /// A settings file beside the checkpoint decides it.
    Settings(PathBuf),
    /// The metadata of the file state it.
    Metadata,
    /// A tensor of this name marks it.
    Marker(&'static str),
    /// The original program's configuration beside the checkpoint states it.
    Yaml(PathBuf),
    /// The name of the file has this in it.
    FileName(&'static str),
    /// The architecture usually does.
    Assumed(Architecture),
}

impl Evidence {
    /// Whether somebody stated it, so that it is more than a guess.
    pub fn is_stated(&self) -> bool {
        !matches!(self, Self::FileName(_) | Self::Assumed(_))
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |path: &Path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        match self {
            Self::SchedulerConfig => f.write_str("stated by scheduler_config.json"),
            Self::Settings(path) => write!(f, "decided by `{}`", name(path)),
            Self::Metadata => {
                f.write_str("stated by the metadata entry `modelspec.prediction_type`")
            }
            Self::Marker(tensor) => write!(f, "marked by the tensor `{tensor}`"),
            Self::Yaml(path) => write!(f, "stated by `{}`", name(path)),
            Self::FileName(part) => write!(f, "guessed from `{part}` in the file name"),
            Self::Assumed(Architecture::StableDiffusion2) => {
                f.write_str("assumed, since Stable Diffusion 2 at 768 pixels predicts v")
            }
            Self::Assumed(architecture) => {
                write!(f, "assumed, as usual for {}", architecture.name())
            }
        }
    }
}

/// Marks in a file name, in lower case.
const NAME_MARKS: [&str; 4] = ["v-pred", "vpred", "v_pred", "768-v"];

/// Finds out what the denoiser of a checkpoint predicts.
pub(super) fn find(
    file: &TensorFile,
    architecture: Architecture,
    companions: &Companions,
) -> Prediction {
    if let Some((path, settings)) = &companions.settings {
        return Prediction {
            kind: settings.prediction_type,
            rescale_betas_zero_snr: settings.rescale_betas_zero_snr,
            evidence: Evidence::Settings(path.clone()),
        };
    }
    let (kind, evidence) = stated(file, companions)
        .or_else(|| guessed(file.path()))
        .unwrap_or((usual(architecture), Evidence::Assumed(architecture)));
    Prediction {
        kind,
        rescale_betas_zero_snr: file.info("ztsnr").is_some(),
        evidence,
    }
}

fn stated(file: &TensorFile, companions: &Companions) -> Option<(PredictionType, Evidence)> {
    let metadata = file.metadata().get("modelspec.prediction_type");
    if let Some(kind) = metadata.and_then(|name| PredictionType::from_name(name)) {
        return Some((kind, Evidence::Metadata));
    }
    if file.info("v_pred").is_some() {
        return Some((PredictionType::VPrediction, Evidence::Marker("v_pred")));
    }
    let (path, yaml) = companions.yaml.as_ref()?;
    let kind = yaml.lines().find_map(parameterization)?;
    Some((kind, Evidence::Yaml(path.clone())))
}

/// What a line such as `parameterization: "v"` states.
fn parameterization(line: &str) -> Option<PredictionType> {
    let value = line.trim().strip_prefix("parameterization:")?;
    let value = value.split('#').next().unwrap_or(value);
    PredictionType::from_name(value.trim().trim_matches(['"', '\'']))
}

fn guessed(path: &Path) -> Option<(PredictionType, Evidence)> {
    let name = path.file_stem()?.to_string_lossy().to_ascii_lowercase();
    let mark = NAME_MARKS.iter().find(|mark| name.contains(*mark))?;
    Some((PredictionType::VPrediction, Evidence::FileName(mark)))
}

fn usual(architecture: Architecture) -> PredictionType {
    match architecture {
        Architecture::StableDiffusion2 => PredictionType::VPrediction,
        Architecture::StableDiffusion1 | Architecture::Sdxl => PredictionType::Epsilon,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_lines_are_read_with_and_without_quotes() {
        for line in [
            "    parameterization: \"v\"",
            "parameterization: v # velocity",
            "parameterization: 'v'",
        ] {
            assert_eq!(
                parameterization(line),
                Some(PredictionType::VPrediction),
                "{line}"
            );
        }
        assert_eq!(
            parameterization("parameterization: eps"),
            Some(PredictionType::Epsilon)
        );
        for line in [
            "# parameterization: v",
            "parameterization: x0",
            "other: v",
            "",
        ] {
            assert_eq!(parameterization(line), None, "{line}");
        }
    }

    #[test]
    fn file_names_are_searched_in_any_case() {
        for name in [
            "Model-V-Pred.safetensors",
            "a/noobVPred1.safetensors",
            "v2-1_768-v-ema.safetensors",
        ] {
            assert!(guessed(Path::new(name)).is_some(), "{name}");
        }
        assert_eq!(guessed(Path::new("v-pred/model.safetensors")), None);
    }
}
