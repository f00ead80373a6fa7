//! An opened base: its configurations, and its networks loaded when they are wanted.

use std::path::Path;

use atelier_core::BaseKind;
use atelier_nn::device::is_processor;
use atelier_nn::kernels::keep_freed_pages;
use atelier_nn::{Engine, ParamError, Params};
use atelier_weights::ModelFiles;
use burn::tensor::Device;

use super::keys::aliases;
use super::mended::{mend_schedule, mend_size};
use super::networks::{TextConfig, TextEncoder, Unet, UnetConfig, Vae, VaeConfig};
use super::packed::{PackedFile, PackedFolder, PackedPlace};
use crate::families::{Family, HiddenStates, TextPlace};
use crate::schedule::{NoiseSchedule, ScheduleConfig};
use crate::source::PartSource;
use crate::tokenizer::{ClipPadding, Tokenizer};
use crate::{Error, Result, families};

/// Side in pixels up to which a base counts as small as the embedded one, which draws 128; the smallest that were published
/// for general use draw 256.
const MINI_SIDE: usize = 128;

/// An opened base: small things read, weights still on disk.
pub struct Base {
    files: ModelFiles,
    packed: Option<PackedPlace>,
    /// Its architecture.
    pub family: &'static Family,
    /// The denoiser's configuration.
    pub unet_config: UnetConfig,
    /// The autoencoder's configuration.
    pub vae_config: VaeConfig,
    /// Its text encoders, in the order in which their states are joined.
    pub texts: Vec<TextSide>,
    /// Whether an absent negative prompt means zeros in place of the states of an empty text.
    pub zeros_for_absent_text: bool,
    /// The sampler settings that the base was published with, as diffusers' pipeline corrects them.
    pub schedule_config: ScheduleConfig,
    /// The noise that the base was trained with.
    pub schedule: NoiseSchedule,
}

/// A text encoder's configuration and its tokenizer.
pub struct TextSide {
    /// Where it lies in the base.
    pub place: TextPlace,
    /// The sizes of the encoder.
    pub config: TextConfig,
    /// Text to token ids.
    pub tokenizer: Tokenizer,
}

/// All networks of a base.
pub struct Parts {
    /// Tokens to states, one for each of [`Base::texts`].
    pub texts: Vec<TextEncoder>,
    /// The denoiser.
    pub unet: Unet,
    /// Pictures to latents and back.
    pub vae: Vae,
}

impl Base {
    /// Opens a diffusers folder or a single file and reads everything but the weights.
    pub fn open(path: &Path) -> Result<Self> {
        let files = ModelFiles::open(path)?;
        let family = families::detect(&files)?;
        let scheduler = files.config("scheduler")?.to_string();
        let mut schedule_config = ScheduleConfig::from_json(&scheduler)?;
        mend_schedule(&mut schedule_config, family);
        let unet = files.config("unet")?;
        let mut unet_config = UnetConfig::read(&unet)?;
        mend_size(&mut unet_config, &unet, family);
        let texts = family.text_encoders.iter().map(|&place| {
            let mut config = TextConfig::read(&files.config(place.part)?)?;
            config.projected = place.projected;
            Ok(TextSide {
                place,
                config,
                tokenizer: tokenizer(&files, place)?,
            })
        });
        let base = Self {
            family,
            unet_config,
            vae_config: VaeConfig::read(&files.config("vae")?)?,
            texts: texts.collect::<Result<_>>()?,
            zeros_for_absent_text: files.zeros_for_absent_text(),
            schedule: NoiseSchedule::new(&schedule_config),
            schedule_config,
            packed: None,
            files,
        };
        base.check_widths()?;
        Ok(base)
    }

    /// Its files.
    pub fn files(&self) -> &ModelFiles {
        &self.files
    }

    /// From now on, keeps the packed weights of the denoiser in a folder, and takes them from there.
    pub fn keep_packed(&mut self, folder: PackedFolder, base_hash: String) {
        self.packed = Some(PackedPlace::new(folder, base_hash));
    }

    /// Waits until packed weights are written, which otherwise goes on beside the work that follows.
    pub fn finish_packed(&self) {
        if let Some(place) = &self.packed {
            place.wait();
        }
    }

    /// Why packed weights could not be kept, where that happened; each reason once.
    pub fn take_packed_problem(&self) -> Option<String> {
        self.packed.as_ref()?.folder.take_problem()
    }

    /// Side in pixels of the pictures that the base was trained on; the smaller one where they are rectangles.
    pub fn native_size(&self) -> usize {
        let latents = self
            .unet_config
            .sample_size
            .map(|side| side * self.vae_config.pixels_per_latent());
        latents.unwrap_or(self.vae_config.sample_size)
    }

    /// Which numbers it is trained with: its family's, unless it is as small as the embedded base.
    pub fn kind(&self) -> BaseKind {
        if self.native_size() <= MINI_SIDE {
            BaseKind::Mini
        } else {
            self.family.kind
        }
    }

    /// Loads the text encoders.
    pub fn load_texts(&self, device: &Device, engine: Engine) -> Result<Vec<TextEncoder>> {
        let load = |side: &TextSide| {
            self.load_part(side.place.part, device, engine, |params| {
                TextEncoder::new(params, &side.config)
            })
        };
        self.texts.iter().map(load).collect()
    }

    /// Loads the denoiser. Its steps follow, so that from now on freed memory stays with the program.
    pub fn load_unet(&self, device: &Device, engine: Engine) -> Result<Unet> {
        const PART: &str = "unet";
        let format = engine.frozen_format().filter(|_| is_processor(device));
        let mut packed = format
            .zip(self.packed.as_ref())
            .map(|(format, place)| PackedFile::open(place, PART, format));
        let unet = self.load_kept(PART, (device, engine), packed.as_mut(), |params| {
            Unet::new(params, &self.unet_config)
        })?;
        if let Some(packed) = packed {
            packed.keep();
        }
        keep_freed_pages();
        Ok(unet)
    }

    /// Loads the autoencoder.
    pub fn load_vae(&self, device: &Device, engine: Engine) -> Result<Vae> {
        self.load_part("vae", device, engine.of_autoencoder(), |params| {
            Vae::new(params, &self.vae_config)
        })
    }

    /// Loads all networks.
    pub fn load(&self, device: &Device, engine: Engine) -> Result<Parts> {
        Ok(Parts {
            texts: self.load_texts(device, engine)?,
            unet: self.load_unet(device, engine)?,
            vae: self.load_vae(device, engine)?,
        })
    }

    /// Layers that clip skip counts from; the smallest number of all text encoders.
    pub fn skippable_layers(&self) -> usize {
        let depths = self.texts.iter().map(|side| side.config.num_hidden_layers);
        let unused = match self.family.hidden_states {
            HiddenStates::LastNormed => 0,
            HiddenStates::Penultimate => 1,
        };
        depths.min().unwrap_or_default().saturating_sub(unused)
    }

    /// Width of the text states.
    pub fn states_width(&self) -> usize {
        self.texts.iter().map(|side| side.config.hidden_size).sum()
    }

    /// Width of the pooled state, in families that have one.
    pub fn pooled_width(&self) -> Option<usize> {
        let side = self.texts.iter().rfind(|side| side.place.projected)?;
        Some(side.config.projection_dim)
    }

    fn load_part<T>(
        &self,
        part: &'static str,
        device: &Device,
        engine: Engine,
        build: impl FnOnce(&Params<'_>) -> Result<T, ParamError>,
    ) -> Result<T> {
        self.load_kept(part, (device, engine), None, build)
    }

    fn load_kept<T>(
        &self,
        part: &'static str,
        (device, engine): (&Device, Engine),
        packed: Option<&mut PackedFile<'_>>,
        build: impl FnOnce(&Params<'_>) -> Result<T, ParamError>,
    ) -> Result<T> {
        let mut source = PartSource::new(self.files.tensors(part)?, aliases);
        let mut params = Params::new(&mut source, device, engine);
        if let Some(packed) = packed {
            params = params.with_kept(packed);
        }
        build(&params).map_err(|source| Error::Part {
            base: self.files.root().to_owned(),
            part,
            source,
        })
    }

    /// The parts must agree on the width of text states and the channels of latents.
    fn check_widths(&self) -> Result<()> {
        let disagree = |key: &str, got: usize, other: &str, expected: usize| {
            let problem = format!("is {got}, but {other} is {expected}");
            Err(Error::Config {
                part: "unet",
                key: key.to_owned(),
                problem,
            })
        };
        let (unet, vae) = (&self.unet_config, &self.vae_config);
        if unet.cross_attention_dim != self.states_width() {
            return disagree(
                "cross_attention_dim",
                unet.cross_attention_dim,
                "`hidden_size` of all text encoders together",
                self.states_width(),
            );
        }
        if unet.pooled_width() != self.pooled_width() {
            return disagree(
                "projection_class_embeddings_input_dim",
                unet.pooled_width().unwrap_or_default(),
                "(without the sizes) `projection_dim` of the last text encoder",
                self.pooled_width().unwrap_or_default(),
            );
        }
        if unet.in_channels != vae.latent_channels {
            return disagree(
                "in_channels",
                unet.in_channels,
                "the autoencoder's `latent_channels`",
                vae.latent_channels,
            );
        }
        if unet.out_channels != unet.in_channels {
            return disagree(
                "out_channels",
                unet.out_channels,
                "`in_channels`",
                unet.in_channels,
            );
        }
        Ok(())
    }
}

/// The tokenizer of a text encoder; where the base brings none, that of CLIP, which pads with `!` for encoders of `OpenCLIP`.
fn tokenizer(files: &ModelFiles, place: TextPlace) -> Result<Tokenizer> {
    if let Some(folder) = files.tokenizer_folder(place.tokenizer) {
        return Ok(Tokenizer::open(&folder)?);
    }
    let is_open_clip = place.projected || files.config(place.part)?["hidden_act"] == "gelu";
    Ok(Tokenizer::clip(if is_open_clip {
        ClipPadding::Exclamation
    } else {
        ClipPadding::EndOfText
    }))
}
