//! Activation functions by the names that configurations use.

use burn::tensor::Tensor;

use crate::kernels::{self, Curve, reference};
use crate::params::Engine;

/// A pointwise function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · σ(x)`.
    Silu,
    /// `x · Φ(x)` with the exact error function.
    Gelu,
    /// `x · σ(1.702 x)`, the approximation that CLIP was trained with.
    QuickGelu,
}

impl Activation {
    /// The activation that a configuration names, if it is known.
    pub fn from_config(name: &str) -> Option<Self> {
        match name {
            "silu" | "swish" => Some(Self::Silu),
            "gelu" => Some(Self::Gelu),
            "quick_gelu" => Some(Self::QuickGelu),
            _ => None,
        }
    }

    /// Applies the function to every element.
    pub fn apply<const D: usize>(self, x: Tensor<D>, engine: Engine) -> Tensor<D> {
        match engine {
            Engine::Reference => reference::activation(x, self.into()),
            engine => kernels::activation(x, self.into(), engine.keep()),
        }
    }
}

impl From<Activation> for Curve {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Silu => Self::Silu,
            Activation::Gelu => Self::Gelu,
            Activation::QuickGelu => Self::QuickGelu,
        }
    }
}

/// The gated activation of transformers: of `x_bsd`, the first half of the features times GELU of the second.
///
/// # Shapes
/// - `x_bsd`: `[b, s, 2 d]`
/// - returns: `[b, s, d]`
pub fn geglu(x_bsd: Tensor<3>, engine: Engine) -> Tensor<3> {
    let [b, s, both] = x_bsd.dims();
    let rows = x_bsd.reshape([b * s, both]);
    let y = match engine {
        Engine::Reference => reference::geglu(rows),
        engine => kernels::geglu(rows, engine.keep()),
    };
    y.reshape([b, s, both / 2])
}
