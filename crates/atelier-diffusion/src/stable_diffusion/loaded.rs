//! The networks of a base in memory: loaded when they are first wanted, with the adapters of the moment attached.

use atelier_core::AdapterUse;
use atelier_nn::lora::Detach;
use atelier_nn::{Engine, Visit};
use burn::tensor::Device;

use super::adapters::FittedAdapterUse;
use super::networks::{TextEncoder, Unet, Vae};
use super::{Base, Parts};
use crate::Result;

/// How long networks stay in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Residence {
    /// As long as the pipeline, so that the next picture starts at once.
    Kept,
    /// Text encoders and the denoiser take turns, so that less memory is needed at a time.
    InTurn,
}

/// Networks that are there, and what is attached to them.
pub(super) struct Loaded {
    pub(super) device: Device,
    engine: Engine,
    residence: Residence,
    texts: Option<Vec<TextEncoder>>,
    unet: Option<Unet>,
    vae: Option<Vae>,
    uses: Vec<AdapterUse>,
    adapters: Vec<FittedAdapterUse>,
}

impl Loaded {
    pub(super) fn nothing(device: &Device, engine: Engine, residence: Residence) -> Self {
        Self {
            device: device.clone(),
            engine,
            residence,
            texts: None,
            unet: None,
            vae: None,
            uses: Vec::new(),
            adapters: Vec::new(),
        }
    }

    pub(super) fn of_parts(parts: Parts, device: &Device) -> Self {
        Self {
            texts: Some(parts.texts),
            unet: Some(parts.unet),
            vae: Some(parts.vae),
            ..Self::nothing(device, Engine::Exact, Residence::Kept)
        }
    }

    /// Takes other adapters in place of those of the moment, and says whether they are others. All are read and fitted
    /// first, so that an error changes nothing.
    pub(super) fn set_adapters(&mut self, base: &Base, uses: &[AdapterUse]) -> Result<bool> {
        if self.uses == uses {
            return Ok(false);
        }
        let adapters = uses.iter().map(|adapter| base.fit_adapter(adapter));
        self.adapters = adapters.collect::<Result<_>>()?;
        self.uses = uses.to_vec();
        if let Some(unet) = &mut self.unet {
            unet.visit("", &mut Detach);
            attach(&self.adapters, "unet", unet, &self.device);
        }
        for (side, encoder) in base.texts.iter().zip(self.texts.iter_mut().flatten()) {
            encoder.visit("", &mut Detach);
            attach(&self.adapters, side.place.part, encoder, &self.device);
        }
        Ok(true)
    }

    /// What of the adapter files is not used.
    pub(super) fn adapter_notes(&self) -> impl Iterator<Item = String> {
        self.uses
            .iter()
            .zip(&self.adapters)
            .flat_map(|(used, adapter)| {
                let name = used.path.display();
                adapter
                    .notes
                    .iter()
                    .map(move |note| format!("adapter `{name}`: {note}"))
            })
    }

    pub(super) fn texts(&mut self, base: &Base) -> Result<&[TextEncoder]> {
        if self.texts.is_none() {
            if self.residence == Residence::InTurn {
                self.unet = None;
            }
            // In f32 with either engine: it runs once per prompt, and everything follows from its states.
            let mut encoders = base.load_texts(&self.device, Engine::Exact)?;
            for (side, encoder) in base.texts.iter().zip(&mut encoders) {
                attach(&self.adapters, side.place.part, encoder, &self.device);
            }
            self.texts = Some(encoders);
        }
        Ok(self.texts.as_deref().unwrap_or_default())
    }

    pub(super) fn unet(&mut self, base: &Base) -> Result<&Unet> {
        if self.residence == Residence::InTurn {
            self.texts = None;
        }
        let unet = if let Some(unet) = self.unet.take() {
            unet
        } else {
            let mut unet = base.load_unet(&self.device, self.engine)?;
            attach(&self.adapters, "unet", &mut unet, &self.device);
            unet
        };
        Ok(self.unet.insert(unet))
    }

    pub(super) fn vae(&mut self, base: &Base) -> Result<&Vae> {
        let vae = match self.vae.take() {
            Some(vae) => vae,
            None => base.load_vae(&self.device, self.engine)?,
        };
        Ok(self.vae.insert(vae))
    }
}

fn attach<M: Visit>(adapters: &[FittedAdapterUse], part: &str, model: &mut M, device: &Device) {
    for adapter in adapters {
        adapter.attach(part, model, device);
    }
}

#[cfg(test)]
mod tests {
    use atelier_testkit::tiny_sd15;

    use super::*;

    #[test]
    fn text_encoders_and_the_denoiser_are_never_in_memory_together_when_they_take_turns() {
        let base = Base::open(&tiny_sd15()).unwrap();
        let device = Device::flex();
        for (residence, is_alone) in [(Residence::InTurn, true), (Residence::Kept, false)] {
            let mut loaded = Loaded::nothing(&device, Engine::Exact, residence);
            for _ in 0..2 {
                loaded.texts(&base).unwrap();
                loaded.vae(&base).unwrap();
                assert!(loaded.unet.is_none() || !is_alone);
                loaded.unet(&base).unwrap();
                assert_eq!(loaded.texts.is_none(), is_alone);
                assert!(loaded.vae.is_some());
            }
        }
    }
}
