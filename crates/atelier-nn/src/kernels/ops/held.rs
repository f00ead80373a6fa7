//! Tensors that several operations keep for the backward pass, in one copy.

use std::sync::{Arc, OnceLock};

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;

use super::super::level::Level;
use super::super::pointwise::kept::{self, Precision, View};
use super::super::pointwise::kept_rows::KeptRows;
use super::super::product::{HalfRows, Operand};
use super::{holds_halves, is_rounded, takes_halves, with_values, with_view};

/// A tensor that operations read: with the copy that they and their backward passes share, made when the first of them wants
/// it, or for one operation alone.
#[derive(Debug, Clone)]
pub struct Held<const D: usize> {
    tensor: Tensor<D>,
    copy: Option<Slot>,
    /// How the gradient for the tensor is written.
    slope: Precision,
}

impl<const D: usize> Held<D> {
    /// A tensor, and the slot that the operation which made it fills.
    pub(super) fn new(tensor: Tensor<D>, copy: Slot) -> Self {
        Self {
            tensor,
            copy: Some(copy),
            slope: Precision::Exact,
        }
    }

    /// A tensor that one product reads and another operation made that multiplies the gradient: where the tensor is rounded,
    /// that is too.
    pub fn between(tensor: Tensor<D>) -> Self {
        let slope = if is_rounded(&tensor) {
            Precision::Rounded
        } else {
            Precision::Exact
        };
        Self {
            tensor,
            copy: None,
            slope,
        }
    }

    /// A tensor that several operations read.
    pub fn shared(tensor: Tensor<D>) -> Self {
        Self::new(tensor, Slot::default())
    }

    /// The tensor.
    pub fn tensor(&self) -> &Tensor<D> {
        &self.tensor
    }

    /// The tensor alone.
    pub fn into_tensor(self) -> Tensor<D> {
        self.tensor
    }

    /// The same tensor, which several operations read.
    pub(crate) fn into_shared(self) -> Self {
        Self {
            copy: Some(self.copy.unwrap_or_default()),
            // gradients that are summed are of one kind
            slope: Precision::Exact,
            ..self
        }
    }

    /// How the gradient for this tensor is written.
    pub(super) fn slope(&self) -> Precision {
        self.slope
    }

    /// Both.
    pub(super) fn into_parts(self) -> (Tensor<D>, Option<Slot>) {
        (self.tensor, self.copy)
    }

    /// The same values in another shape whose last axis is as long.
    pub(crate) fn rows(&self) -> Held<2> {
        let dims = self.tensor.dims();
        let width = dims[D - 1];
        let rows = dims[..D - 1].iter().product();
        Held {
            tensor: self.tensor.clone().reshape([rows, width]),
            copy: self.copy.clone(),
            slope: self.slope,
        }
    }
}

impl<const D: usize> From<Tensor<D>> for Held<D> {
    /// A tensor that one operation reads.
    fn from(tensor: Tensor<D>) -> Self {
        Self {
            tensor,
            copy: None,
            slope: Precision::Exact,
        }
    }
}

/// Where the copy comes to lie.
pub(crate) type Slot = Arc<OnceLock<KeptTensor>>;

/// The copy: the tensor itself, shared with whoever else holds it, or its rows in half the memory.
#[derive(Debug, Clone)]
pub(crate) enum KeptTensor {
    Exact(FlexTensor),
    Rounded(KeptRows),
    /// Rounded to bf16, as products take them.
    Rows(HalfRows),
    /// Rounded to bf16, one behind the other.
    Halved(Vec<u16>),
}

impl KeptTensor {
    /// A copy whose rows are the last axis; a tensor that is rounded already is its own.
    pub(super) fn new(tensor: &FlexTensor, precision: Precision) -> Self {
        match precision {
            _ if holds_halves(tensor) => Self::Exact(tensor.clone()),
            Precision::Exact => Self::Exact(tensor.clone()),
            Precision::Rounded => {
                let width = width_of(tensor);
                with_values(tensor, |values| {
                    if takes_halves(precision) {
                        Self::Rows(HalfRows::new(Level::best(), values, width))
                    } else {
                        Self::Rounded(KeptRows::new(Level::best(), values, width))
                    }
                })
            }
        }
    }

    /// A copy in bf16; a tensor that is rounded already is its own.
    pub(super) fn halved(tensor: &FlexTensor) -> Self {
        if holds_halves(tensor) {
            return Self::Exact(tensor.clone());
        }
        Self::Halved(with_values(tensor, |values| {
            kept::rounded(Level::best(), values)
        }))
    }

    /// Runs `f` on the values as they are kept, where that is one after the other.
    pub(super) fn with_view<R>(&self, f: impl FnOnce(View<'_>) -> R) -> R {
        match self {
            Self::Exact(tensor) => with_view(tensor, f),
            Self::Halved(halves) => f(View::Rounded(halves)),
            Self::Rounded(_) | Self::Rows(_) => self.with_values(|values| f(View::Exact(values))),
        }
    }

    /// Runs `f` on the values as f32.
    pub(super) fn with_values<R>(&self, f: impl FnOnce(&[f32]) -> R) -> R {
        match self {
            Self::Exact(tensor) => with_values(tensor, f),
            Self::Rounded(rows) => f(&rows.widened(Level::best())),
            Self::Rows(rows) => f(&rows.widened(Level::best())),
            Self::Halved(halves) => f(&kept::widened(Level::best(), halves)),
        }
    }
}

/// The length of the last axis.
fn width_of(tensor: &FlexTensor) -> usize {
    tensor.shape().last().copied().unwrap_or(1)
}

/// Runs `f` on the rows of the kept tensor, `width` numbers each.
pub(super) fn with_kept_rows<R>(
    kept: &KeptTensor,
    width: usize,
    f: impl FnOnce(Operand<'_>) -> R,
) -> R {
    match kept {
        KeptTensor::Rows(rows) => f(rows.operand()),
        KeptTensor::Exact(tensor) if holds_halves(tensor) => with_rows(tensor, None, true, f),
        other => other.with_values(|values| f(Operand::floats(values, width))),
    }
}

/// Runs `f` on the rows of `tensor`: on those in `copy`, which are made unless they are there, where there is such a slot and
/// products take `halves`.
pub(super) fn with_rows<R>(
    tensor: &FlexTensor,
    copy: Option<&Slot>,
    halves: bool,
    f: impl FnOnce(Operand<'_>) -> R,
) -> R {
    let width = width_of(tensor);
    let rounded = |tensor: &FlexTensor| {
        with_values(tensor, |values| HalfRows::new(Level::best(), values, width))
    };
    if halves && holds_halves(tensor) {
        return with_view(tensor, |view| match view {
            View::Rounded(numbers) => match Operand::halves(numbers, width) {
                Some(rows) => f(rows),
                None => f(rounded(tensor).operand()),
            },
            View::Exact(_) => unreachable!("a rounded tensor"),
        });
    }
    if let Some(slot) = copy.filter(|_| halves) {
        let make = || KeptTensor::Rows(rounded(tensor));
        if let KeptTensor::Rows(rows) = slot.get_or_init(make) {
            return f(rows.operand());
        }
    }
    with_values(tensor, |values| f(Operand::floats(values, width)))
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
