//! One layer of the denoiser: a residual block and, at most levels, a transformer after it.

use atelier_core::Recompute;
use atelier_nn::kernels::beside;
use atelier_nn::recompute::{Wire, recomputed};
use atelier_nn::visit_fields;
use burn::tensor::Tensor;

use super::attention_block::Transformer;
use super::resnet::ResnetBlock;

/// A residual block with the transformer after it.
#[derive(Debug, Clone)]
struct Layer {
    resnet: ResnetBlock,
    attention: Option<Transformer>,
}

visit_fields!(Layer { resnet, attention });

/// What every layer is given beside its pictures.
pub(super) struct Rest<'a> {
    /// `[b, time width]`.
    pub(super) time: &'a Tensor<2>,
    /// `[b, s, context width]`.
    pub(super) context_bsd: &'a Tensor<3>,
    pub(super) recompute: Recompute,
}

impl Rest<'_> {
    /// Runs a layer on `hidden`, with what was kept on the way down beside it.
    pub(super) fn layer(
        &self,
        resnet: &ResnetBlock,
        attention: Option<&Transformer>,
        hidden: Tensor<4>,
        skip: Option<Tensor<4>>,
    ) -> Tensor<4> {
        if self.recompute != Recompute::Layer {
            let x = join(bordered(hidden), skip);
            return self.run(resnet, attention, x, self.recompute == Recompute::Block);
        }
        let layer = Layer {
            resnet: resnet.clone(),
            attention: attention.cloned(),
        };
        let mut inputs: Vec<Wire> = vec![
            self.time.clone().into(),
            self.context_bsd.clone().into(),
            hidden.into(),
        ];
        inputs.extend(skip.map(Wire::from));
        recomputed(&layer, inputs, |layer: &Layer, inputs| {
            let rest = Rest {
                time: &inputs[0].tensor(),
                context_bsd: &inputs[1].tensor(),
                recompute: Recompute::Layer,
            };
            let x = join(inputs[2].tensor(), inputs.get(3).map(Wire::tensor));
            rest.run(&layer.resnet, layer.attention.as_ref(), x, true)
        })
    }

    fn run(
        &self,
        resnet: &ResnetBlock,
        attention: Option<&Transformer>,
        x_bhwc: Tensor<4>,
        blocks_twice: bool,
    ) -> Tensor<4> {
        let hidden = resnet.forward(x_bhwc, Some(self.time));
        match attention {
            Some(attention) => attention.forward(hidden, self.context_bsd, blocks_twice),
            None => hidden,
        }
    }
}

/// The same picture with a node of its own, where the gradients from inside the layer are summed before those from other
/// layers come in: the order in which a layer that is computed twice sums them, so that all bits are equal.
fn bordered(hidden: Tensor<4>) -> Tensor<4> {
    Wire::from(hidden).tensor()
}

fn join(hidden: Tensor<4>, skip: Option<Tensor<4>>) -> Tensor<4> {
    match skip {
        Some(skip) => beside(hidden, skip),
        None => hidden,
    }
}
