//! Settings that hold for every command, resolved once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_core::{DeviceChoice, ErrorCode};
use atelier_failure::failed;
use atelier_nn::kernels;
use atelier_store::CATALOGUE;

use crate::env_vars::{
    ATELIER_DEVICE, ATELIER_HOME, ATELIER_INSTRUCTIONS, ATELIER_PACKED_GB, HOME, XDG_DATA_HOME,
};

/// The resolved settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The folder for everything that the program keeps, where the environment names one.
    pub home: Option<PathBuf>,
    /// Where networks compute, when no flag says it.
    pub device: Sourced<DeviceChoice>,
    /// The instructions that kernels use, where the environment names them.
    pub(crate) instructions: Option<String>,
    /// Packed weights of bases.
    pub(crate) packed: PackedSettings,
}

/// Packed weights that are kept from start to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackedSettings {
    /// Where they lie.
    pub(crate) folder: Option<PathBuf>,
    /// What they may take on the disk; with 0, none are kept.
    pub(crate) most_bytes: Sourced<u64>,
}

/// What packed weights may take on the disk where nothing else is said, in GB.
const PACKED_GB: f64 = 20.0;

/// A value, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// An environment variable, or nothing for the default.
    pub origin: Option<&'static str>,
}

impl Settings {
    /// Reads the environment.
    pub(crate) fn from_environment() -> Result<Self> {
        Self::resolve(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    /// Makes kernels use the instructions that the environment names. Before they run first.
    pub(crate) fn choose_instructions(&self) -> Result<()> {
        let Some(word) = &self.instructions else {
            return Ok(());
        };
        kernels::choose_instructions(word).map_err(|has| {
            let has = has.join(", ");
            let message = format!("`{ATELIER_INSTRUCTIONS}` is `{word}`, this processor has {has}");
            failed(ErrorCode::InvalidInput, message)
        })
    }

    /// Where bases lie, one folder each, for reading what is there; `None` where nothing can have been kept.
    pub(crate) fn kept_bases(&self) -> Option<PathBuf> {
        self.home.as_deref().map(bases_below)
    }

    /// Where bases lie, for keeping one.
    pub(crate) fn bases_folder(&self) -> Result<PathBuf> {
        self.kept_bases().ok_or_else(|| {
            let message = format!("no folder to keep bases in: set `{ATELIER_HOME}` to one");
            failed(ErrorCode::InvalidInput, message)
        })
    }

    /// Where the library lies.
    pub fn library_home(&self) -> Result<&Path> {
        self.home.as_deref().ok_or_else(|| {
            let message = format!("no folder to keep a library in: set `{ATELIER_HOME}` to one");
            failed(ErrorCode::InvalidInput, message)
        })
    }

    /// Whether there is a library.
    pub fn has_library(&self) -> bool {
        let home = self.home.as_deref();
        home.is_some_and(|home| home.join(CATALOGUE).exists())
    }

    /// Where adapters are looked up that a prompt names.
    pub fn adapters_folder(&self) -> Option<PathBuf> {
        self.home.as_deref().map(|home| home.join("adapters"))
    }

    /// Where the hashes of weights are kept.
    pub(crate) fn hashes_folder(&self) -> Option<PathBuf> {
        self.home.as_deref().map(|home| home.join("hashes"))
    }

    fn resolve(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let own = variable(ATELIER_HOME).map(PathBuf::from);
        let data = || Some(PathBuf::from(variable(XDG_DATA_HOME)?).join("atelier"));
        let user = || Some(PathBuf::from(variable(HOME)?).join(".local/share/atelier"));
        let home = own.or_else(data).or_else(user);
        let packed = PackedSettings {
            folder: home.as_deref().map(|home| home.join("packed")),
            most_bytes: packed_bytes(variable(ATELIER_PACKED_GB))?,
        };
        Ok(Self {
            home,
            device: device(variable(ATELIER_DEVICE))?,
            instructions: variable(ATELIER_INSTRUCTIONS)
                .map(|word| word.to_string_lossy().into_owned()),
            packed,
        })
    }
}

#[expect(clippy::cast_sign_loss, reason = "negative numbers are refused")]
fn packed_bytes(variable: Option<OsString>) -> Result<Sourced<u64>> {
    let bytes = |gigabytes: f64| (gigabytes * 1e9) as u64;
    let Some(text) = variable else {
        return Ok(Sourced {
            value: bytes(PACKED_GB),
            origin: None,
        });
    };
    let text = text.to_string_lossy();
    let gigabytes = text.trim().parse().ok();
    let gigabytes = gigabytes.filter(|&gigabytes: &f64| gigabytes >= 0.0 && gigabytes.is_finite());
    let Some(gigabytes) = gigabytes else {
        let message =
            format!("`{ATELIER_PACKED_GB}` is `{text}`, expected a number of gigabytes from 0 on");
        return Err(failed(ErrorCode::InvalidInput, message));
    };
    Ok(Sourced {
        value: bytes(gigabytes),
        origin: Some(ATELIER_PACKED_GB),
    })
}

fn device(variable: Option<OsString>) -> Result<Sourced<DeviceChoice>> {
    let Some(word) = variable else {
        return Ok(Sourced {
            value: DeviceChoice::Auto,
            origin: None,
        });
    };
    match word.to_string_lossy().parse() {
        Ok(value) => Ok(Sourced {
            value,
            origin: Some(ATELIER_DEVICE),
        }),
        Err(error) => {
            let message = format!("`{ATELIER_DEVICE}`: {error}");
            Err(failed(ErrorCode::InvalidInput, message))
        }
    }
}

fn bases_below(home: &Path) -> PathBuf {
    home.join("bases")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings> {
        Settings::resolve(|name| {
            let pair = pairs.iter().find(|(key, _)| *key == name);
            pair.map(|(_, value)| OsString::from(value))
        })
    }

    fn home(pairs: &[(&str, &str)]) -> Option<PathBuf> {
        settings(pairs).unwrap().home
    }

    #[test]
    fn the_device_is_the_variable_s_then_the_default() {
        let default = settings(&[]).unwrap().device;
        assert_eq!((default.value, default.origin), (DeviceChoice::Auto, None));
        let variable = settings(&[(ATELIER_DEVICE, "cpu")]).unwrap().device;
        assert_eq!(variable.value, DeviceChoice::Cpu);
        assert_eq!(variable.origin, Some(ATELIER_DEVICE));
        let error = settings(&[(ATELIER_DEVICE, "gpu")]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`ATELIER_DEVICE`: unknown device `gpu`")
        );
    }

    #[test]
    fn gigabytes_of_packed_weights_are_a_number_from_0_on() {
        let bytes = |text: &str| {
            let settings = settings(&[(ATELIER_HOME, "/a"), (ATELIER_PACKED_GB, text)])?;
            anyhow::Ok(settings.packed.most_bytes.value)
        };
        let default = settings(&[(ATELIER_HOME, "/a")]).unwrap().packed;
        assert_eq!(default.folder, Some(PathBuf::from("/a/packed")));
        assert_eq!(default.most_bytes.value, 20_000_000_000);
        assert_eq!(bytes("0").unwrap(), 0);
        assert_eq!(bytes("1.5").unwrap(), 1_500_000_000);
        for text in ["-1", "many", "inf", "nan"] {
            let error = bytes(text).unwrap_err().to_string();
            assert!(error.contains("expected a number of gigabytes"), "{error}");
        }
    }

    #[test]
    fn own_variable_wins_over_data_folder_over_user_folder() {
        let all = [(ATELIER_HOME, "/a"), (XDG_DATA_HOME, "/d"), (HOME, "/u")];
        assert_eq!(home(&all), Some(PathBuf::from("/a")));
        assert_eq!(home(&all[1..]), Some(PathBuf::from("/d/atelier")));
        let user = PathBuf::from("/u/.local/share/atelier");
        assert_eq!(home(&all[2..]), Some(user));
        assert_eq!(home(&[]), None);
    }

    #[test]
    fn without_a_home_only_keeping_fails_and_says_what_to_set() {
        let settings = settings(&[]).unwrap();
        assert_eq!(settings.kept_bases(), None);
        let error = settings.bases_folder().unwrap_err();
        assert!(error.to_string().contains("set `ATELIER_HOME`"), "{error}");
    }
}
