//! From flags to everything that will be drawn, checked: the base, one request for each picture, the start picture, the hashes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use atelier_app::bases::{self, FoundBase};
use atelier_app::context::App;
use atelier_app::embedded;
use atelier_core::{AdapterUse, ErrorCode, GenerateRequest, Precision, StartPixels};
use atelier_diffusion::prompt::{PromptLine, read_prompt_file};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, failed};
use atelier_jobs::GenerationRequest;
use atelier_store::Library;

use super::adapters_folder::AdaptersFolder;
use super::flags::GenerateArgs;
use super::problems::Problems;
use super::repeat::Repeat;
use super::shots::{Shot, check_adapters, check_kept, check_settings, shots};
use super::start_picture;
use crate::commands::library_models::LibraryModels;
use atelier_recipe::Ingredients;

/// Pictures of one call.
const MOST_PICTURES: usize = 10_000;

/// Longest file of prompts.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Prompts, with their lines where they come from a file.
type Lines = Vec<(Option<usize>, String)>;

/// Everything that one call draws.
pub(super) struct Batch {
    pub(super) base: Base,
    /// In the order of the prompts, then of the seeds.
    pub(super) shots: Vec<Shot>,
    pub(super) start: Option<StartPixels>,
    pub(super) ingredients: Ingredients,
    /// What is worth telling before anything is drawn.
    pub(super) notes: Vec<String>,
}

impl Batch {
    /// Finds, reads and checks everything but weights; the error lists all problems that can be seen at once.
    pub(super) fn plan(args: &GenerateArgs, app: &App) -> Result<Self> {
        let folder = args.adapters_folder.clone();
        let folder = folder.or_else(|| app.settings.adapters_folder());
        let mut adapters = AdaptersFolder::new(folder, LibraryModels::open_when_asked(app));
        let repeat = args.from.as_deref().map(Repeat::read).transpose()?;
        let (named, model_base) = named(args, &mut adapters)?;
        let found = if let Some(repeat) = &repeat {
            repeat.base(args.base.as_deref(), app)?
        } else {
            let base = args.base.as_deref().or(model_base.as_deref());
            bases::find(app, base.unwrap_or(embedded::NAME))?
        };
        let base = Base::open(&found.path).coded()?;
        let mut hash = None;
        let mut request = GenerateRequest::default();
        let mut notes: Vec<_> = base.files().prediction_note().into_iter().collect();
        if let Some(repeat) = &repeat {
            // Of another base, nothing else of the recipe is worth a look.
            let hash = hash.insert(base.files().hash_with(&app.hashes()).coded()?);
            repeat.check_base(&found, hash)?;
            request = repeat.request(args, &mut adapters)?;
        }
        let recorded = request.clone();
        args.apply_to(&mut request)?;
        if args.has_adapters() {
            request.adapters = named;
        }
        notes.extend(repeat.and_then(|repeat| repeat.note(&recorded, &request)));
        let sketch = Sketch {
            found,
            base,
            hash,
            request,
            adapters,
            variants: Vec::new(),
            start_names: BTreeMap::new(),
            notes,
        };
        sketch.check(|request| lines(args, request), app)
    }

    /// The same for a job of the queue, whose adapters are models of the library.
    pub(super) fn of_job(job: &GenerationRequest, library: &Library, app: &App) -> Result<Self> {
        let folder = app.settings.adapters_folder();
        // What the prompt names is looked up as whoever asked for the drawing sees it.
        let mut adapters = AdaptersFolder::new(folder, LibraryModels::of(library));
        let mut request = job.request.clone();
        let mut model_base = None;
        for used in &job.models {
            let model = library.get_model(used.model).coded()?;
            let adapter = AdapterUse {
                path: adapters.models().using((&model, used.epoch), library)?,
                strength: used.strength.unwrap_or(model.strength),
                text_strength: used.text_strength,
            };
            request.adapters.push(adapter);
            model_base.get_or_insert(model.base);
        }
        let base = job.base.as_deref().or(model_base.as_deref());
        let base = base.unwrap_or(embedded::NAME);
        // The one that the drawing was judged with, also where a hub has another by now.
        let found = bases::find_here(app, base).or_else(|_| bases::find(app, base))?;
        let base = Base::open(&found.path).coded()?;
        let notes = base.files().prediction_note().into_iter().collect();
        let sketch = Sketch {
            found,
            base,
            hash: None,
            request,
            adapters,
            variants: Vec::new(),
            start_names: start_names(job),
            notes,
        };
        let one = |request: &GenerateRequest| {
            check_count(request.count)?;
            Ok(vec![(None, request.prompt.clone())])
        };
        sketch.check(one, app)
    }

    /// One picture of the request with each of these adapters in turn, which are those of `adapters` or files.
    pub(super) fn of_variants(
        (found, request): (FoundBase, GenerateRequest),
        (variants, adapters): (Vec<AdapterUse>, AdaptersFolder),
        app: &App,
    ) -> Result<Self> {
        let base = Base::open(&found.path).coded()?;
        let notes = base.files().prediction_note().into_iter().collect();
        let sketch = Sketch {
            found,
            base,
            hash: None,
            request,
            adapters,
            variants,
            start_names: BTreeMap::new(),
            notes,
        };
        sketch.check(|request| Ok(vec![(None, request.prompt.clone())]), app)
    }

    /// The arithmetic of the base, which all pictures share.
    pub(super) fn precision(&self) -> Precision {
        let first = self.shots.first();
        first.map_or_else(Precision::default, |shot| shot.request.precision)
    }
}

/// What is drawn, not checked yet.
struct Sketch {
    found: FoundBase,
    base: Base,
    /// The base's hash, where it is known.
    hash: Option<String>,
    request: GenerateRequest,
    adapters: AdaptersFolder,
    /// Adapters of which each is drawn with in turn, beside those of the request.
    variants: Vec<AdapterUse>,
    /// What the files of start pictures are called in recipes, where their own names say nothing.
    start_names: BTreeMap<PathBuf, String>,
    notes: Vec<String>,
}

impl Sketch {
    /// Checks everything but weights; `lines` gives the prompts.
    fn check(
        self,
        lines: impl FnOnce(&GenerateRequest) -> Result<Lines>,
        app: &App,
    ) -> Result<Batch> {
        let Self {
            found,
            mut base,
            hash,
            mut request,
            mut adapters,
            variants,
            start_names,
            mut notes,
        } = self;
        let start = start_picture::load(&mut request, &base)?;
        check_settings(&request, &base)?;
        let lines = lines(&request)?;
        let (mut problems, mut all) = (Problems::default(), Vec::new());
        for request in varied(&request, &variants) {
            let base = (&base, &mut adapters);
            all.extend(shots(&request, &lines, base, &mut problems));
        }
        problems.result()?;
        let shots = all;
        let mut problems = Problems::default();
        check_kept(&shots, adapters.models(), &mut problems);
        problems.result()?;
        let mut problems = Problems::default();
        check_adapters(&shots, &base, &mut problems);
        problems.result()?;
        let hash = match hash {
            Some(hash) => hash,
            None => base.files().hash_with(&app.hashes()).coded()?,
        };
        if let Some(folder) = app.packed_folder() {
            base.keep_packed(folder, hash.clone());
        }
        let mut ingredients = Ingredients::new(&found.name, hash, adapters.root());
        ingredients.call(adapters.models().names().clone());
        ingredients.call(start_names);
        for shot in &shots {
            ingredients.take_in(&shot.request)?;
        }
        let (start, more) = start.map(|start| (start.pixels, start.notes)).unzip();
        notes.extend(more.into_iter().flatten());
        Ok(Batch {
            base,
            shots,
            start,
            ingredients,
            notes,
        })
    }
}

/// The request with each of these adapters in turn; as it is where there are none.
fn varied(request: &GenerateRequest, variants: &[AdapterUse]) -> Vec<GenerateRequest> {
    if variants.is_empty() {
        return vec![request.clone()];
    }
    let with = |variant: &AdapterUse| {
        let mut request = request.clone();
        request.adapters.push(variant.clone());
        request
    };
    variants.iter().map(with).collect()
}

/// The names of a job's start picture and its mask, by the copies that the queue made.
fn start_names(job: &GenerationRequest) -> BTreeMap<PathBuf, String> {
    let mut names = BTreeMap::new();
    if let (Some(used), Some(copy)) = (&job.start, &job.request.start) {
        names.insert(copy.path.clone(), used.picture.name.clone());
        if let (Some(used), Some(copy)) = (&used.mask, &copy.mask) {
            names.insert(copy.clone(), used.name.clone());
        }
    }
    names
}

/// The adapters that flags name, and the base that the first model of them is for.
fn named(
    args: &GenerateArgs,
    adapters: &mut AdaptersFolder,
) -> Result<(Vec<AdapterUse>, Option<String>)> {
    let (mut named, mut base) = (Vec::new(), None);
    let mut problems = Problems::default();
    for word in &args.adapter {
        let found = adapters.models().named(word);
        if let Some(found) = problems.unless(found) {
            named.push(found.used);
            base = base.or(found.model.map(|model| model.base));
        }
    }
    problems.result()?;
    Ok((named, base))
}

/// The prompts, with their lines where they come from a file.
fn lines(args: &GenerateArgs, request: &GenerateRequest) -> Result<Lines> {
    let lines: Vec<_> = match &args.prompts {
        Some(path) => read_lines(path, request)?
            .into_iter()
            .map(|PromptLine { line, text }| (Some(line), text))
            .collect(),
        None => vec![(None, request.prompt.clone())],
    };
    check_count(lines.len().saturating_mul(request.count))?;
    Ok(lines)
}

fn check_count(pictures: usize) -> Result<()> {
    if pictures > MOST_PICTURES {
        let message = format!(
            "{pictures} pictures are too many for one call, at most {MOST_PICTURES} are drawn; ask for fewer with `--count`"
        );
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    Ok(())
}

fn read_lines(path: &Path, request: &GenerateRequest) -> Result<Vec<PromptLine>> {
    if path.exists() && !path.is_file() {
        let message = format!("prompts `{}` are not a regular file", path.display());
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    if let Ok(about) = path.metadata()
        && about.len() > MAX_FILE_BYTES
    {
        let (length, path) = (about.len(), path.display());
        let message =
            format!("prompts `{path}` have {length} bytes, at most {MAX_FILE_BYTES} are read");
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    read_prompt_file(path, request.prompt_syntax).coded()
}
