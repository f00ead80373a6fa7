//! The library's models as adapters: by name, by content, and at their own strength where none is given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use atelier_adapters::AdapterFile;
use atelier_app::context::App;
use atelier_core::{AdapterUse, AdapterUseError, Coded as _, ErrorCode};
use atelier_failure::{CodedResult as _, failed};
use atelier_store::{CATALOGUE, Library, Model};
use atelier_weights::sha256_file;

/// An adapter as a flag names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AdapterWord {
    pub(super) used: AdapterUse,
    /// Whether it says a strength.
    has_strength: bool,
}

impl FromStr for AdapterWord {
    type Err = AdapterUseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let used: AdapterUse = text.parse()?;
        let has_strength = used.path != Path::new(text);
        Ok(Self { used, has_strength })
    }
}

/// The models of the library, where there is one, and which of them are used.
#[derive(Debug, Default)]
pub(super) struct LibraryModels {
    library: Option<Library>,
    /// Names of models and start pictures, by the files that stand for them.
    names: BTreeMap<PathBuf, String>,
}

impl LibraryModels {
    /// Those of the program's own place; no library is made.
    pub(super) fn open(app: &App) -> Result<Self> {
        let home = app.settings.home.as_deref();
        let is_there = home.is_some_and(|home| home.join(CATALOGUE).exists());
        let library = is_there.then(|| app.library()).transpose()?;
        Ok(Self {
            library,
            names: BTreeMap::new(),
        })
    }

    /// Those that an account sees, by its id; the user of the machine sees all.
    pub(super) fn seen_by(self, account: Option<&str>) -> Result<Self> {
        let id = account.map(str::parse).transpose().coded()?;
        let seen = self.library.map(|library| library.seen_by_account(id));
        Ok(Self {
            library: seen.transpose().coded()?,
            ..self
        })
    }

    /// Those of a library that is open.
    pub(super) fn of(library: &Library) -> Self {
        Self {
            library: Some(library.clone()),
            names: BTreeMap::new(),
        }
    }

    /// Whether nothing of the library is hidden.
    pub(super) fn are_all(&self) -> bool {
        let mut library = self.library.iter();
        library.all(|library| library.viewer().sees_all())
    }

    /// The model of this name.
    pub(super) fn find(&mut self, name: &str) -> Result<Option<(Model, PathBuf)>> {
        let Some(library) = &self.library else {
            return Ok(None);
        };
        match library.find_model(name) {
            Ok(model) => {
                let file = library.model_file(&model);
                self.names.insert(file.clone(), model.about.name.clone());
                Ok(Some((model, file)))
            }
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error).coded(),
        }
    }

    /// The file of a model, or of another epoch of its run, which is recorded under the model's name.
    pub(super) fn using(
        &mut self,
        (model, epoch): (&Model, Option<usize>),
        library: &Library,
    ) -> Result<PathBuf> {
        let name = &model.about.name;
        let (file, name) = match epoch.filter(|&epoch| Some(epoch) != model.epoch) {
            None => (library.model_file(model), name.clone()),
            Some(epoch) => {
                let (run, checkpoint) = library.model_checkpoint(model, epoch).coded()?;
                if sha256_file(&checkpoint.path).coded()? != checkpoint.hash {
                    let (run, path) = (&run.name, checkpoint.path.display());
                    let message =
                        format!("`{path}` is not what run `{run}` wrote after epoch {epoch}");
                    return Err(failed(ErrorCode::DamagedLibrary, message));
                }
                (checkpoint.path, format!("{name} epoch {epoch}"))
            }
        };
        self.names.insert(file.clone(), name);
        Ok(file)
    }

    /// The file with this SHA-256, where a model has it, under the name of that model.
    pub(super) fn with_content(&mut self, sha256: &str) -> Result<Option<PathBuf>> {
        let Some(library) = &self.library else {
            return Ok(None);
        };
        let models = library.list_models(false).coded()?;
        let (file, name) = match models.into_iter().find(|model| model.hash == sha256) {
            Some(model) => (library.model_file(&model), model.about.name),
            None => match library.find_checkpoint(sha256).coded()? {
                Some((run, checkpoint)) => {
                    let name = format!("{} epoch {}", run.name, checkpoint.epoch);
                    (checkpoint.path, name)
                }
                None => return Ok(None),
            },
        };
        self.names.insert(file.clone(), name);
        Ok(Some(file))
    }

    /// The library's own copy of a start picture with this SHA-256, where it has one; recorded again under this name.
    pub(super) fn picture_with_content(&mut self, sha256: &str, name: &Path) -> Option<PathBuf> {
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        let library = self.library.as_ref().filter(|_| is_hash)?;
        let path = library.blobs().path(sha256);
        if !path.is_file() {
            return None;
        }
        let name = name.file_name().unwrap_or(name.as_os_str());
        let name = name.to_string_lossy().into_owned();
        self.names.insert(path.clone(), name);
        Some(path)
    }

    /// What a flag names: a file, else a model of that name, at its own strength where the flag says none. And the base of
    /// the model.
    pub(super) fn named(&mut self, word: &AdapterWord) -> Result<(AdapterUse, Option<String>)> {
        let AdapterUse { path, .. } = &word.used;
        // A file, or a folder that holds an adapter; any other folder may have the name of a model.
        let is_adapter = AdapterFile::weights_path(path).is_file();
        let name = path.to_str().filter(|_| !is_adapter);
        let Some(name) = name else {
            return Ok((word.used.clone(), None));
        };
        if let Some((model, file)) = self.find(name)? {
            let mut used = AdapterUse {
                path: file,
                ..word.used.clone()
            };
            if !word.has_strength {
                used.strength = model.strength;
            }
            return Ok((used, Some(model.base)));
        }
        if name.contains(['/', '\\']) || path.extension().is_some() {
            // A file that is not there; whoever reads it says so.
            return Ok((word.used.clone(), None));
        }
        let message = format!(
            "`{name}` is neither an adapter file nor a model of the library; `atelier model list` shows these"
        );
        Err(failed(ErrorCode::NotFound, message))
    }

    /// The names of what was found, by the files that stand for them.
    pub(super) fn names(&self) -> &BTreeMap<PathBuf, String> {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_knows_whether_it_says_a_strength() {
        let word = |text: &str| text.parse::<AdapterWord>().unwrap();
        assert!(!word("faces-1").has_strength);
        assert!(!word("C:\\a.safetensors").has_strength);
        let said = word("faces-1:0.5");
        assert!(said.has_strength);
        assert_eq!(said.used, AdapterUse::new("faces-1", 0.5));
        assert!("faces-1:2".parse::<AdapterWord>().is_err());
    }
}
