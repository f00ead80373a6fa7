//! Settings that hold for every command, resolved once.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use atelier_core::ErrorCode;

use crate::env_vars::{ATELIER_HOME, HOME, XDG_DATA_HOME};
use crate::failure::failed;

/// The resolved settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The folder for everything that the program keeps.
    pub(crate) home: PathBuf,
}

impl Settings {
    /// Reads the environment.
    pub(crate) fn from_environment() -> Result<Self> {
        Self::resolve(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    /// Where bases lie, one folder each.
    pub(crate) fn bases_folder(&self) -> PathBuf {
        self.home.join("bases")
    }

    fn resolve(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let own = variable(ATELIER_HOME).map(PathBuf::from);
        let data = || Some(PathBuf::from(variable(XDG_DATA_HOME)?).join("atelier"));
        let user = || Some(PathBuf::from(variable(HOME)?).join(".local/share/atelier"));
        let home = own.or_else(data).or_else(user).ok_or_else(|| {
            failed(
                ErrorCode::InvalidInput,
                format!("no folder to keep things in: set `{ATELIER_HOME}`"),
            )
        })?;
        Ok(Self { home })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(pairs: &[(&str, &str)]) -> Option<PathBuf> {
        let find = |name: &str| {
            let pair = pairs.iter().find(|(key, _)| *key == name);
            pair.map(|(_, value)| OsString::from(value))
        };
        Settings::resolve(find).ok().map(|settings| settings.home)
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
}
