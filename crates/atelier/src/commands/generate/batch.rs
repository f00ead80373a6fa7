//! From flags to everything that will be drawn, checked: the base, one request for each picture, the start picture, the hashes.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use atelier_core::{AdapterUse, ErrorCode, GenerateRequest, Precision, StartPixels};
use atelier_diffusion::prompt::{PromptLine, read_prompt_file};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::{CodedResult as _, failed};
use atelier_jobs::GenerationRequest;
use atelier_store::Library;

use super::adapters_folder::AdaptersFolder;
use super::flags::GenerateArgs;
use super::library_models::LibraryModels;
use super::problems::Problems;
use super::repeat::Repeat;
use super::{start_picture, wording};
use crate::bases::{self, FoundBase};
use crate::context::App;
use crate::embedded;
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

/// One picture.
pub(super) struct Shot {
    pub(super) request: GenerateRequest,
    /// The line of its prompt, where prompts come from a file.
    pub(super) line: Option<usize>,
}

impl Batch {
    /// Finds, reads and checks everything but weights; the error lists all problems that can be seen at once.
    pub(super) fn plan(args: &GenerateArgs, app: &App) -> Result<Self> {
        let folder = args.adapters_folder.clone();
        let folder = folder.or_else(|| app.settings.adapters_folder());
        let mut adapters = AdaptersFolder::new(folder, LibraryModels::open(app)?);
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
            notes,
        };
        sketch.check(|request| lines(args, request), app)
    }

    /// The same for a job of the queue, whose adapters are models of the library.
    pub(super) fn of_job(job: &GenerationRequest, library: &Library, app: &App) -> Result<Self> {
        let folder = app.settings.adapters_folder();
        let mut adapters = AdaptersFolder::new(folder, LibraryModels::open(app)?);
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
        let found = bases::find(app, base.unwrap_or(embedded::NAME))?;
        let base = Base::open(&found.path).coded()?;
        let notes = base.files().prediction_note().into_iter().collect();
        let sketch = Sketch {
            found,
            base,
            hash: None,
            request,
            adapters,
            notes,
        };
        let one = |request: &GenerateRequest| {
            check_count(request.count)?;
            Ok(vec![(None, request.prompt.clone())])
        };
        sketch.check(one, app)
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
            mut notes,
        } = self;
        let start = start_picture::load(&mut request, &base)?;
        check_settings(&request, &base)?;
        let lines = lines(&request)?;
        let shots = shots(&request, &lines, &base, &mut adapters)?;
        check_adapters(&shots, &base)?;
        let hash = match hash {
            Some(hash) => hash,
            None => base.files().hash_with(&app.hashes()).coded()?,
        };
        if let Some(folder) = app.packed_folder() {
            base.keep_packed(folder, hash.clone());
        }
        let mut ingredients = Ingredients::new(&found.name, hash, adapters.root());
        ingredients.call(adapters.models().names());
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

/// The adapters that flags name, and the base that the first model of them is for.
fn named(
    args: &GenerateArgs,
    adapters: &mut AdaptersFolder,
) -> Result<(Vec<AdapterUse>, Option<String>)> {
    let (mut named, mut base) = (Vec::new(), None);
    let mut problems = Problems::default();
    for word in &args.adapter {
        let found = adapters.models().named(word);
        if let Some((used, own)) = problems.unless(found) {
            named.push(used);
            base = base.or(own);
        }
    }
    problems.result()?;
    Ok((named, base))
}

/// What is wrong whatever the prompts say.
fn check_settings(request: &GenerateRequest, base: &Base) -> Result<()> {
    let without_words = GenerateRequest {
        prompt: String::new(),
        prompt_2: request.prompt_2.as_ref().map(|_| String::new()),
        negative: request.negative.as_ref().map(|_| String::new()),
        negative_2: request.negative_2.as_ref().map(|_| String::new()),
        ..request.clone()
    };
    base.check(&without_words).coded()
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

/// One request for each picture, each checked; words that were checked once are not checked again.
fn shots(
    request: &GenerateRequest,
    lines: &[(Option<usize>, String)],
    base: &Base,
    adapters: &mut AdaptersFolder,
) -> Result<Vec<Shot>> {
    let (mut shots, mut problems) = (Vec::new(), Problems::default());
    let mut checked = BTreeSet::new();
    for (line, prompt) in lines {
        let place = line
            .map(|line| format!("line {line}: "))
            .unwrap_or_default();
        let asked = GenerateRequest {
            prompt: prompt.clone(),
            ..request.clone()
        };
        for index in 0..request.count as u64 {
            let own = wording::of_picture(&asked, index, adapters);
            let Some(own) = problems.unless_at(&place, own) else {
                continue;
            };
            let words = [
                Some(own.prompt.clone()),
                own.prompt_2.clone(),
                own.negative.clone(),
                own.negative_2.clone(),
            ];
            if checked.insert(words) {
                problems.unless_at(&place, base.check(&own).coded());
            }
            if problems.is_empty() {
                shots.push(Shot {
                    request: own,
                    line: *line,
                });
            }
        }
    }
    problems.result()?;
    Ok(shots)
}

/// Every adapter must fit the base.
fn check_adapters(shots: &[Shot], base: &Base) -> Result<()> {
    let (mut fitted, mut problems) = (BTreeSet::new(), Problems::default());
    for adapter in shots.iter().flat_map(|shot| &shot.request.adapters) {
        if fitted.insert(&adapter.path) {
            problems.unless(base.fit_adapter(adapter).coded());
        }
    }
    problems.result()
}
