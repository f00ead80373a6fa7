//! The weight of a layer: a tensor, or packed for the kernels once it never changes.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use crate::kernels::Frozen;
use crate::params::{Init, ParamError, Params};

/// A layer's weight.
#[derive(Debug, Clone)]
#[cfg_attr(
    feature = "wgpu",
    expect(
        clippy::large_enum_variant,
        reason = "a tensor's handle is larger in builds with graphics processors; there are some hundred"
    )
)]
pub enum Weight<const D: usize> {
    /// A tensor, which may be trained.
    Plain(Tensor<D>),
    /// Packed with its bias, and shared by all clones.
    Frozen {
        /// The numbers.
        weights: Arc<Frozen>,
        /// The shape in published files.
        shape: [usize; D],
        /// Where its tensors would live.
        device: Device,
    },
}

impl<const D: usize> Weight<D> {
    /// The parameter `weight` at this place, held as the engine wants it, beside its bias.
    pub(super) fn new(
        params: &Params<'_>,
        shape: [usize; D],
        fan_in: usize,
        bias: Option<&Tensor<1>>,
    ) -> Result<Self, ParamError> {
        let init = Init::FanIn(fan_in);
        let taps: usize = shape.iter().skip(2).product();
        // The kernels know maps of single pixels and 3×3 neighbourhoods.
        let format = params
            .engine()
            .frozen_format()
            .filter(|_| taps == 1 || taps == 9);
        let Some(format) = format else {
            return Ok(Self::Plain(params.tensor("weight", shape, init)?));
        };
        let bias = bias.map(|bias| crate::gradients::values_of(bias.clone()));
        Ok(Self::Frozen {
            weights: params.frozen("weight", &shape, init, (bias, format))?,
            shape,
            device: params.device().clone(),
        })
    }

    /// The shape in published files.
    pub fn dims(&self) -> [usize; D] {
        match self {
            Self::Plain(tensor) => tensor.dims(),
            Self::Frozen { shape, .. } => *shape,
        }
    }

    /// The weight as a tensor; one that is packed is unpacked into new memory.
    pub fn tensor(&self) -> Tensor<D> {
        match self {
            Self::Plain(tensor) => tensor.clone(),
            Self::Frozen {
                weights,
                shape,
                device,
            } => Tensor::from_data(TensorData::new(weights.weight(), *shape), device),
        }
    }

    /// Memory in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Plain(tensor) => tensor.shape().num_elements() * size_of::<f32>(),
            Self::Frozen { weights, .. } => weights.bytes(),
        }
    }

    /// Shows the weight to `see`, which may change it unless it is frozen.
    pub(super) fn show(&mut self, see: impl FnOnce(&mut Tensor<D>)) {
        match self {
            Self::Plain(tensor) => see(tensor),
            Self::Frozen { .. } => see(&mut self.tensor()),
        }
    }
}
