//! A base folder of this family: its configurations, and its parts loaded when they are wanted.

use std::path::Path;

use atelier_nn::{Engine, ParamError, Params};
use atelier_weights::ModelFolder;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::config::{TextConfig, UnetConfig, VaeConfig};
use super::keys::aliases;
use super::{TextEncoder, Unet, Vae};
use crate::schedule::{NoiseSchedule, ScheduleConfig};
use crate::source::FileSource;
use crate::tokenizer::{CONTEXT_LENGTH, Tokenizer};
use crate::{Error, Result, families};

/// An opened base: small things read, weights still on disk.
pub struct Base {
    folder: ModelFolder,
    /// The denoiser's configuration.
    pub unet_config: UnetConfig,
    /// The autoencoder's configuration.
    pub vae_config: VaeConfig,
    /// The text encoder's configuration.
    pub text_config: TextConfig,
    /// The sampler settings that the base was published with.
    pub schedule_config: ScheduleConfig,
    /// The noise that the base was trained with.
    pub schedule: NoiseSchedule,
    /// The tokenizer.
    pub tokenizer: Tokenizer,
}

/// All three networks of a base.
pub struct Parts {
    /// Tokens to states.
    pub text: TextEncoder,
    /// The denoiser.
    pub unet: Unet,
    /// Pictures to latents and back.
    pub vae: Vae,
}

impl Base {
    /// Opens a diffusers folder and reads everything but the weights.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = ModelFolder::open(path)?;
        families::detect(&folder)?;
        let schedule_config = ScheduleConfig::from_json(&folder.config("scheduler")?.to_string())?;
        let base = Self {
            unet_config: UnetConfig::read(&folder.config("unet")?)?,
            vae_config: VaeConfig::read(&folder.config("vae")?)?,
            text_config: TextConfig::read(&folder.config("text_encoder")?)?,
            schedule: NoiseSchedule::new(&schedule_config),
            schedule_config,
            tokenizer: Tokenizer::open(&path.join("tokenizer"))?,
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

    /// Loads the text encoder.
    pub fn load_text(&self, device: &Device, engine: Engine) -> Result<TextEncoder> {
        self.load_part("text_encoder", device, engine, |params| {
            TextEncoder::new(params, &self.text_config)
        })
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

    /// Loads all three networks.
    pub fn load(&self, device: &Device, engine: Engine) -> Result<Parts> {
        Ok(Parts {
            text: self.load_text(device, engine)?,
            unet: self.load_unet(device, engine)?,
            vae: self.load_vae(device, engine)?,
        })
    }

    /// Token ids of prompts.
    ///
    /// # Shapes
    /// - returns: `[prompts, 77]`
    pub fn tokens(&self, prompts: &[&str], device: &Device) -> Result<Tensor<2, Int>> {
        let vocab_size = self.text_config.vocab_size;
        let mut ids = Vec::with_capacity(prompts.len() * CONTEXT_LENGTH);
        for id in prompts
            .iter()
            .flat_map(|prompt| self.tokenizer.encode_padded(prompt))
        {
            match i32::try_from(id) {
                Ok(small) if (id as usize) < vocab_size => ids.push(small),
                _ => {
                    let problem = format!("is {vocab_size}, but the tokenizer gave the id {id}");
                    return Err(Error::Config {
                        part: "text_encoder",
                        key: "vocab_size".to_owned(),
                        problem,
                    });
                }
            }
        }
        Ok(Tensor::from_data(
            TensorData::new(ids, [prompts.len(), CONTEXT_LENGTH]),
            device,
        ))
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
        let (unet, vae, text) = (&self.unet_config, &self.vae_config, &self.text_config);
        if unet.cross_attention_dim != text.hidden_size {
            return disagree(
                "cross_attention_dim",
                unet.cross_attention_dim,
                "the text encoder's `hidden_size`",
                text.hidden_size,
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
