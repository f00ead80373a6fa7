//! Adapter files on a base: which layers there are, whether a file fits, and attaching it to the networks.

use std::collections::BTreeMap;

use atelier_adapters::{AdapterFile, BaseLayers, LayerId, Part};
use atelier_core::{AdapterFamily, AdapterUse, WeightChange};
use atelier_nn::Visit;
use atelier_nn::lora::{Attach, AttachShifts};
use atelier_weights::expected_tensors;
use burn::tensor::Device;

use super::{Base, Parts};
use crate::{Error, Result};

/// An adapter file that fits a base, with the strengths at which it is used.
#[derive(Debug, Clone)]
pub struct FittedAdapterUse {
    changes: BTreeMap<LayerId, WeightChange>,
    strength: f32,
    text_strength: f32,
    /// What of the file is not used, for the user to read.
    pub notes: Vec<String>,
}

impl Base {
    /// The naming of adapters for this base.
    pub fn adapter_family(&self) -> AdapterFamily {
        self.family.adapter_family(self.states_width())
    }

    /// Every weight and bias that an adapter file may change, from the configurations alone.
    pub fn adapter_layers(&self) -> Result<BaseLayers> {
        let mut layers = Vec::new();
        for part in self.adapted_parts() {
            let config = self.files().config(part.name())?;
            let tensors = match (expected_tensors(part.name(), &config), part) {
                (Some(tensors), _) => tensors,
                // What cannot be told apart cannot be adapted, and a training would notice at its end.
                (None, Part::Unet) => {
                    return Err(Error::Config {
                        part: "unet",
                        key: "config.json".to_owned(),
                        problem: "names a network whose layers adapters cannot be fitted to"
                            .to_owned(),
                    });
                }
                (None, _) => BTreeMap::new(),
            };
            for (name, shape) in tensors {
                let layer = LayerId::of_tensor(part, &name);
                if let Some(layer) = layer.filter(|layer| !layer.path.ends_with("_embedding")) {
                    layers.push((layer, shape));
                }
            }
        }
        Ok(BaseLayers::new(self.adapter_family(), layers))
    }

    /// Reads an adapter file and finds the place of each of its layers.
    pub fn fit_adapter(&self, adapter: &AdapterUse) -> Result<FittedAdapterUse> {
        let file = AdapterFile::read(&adapter.path)?;
        let fitted = file.fit(&self.adapter_layers()?);
        let fitted = fitted.map_err(|problem| Error::AdapterMismatch {
            path: adapter.path.clone(),
            problem: Box::new(problem),
        })?;
        Ok(FittedAdapterUse {
            changes: fitted.changes,
            strength: adapter.strength,
            text_strength: adapter.text_strength(),
            notes: fitted.notes,
        })
    }

    fn adapted_parts(&self) -> impl Iterator<Item = Part> {
        let is_there = |part: &Part| {
            *part == Part::Unet || self.texts.iter().any(|side| side.place.part == part.name())
        };
        Part::ALL.into_iter().filter(is_there)
    }
}

impl FittedAdapterUse {
    /// What happens to each layer's weight, and the strength for it.
    pub fn into_changes(self) -> impl Iterator<Item = (LayerId, WeightChange, f32)> {
        let (unet, text) = (self.strength, self.text_strength);
        self.changes.into_iter().map(move |(layer, change)| {
            let strength = strength_on(layer.part, unet, text);
            (layer, change, strength)
        })
    }

    /// Attaches the layers of one part to its network. At strength 0 nothing is attached.
    pub fn attach<M: Visit>(&self, part: &str, model: &mut M, device: &Device) {
        let Some(part) = Part::ALL.into_iter().find(|known| known.name() == part) else {
            return;
        };
        let strength = strength_on(part, self.strength, self.text_strength);
        if strength == 0.0 {
            return;
        }
        let change = |layer: LayerId| self.changes.get(&layer).cloned();
        let mut visitor = Attach {
            factors: |path: &str| change(LayerId::new(part, path)),
            strength,
            device,
            trainable: false,
        };
        model.visit("", &mut visitor);
        let mut visitor = AttachShifts {
            changes: |name: &str| change(LayerId::of_tensor(part, name)?),
            strength,
            device,
        };
        model.visit("", &mut visitor);
    }

    /// Attaches all layers to the networks of `base`.
    pub fn attach_all(&self, base: &Base, parts: &mut Parts, device: &Device) {
        self.attach(Part::Unet.name(), &mut parts.unet, device);
        for (side, encoder) in base.texts.iter().zip(&mut parts.texts) {
            self.attach(side.place.part, encoder, device);
        }
    }
}

/// Which of the two strengths counts for a part.
fn strength_on(part: Part, unet: f32, text: f32) -> f32 {
    match part {
        Part::Unet => unet,
        Part::TextEncoder | Part::TextEncoder2 => text,
    }
}
