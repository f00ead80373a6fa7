//! The trained numbers of an adapter outside the model: values, optimizer moments, and how they get in and out.

use std::path::Path;

use atelier_adapters::{AdapterLayer, Array, LayerId, LayerNames, Part};
use atelier_core::{Seed, Targets};
use atelier_diffusion::stable_diffusion::{Unet, recipe};
use atelier_nn::adamw::{AdamW, Moments, Pace};
use atelier_nn::gradients::{clip_norm, gradient_of};
use atelier_nn::init::RandomParams;
use atelier_nn::kernels::Moved;
use atelier_nn::lora::{self, AdapterSite, Attach, Factors};
use atelier_nn::{Conv2d, Init, Linear, ParamSource as _, Visit as _, Visitor};
use atelier_weights::{DType, OutTensor, TensorFile, write_tensors};
use burn::tensor::{Device, Gradients, Tensor, TensorData};

use crate::order::{Stream, mixed};
use crate::{Error, Result};

/// The two factors on one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct FactorSlot {
    /// Name of the layer in the denoiser.
    pub layer: String,
    /// Its kind and sizes.
    pub site: AdapterSite,
    /// Values of down, then up.
    pub values: [Vec<f32>; 2],
    moments: [Moments; 2],
}

/// All factors of an adapter, in the order of the walk over the denoiser.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterFactors {
    /// One entry for each adapted layer.
    pub slots: Vec<FactorSlot>,
    /// Rank of every pair.
    pub rank: usize,
    /// Scale of every pair, times the rank.
    pub alpha: f32,
}

impl AdapterFactors {
    /// Fresh factors on the layers that `targets` selects: down uniform within ±1/√(fan in), up zero, as kohya and peft start.
    ///
    /// # Panics
    /// Panics when `rank` is zero.
    pub fn fresh(unet: &mut Unet, targets: Targets, rank: usize, alpha: f32, seed: Seed) -> Self {
        let mut random = RandomParams::new(mixed(seed, Stream::Start, 0));
        let sites = lora::sites(unet)
            .into_iter()
            .filter(|(layer, _)| recipe::is_target(layer, targets));
        let slots = sites.map(|(layer, site)| {
            let (down_shape, up_shape) = (site.down_shape(rank), site.up_shape(rank));
            let fan_in = down_shape[1..].iter().product();
            let down = random
                .load(&layer, &down_shape, Init::FanIn(fan_in))
                .expect("random values are always there");
            let up = vec![0.0; up_shape.iter().product()];
            let moments = [Moments::zeros(down.len()), Moments::zeros(up.len())];
            FactorSlot {
                layer,
                site,
                values: [down, up],
                moments,
            }
        });
        Self {
            slots: slots.collect(),
            rank,
            alpha,
        }
    }

    /// Number of trained values.
    pub fn count(&self) -> usize {
        self.slots
            .iter()
            .flat_map(|slot| &slot.values)
            .map(Vec::len)
            .sum()
    }

    /// Attaches the factors to the denoiser for training.
    pub fn attach(&self, unet: &mut Unet, device: &Device) {
        let scale = self.alpha / self.rank as f32;
        let mut slots = self.slots.iter();
        let mut next = slots.next();
        let factors = |layer: &str| {
            let slot = next.filter(|slot| slot.layer == layer)?;
            next = slots.next();
            let [down, up] = slot.values.clone();
            Some(Factors {
                rank: self.rank,
                scale,
                down,
                up,
            })
        };
        unet.visit(
            "",
            &mut Attach {
                factors,
                strength: 1.0,
                device,
                trainable: true,
            },
        );
    }

    /// Puts the current values into the attached factors.
    pub fn install(&self, unet: &mut Unet, device: &Device) {
        unet.visit(
            "",
            &mut Install {
                slots: self.slots.iter(),
                device,
            },
        );
    }

    /// The gradient of every factor, down and up in turn.
    pub fn gradients(unet: &mut Unet, gradients: Gradients) -> Vec<Vec<f32>> {
        let mut gather = Gather {
            gradients,
            values: Vec::new(),
        };
        unet.visit("", &mut gather);
        gather.values
    }

    /// One optimizer step. Returns the norm of the gradient before clipping; when it is not finite, nothing changes.
    pub fn update(
        &mut self,
        mut gradients: Vec<Vec<f32>>,
        optimizer: &AdamW,
        pace: Pace,
        max_norm: f64,
    ) -> f64 {
        let limit = if max_norm > 0.0 {
            max_norm
        } else {
            f64::INFINITY
        };
        let norm = clip_norm(&mut gradients, limit);
        if !norm.is_finite() {
            return norm;
        }
        let tensors = self
            .slots
            .iter_mut()
            .flat_map(|slot| slot.values.iter_mut().zip(&mut slot.moments));
        let moved = tensors
            .zip(&gradients)
            .map(|((values, moments), gradient)| Moved {
                values,
                gradient,
                moments: [&mut moments.first, &mut moments.second],
            });
        optimizer.update_all(moved, pace);
        norm
    }

    /// The factors as layers of an adapter file, with the names that kohya gives them.
    pub fn layers(&self, names: &LayerNames) -> Vec<AdapterLayer> {
        let layer = |slot: &FactorSlot| {
            let [down, up] = slot.values.clone();
            AdapterLayer::low_rank(
                names.kohya(&LayerId::new(Part::Unet, &*slot.layer)),
                self.alpha,
                Array::new(slot.site.down_shape(self.rank), down),
                Array::new(slot.site.up_shape(self.rank), up),
            )
        };
        self.slots.iter().map(layer).collect()
    }

    /// Writes values and moments, so that training can go on from them.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut tensors = Vec::new();
        for slot in &self.slots {
            let shapes = [
                slot.site.down_shape(self.rank),
                slot.site.up_shape(self.rank),
            ];
            for (((factor, shape), values), moments) in NAMES
                .iter()
                .zip(shapes)
                .zip(&slot.values)
                .zip(&slot.moments)
            {
                let rows = [
                    ("value", values),
                    ("first", &moments.first),
                    ("second", &moments.second),
                ];
                tensors.extend(rows.map(|(kind, data)| OutTensor {
                    name: format!("{}.{factor}.{kind}", slot.layer),
                    dtype: DType::F32,
                    shape: shape.clone(),
                    data: data.clone(),
                }));
            }
        }
        Ok(write_tensors(
            path,
            &tensors,
            &std::collections::BTreeMap::new(),
        )?)
    }

    /// Takes over what [`Self::save`] wrote for the same layers.
    pub fn load(&mut self, path: &Path) -> Result<()> {
        let file = TensorFile::open(path)?;
        for slot in &mut self.slots {
            for ((factor, values), moments) in
                NAMES.iter().zip(&mut slot.values).zip(&mut slot.moments)
            {
                let targets = [
                    ("value", values),
                    ("first", &mut moments.first),
                    ("second", &mut moments.second),
                ];
                for (kind, target) in targets {
                    let name = format!("{}.{factor}.{kind}", slot.layer);
                    let data = file.read_f32(&name)?;
                    if data.len() != target.len() {
                        let problem = format!(
                            "`{name}` has {} values, expected {}",
                            data.len(),
                            target.len()
                        );
                        return Err(Error::Record {
                            path: path.to_owned(),
                            problem,
                        });
                    }
                    *target = data;
                }
            }
        }
        Ok(())
    }
}

const NAMES: [&str; 2] = ["down", "up"];

struct Install<'a> {
    slots: std::slice::Iter<'a, FactorSlot>,
    device: &'a Device,
}

impl Install<'_> {
    fn next<const D: usize, const E: usize>(&mut self, down: &mut Tensor<D>, up: &mut Tensor<E>) {
        let slot = self
            .slots
            .next()
            .expect("the same walk attached the factors");
        let fresh = |values: &Vec<f32>| values.clone();
        *down = Tensor::from_data(
            TensorData::new(fresh(&slot.values[0]), down.dims()),
            self.device,
        )
        .require_grad();
        *up = Tensor::from_data(
            TensorData::new(fresh(&slot.values[1]), up.dims()),
            self.device,
        )
        .require_grad();
    }
}

impl Visitor for Install<'_> {
    fn param<const D: usize>(&mut self, _name: &str, _tensor: &mut Tensor<D>) {}

    fn linear(&mut self, _path: &str, layer: &mut Linear) {
        if let Some(adapter) = layer.adapters.first_mut() {
            self.next(&mut adapter.down, &mut adapter.up);
        }
    }

    fn conv2d(&mut self, _path: &str, layer: &mut Conv2d) {
        if let Some(adapter) = layer.adapters.first_mut() {
            self.next(&mut adapter.down, &mut adapter.up);
        }
    }
}

struct Gather {
    gradients: Gradients,
    values: Vec<Vec<f32>>,
}

impl Visitor for Gather {
    fn param<const D: usize>(&mut self, _name: &str, _tensor: &mut Tensor<D>) {}

    fn linear(&mut self, _path: &str, layer: &mut Linear) {
        for adapter in &layer.adapters {
            self.values
                .push(gradient_of(&adapter.down, &mut self.gradients));
            self.values
                .push(gradient_of(&adapter.up, &mut self.gradients));
        }
    }

    fn conv2d(&mut self, _path: &str, layer: &mut Conv2d) {
        for adapter in &layer.adapters {
            self.values
                .push(gradient_of(&adapter.down, &mut self.gradients));
            self.values
                .push(gradient_of(&adapter.up, &mut self.gradients));
        }
    }
}
