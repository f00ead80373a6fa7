//! The trained numbers outside the model: master values, optimizer moments and averages, saved and resumed as one file.

mod checkpoint;
mod muon;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use anyhow::{Context as _, ensure};
use atelier_nn::adamw::{AdamW, Moments, Pace};
use atelier_nn::ema::Ema;
use atelier_nn::gradients::{clip_norm, gradient_of, values_of};
use atelier_nn::kernels::Moved;
use atelier_nn::{Visit, Visitor};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rayon::prelude::*;

pub(crate) use checkpoint::{LearntFrom, read};
use muon::Muon;

/// Share of a value that a step at a rate of 1 would take from it.
pub(crate) const WEIGHT_DECAY: f64 = 0.01;

/// One trained tensor.
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
    moments: Moments,
    pub(crate) average: Vec<f32>,
    frozen: bool,
    /// How many values move, from the first on. The others keep what they are, and so do their averages.
    moving: usize,
    /// Whether it moves by [`Muon`] in place of `AdamW`.
    by_muon: bool,
}

impl Slot {
    /// One optimizer step of what moves, and of its averages.
    fn advance(&mut self, gradient: &[f32], (adamw, muon): (&AdamW, Muon), pace: Pace, ema: Ema) {
        let moving = self.moving;
        if self.by_muon {
            muon.update(self.shape[0], &mut self.values, gradient, &mut self.moments);
        } else {
            let Moments { first, second } = &mut self.moments;
            let moved = Moved {
                values: &mut self.values[..moving],
                gradient: &gradient[..moving],
                moments: [&mut first[..moving], &mut second[..moving]],
            };
            adamw.update_all(std::iter::once(moved), pace);
        }
        ema.update(
            &mut self.average[..moving],
            &self.values[..moving],
            pace.step,
        );
    }
}

/// All trained tensors of a stage.
pub(crate) struct Store {
    pub(crate) slots: Vec<Slot>,
    index: HashMap<String, usize>,
    pub(crate) step: u64,
    /// The step at which the moments were zero: not the first one where the values are those of an exported folder.
    pub(crate) began: u64,
    /// Which pairs were held out of the training, see [`atelier_corpus::held_out_fingerprint`].
    held_out: String,
    /// What checkpoints must have learnt from; none: whatever it was.
    learnt_from: Option<LearntFrom>,
    /// Decay of what moves by [`Muon`].
    muon_decay: f64,
}

impl Store {
    /// Takes over the values that the model holds now, for a training without the pairs of `held_out`.
    pub(crate) fn of<M: Visit>(model: &mut M, held_out: String) -> Self {
        let mut collector = Collect(Vec::new());
        model.visit("", &mut collector);
        let index = collector
            .0
            .iter()
            .enumerate()
            .map(|(i, slot)| (slot.name.clone(), i))
            .collect();
        Self {
            slots: collector.0,
            index,
            step: 0,
            began: 0,
            held_out,
            learnt_from: None,
            muon_decay: WEIGHT_DECAY,
        }
    }

    /// The same, whose checkpoints say what they learnt from, and are refused where they learnt from anything else.
    pub(crate) fn learning_from(self, learnt_from: LearntFrom) -> Self {
        Self {
            learnt_from: Some(learnt_from),
            ..self
        }
    }

    /// The place of a tensor among [`Self::slots`].
    pub(crate) fn position(&self, name: &str) -> anyhow::Result<usize> {
        let found = self.index.get(name).copied();
        found.with_context(|| format!("no tensor is called `{name}`"))
    }

    /// A number that changes when the averages of the tensors with these names do (FNV-1a over their bits).
    pub(crate) fn fingerprint(&self, names: impl Fn(&str) -> bool) -> String {
        let chosen = self.slots.iter().filter(|slot| names(&slot.name));
        let bytes =
            chosen.flat_map(|slot| slot.average.iter().flat_map(|v| v.to_bits().to_le_bytes()));
        let hash = bytes.fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        format!("{hash:016x}")
    }

    /// Leaves the tensors with these names at their averages from now on.
    pub(crate) fn freeze(&mut self, names: impl Fn(&str) -> bool) {
        for slot in &mut self.slots {
            slot.frozen = names(&slot.name);
            if slot.frozen {
                slot.values.clone_from(&slot.average);
            }
        }
    }

    /// Leaves the rows of the table at `position` as they are from `row` on: no gradient, no decay and no average moves them.
    pub(crate) fn hold_rows_from(&mut self, position: usize, row: usize) {
        let slot = &mut self.slots[position];
        slot.moving = row * (slot.values.len() / slot.shape[0]);
        slot.by_muon = false;
    }

    /// Lets the matrices with these names move by [`Muon`] from now on: all tensors of two axes or more, whose first is that of
    /// rows, and of which none is held. `weight_decay` is theirs, relative to the rate.
    pub(crate) fn use_muon(&mut self, names: impl Fn(&str) -> bool, weight_decay: f64) {
        self.muon_decay = weight_decay;
        for slot in &mut self.slots {
            let is_whole = slot.moving == slot.values.len();
            slot.by_muon = slot.shape.len() > 1 && is_whole && names(&slot.name);
        }
    }

    /// The values, one row for each tensor.
    pub(crate) fn rows(&self, device: &Device) -> Vec<Tensor<1>> {
        let copies: Vec<TensorData> = self
            .slots
            .par_iter()
            .map(|slot| TensorData::from(slot.values.as_slice()))
            .collect();
        let row = |copy| Tensor::from_data(copy, device);
        copies.into_iter().map(row).collect()
    }

    /// Puts `rows` into the model, ready for a gradient unless frozen. Models share the memory of rows.
    pub(crate) fn install<M: Visit>(&self, model: &mut M, rows: &[Tensor<1>]) {
        model.visit("", &mut Install { store: self, rows });
    }

    /// Puts the averages into the model.
    pub(crate) fn install_averages<M: Visit>(&self, model: &mut M, device: &Device) {
        model.visit(
            "",
            &mut InstallAverages {
                store: self,
                device,
            },
        );
    }

    /// One optimizer step from the gradients of all tensors, in their order.
    ///
    /// # Errors
    /// When the gradient is not finite; nothing has changed then, so that no checkpoint is spoilt.
    pub(crate) fn update(
        &mut self,
        mut gradients: Vec<Vec<f32>>,
        rate: f64,
        ema: Ema,
    ) -> anyhow::Result<()> {
        for (slot, gradient) in self.slots.iter().zip(&mut gradients) {
            gradient[slot.moving..].fill(0.0);
        }
        let norm = clip_norm(&mut gradients, 1.0);
        ensure!(
            norm.is_finite(),
            "the gradient of step {} is {norm}; the checkpoint from before is whole, go on from it with a lower rate",
            self.step + 1
        );
        self.step += 1;
        let adamw = AdamW::with_weight_decay(WEIGHT_DECAY);
        let muon = Muon {
            rate: rate as f32,
            weight_decay: self.muon_decay as f32,
        };
        let step = self.step - self.began;
        let pace = Pace { step, rate };
        self.slots
            .par_iter_mut()
            .zip(&gradients)
            .filter(|(slot, _)| !slot.frozen)
            .for_each(|(slot, gradient)| slot.advance(gradient, (&adamw, muon), pace, ema));
        Ok(())
    }
}

/// The gradients of a model's tensors, in the order of its visit.
pub(crate) fn gradients_of<M: Visit>(model: &mut M, gradients: Gradients) -> Vec<Vec<f32>> {
    let mut gather = Gather {
        gradients,
        values: Vec::new(),
    };
    model.visit("", &mut gather);
    gather.values
}

struct Collect(Vec<Slot>);

impl Visitor for Collect {
    fn param<const D: usize>(&mut self, name: &str, tensor: &mut Tensor<D>) {
        let (shape, values) = (tensor.dims().to_vec(), values_of(tensor.clone()));
        self.0.push(Slot {
            name: name.to_owned(),
            shape,
            average: values.clone(),
            moments: Moments::zeros(values.len()),
            frozen: false,
            moving: values.len(),
            values,
            by_muon: false,
        });
    }
}

struct Install<'a> {
    store: &'a Store,
    rows: &'a [Tensor<1>],
}

impl Visitor for Install<'_> {
    fn param<const D: usize>(&mut self, name: &str, tensor: &mut Tensor<D>) {
        let index = self.store.index[name];
        let values = self.rows[index].clone().reshape(tensor.dims());
        *tensor = if self.store.slots[index].frozen {
            values
        } else {
            values.require_grad()
        };
    }
}

struct InstallAverages<'a> {
    store: &'a Store,
    device: &'a Device,
}

impl Visitor for InstallAverages<'_> {
    fn param<const D: usize>(&mut self, name: &str, tensor: &mut Tensor<D>) {
        let average = self.store.slots[self.store.index[name]].average.clone();
        *tensor = Tensor::from_data(TensorData::new(average, tensor.dims()), self.device);
    }
}

struct Gather {
    gradients: Gradients,
    values: Vec<Vec<f32>>,
}

impl Visitor for Gather {
    fn param<const D: usize>(&mut self, _name: &str, tensor: &mut Tensor<D>) {
        self.values.push(gradient_of(tensor, &mut self.gradients));
    }
}
