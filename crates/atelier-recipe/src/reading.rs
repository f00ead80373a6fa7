//! The recipe inside a PNG, read back. The file may come from anywhere: nothing in it is believed before it is checked.

use std::path::Path;

use anyhow::Result;
use atelier_core::ErrorCode;
use atelier_data::png;
use atelier_failure::{CodedResult as _, failed};
use serde_json::Value;

use super::{FORMAT, OWN_KEYWORD, PARAMETERS_KEYWORD, Recipe};

/// Longest recipe that is read.
const MAX_BYTES: usize = 4 << 20;

/// The recipe of the picture in a file.
pub fn read(path: &Path) -> Result<Recipe> {
    let texts = png::read_text(path).coded()?;
    let own: Vec<_> = texts
        .iter()
        .filter(|(keyword, _)| keyword == OWN_KEYWORD)
        .collect();
    let problem = match own.as_slice() {
        [(_, text)] => match parse(text) {
            Ok(recipe) => return Ok(recipe),
            Err(problem) => problem,
        },
        [] if texts.iter().any(|(key, _)| key == PARAMETERS_KEYWORD) => {
            "carries the text of a web interface (`parameters`), but no recipe of this program; give its settings as flags"
                .to_owned()
        }
        [] => "carries no recipe: it was drawn by another program, or its texts were removed".to_owned(),
        more => format!("carries {} recipes, expected one", more.len()),
    };
    let message = format!("picture `{}` {problem}", path.display());
    Err(failed(ErrorCode::InvalidInput, message))
}

fn parse(text: &str) -> Result<Recipe, String> {
    let damaged = |problem: &dyn std::fmt::Display| format!("has a damaged recipe: {problem}");
    if text.len() > MAX_BYTES {
        let length = text.len();
        return Err(damaged(&format_args!(
            "it has {length} bytes, at most {MAX_BYTES} are read"
        )));
    }
    let mut value: Value = serde_json::from_str(text).map_err(|error| damaged(&error))?;
    let format = value["format"]
        .as_u64()
        .ok_or_else(|| damaged(&"it does not say its `format`"))?;
    if format == 0 || format > u64::from(FORMAT) {
        return Err(format!(
            "has a recipe of format {format}, this program reads formats 1 to {FORMAT}; use the program that drew it, or a newer one"
        ));
    }
    if format == 1 {
        read_as_then(&mut value);
    }
    let recipe: Recipe = serde_json::from_value(value).map_err(|error| damaged(&error))?;
    check(&recipe).map_err(|problem| damaged(&problem))?;
    Ok(recipe)
}

/// Refuses a recipe that could not be read again, because of what files are called.
pub(super) fn check_written(recipe: &Recipe) -> Result<()> {
    let text = serde_json::to_string(recipe).map_err(|error| error.to_string());
    let Err(problem) = text.and_then(|text| parse(&text)) else {
        return Ok(());
    };
    let message =
        format!("the picture could not be drawn again, for it {problem}; rename the file");
    Err(failed(ErrorCode::InvalidInput, message))
}

/// Programs that wrote format 1 took every character of a prompt for itself.
fn read_as_then(value: &mut Value) {
    if let Some(request) = value["request"].as_object_mut() {
        let plain = Value::from(atelier_core::PromptSyntax::Plain.name());
        request.entry("prompt_syntax").or_insert(plain);
    }
}

fn check(recipe: &Recipe) -> Result<(), String> {
    let (request, adapters) = (&recipe.request, &recipe.adapters);
    if request.adapters.len() != adapters.len() {
        return Err(format!(
            "it asks for {} adapters and describes {}",
            request.adapters.len(),
            adapters.len()
        ));
    }
    let (asked, described) = (&request.start, &recipe.start);
    let has_masks = |asked: &atelier_core::StartImage| asked.mask.is_some();
    if asked.as_ref().map(has_masks)
        != described
            .as_ref()
            .map(|described| described.mask_sha256.is_some())
    {
        return Err(
            "the start picture that it asks for is not the one that it describes".to_owned(),
        );
    }
    let mut names = vec![recipe.base.name.clone(), recipe.base.hash.clone()];
    names.extend(adapters.iter().map(|adapter| adapter.name.clone()));
    let starts = asked.iter().flat_map(|start| {
        let picture = std::iter::once(&start.path);
        picture.chain(&start.mask)
    });
    let paths = request.adapters.iter().map(|used| &used.path).chain(starts);
    names.extend(paths.map(|path| path.to_string_lossy().into_owned()));
    names.iter().try_for_each(|name| check_name(name))
}

/// Names are shown to the user and paths are opened: neither may reach the terminal's controls nor another machine.
fn check_name(name: &str) -> Result<(), String> {
    if name.chars().any(char::is_control) {
        return Err(format!("the name {name:?} in it holds control characters"));
    }
    let is_separator = |letter: char| matches!(letter, '/' | '\\');
    let mut letters = name.chars();
    // Some systems take both separators for one.
    if letters.next().is_some_and(is_separator) && letters.next().is_some_and(is_separator) {
        return Err(format!("`{name}` in it lies on another machine"));
    }
    Ok(())
}
