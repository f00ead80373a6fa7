//! A request with every default filled in, checked against a base before anything is loaded.

use atelier_core::{GenerateRequest, PromptSyntax, SamplerKind, VaeTiling};

use super::mended::mend_for;
use super::{Base, time_ids};
use crate::prompt::{CHUNK_TOKENS, MAX_CHUNKS, Prompt};
use crate::{Error, Result, samplers};

/// Pixels of a picture from which on the autoencoder works tile by tile, unless it is told otherwise.
const TILED_AREA: usize = 1536 * 1536;

/// Samplers whose first step is a mean, or an end, of slopes far apart: one that is slightly wrong is multiplied by all of the way.
const EXTRAPOLATING: [SamplerKind; 2] = [SamplerKind::Heun, SamplerKind::Dpm2A];
/// Deviation of the first latents from which on nothing of a picture is left in them. Stable Diffusion's is 15.
const PURE_NOISE: f32 = 1000.0;

/// What is drawn, how large, from which words.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Steps that are drawn, where drawing starts from a picture fewer than all.
    pub(super) drawn_steps: usize,
    pub(super) tiled: bool,
    /// Whether the sampler extrapolates over a way that begins at pure noise, which has no bounds.
    pub(super) is_unbounded: bool,
    /// One prompt for each text encoder.
    pub(super) wanted: Vec<Prompt>,
    /// The same for the negative prompt, where there is guidance.
    pub(super) unwanted: Unwanted,
}

/// What guidance leads away from.
#[derive(Debug, Clone)]
pub(super) enum Unwanted {
    /// There is no guidance.
    Nothing,
    /// Zeros, which this base takes for an absent text.
    Zeros,
    /// A prompt for each text encoder.
    Prompts(Vec<Prompt>),
}

impl Plan {
    /// Fills in the defaults; the error lists everything that this base cannot draw.
    pub(super) fn new(request: &GenerateRequest, base: &Base) -> Result<Self> {
        let native = base.native_size();
        let width = request.width.unwrap_or(native);
        let height = request.height.unwrap_or(native);
        let mut problems = problems(request, base, width, height);
        let mut read = |name: &str, text: Option<&str>| {
            read_prompt(text?, request.prompt_syntax, base)
                .map_err(|problem| problems.push(format!("`{name}`: {problem}")))
                .ok()
        };
        let wanted = [
            read("prompt", Some(&request.prompt)),
            read("prompt_2", filled(request.prompt_2.as_ref())),
        ];
        let negative = [
            read("negative", request.negative.as_deref()),
            read("negative_2", filled(request.negative_2.as_ref())),
        ];
        let sampler = samplers::build(
            request.sampler,
            request.schedule,
            &mend_for(&base.schedule_config, base.family, request),
            request.steps,
        );
        let mut is_unbounded = false;
        match sampler {
            // Some spacings have fewer timesteps than steps.
            Ok(sampler) if problems.is_empty() => {
                let left_out = (request.steps - drawn_steps(request)) * sampler.order();
                let timesteps = sampler.timesteps().len();
                is_unbounded = left_out == 0
                    && EXTRAPOLATING.contains(&request.sampler)
                    && sampler.init_noise_sigma() > PURE_NOISE;
                if left_out >= timesteps {
                    problems.push(format!(
                        "`denoise` leaves out {left_out} of the {timesteps} evaluations of these steps, so that none is drawn"
                    ));
                }
            }
            // Alone it keeps its own code.
            Err(error) if problems.is_empty() => return Err(error.into()),
            Err(error) if request.steps > 0 => problems.push(error.to_string()),
            Ok(_) | Err(_) => {}
        }
        if !problems.is_empty() {
            return Err(Error::Request(problems.join("; ")));
        }
        let tile = base.vae_config.tile_latents() * base.vae_config.pixels_per_latent();
        let larger_than_a_tile = width.max(height) > tile;
        let encoders = base.texts.len();
        let unwanted = match negative {
            _ if request.guidance <= 1.0 => Unwanted::Nothing,
            // As in the reference, the first text alone decides.
            [None, _] if base.zeros_for_absent_text => Unwanted::Zeros,
            negative => Unwanted::Prompts(for_encoders(negative, encoders)),
        };
        Ok(Self {
            width,
            height,
            drawn_steps: drawn_steps(request),
            tiled: match request.vae_tiling {
                VaeTiling::Auto => width * height > TILED_AREA && larger_than_a_tile,
                VaeTiling::On => larger_than_a_tile,
                VaeTiling::Off => false,
            },
            is_unbounded,
            wanted: for_encoders(wanted, encoders),
            unwanted,
        })
    }

    /// The sizes that the denoiser is told.
    pub(super) fn time_ids(&self) -> [f32; 6] {
        time_ids(self.width, self.height)
    }
}

impl Base {
    /// Refuses a request that this base cannot draw, with all reasons, before anything is loaded.
    pub fn check(&self, request: &GenerateRequest) -> Result<()> {
        Plan::new(request, self).map(drop)
    }

    /// Whether the autoencoder works tile by tile for this request.
    pub fn is_tiled(&self, request: &GenerateRequest) -> Result<bool> {
        Plan::new(request, self).map(|plan| plan.tiled)
    }
}

/// A second prompt, unless it is empty: then the first one is, as in the reference.
fn filled(second: Option<&String>) -> Option<&str> {
    second.map(String::as_str).filter(|text| !text.is_empty())
}

/// A prompt that this base can draw, or what is wrong with it.
fn read_prompt(text: &str, syntax: PromptSyntax, base: &Base) -> Result<Prompt, String> {
    let prompt = Prompt::read(text, syntax).map_err(|error| error.to_string())?;
    if let Some(tag) = prompt.loras.first() {
        return Err(format!(
            "names the adapter `{tag}`, which was not looked up"
        ));
    }
    let counts = base
        .texts
        .iter()
        .map(|side| prompt.chunks(&side.tokenizer).count());
    match counts.max() {
        Some(count) if count > MAX_CHUNKS => Err(format!(
            "takes {count} chunks of {CHUNK_TOKENS} tokens, at most {MAX_CHUNKS} are drawn"
        )),
        _ => Ok(prompt),
    }
}

/// The share of the steps that image to image draws, rounded down as diffusers does.
#[expect(
    clippy::cast_sign_loss,
    reason = "the share was checked to be positive"
)]
fn drawn_steps(request: &GenerateRequest) -> usize {
    match &request.start {
        Some(start) => ((request.steps as f64 * start.denoise) as usize).min(request.steps),
        None => request.steps,
    }
}

/// One prompt for each encoder; an absent first is empty, an absent second is the first.
fn for_encoders([first, second]: [Option<Prompt>; 2], encoders: usize) -> Vec<Prompt> {
    let first = first.unwrap_or_else(|| Prompt::plain(""));
    let second = second.unwrap_or_else(|| first.clone());
    [first, second].into_iter().take(encoders).collect()
}

fn problems(request: &GenerateRequest, base: &Base, width: usize, height: usize) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |good: bool, problem: String| {
        if !good {
            problems.push(problem);
        }
    };
    let factor = base.vae_config.pixels_per_latent();
    for (name, side) in [("width", width), ("height", height)] {
        check(
            side > 0 && side % factor == 0 && side <= GenerateRequest::MAX_SIDE,
            format!(
                "`{name}` is {side}, must be a multiple of {factor} between {factor} and {}",
                GenerateRequest::MAX_SIDE
            ),
        );
    }
    check(
        request.steps > 0 && request.count > 0,
        "`steps` and `count` must be at least 1".to_owned(),
    );
    check(
        request.guidance.is_finite(),
        format!("`guidance` is {}, must be a number", request.guidance),
    );
    check(
        (0.0..=1.0).contains(&request.guidance_rescale),
        format!(
            "`guidance_rescale` is {}, must lie between 0 and 1",
            request.guidance_rescale
        ),
    );
    let layers = base.skippable_layers();
    check(
        request.clip_skip < layers,
        format!(
            "`clip_skip` is {}, the text encoder has {layers} layers to skip from",
            request.clip_skip
        ),
    );
    check(
        base.texts.len() > 1 || request.prompt_2.is_none() && request.negative_2.is_none(),
        "`prompt_2` and `negative_2` are for bases with two text encoders, this one has one"
            .to_owned(),
    );
    for adapter in &request.adapters {
        if let Err(error) = adapter.check() {
            check(false, format!("`{}`: {error}", adapter.path.display()));
        }
    }
    if let Some(start) = &request.start {
        let good = start.denoise > 0.0 && start.denoise <= 1.0;
        check(
            good,
            format!(
                "`denoise` is {}, must lie above 0 and not above 1",
                start.denoise
            ),
        );
        check(
            !good || drawn_steps(request) > 0,
            format!(
                "`denoise` {} of {} steps leaves no step to draw",
                start.denoise, request.steps
            ),
        );
    }
    problems
}

#[cfg(test)]
mod tests {
    use atelier_core::StartImage;
    use atelier_testkit::golden;

    use super::*;

    #[test]
    fn steps_that_are_drawn_are_counted_as_python_counts_them() {
        let rows = golden("starts").ints("drawn");
        for row in rows.as_chunks::<3>().0 {
            let [steps, percent, expected] = row.map(|value| usize::try_from(value).unwrap());
            let request = GenerateRequest {
                steps,
                start: Some(StartImage {
                    path: "start.png".into(),
                    denoise: percent as f64 / 100.0,
                    mask: None,
                }),
                ..GenerateRequest::default()
            };
            assert_eq!(drawn_steps(&request), expected, "{percent} % of {steps}");
        }
        assert_eq!(rows.len(), 3 * 500);
    }
}
