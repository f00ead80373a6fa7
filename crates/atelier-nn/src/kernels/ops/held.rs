//! Tensors that several operations keep for the backward pass, in one copy.

use std::sync::{Arc, OnceLock};

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::super::level::Level;
use super::super::pointwise::kept::{self, Precision};
use super::super::pointwise::kept_rows::KeptRows;
use super::with_values;

/// A tensor that several operations read, with the copy that their backward passes share, made when the first of them
/// wants it.
#[derive(Debug, Clone)]
pub struct Held<const D: usize> {
    tensor: Tensor<D>,
    copy: Slot,
}

impl<const D: usize> Held<D> {
    /// A tensor, and the slot that the operation which made it fills.
    pub(super) fn new(tensor: Tensor<D>, copy: Slot) -> Self {
        Self { tensor, copy }
    }

    /// The tensor.
    pub fn tensor(&self) -> &Tensor<D> {
        &self.tensor
    }

    /// The tensor alone.
    pub fn into_tensor(self) -> Tensor<D> {
        self.tensor
    }

    /// Both.
    pub(super) fn into_parts(self) -> (Tensor<D>, Slot) {
        (self.tensor, self.copy)
    }

    /// The same values in another shape whose last axis is as long.
    pub(crate) fn rows(&self) -> Held<2> {
        let dims = self.tensor.dims();
        let width = dims[D - 1];
        let rows = dims[..D - 1].iter().product();
        Held {
            tensor: self.tensor.clone().reshape([rows, width]),
            copy: Arc::clone(&self.copy),
        }
    }
}

impl<const D: usize> From<Tensor<D>> for Held<D> {
    fn from(tensor: Tensor<D>) -> Self {
        let copy = Slot::default();
        Self { tensor, copy }
    }
}

/// Where the copy comes to lie.
pub(crate) type Slot = Arc<OnceLock<KeptTensor>>;

/// The copy: the tensor itself, shared with whoever else holds it, or its rows in half the memory.
#[derive(Debug, Clone)]
pub(crate) enum KeptTensor {
    Exact(FlexTensor),
    Rounded(KeptRows),
    /// Rounded to bf16.
    Halved(Vec<u16>),
}

impl KeptTensor {
    /// A copy whose rows are the last axis.
    pub(super) fn new(tensor: &FlexTensor, precision: Precision) -> Self {
        match precision {
            Precision::Exact => Self::Exact(tensor.clone()),
            Precision::Rounded => {
                let width = tensor.shape().last().copied().unwrap_or(1);
                Self::Rounded(with_values(tensor, |values| {
                    KeptRows::new(Level::best(), values, width)
                }))
            }
        }
    }

    /// A copy in bf16.
    pub(super) fn halved(tensor: &FlexTensor) -> Self {
        Self::Halved(with_values(tensor, |values| {
            kept::rounded(Level::best(), values)
        }))
    }

    /// Runs `f` on the values as f32.
    pub(super) fn with_values<R>(&self, f: impl FnOnce(&[f32]) -> R) -> R {
        match self {
            Self::Exact(tensor) => with_values(tensor, f),
            Self::Rounded(rows) => f(&rows.widened(Level::best())),
            Self::Halved(halves) => f(&kept::widened(Level::best(), halves)),
        }
    }
}

/// Makes the copy in `slot` unless it is there, and gives a share of it.
pub(super) fn keep(slot: &Slot, tensor: &FlexTensor, precision: Precision) -> Slot {
    slot.get_or_init(|| KeptTensor::new(tensor, precision));
    Arc::clone(slot)
}

/// The copy in a slot that [`keep`] gave.
pub(super) fn kept(slot: &Slot) -> &KeptTensor {
    slot.get().expect("a slot is filled before it is kept")
}
