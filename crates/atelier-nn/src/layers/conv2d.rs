//! The two-dimensional convolution, with room for adapters.

use std::sync::Arc;

use burn::tensor::Tensor;

use super::{Weight, linear};
use crate::kernels::{self, Frozen, Keep, WeightFormat, reference};
use crate::lora::{AttachedChange, ConvLora, Shift, acts, changed};
use crate::params::{Engine, Init, ParamError, Params};
use crate::visit::{Visit, Visitor, join};

/// Size, stride and padding of a square convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Side of the kernel.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
    /// Zeros added on every side.
    pub padding: usize,
}

impl ConvShape {
    /// 3×3, stride 1, size kept.
    pub const THREE: Self = Self {
        kernel: 3,
        stride: 1,
        padding: 1,
    };
    /// 1×1.
    pub const ONE: Self = Self {
        kernel: 1,
        stride: 1,
        padding: 0,
    };
    /// 3×3, stride 2, padding 1: halves an even size.
    pub const HALVE: Self = Self {
        kernel: 3,
        stride: 2,
        padding: 1,
    };
    /// 3×3, stride 2, no padding: for input that was padded by the caller.
    pub const HALVE_UNPADDED: Self = Self {
        kernel: 3,
        stride: 2,
        padding: 0,
    };

    /// Convolves `x_bhwc`; 1×1 is a linear map of each pixel's channels.
    pub(crate) fn convolve(
        self,
        x_bhwc: Tensor<4>,
        weight_oihw: Tensor<4>,
        bias: Option<Tensor<1>>,
        engine: Engine,
    ) -> Tensor<4> {
        if self == Self::ONE {
            let [b, h, w, channels_in] = x_bhwc.dims();
            let channels_out = weight_oihw.dims()[0];
            let pixels = x_bhwc.reshape([b * h * w, channels_in]);
            let weight = weight_oihw.reshape([channels_out, channels_in]);
            let y = linear::product(pixels.into(), weight, bias, engine);
            return y.reshape([b, h, w, channels_out]);
        }
        let format = match engine {
            Engine::Reference => None,
            Engine::Exact => Some(WeightFormat::Float),
            Engine::Mixed | Engine::Small | Engine::Trained => Some(WeightFormat::Whole),
        };
        match format {
            Some(format) if self.kernel == 3 => {
                let (stride, padding) = (self.stride, self.padding);
                kernels::trained_conv2d(x_bhwc, weight_oihw, bias, format, stride, padding)
            }
            _ => {
                let x_bhwc = kernels::unrounded(x_bhwc);
                reference::conv2d(x_bhwc, weight_oihw, bias, self.stride, self.padding)
            }
        }
    }

    /// Convolves `x_bhwc` with frozen weights.
    fn convolve_frozen(self, x_bhwc: Tensor<4>, weights: &Arc<Frozen>) -> Tensor<4> {
        if self != Self::ONE {
            return kernels::frozen_conv2d(x_bhwc, weights, self.stride, self.padding);
        }
        let [b, h, w, channels_in] = x_bhwc.dims();
        let pixels = x_bhwc.reshape([b * h * w, channels_in]);
        let [channels_out, _, _] = weights.sizes();
        kernels::frozen_linear(pixels, weights, Keep::Exact).reshape([b, h, w, channels_out])
    }
}

/// A convolution with bias, plus what the attached adapters add.
#[derive(Debug, Clone)]
pub struct Conv2d {
    /// `[out, in, kernel, kernel]`.
    pub weight: Weight<4>,
    /// `[out]`.
    pub bias: Tensor<1>,
    /// Kernel, stride and padding.
    pub shape: ConvShape,
    /// Low-rank adapters, applied in order.
    pub adapters: Vec<ConvLora>,
    /// Changes of the weight, applied in order and before the low-rank adapters.
    pub changes: Vec<AttachedChange>,
    /// What is added to the bias.
    pub(crate) bias_shift: Shift,
    engine: Engine,
}

impl Conv2d {
    /// A convolution from `channels_in` to `channels_out`.
    pub fn new(
        params: &Params<'_>,
        channels_in: usize,
        channels_out: usize,
        shape: ConvShape,
    ) -> Result<Self, ParamError> {
        let fan_in = channels_in * shape.kernel * shape.kernel;
        let sizes = [channels_out, channels_in, shape.kernel, shape.kernel];
        let bias = params.tensor("bias", [channels_out], Init::Zeros)?;
        let weight = Weight::new(params, sizes, fan_in, Some(&bias))?;
        Ok(Self {
            weight,
            bias,
            shape,
            adapters: Vec::new(),
            changes: Vec::new(),
            bias_shift: Shift::default(),
            engine: params.engine(),
        })
    }

    /// Convolves `x_bhwc`.
    ///
    /// # Shapes
    /// - `x_bhwc`: `[b, h, w, in]`
    /// - returns: `[b, h', w', out]`
    pub fn forward(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        let is_adapted = self.adapters.iter().any(|adapter| adapter.strength != 0.0);
        let kept = is_adapted.then(|| x_bhwc.clone());
        let mut y = match &self.weight {
            Weight::Frozen { weights, .. } if !acts(&self.changes) => {
                self.shape.convolve_frozen(x_bhwc, weights)
            }
            weight => {
                let weight = changed(weight.tensor(), &self.changes);
                let bias = Some(self.bias.clone());
                self.shape.convolve(x_bhwc, weight, bias, self.engine)
            }
        };
        if let Some(x) = kept {
            let x = kernels::unrounded(x);
            for adapter in &self.adapters {
                y = adapter.add_to(y, &x, self.shape, self.engine);
            }
        }
        self.bias_shift.add_to(y)
    }

    /// Shows the layer's own parameters to a visitor.
    pub fn visit_params<V: Visitor + ?Sized>(&mut self, path: &str, visitor: &mut V) {
        self.weight
            .show(|weight| visitor.param(&join(path, "weight"), weight));
        visitor.param(&join(path, "bias"), &mut self.bias);
    }
}

impl Visit for Conv2d {
    fn visit<V: Visitor>(&mut self, path: &str, visitor: &mut V) {
        visitor.conv2d(path, self);
    }
}
