//! Previews: what a checkpoint draws, between the epochs of its training and with its networks. Nothing of the training depends
//! on them: they have random numbers of their own, and the adapter on the denoiser is the one in the checkpoint's file.

mod files;
mod plan;

use std::path::Path;

use atelier_core::{AdapterUse, GenerateRequest, Phase, Picture, Precision, Progress, RunContext};
use atelier_diffusion::stable_diffusion::{Base, PreparedDrawing, Unet};
use atelier_nn::gradients::values_of;
use atelier_nn::kernels::{give_back_freed_pages, release_scratch};
use atelier_nn::lora::Detach;
use atelier_nn::{Engine, Visit as _};
use burn::tensor::{Device, Tensor, TensorData};

use self::files::Fresh;
pub(crate) use self::files::PreviewFiles;
pub use self::plan::{PreviewPlan, PreviewWork};
use crate::Result;
use crate::trainer::may_publish;

/// How the previews of an epoch came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// So many are there.
    Drawn { pictures: u64 },
    /// They were asked to stop.
    Stopped,
    /// The networks gave no picture, for this reason.
    Impossible(String),
}

/// The previews of a run.
pub(crate) struct Previews {
    /// One for each prompt, with its words encoded.
    drawings: Vec<PreparedDrawing>,
    epochs: Vec<usize>,
    files: PreviewFiles,
    precision: Precision,
}

/// The networks of the training.
pub(crate) struct Studio<'a> {
    pub(crate) base: &'a Base,
    /// The base's name and hash.
    pub(crate) base_words: (&'a str, &'a str),
    pub(crate) unet: &'a mut Unet,
    /// Where the denoiser is.
    pub(crate) unet_device: &'a Device,
    /// Where the autoencoder will be.
    pub(crate) device: &'a Device,
}

impl Previews {
    /// Previews after these epochs, in the folder of a run.
    pub(crate) fn new(
        drawings: Vec<PreparedDrawing>,
        epochs: Vec<usize>,
        out: &Path,
        precision: Precision,
    ) -> Self {
        Self {
            drawings,
            epochs,
            files: PreviewFiles::of(out),
            precision,
        }
    }

    /// The folders that are there.
    pub(crate) fn files(&self) -> &PreviewFiles {
        &self.files
    }

    /// Whether those of an epoch are wanted and not there.
    pub(crate) fn are_due(&self, epoch: usize) -> bool {
        self.epochs.contains(&epoch) && !self.drawings.is_empty() && !self.files.has(epoch)
    }

    /// Draws those of an epoch with its adapter, and leaves the denoiser without one.
    pub(crate) fn draw(
        &self,
        (epoch, adapter): (usize, &Path),
        studio: &mut Studio<'_>,
        context: RunContext<'_>,
    ) -> Result<Shown> {
        let used = AdapterUse::new(adapter, 1.0);
        let fitted = studio.base.fit_adapter(&used)?;
        studio.unet.visit("", &mut Detach);
        fitted.attach("unet", studio.unet, studio.unet_device);
        let latents = self.latents(studio, context);
        studio.unet.visit("", &mut Detach);
        let Some(latents) = latents? else {
            return Ok(Shown::Stopped);
        };
        let pictures = self.pictures(latents, studio);
        // what the autoencoder worked in is of no use to the steps that follow
        release_scratch();
        let pictures = match pictures {
            Ok(pictures) => pictures,
            Err(error @ atelier_diffusion::Error::NotFinite { .. }) => {
                return Ok(Shown::Impossible(error.to_string()));
            }
            Err(error) => return Err(error.into()),
        };
        let requests = self.drawings.iter().map(|drawing| GenerateRequest {
            adapters: vec![used.clone()],
            ..drawing.request().clone()
        });
        let drawn: Vec<_> = requests.zip(pictures).collect();
        let is_tiled = match drawn.first() {
            Some((request, _)) => studio.base.is_tiled(request)?,
            None => false,
        };
        may_publish(context)?;
        self.files.save(
            epoch,
            &Fresh {
                drawn: &drawn,
                is_tiled,
                base: studio.base_words,
            },
        )?;
        // Now, since decoding and writing are part of it.
        self.report(self.steps() as f64, context);
        let pictures = drawn.len() as u64;
        Ok(Shown::Drawn { pictures })
    }

    /// The final latents of every picture; `None` when they were asked to stop.
    fn latents(
        &self,
        studio: &Studio<'_>,
        context: RunContext<'_>,
    ) -> Result<Option<Vec<TensorData>>> {
        let mut all = Vec::new();
        for (index, drawing) in self.drawings.iter().enumerate() {
            let steps = drawing.request().steps as f64;
            let mut keep_going = |share: f64| {
                self.report((index as f64 + share) * steps, context);
                !context.cancel.is_cancelled()
            };
            let denoiser = (&*studio.unet, studio.unet_device);
            let latents = drawing.latents(studio.base, denoiser, &mut keep_going)?;
            let Some(latents) = latents else {
                return Ok(None);
            };
            let shape = latents.dims();
            all.push(TensorData::new(values_of(latents), shape));
        }
        Ok(Some(all))
    }

    /// Sampler steps of all pictures of an epoch.
    fn steps(&self) -> u64 {
        let steps = self.drawings.iter().map(|one| one.request().steps as u64);
        steps.sum()
    }

    #[expect(clippy::cast_sign_loss, reason = "a share is not negative")]
    fn report(&self, done: f64, context: RunContext<'_>) {
        context.progress.report(Progress {
            phase: Phase::Previewing,
            done: done.round() as u64,
            total: self.steps(),
            loss: None,
        });
    }

    /// The pictures of latents. The autoencoder is in memory for no longer than this.
    fn pictures(
        &self,
        latents: Vec<TensorData>,
        studio: &Studio<'_>,
    ) -> atelier_diffusion::Result<Vec<Picture>> {
        // the decoder's buffers are larger than the gaps that steps leave
        give_back_freed_pages();
        let vae = studio
            .base
            .load_vae(studio.device, Engine::from(self.precision))?;
        let drawings = self.drawings.iter().zip(latents);
        let pictures = drawings.map(|(drawing, latents)| {
            drawing.picture(&vae, Tensor::from_data(latents, studio.device))
        });
        pictures.collect()
    }
}
