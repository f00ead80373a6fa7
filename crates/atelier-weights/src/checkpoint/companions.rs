//! Files beside a checkpoint that say more about it, by the conventions of other programs.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::prediction::PredictionType;
use crate::json::{quote_infinities, read_limited};
use crate::{Error, Result};

/// What lies beside `NAME.safetensors`.
#[derive(Debug, Clone, Default)]
pub(super) struct Companions {
    /// `NAME.vae.safetensors`, the autoencoder to use.
    pub(super) vae: Option<PathBuf>,
    /// `NAME.yaml`, the configuration of the original program.
    pub(super) yaml: Option<(PathBuf, String)>,
    /// `NAME.json`, where it has settings of this program.
    pub(super) settings: Option<(PathBuf, Settings)>,
}

/// What a person decided about a checkpoint, against every guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) prediction_type: PredictionType,
    pub(super) rescale_betas_zero_snr: bool,
}

/// The key that makes a file one of ours.
const PREDICTION_TYPE: &str = "prediction_type";

/// The endings of files beside a checkpoint: its autoencoder, the original program's configuration, our settings.
const ENDINGS: [&str; 3] = ["vae.safetensors", "yaml", "json"];

/// What files beside a checkpoint of this name are called, where they exist.
pub fn companion_names(checkpoint: &str) -> [String; 3] {
    let stem = checkpoint
        .strip_suffix(".safetensors")
        .unwrap_or(checkpoint);
    ENDINGS.map(|ending| format!("{stem}.{ending}"))
}

/// The same as paths: where [`Companions::of`] looks.
pub(super) fn companion_paths(checkpoint: &Path) -> [PathBuf; 3] {
    ENDINGS.map(|ending| checkpoint.with_extension(ending))
}

/// Whether a name in a folder can be that of a checkpoint, rather than of an autoencoder beside one.
pub fn is_checkpoint_name(name: &str) -> bool {
    let is_plain = !name.starts_with('.') && !name.contains('/');
    is_plain && name.ends_with(".safetensors") && !name.ends_with(".vae.safetensors")
}

impl Companions {
    /// Looks beside a checkpoint.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let found = companion_paths(path).map(|found| found.is_file().then_some(found));
        let [vae, yaml, settings] = found;
        let yaml = match yaml {
            Some(path) => {
                let text = String::from_utf8_lossy(&read_limited(&path)?).into_owned();
                Some((path, text))
            }
            None => None,
        };
        let settings = match settings {
            Some(path) => Settings::read(&path)?.map(|settings| (path, settings)),
            None => None,
        };
        Ok(Self {
            vae,
            yaml,
            settings,
        })
    }
}

impl Settings {
    /// The settings in a file; none where another program wrote it.
    fn read(path: &Path) -> Result<Option<Self>> {
        let Some(json) = object_in(path)? else {
            return Ok(None);
        };
        let said = |key: &str| json.get(key).filter(|value| !value.is_null());
        let Some(prediction) = said(PREDICTION_TYPE) else {
            return Ok(None);
        };
        let prediction_type = prediction.as_str().and_then(PredictionType::from_name);
        let rescale = said("rescale_betas_zero_snr");
        let rescale = rescale.map_or(Some(false), Value::as_bool);
        match (prediction_type, rescale) {
            (Some(prediction_type), Some(rescale_betas_zero_snr)) => Ok(Some(Self {
                prediction_type,
                rescale_betas_zero_snr,
            })),
            (None, _) => Err(Error::bad_base(
                path,
                format!(
                    "`prediction_type` is {prediction}, expected \"epsilon\" or \"v_prediction\""
                ),
            )),
            (_, None) => Err(Error::bad_base(
                path,
                "`rescale_betas_zero_snr` must be true or false",
            )),
        }
    }
}

/// The JSON object in a file; none where it holds something else, as files of other programs may. Broken JSON with our key
/// in it was meant for us, and is an error.
fn object_in(path: &Path) -> Result<Option<Value>> {
    let bytes = match read_limited(path) {
        // Larger than settings are.
        Err(Error::BadBase { .. }) => return Ok(None),
        bytes => bytes?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    match serde_json::from_str(&quote_infinities(text)) {
        Ok(json) => Ok(Some(json).filter(Value::is_object)),
        Err(error) if text.contains(PREDICTION_TYPE) => {
            let problem = format!("it is not valid JSON: {error}");
            Err(Error::bad_base(path, problem))
        }
        Err(_) => Ok(None),
    }
}
