//! From text to picture; read from top to bottom.

use std::path::Path;

use atelier_core::{
    BoxedError, GenerateRequest, Generator, NoiseKind, Outcome, Phase, Picture, Progress,
    RunContext, ScheduleKind, Seed,
};
use atelier_nn::Engine;
use atelier_nn::gradients::values_of;
use burn::tensor::{Device, Tensor};

use super::adapters::{attach_file, detach_all};
use super::{Base, Parts};
use crate::guidance::guide;
use crate::noise::noise_source;
use crate::{Error, Result, samplers};

/// A loaded base that draws.
pub struct Pipeline {
    base: Base,
    parts: Parts,
    device: Device,
}

/// A request with every default filled in, checked against the base.
struct Plan {
    width: usize,
    height: usize,
    guided: bool,
}

/// What one picture is drawn from.
struct Drawing<'a> {
    request: &'a GenerateRequest,
    plan: &'a Plan,
    states_bsd: &'a Tensor<3>,
    seed: Seed,
}

impl Pipeline {
    /// Loads a base for drawing.
    pub fn open(path: &Path, device: &Device, engine: Engine) -> Result<Self> {
        let base = Base::open(path)?;
        let parts = base.load(device, engine)?;
        Ok(Self {
            base,
            parts,
            device: device.clone(),
        })
    }

    /// A pipeline from parts that are in memory already.
    pub fn from_parts(base: Base, parts: Parts, device: &Device) -> Self {
        Self {
            base,
            parts,
            device: device.clone(),
        }
    }

    /// The base.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// Its networks, for attaching adapters that are in memory.
    pub fn parts_mut(&mut self) -> &mut Parts {
        &mut self.parts
    }

    /// Draws one picture with the adapters that are attached now; `None` when cancelled.
    fn draw(
        &self,
        request: &GenerateRequest,
        seed: Seed,
        context: &RunContext<'_>,
        done: u64,
    ) -> Result<Option<Picture>> {
        let plan = self.plan(request)?;
        let states = self.text_states(request, plan.guided)?;
        let drawing = Drawing {
            request,
            plan: &plan,
            states_bsd: &states,
            seed,
        };
        let Some(latents) = self.latents(&drawing, &mut |step| {
            let total = (request.count * request.steps) as u64;
            context.progress.report(Progress {
                phase: Phase::Generating,
                done: done + step,
                total,
                loss: None,
            });
            !context.cancel.is_cancelled()
        })?
        else {
            return Ok(None);
        };
        let pixels = self.parts.vae.decode(self.parts.vae.unscale(latents));
        picture(pixels, &plan, seed).map(Some)
    }

    /// The final latents, before the autoencoder; `None` when `keep_going`, called before each step, says no.
    fn latents(
        &self,
        drawing: &Drawing<'_>,
        keep_going: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Tensor<4>>> {
        let Drawing {
            request,
            plan,
            states_bsd,
            seed,
        } = *drawing;
        let mut sampler = samplers::build(
            request.sampler,
            ScheduleKind::Base,
            &self.base.schedule_config,
            request.steps,
        )?;
        let factor = self.base.vae_config.pixels_per_latent();
        let shape = [
            1,
            self.base.unet_config.in_channels,
            plan.height / factor,
            plan.width / factor,
        ];
        let mut noise = noise_source(NoiseKind::TorchCpu, seed);
        let mut latents = noise.normal(shape, &self.device) * sampler.init_noise_sigma();
        for (index, timestep) in sampler.timesteps().to_vec().into_iter().enumerate() {
            if !keep_going(index as u64) {
                return Ok(None);
            }
            let input = sampler.scale_input(latents.clone(), index);
            let predicted = if plan.guided {
                let both = Tensor::cat(vec![input.clone(), input], 0);
                guide(
                    self.parts.unet.forward(both, &[timestep; 2], states_bsd),
                    request.guidance,
                )
            } else {
                self.parts.unet.forward(input, &[timestep], states_bsd)
            };
            latents = sampler.step(predicted, index, latents, noise.as_mut());
        }
        Ok(Some(latents))
    }

    /// Text states of the prompt, after those of the negative prompt where guidance needs them.
    fn text_states(&self, request: &GenerateRequest, guided: bool) -> Result<Tensor<3>> {
        let prompts: &[&str] = if guided {
            &[&request.negative, &request.prompt]
        } else {
            &[&request.prompt]
        };
        let tokens = self.base.tokens(prompts, &self.device)?;
        Ok(self.parts.text.forward(tokens, request.clip_skip))
    }

    fn plan(&self, request: &GenerateRequest) -> Result<Plan> {
        let native = self.base.native_size();
        let factor = self.base.vae_config.pixels_per_latent();
        let (width, height) = (
            request.width.unwrap_or(native),
            request.height.unwrap_or(native),
        );
        let bad = |problem: String| Err(Error::Request(problem));
        for (name, side) in [("width", width), ("height", height)] {
            if side == 0 || side % factor != 0 || side > 4096 {
                return bad(format!(
                    "`{name}` is {side}, must be a multiple of {factor} between {factor} and 4096"
                ));
            }
        }
        if request.steps == 0 || request.count == 0 {
            return bad("`steps` and `count` must be at least 1".to_owned());
        }
        if !request.guidance.is_finite() {
            return bad(format!(
                "`guidance` is {}, must be a number",
                request.guidance
            ));
        }
        if request.clip_skip >= self.parts.text.depth() {
            let depth = self.parts.text.depth();
            return bad(format!(
                "`clip_skip` is {}, the text encoder has {depth} layers",
                request.clip_skip
            ));
        }
        Ok(Plan {
            width,
            height,
            guided: request.guidance > 1.0,
        })
    }

    /// The final latents of one picture with the adapters that are attached now, for comparison with references.
    ///
    /// # Panics
    /// Never: nothing cancels.
    pub fn final_latents(&self, request: &GenerateRequest) -> Result<Tensor<4>> {
        let plan = self.plan(request)?;
        let states = self.text_states(request, plan.guided)?;
        let drawing = Drawing {
            request,
            plan: &plan,
            states_bsd: &states,
            seed: request.seed,
        };
        let latents = self.latents(&drawing, &mut |_| true)?;
        Ok(latents.expect("nothing cancels"))
    }
}

impl Generator for Pipeline {
    fn generate(
        &mut self,
        request: &GenerateRequest,
        context: RunContext<'_>,
    ) -> std::result::Result<Outcome<Vec<Picture>>, BoxedError> {
        self.plan(request)?;
        detach_all(&mut self.parts);
        for adapter in &request.adapters {
            attach_file(
                &mut self.parts,
                &adapter.path,
                adapter.strength,
                &self.device,
            )?;
        }
        let mut pictures = Vec::new();
        for index in 0..request.count as u64 {
            let done = index * request.steps as u64;
            match self.draw(request, request.seed.nth(index), &context, done)? {
                Some(picture) => pictures.push(picture),
                None => {
                    return Ok(Outcome::Cancelled {
                        completed_steps: done,
                    });
                }
            }
        }
        Ok(Outcome::Completed(pictures))
    }
}

/// Bytes from the decoder's −1 … 1, rounded as diffusers does.
#[expect(clippy::cast_sign_loss, reason = "clamped to 0 … 255 before")]
fn picture(pixels_bchw: Tensor<4>, plan: &Plan, seed: Seed) -> Result<Picture> {
    let planes = values_of(pixels_bchw);
    if planes.iter().any(|value| !value.is_finite()) {
        return Err(Error::NotFinite { seed });
    }
    let area = plan.width * plan.height;
    let byte = |value: f32| ((value / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
    let rgb = (0..area)
        .flat_map(|i| [0, 1, 2].map(|c| byte(planes[c * area + i])))
        .collect();
    Ok(Picture {
        width: plan.width,
        height: plan.height,
        rgb,
        seed,
    })
}
