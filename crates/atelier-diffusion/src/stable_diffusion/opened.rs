//! An opened base: its configurations, and its networks loaded when they are wanted.

use std::path::Path;

use atelier_nn::{Engine, ParamError, Params};
use atelier_weights::ModelFolder;
use burn::tensor::Device;
use serde_json::Value;

use super::keys::aliases;
use super::networks::{TextConfig, TextEncoder, Unet, UnetConfig, Vae, VaeConfig};
use crate::families::{Family, TextPlace};
use crate::schedule::{NoiseSchedule, ScheduleConfig};
use crate::source::FileSource;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result, families};

/// An opened base: small things read, weights still on disk.
pub struct Base {
    folder: ModelFolder,
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
    /// The sampler settings that the base was published with.
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
    /// Opens a diffusers folder and reads everything but the weights.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = ModelFolder::open(path)?;
        let family = families::detect(&folder)?;
        let schedule_config = ScheduleConfig::from_json(&folder.config("scheduler")?.to_string())?;
        let texts = family.text_encoders.iter().map(|&place| {
            let mut config = TextConfig::read(&folder.config(place.part)?)?;
            config.projected = place.projected;
            Ok(TextSide {
                place,
                config,
                tokenizer: Tokenizer::open(&path.join(place.tokenizer))?,
            })
        });
        let force_zeros = folder.index().get("force_zeros_for_empty_prompt");
        let base = Self {
            family,
            unet_config: UnetConfig::read(&folder.config("unet")?)?,
            vae_config: VaeConfig::read(&folder.config("vae")?)?,
            texts: texts.collect::<Result<_>>()?,
            zeros_for_absent_text: force_zeros.and_then(Value::as_bool) == Some(true),
            schedule: NoiseSchedule::new(&schedule_config),
            schedule_config,
            folder,
        };
        base.check_widths()?;
        Ok(base)
    }

    /// The folder.
    pub fn folder(&self) -> &ModelFolder {
        &self.folder
    }

    /// Side in pixels of the pictures that the base was trained on.
    pub fn native_size(&self) -> usize {
        let latents = self
            .unet_config
            .sample_size
            .map(|side| side * self.vae_config.pixels_per_latent());
        latents.unwrap_or(self.vae_config.sample_size)
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

    /// Loads the denoiser.
    pub fn load_unet(&self, device: &Device, engine: Engine) -> Result<Unet> {
        self.load_part("unet", device, engine, |params| {
            Unet::new(params, &self.unet_config)
        })
    }

    /// Loads the autoencoder.
    pub fn load_vae(&self, device: &Device, engine: Engine) -> Result<Vae> {
        self.load_part("vae", device, engine, |params| {
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

    /// Layers that a text encoder must keep, so that `clip_skip` stays below the smallest depth.
    pub fn text_depth(&self) -> usize {
        let depths = self.texts.iter().map(|side| side.config.num_hidden_layers);
        depths.min().unwrap_or_default()
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
        let mut source = FileSource::new(self.folder.weights(part)?, aliases);
        let params = Params::new(&mut source, device, engine);
        build(&params).map_err(|source| Error::Part {
            base: self.folder.root().to_owned(),
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
