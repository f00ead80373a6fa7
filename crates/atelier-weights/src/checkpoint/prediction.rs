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
    /// The training was stopped at this step, as that of a published model was.
    GlobalStep(u32),
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

    /// Whether it is a guess that is often wrong. Stable Diffusion 1 and XL predict noise unless somebody says otherwise;
    /// Stable Diffusion 2 was published both ways.
    pub fn is_doubtful(&self) -> bool {
        matches!(
            self,
            Self::FileName(_) | Self::Assumed(Architecture::StableDiffusion2)
        )
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
            Self::GlobalStep(step) => write!(
                f,
                "marked by `global_step`, which is {step} as in the published model"
            ),
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

/// Marks in a file name, in lower case, with the architecture whose files are called so, where only one's are.
///
/// # Source
/// The published `512-base-ema`, `768-v-ema`, `v2-1_512-ema-pruned` and `v2-1_768-ema-pruned`, and the repositories
/// `stable-diffusion-2-base` and `stable-diffusion-2-1-base`, which predict noise.
const NAME_MARKS: [(&str, PredictionType, Option<Architecture>); 9] = [
    ("v-pred", PredictionType::VPrediction, None),
    ("vpred", PredictionType::VPrediction, None),
    ("v_pred", PredictionType::VPrediction, None),
    ("768-v", PredictionType::VPrediction, None),
    ("2-1_768", PredictionType::VPrediction, SECOND),
    ("512-base", PredictionType::Epsilon, SECOND),
    ("2-1_512", PredictionType::Epsilon, SECOND),
    ("2-base", PredictionType::Epsilon, SECOND),
    ("2-1-base", PredictionType::Epsilon, SECOND),
];
const SECOND: Option<Architecture> = Some(Architecture::StableDiffusion2);

/// Steps at which the training of Stable Diffusion 2's published models was stopped.
///
/// # Source
/// diffusers 0.42.1, `loaders/single_file_utils.py` (875000 means noise, anything else v) and
/// `pipelines/stable_diffusion/convert_from_ckpt.py` (110000 is version 2.1 at 768 pixels). Other numbers are no evidence
/// here: version 2.1 at 512 pixels has one that diffusers does not know.
const GLOBAL_STEPS: [(u32, PredictionType); 2] = [
    (875_000, PredictionType::Epsilon),
    (110_000, PredictionType::VPrediction),
];

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
        .or_else(|| trained(file).filter(|_| Some(architecture) == SECOND))
        .or_else(|| guessed(file.path(), architecture))
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

/// What the step says at which the training was stopped.
fn trained(file: &TensorFile) -> Option<(PredictionType, Evidence)> {
    const NAME: &str = "global_step";
    let is_one = file.info(NAME)?.shape.iter().all(|&side| side == 1);
    let numbers = is_one.then(|| file.read_numbers(NAME).ok())??;
    let number = f64::from(*numbers.first()?);
    let is_it = |step: u32| (f64::from(step) - number).abs() < 0.5;
    let &(step, kind) = GLOBAL_STEPS.iter().find(|(step, _)| is_it(*step))?;
    Some((kind, Evidence::GlobalStep(step)))
}

fn guessed(path: &Path, architecture: Architecture) -> Option<(PredictionType, Evidence)> {
    let name = path.file_stem()?.to_string_lossy().to_ascii_lowercase();
    let &(mark, kind, _) = NAME_MARKS.iter().find(|(mark, _, only)| {
        name.contains(mark) && only.is_none_or(|only| only == architecture)
    })?;
    Some((kind, Evidence::FileName(mark)))
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
            let found = guessed(Path::new(name), Architecture::Sdxl);
            assert_eq!(found.unwrap().0, PredictionType::VPrediction, "{name}");
        }
        let folder = Path::new("v-pred/model.safetensors");
        assert_eq!(guessed(folder, Architecture::Sdxl), None);
    }

    #[test]
    fn names_of_stable_diffusion_2_mean_something_only_there() {
        for (name, kind) in [
            ("512-base-ema", PredictionType::Epsilon),
            ("v2-1_512-ema-pruned", PredictionType::Epsilon),
            ("stable-diffusion-2-1-base", PredictionType::Epsilon),
            ("v2-1_768-ema-pruned", PredictionType::VPrediction),
            ("512-base-vpred", PredictionType::VPrediction),
        ] {
            let found = guessed(Path::new(name), Architecture::StableDiffusion2);
            assert_eq!(found.unwrap().0, kind, "{name}");
        }
        let name = Path::new("style-2-base");
        assert_eq!(guessed(name, Architecture::StableDiffusion1), None);
    }
}
