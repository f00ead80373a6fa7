//! What is wrong with a drawing, before it gets a place in the queue.

use anyhow::Result;
use atelier_app::bases;
use atelier_app::context::App;
use atelier_core::{AdapterUse, GenerateRequest};
use atelier_diffusion::stable_diffusion::Base;
use atelier_failure::CodedResult as _;

use super::adapters_folder::AdaptersFolder;
use super::problems::Problems;
use super::shots::{Shot, check_adapters, check_settings, shots};
use crate::commands::library_models::LibraryModels;

/// Everything that is wrong with a request on a base of this machine, in the words with which drawing it would end. No weights
/// and no pictures are read.
///
/// # Errors
/// When the base itself cannot be used.
pub(crate) fn drawing_problems(
    (base, request): (&str, &GenerateRequest),
    account: Option<&str>,
    app: &App,
) -> Result<Vec<String>> {
    let found = bases::find_here(app, base)?;
    let base = Base::open(&found.path).coded()?;
    let folder = app.settings.adapters_folder();
    // The library is opened where a prompt may name something of it.
    let models = if has_marks(request) {
        LibraryModels::open(app)?.seen_by(account)?
    } else {
        LibraryModels::default()
    };
    let mut adapters = AdaptersFolder::new(folder, models);
    Ok(problems(request, &base, &mut adapters))
}

fn has_marks(request: &GenerateRequest) -> bool {
    let others = [&request.prompt_2, &request.negative, &request.negative_2];
    let mut texts = others.into_iter().flatten().chain([&request.prompt]);
    texts.any(|text| text.contains('<'))
}

fn problems(request: &GenerateRequest, base: &Base, adapters: &mut AdaptersFolder) -> Vec<String> {
    let mut problems = Problems::default();
    problems.unless(check_settings(request, base));
    let words = words_alone(request, base);
    let line = (None, words.prompt.clone());
    let mut shots = shots(&words, &[line], (base, adapters), &mut problems);
    // Also when the words are wrong.
    let request = request.clone();
    shots.push(Shot {
        request,
        line: None,
    });
    check_adapters(&shots, base, &mut problems);
    problems.into_texts()
}

/// The words of a request with usual settings, so that these are not refused twice.
fn words_alone(request: &GenerateRequest, base: &Base) -> GenerateRequest {
    let has_second = base.texts.len() > 1;
    GenerateRequest {
        prompt: request.prompt.clone(),
        prompt_2: request.prompt_2.clone().filter(|_| has_second),
        negative: request.negative.clone(),
        negative_2: request.negative_2.clone().filter(|_| has_second),
        prompt_syntax: request.prompt_syntax,
        seed: request.seed,
        count: request.count,
        // Their own strengths were judged with the settings.
        adapters: request
            .adapters
            .iter()
            .map(|used| AdapterUse::new(&used.path, 1.0))
            .collect(),
        ..GenerateRequest::default()
    }
}

#[cfg(test)]
mod tests {
    use atelier_core::StartImage;
    use atelier_testkit::tiny_sd15;

    use super::*;

    fn found(request: &GenerateRequest) -> Vec<String> {
        let base = Base::open(&tiny_sd15()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = Some(folder.path().to_owned());
        let mut adapters = AdaptersFolder::new(root, LibraryModels::default());
        problems(request, &base, &mut adapters)
    }

    #[test]
    fn settings_words_and_adapters_are_judged_together_and_each_once() {
        let request = GenerateRequest {
            prompt: "a cat <lora:absent:0.8> <lora:strong:2>".to_owned(),
            clip_skip: 99,
            start: Some(StartImage {
                path: "beach.png".into(),
                denoise: 0.01,
                mask: None,
            }),
            adapters: vec![AdapterUse::new("/nowhere/a.safetensors", 1.0)],
            count: 3,
            ..GenerateRequest::default()
        };
        let found = found(&request);
        let text = found.join("\n");
        for part in [
            "`clip_skip` is 99",
            "`denoise` 0.01 of 30 steps leaves no step to draw",
            "no adapter `absent` in",
            "/nowhere/a.safetensors",
        ] {
            assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
        }
    }

    #[test]
    fn wrong_tags_are_told_and_good_requests_have_no_problems() {
        let of = |prompt: &str| {
            found(&GenerateRequest {
                prompt: prompt.to_owned(),
                ..GenerateRequest::default()
            })
        };
        assert!(of("a (cat:1.2) {in|on} a box").is_empty());
        assert!(of("<lora:a:2>")[0].contains("must lie between 0 and 1.5"));
        assert!(of("<lora:a:b>")[0].contains("lora"));
    }
}
