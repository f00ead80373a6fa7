//! From the words of a request to those of each picture: choices in braces are made, adapters that a prompt names are looked up.

use anyhow::Result;
use atelier_core::{ErrorCode, GenerateRequest, PromptSyntax, Seed};
use atelier_diffusion::prompt::{LoraTag, expand, take_loras};
use atelier_failure::{CodedResult as _, failed};

use super::adapters_folder::AdaptersFolder;
use super::problems::Problems;

/// Adapters of one picture.
const MOST_ADAPTERS: usize = 32;

/// The request of one picture: its own seed, no choices and no adapter names left in its words.
pub(super) fn of_picture(
    request: &GenerateRequest,
    index: u64,
    adapters: &mut AdaptersFolder,
) -> Result<GenerateRequest> {
    let mut own = GenerateRequest {
        seed: request.seed.nth(index),
        count: 1,
        ..request.clone()
    };
    refuse_zero_bytes(&own)?;
    if own.prompt_syntax == PromptSyntax::Plain {
        return Ok(own);
    }
    let mut tags = take(&mut own.prompt, own.seed)?;
    if let Some(second) = &mut own.prompt_2 {
        for tag in take(second, own.seed)? {
            // Both encoders read of the same adapter: that is one adapter, not two.
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
    }
    for negative in own.negative.iter_mut().chain(&mut own.negative_2) {
        if let Some(tag) = take(negative, own.seed)?.first() {
            let message = format!(
                "the negative prompt names the adapter `{tag}`; an adapter works on the whole picture, name it in the prompt"
            );
            return Err(failed(ErrorCode::InvalidInput, message));
        }
    }
    let mut problems = Problems::default();
    for tag in &tags {
        let Some(used) = problems.unless(adapters.look_up(tag)) else {
            continue;
        };
        if own.adapters.iter().any(|other| other.path == used.path) {
            let message = format!(
                "the adapter `{tag}` is named more than once; name it once, at the strength that you want"
            );
            problems.unless(Err::<(), _>(failed(ErrorCode::InvalidInput, message)));
        }
        own.adapters.push(used);
    }
    problems.result()?;
    if own.adapters.len() > MOST_ADAPTERS {
        let count = own.adapters.len();
        let message =
            format!("{count} adapters are named, at most {MOST_ADAPTERS} are used together");
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    Ok(own)
}

/// Makes the choices of a text and takes out the adapters that it names.
fn take(text: &mut String, seed: Seed) -> Result<Vec<LoraTag>> {
    let expanded = expand(text, seed).coded()?;
    let (rest, tags) = take_loras(&expanded).coded()?;
    *text = match tags.as_slice() {
        [] => rest,
        _ => rest.trim().to_owned(),
    };
    Ok(tags)
}

/// A recipe is text inside a PNG, where this byte ends one; better known before the picture is drawn.
fn refuse_zero_bytes(request: &GenerateRequest) -> Result<()> {
    let others = [&request.prompt_2, &request.negative, &request.negative_2];
    let others = others.into_iter().flatten();
    if std::iter::once(&request.prompt)
        .chain(others)
        .any(|text| text.contains('\0'))
    {
        let message = "a prompt holds a zero byte, which the text inside a PNG cannot hold";
        return Err(failed(ErrorCode::InvalidInput, message));
    }
    Ok(())
}
