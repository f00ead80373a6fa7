//! The table of vectors by token.

use burn::tensor::{Int, Tensor};

use crate::params::{Init, ParamError, Params};
use crate::visit::{Visit, Visitor, join};

/// One vector per token.
#[derive(Debug, Clone)]
pub struct Embedding {
    /// `[tokens, features]`.
    pub weight: Tensor<2>,
}

impl Embedding {
    /// A table of `count` vectors of size `features`.
    pub fn new(params: &Params<'_>, count: usize, features: usize) -> Result<Self, ParamError> {
        Ok(Self {
            weight: params.tensor("weight", [count, features], Init::Normal(0.02))?,
        })
    }

    /// The vectors of `tokens`.
    ///
    /// # Shapes
    /// - `tokens_bs`: `[b, s]`
    /// - returns: `[b, s, d]`
    pub fn forward(&self, tokens_bs: Tensor<2, Int>) -> Tensor<3> {
        let [b, s] = tokens_bs.dims();
        let features = self.weight.dims()[1];
        self.weight
            .clone()
            .select(0, tokens_bs.reshape([b * s]))
            .reshape([b, s, features])
    }
}

impl Visit for Embedding {
    fn visit<V: Visitor>(&mut self, path: &str, visitor: &mut V) {
        visitor.param(&join(path, "weight"), &mut self.weight);
    }
}
