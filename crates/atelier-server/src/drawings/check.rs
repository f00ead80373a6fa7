//! What is wrong with a drawing, before it gets a place in the queue: everything together, in the words of whoever draws.

use atelier_core::{AdapterUse, GenerateRequest, StartImage};
use atelier_http::answer::Result;
use atelier_jobs::GenerationRequest;
use atelier_store::{Error, Library, Model, StartPicture};

use super::request::{DrawingRequest, UsedModel};
use crate::app::App;

/// Longest prompt.
const PROMPT_CHARS: usize = 10_000;
/// Longest side.
const MAX_SIDE: usize = 2048;
/// Pixels of a latent, in every family that there is.
const FACTOR: usize = 8;
/// Most pictures of a drawing.
const MOST_PICTURES: usize = 64;
/// Most layers of text encoders that are skipped.
const MOST_SKIPPED: usize = 11;
/// Models that take part.
const MOST_MODELS: usize = 8;

/// What a drawing comes to.
#[derive(Debug)]
pub(super) struct Checked {
    /// The base that draws it, where one is named or a model says it.
    pub(super) base: Option<String>,
    /// The models with the epoch and the strength that they have now, so that the drawing can be asked for again when they
    /// have others.
    pub(super) models: Vec<UsedModel>,
    /// The request with the files of its models and the size that it will have, as the planner judges it.
    pub(super) request: GenerateRequest,
}

impl Checked {
    /// Looks up what a request names.
    ///
    /// # Errors
    /// When it names a model, an epoch or a start picture that is not there, or that is in the trash.
    pub(super) fn look_up(library: &Library, wanted: &DrawingRequest) -> Result<Self> {
        let mut base = wanted.base.clone();
        let mut request = GenerationRequest::from(wanted.clone()).request;
        let mut models = Vec::new();
        // More are refused for their number, whichever they are.
        for used in wanted.models.iter().take(MOST_MODELS) {
            let model = library.get_model(used.model)?;
            request.adapters.push(adapter(library, &model, used)?);
            models.push(UsedModel {
                epoch: used.epoch.or(model.epoch),
                strength: used.strength.or(Some(model.strength)),
                ..used.clone()
            });
            base.get_or_insert(model.base);
        }
        if let Some(start) = &wanted.start {
            let picture = library.get_start_picture(start.picture)?;
            if let Some(mask) = start.mask {
                library.get_start_picture(mask)?;
            }
            let (width, height) = size(&picture, wanted);
            (request.width, request.height) = (Some(width), Some(height));
            request.start = Some(StartImage {
                path: picture.name.into(),
                denoise: start.denoise,
                mask: None,
            });
        }
        Ok(Self {
            base,
            models,
            request,
        })
    }

    /// What the planner finds, in what is left when the values that were refused already are as nobody would refuse them.
    pub(super) fn problems(&self, app: &App, base: &str) -> Result<Vec<String>> {
        let mut usable = self.request.clone();
        mend(&mut usable);
        let account = app.viewer().account_id().map(|id| id.to_string());
        let planner = app.planner()?;
        Ok(planner.check_drawing(base, &usable, account.as_deref())?)
    }

    /// What is wrong with the size that follows from the start picture.
    pub(super) fn size_problem(&self, wanted: &DrawingRequest) -> Option<String> {
        let (width, height) = (self.request.width?, self.request.height?);
        let follows = wanted.start.is_some() && (wanted.width.is_none() || wanted.height.is_none());
        (follows && width.max(height) > MAX_SIDE).then(|| {
            format!(
                "the start picture makes a drawing of {width}x{height} pixels, and a side has at most {MAX_SIDE}; \
                 give `width` and `height`"
            )
        })
    }
}

/// The file and the strengths of a model.
fn adapter(library: &Library, model: &Model, used: &UsedModel) -> Result<AdapterUse> {
    // Its own epoch is there also when the run is not any more.
    let path = match used.epoch.filter(|&epoch| Some(epoch) != model.epoch) {
        Some(epoch) => library.model_checkpoint(model, epoch)?.1.path,
        None => library.model_file(model),
    };
    if model.trashed_ms.is_some() {
        let (what, name) = ("model", model.about.name.clone());
        return Err(Error::Trashed { what, name }.into());
    }
    Ok(AdapterUse {
        path,
        strength: used.strength.unwrap_or(model.strength),
        text_strength: used.text_strength,
    })
}

/// The size of what is drawn over a picture.
fn size(picture: &StartPicture, wanted: &DrawingRequest) -> (usize, usize) {
    let sides = [picture.width, picture.height].map(|side| side.max(1) as usize);
    StartImage::size(sides.into(), (wanted.width, wanted.height), FACTOR)
}

/// Values that are refused in words of their own, replaced by usual ones.
fn mend(request: &mut GenerateRequest) {
    let usual = GenerateRequest::default();
    let is_long = |text: &String| text.chars().count() > PROMPT_CHARS;
    if is_long(&request.prompt) {
        request.prompt.clear();
    }
    for text in [
        &mut request.prompt_2,
        &mut request.negative,
        &mut request.negative_2,
    ] {
        *text = text.take().filter(|text| !is_long(text));
    }
    replace_unless(&mut request.steps, is_steps, usual.steps);
    replace_unless(&mut request.guidance, is_guidance, usual.guidance);
    let rescale = &mut request.guidance_rescale;
    replace_unless(rescale, is_share, usual.guidance_rescale);
    for side in [&mut request.width, &mut request.height] {
        *side = side.filter(|&side| is_side(side));
    }
    request.count = request.count.clamp(1, MOST_PICTURES);
    request.clip_skip = request.clip_skip.min(MOST_SKIPPED);
    for adapter in &mut request.adapters {
        replace_unless(&mut adapter.strength, is_strength, 1.0);
        adapter.text_strength = adapter.text_strength.filter(|&text| is_strength(text));
    }
    if let Some(start) = &mut request.start {
        replace_unless(&mut start.denoise, is_denoise, 1.0);
    }
}

fn replace_unless<T: Copy>(value: &mut T, is_good: impl Fn(T) -> bool, usual: T) {
    if !is_good(*value) {
        *value = usual;
    }
}

fn is_steps(steps: usize) -> bool {
    (1..=200).contains(&steps)
}

fn is_guidance(guidance: f32) -> bool {
    (0.0..=50.0).contains(&guidance)
}

fn is_share(share: f32) -> bool {
    (0.0..=1.0).contains(&share)
}

fn is_side(side: usize) -> bool {
    (FACTOR..=MAX_SIDE).contains(&side) && side.is_multiple_of(FACTOR)
}

fn is_strength(strength: f32) -> bool {
    AdapterUse::STRENGTHS.contains(&strength)
}

fn is_denoise(denoise: f64) -> bool {
    denoise > 0.0 && denoise <= 1.0
}

impl DrawingRequest {
    /// Everything that is wrong with its values, whatever they mean.
    pub(super) fn problems(&self) -> Vec<String> {
        let prompts = [&self.prompt_2, &self.negative, &self.negative_2];
        let mut prompts = prompts.into_iter().flatten().chain([&self.prompt]);
        let is_short = |text: &String| text.chars().count() <= PROMPT_CHARS;
        let mut sides = [self.width, self.height].into_iter().flatten();
        let strengths = |used: &UsedModel| [used.strength, used.text_strength];
        let mut strengths = self.models.iter().flat_map(strengths).flatten();
        let start = self.start.as_ref();
        let rules = [
            (
                prompts.all(is_short),
                "a prompt has more than 10000 characters",
            ),
            (is_steps(self.steps), "`steps` must lie between 1 and 200"),
            (
                is_guidance(self.guidance),
                "`guidance` must lie between 0 and 50",
            ),
            (
                is_share(self.guidance_rescale),
                "`guidance_rescale` must lie between 0 and 1",
            ),
            (
                sides.all(is_side),
                "`width` and `height` must be multiples of 8 between 8 and 2048",
            ),
            (
                (1..=MOST_PICTURES).contains(&self.count),
                "`count` must lie between 1 and 64",
            ),
            (
                self.clip_skip <= MOST_SKIPPED,
                "`clip_skip` must be at most 11",
            ),
            (
                self.models.len() <= MOST_MODELS,
                "there are more than 8 `models`",
            ),
            (
                strengths.all(is_strength),
                "a `strength` must lie between 0 and 1.5",
            ),
            (
                start.is_none_or(|start| is_denoise(start.denoise)),
                "`denoise` must lie above 0 and not above 1",
            ),
        ];
        let broken = rules.into_iter().filter(|(is_kept, _)| !is_kept);
        broken.map(|(_, problem)| problem.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong() -> DrawingRequest {
        DrawingRequest {
            prompt: "x".repeat(PROMPT_CHARS + 1),
            steps: 0,
            guidance: f32::NAN,
            guidance_rescale: -0.1,
            width: Some(511),
            height: Some(4096),
            count: 65,
            clip_skip: 12,
            ..DrawingRequest::default()
        }
    }

    #[test]
    fn all_problems_are_told_together() {
        assert_eq!(wrong().problems().len(), 7);
        assert!(DrawingRequest::default().problems().is_empty());
    }

    #[test]
    fn what_was_refused_is_not_refused_again_in_other_words() {
        let mut request = GenerationRequest::from(wrong()).request;
        mend(&mut request);
        let mended = GenerationRequest {
            request,
            ..GenerationRequest::default()
        };
        assert!(DrawingRequest::from(mended).problems().is_empty());
    }
}
