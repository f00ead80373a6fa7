//! Activation functions by the names that configurations use.

use burn::tensor::{Tensor, activation};

use crate::kernels;
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
        match (self, engine) {
            (Self::Silu, Engine::Exact) => activation::silu(x),
            (Self::Silu, Engine::Mixed) => kernels::silu(x),
            (Self::Gelu, Engine::Exact) => activation::gelu(x),
            (Self::Gelu, Engine::Mixed) => kernels::gelu(x),
            (Self::QuickGelu, _) => x.clone() * activation::sigmoid(x * 1.702),
        }
    }
}
