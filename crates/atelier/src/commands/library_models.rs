//! The library's models as adapters: by name, by content, and at their own strength where none is given; what is damaged is
//! refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::slice;
use std::str::FromStr;

use anyhow::Result;
use atelier_adapters::AdapterFile;
use atelier_app::context::App;
use atelier_core::{AdapterUse, AdapterUseError, Coded as _, ErrorCode};
use atelier_failure::{CodedResult as _, code_of, failed, messages, shell_word};
use atelier_store::{Library, Model};
use atelier_weights::sha256_file;

/// An adapter as a flag names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AdapterWord {
    pub(super) used: AdapterUse,
    /// Whether it says a strength.
    has_strength: bool,
}

impl AdapterWord {
    /// A word without a strength, whatever stands in it.
    pub(super) fn plain(path: &Path) -> Self {
        Self {
            used: AdapterUse::new(path, 1.0),
            has_strength: false,
        }
    }

    /// Whether it names a file, or a folder that holds an adapter; any other folder may have the name of a model.
    fn is_adapter(&self) -> bool {
        AdapterFile::weights_path(&self.used.path).is_file()
    }
}

impl FromStr for AdapterWord {
    type Err = AdapterUseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let used: AdapterUse = text.parse()?;
        let has_strength = used.path != Path::new(text);
        Ok(Self { used, has_strength })
    }
}

/// An adapter that a word names, found.
#[derive(Debug, Clone)]
pub(super) struct FoundAdapter {
    pub(super) used: AdapterUse,
    /// The model, where it is one of the library.
    pub(super) model: Option<Model>,
}

impl FoundAdapter {
    /// What messages call it: the model's name, else the file as it was named.
    pub(super) fn name(&self) -> String {
        let path = || self.used.path.display().to_string();
        self.model_name().map_or_else(path, str::to_owned)
    }

    /// What records call it: the model's name, else that of the file without its ending.
    pub(super) fn title(&self) -> String {
        let stem = self.used.path.file_stem().unwrap_or_default();
        let stem = || stem.to_string_lossy().into_owned();
        self.model_name().map_or_else(stem, str::to_owned)
    }

    /// The name of the model.
    pub(super) fn model_name(&self) -> Option<&str> {
        self.model.as_ref().map(|model| model.about.name.as_str())
    }
}

/// The models of the library, where there is one, and which of them are used.
#[derive(Debug, Default)]
pub(super) struct LibraryModels {
    library: Option<Library>,
    /// Why there is none, where one is there that cannot be read: of concern to whoever looks something up in it.
    problem: Option<(ErrorCode, String)>,
    /// Names of models and start pictures, by the files that stand for them.
    names: BTreeMap<PathBuf, String>,
    /// The models whose own files are used, by these.
    used: BTreeMap<PathBuf, Model>,
}

impl LibraryModels {
    /// Those of the program's own place; no library is made.
    pub(super) fn open(app: &App) -> Result<Self> {
        Ok(Self {
            library: app.library_if_any()?,
            ..Self::default()
        })
    }

    /// The same, where nothing may be looked up in it: a library that cannot be read is a failure of looking things up.
    pub(super) fn open_when_asked(app: &App) -> Self {
        match app.library_if_any() {
            Ok(library) => Self {
                library,
                ..Self::default()
            },
            Err(error) => Self {
                problem: Some((code_of(&error), messages(&error).join(": "))),
                ..Self::default()
            },
        }
    }

    /// The library to look things up in, where there is one.
    fn library(&self) -> Result<Option<&Library>> {
        match &self.problem {
            Some((code, message)) => Err(failed(*code, message.clone())),
            None => Ok(self.library.as_ref()),
        }
    }

    /// The adapter that a word without a strength names, whole.
    pub(super) fn find_one(app: &App, path: &Path) -> Result<FoundAdapter> {
        let word = AdapterWord::plain(path);
        Self::for_words(app, slice::from_ref(&word))?.whole(&word)
    }

    /// The adapters that words name, each of them whole.
    pub(super) fn find_all(app: &App, words: &[AdapterWord]) -> Result<Vec<FoundAdapter>> {
        let mut models = Self::for_words(app, words)?;
        words.iter().map(|word| models.whole(word)).collect()
    }

    /// Those that words may name: where all of them name files, no library is opened.
    fn for_words(app: &App, words: &[AdapterWord]) -> Result<Self> {
        if words.iter().all(AdapterWord::is_adapter) {
            return Ok(Self::default());
        }
        Self::open(app)
    }

    /// What a word names, as [`Self::named`] finds it and [`Self::check`] lets it pass.
    fn whole(&mut self, word: &AdapterWord) -> Result<FoundAdapter> {
        let found = self.named(word)?;
        self.check(&found.used.path)?;
        Ok(found)
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
            ..Self::default()
        }
    }

    /// Whether nothing of the library is hidden.
    pub(super) fn are_all(&self) -> bool {
        let mut library = self.library.iter();
        library.all(|library| library.viewer().sees_all())
    }

    /// The model of this name.
    pub(super) fn find(&mut self, name: &str) -> Result<Option<(Model, PathBuf)>> {
        let Some(library) = self.library()? else {
            return Ok(None);
        };
        match library.find_model(name) {
            Ok(model) => {
                let file = library.model_file(&model);
                self.use_own(&model, &file);
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
        let Some(epoch) = epoch.filter(|&epoch| Some(epoch) != model.epoch) else {
            let file = library.model_file(model);
            self.use_own(model, &file);
            return Ok(file);
        };
        let (run, checkpoint) = library.model_checkpoint(model, epoch).coded()?;
        if sha256_file(&checkpoint.path).coded()? != checkpoint.hash {
            let (run, path) = (&run.name, checkpoint.path.display());
            let message = format!("`{path}` is not what run `{run}` wrote after epoch {epoch}");
            return Err(failed(ErrorCode::DamagedLibrary, message));
        }
        let name = format!("{} epoch {epoch}", model.about.name);
        self.names.insert(checkpoint.path.clone(), name);
        Ok(checkpoint.path)
    }

    /// Takes note that a model's own file is used.
    fn use_own(&mut self, model: &Model, file: &Path) {
        self.names.insert(file.to_owned(), model.about.name.clone());
        self.used.insert(file.to_owned(), model.clone());
    }

    /// Refuses the file of a model that is not what the library keeps under it, which is read for that. Any other file passes.
    pub(super) fn check(&self, file: &Path) -> Result<()> {
        let (Some(model), Some(library)) = (self.used.get(file), &self.library) else {
            return Ok(());
        };
        let problem = if !file.exists() {
            "is gone"
        } else if sha256_file(file).coded()? == model.hash {
            return Ok(());
        } else {
            "has another content than the library kept"
        };
        let name = &model.about.name;
        let place = library.catalogue().parent();
        let place = place.and_then(|home| file.strip_prefix(home).ok());
        let place = place.unwrap_or(file).display();
        let message = format!("cannot use model `{name}`: its file `{place}` {problem}");
        let way_out = way_out(model, library).unwrap_or_default();
        Err(failed(
            ErrorCode::DamagedLibrary,
            format!("{message}{way_out}"),
        ))
    }

    /// The whole file with this SHA-256, where a model has it or a run wrote it, under the name of that one.
    pub(super) fn with_content(&mut self, sha256: &str) -> Result<Option<PathBuf>> {
        let is_whole = |file: &Path| sha256_file(file).is_ok_and(|found| found == sha256);
        if let Some((model, file)) = self.keeping(sha256)?
            && is_whole(&file)
        {
            self.use_own(&model, &file);
            return Ok(Some(file));
        }
        let Some(library) = self.library()? else {
            return Ok(None);
        };
        let checkpoint = library.find_checkpoint(sha256).coded()?;
        let checkpoint = checkpoint.filter(|(_, checkpoint)| is_whole(&checkpoint.path));
        let Some((run, checkpoint)) = checkpoint else {
            return Ok(None);
        };
        let name = format!("{} epoch {}", run.name, checkpoint.epoch);
        self.names.insert(checkpoint.path.clone(), name);
        Ok(Some(checkpoint.path))
    }

    /// Refuses this SHA-256 where a model should have it: its file is damaged or gone.
    pub(super) fn check_content(&mut self, sha256: &str) -> Result<()> {
        let Some((model, file)) = self.keeping(sha256)? else {
            return Ok(());
        };
        self.use_own(&model, &file);
        self.check(&file)
    }

    /// The model that should have this SHA-256, and its file, whatever that holds.
    fn keeping(&self, sha256: &str) -> Result<Option<(Model, PathBuf)>> {
        let Some(library) = self.library()? else {
            return Ok(None);
        };
        let models = library.list_models(false).coded()?.into_iter();
        let mut models = models.filter(|model| model.hash == sha256);
        Ok(models.next().map(|model| {
            let file = library.model_file(&model);
            (model, file)
        }))
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

    /// What a word names: a file, else a model of that name, at its own strength where the word says none.
    pub(super) fn named(&mut self, word: &AdapterWord) -> Result<FoundAdapter> {
        let AdapterUse { path, .. } = &word.used;
        let as_file = || FoundAdapter {
            used: word.used.clone(),
            model: None,
        };
        let Some(name) = path.to_str().filter(|_| !word.is_adapter()) else {
            return Ok(as_file());
        };
        if let Some((model, file)) = self.find(name)? {
            let mut used = AdapterUse {
                path: file,
                ..word.used.clone()
            };
            if !word.has_strength {
                used.strength = model.strength;
            }
            let model = Some(model);
            return Ok(FoundAdapter { used, model });
        }
        if name.contains(['/', '\\']) || path.extension().is_some() {
            // A file that is not there; whoever reads it says so.
            return Ok(as_file());
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

/// How a damaged file of a model is written again, where its run still has what it came from.
fn way_out(model: &Model, library: &Library) -> Option<String> {
    let epoch = model.epoch?;
    let (_, checkpoint) = library.model_checkpoint(model, epoch).ok()?;
    let is_whole = sha256_file(&checkpoint.path).is_ok_and(|found| found == model.hash);
    let name = shell_word(&model.about.name);
    is_whole.then(|| {
        format!("; `atelier model update {name} --epoch {epoch}` writes it again from its run")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_without_a_strength_keeps_what_stands_in_it() {
        let word = AdapterWord::plain(Path::new("a:0.5"));
        assert_eq!(word.used, AdapterUse::new("a:0.5", 1.0));
        assert!(!word.has_strength);
    }

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
