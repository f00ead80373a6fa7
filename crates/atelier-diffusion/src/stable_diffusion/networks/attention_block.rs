//! The transformer between residual blocks: `Transformer2DModel` and what it is made of.

use atelier_nn::attention::attend;
use atelier_nn::kernels::Held;
use atelier_nn::layers::ConvShape;
use atelier_nn::{
    Conv2d, Engine, GroupNorm, LayerNorm, Linear, ParamError, Params, Visit, Visitor, kernels::sum,
    recompute::recomputed, visit_fields,
};
use burn::tensor::Tensor;

/// Epsilon of the norms inside transformers; differs from that of residual blocks.
const GROUP_EPSILON: f64 = 1e-6;
const LAYER_EPSILON: f64 = 1e-5;

/// Multi-head attention with a projection on either side.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
    engine: Engine,
}

visit_fields!(Attention { to_q, to_k, to_v, to_out => "to_out.0" });

impl Attention {
    fn new(
        params: &Params<'_>,
        width: usize,
        context_width: usize,
        heads: usize,
    ) -> Result<Self, ParamError> {
        Ok(Self {
            to_q: Linear::without_bias(&params.at("to_q"), width, width)?,
            to_k: Linear::without_bias(&params.at("to_k"), context_width, width)?,
            to_v: Linear::without_bias(&params.at("to_v"), context_width, width)?,
            to_out: Linear::new(&params.at("to_out.0"), width, width)?,
            heads,
            engine: params.engine(),
        })
    }

    /// The autoencoder's attention: one head, bias everywhere.
    pub(crate) fn single_head(params: &Params<'_>, width: usize) -> Result<Self, ParamError> {
        Ok(Self {
            to_q: Linear::new(&params.at("to_q"), width, width)?,
            to_k: Linear::new(&params.at("to_k"), width, width)?,
            to_v: Linear::new(&params.at("to_v"), width, width)?,
            to_out: Linear::new(&params.at("to_out.0"), width, width)?,
            heads: 1,
            engine: params.engine(),
        })
    }

    /// Attends from `x_bsd` to the context, or to itself without one.
    pub(crate) fn forward(&self, x_bsd: Tensor<3>, context_bsd: Option<Tensor<3>>) -> Tensor<3> {
        let x = Held::shared(x_bsd);
        let context = context_bsd.map_or_else(|| x.clone(), Held::shared);
        let query = self.to_q.forward_between(&x);
        let key = self.to_k.forward_between(&context);
        let value = self.to_v.forward_between(&context);
        drop((x, context));
        let operands = [query, key, value];
        self.to_out
            .forward_held(&attend(operands, self.heads, None, self.engine))
    }
}

/// The gated feed-forward layer: `value · gelu(gate)` between two projections.
#[derive(Debug, Clone)]
struct FeedForward {
    input: Linear,
    output: Linear,
}

visit_fields!(FeedForward { input => "net.0.proj", output => "net.2" });

impl FeedForward {
    fn new(params: &Params<'_>, width: usize) -> Result<Self, ParamError> {
        Ok(Self {
            input: Linear::new(&params.at("net.0.proj"), width, 8 * width)?,
            output: Linear::new(&params.at("net.2"), 4 * width, width)?,
        })
    }

    fn forward(&self, x_bsd: Tensor<3>) -> Tensor<3> {
        let gated = Held::between(self.input.forward_gated(x_bsd));
        self.output.forward_held(&gated)
    }
}

/// `BasicTransformerBlock`: self-attention, cross-attention, feed-forward, each around a skip.
#[derive(Debug, Clone)]
struct TransformerBlock {
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    ff: FeedForward,
}

visit_fields!(TransformerBlock {
    norm1,
    attn1,
    norm2,
    attn2,
    norm3,
    ff
});

impl TransformerBlock {
    fn new(
        params: &Params<'_>,
        width: usize,
        context_width: usize,
        heads: usize,
    ) -> Result<Self, ParamError> {
        Ok(Self {
            norm1: LayerNorm::new(&params.at("norm1"), width, LAYER_EPSILON)?,
            attn1: Attention::new(&params.at("attn1"), width, width, heads)?,
            norm2: LayerNorm::new(&params.at("norm2"), width, LAYER_EPSILON)?,
            attn2: Attention::new(&params.at("attn2"), width, context_width, heads)?,
            norm3: LayerNorm::new(&params.at("norm3"), width, LAYER_EPSILON)?,
            ff: FeedForward::new(&params.at("ff"), width)?,
        })
    }

    fn forward(&self, x_bsd: Tensor<3>, context_bsd: &Tensor<3>) -> Tensor<3> {
        let normal = self.norm1.forward_between(x_bsd.clone());
        let x = sum(self.attn1.forward(normal, None), x_bsd);
        let normal = self.norm2.forward_between(x.clone());
        let context = Some(context_bsd.clone());
        let x = sum(self.attn2.forward(normal, context), x);
        let normal = self.norm3.forward_between(x.clone());
        sum(self.ff.forward(normal), x)
    }
}

/// `proj_in` and `proj_out`: a 1×1 convolution in SD 1.x, a linear layer in later models.
#[derive(Debug, Clone)]
enum Projection {
    Conv(Conv2d),
    Linear(Linear),
}

impl Visit for Projection {
    fn visit<V: Visitor>(&mut self, path: &str, visitor: &mut V) {
        match self {
            Self::Conv(conv) => conv.visit(path, visitor),
            Self::Linear(linear) => linear.visit(path, visitor),
        }
    }
}

impl Projection {
    fn new(params: &Params<'_>, channels: usize, linear: bool) -> Result<Self, ParamError> {
        Ok(if linear {
            Self::Linear(Linear::new(params, channels, channels)?)
        } else {
            Self::Conv(Conv2d::new(params, channels, channels, ConvShape::ONE)?)
        })
    }

    fn forward(&self, x_bhwc: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv(conv) => conv.forward(x_bhwc),
            Self::Linear(linear) => linear.forward(x_bhwc),
        }
    }
}

/// `[b, h, w, c]` → `[b, h · w, c]`.
pub(crate) fn tokens(x_bhwc: Tensor<4>) -> Tensor<3> {
    x_bhwc.flatten(1, 2)
}

/// Sizes of a transformer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransformerShape {
    pub(crate) channels: usize,
    pub(crate) context_width: usize,
    pub(crate) heads: usize,
    pub(crate) depth: usize,
    pub(crate) groups: usize,
    pub(crate) linear_projection: bool,
}

/// `Transformer2DModel`: blocks over the pixels of a picture.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_field_names,
    reason = "the published names of the layers"
)]
pub(crate) struct Transformer {
    norm: GroupNorm,
    proj_in: Projection,
    transformer_blocks: Vec<TransformerBlock>,
    proj_out: Projection,
}

visit_fields!(Transformer {
    norm,
    proj_in,
    transformer_blocks,
    proj_out
});

impl Transformer {
    pub(crate) fn new(params: &Params<'_>, shape: TransformerShape) -> Result<Self, ParamError> {
        let TransformerShape {
            channels,
            context_width,
            heads,
            depth,
            groups,
            linear_projection,
        } = shape;
        let norm = GroupNorm::new(&params.at("norm"), groups, channels, GROUP_EPSILON)?;
        let proj_in = Projection::new(&params.at("proj_in"), channels, linear_projection)?;
        let blocks = (0..depth).map(|index| {
            let params = params.at("transformer_blocks").at(index);
            TransformerBlock::new(&params, channels, context_width, heads)
        });
        let transformer_blocks = blocks.collect::<Result<_, _>>()?;
        let proj_out = Projection::new(&params.at("proj_out"), channels, linear_projection)?;
        Ok(Self {
            norm,
            proj_in,
            transformer_blocks,
            proj_out,
        })
    }

    /// # Shapes
    /// - `x_bhwc`: `[b, h, w, c]`
    /// - `context_bsd`: `[b, s, context width]`
    /// - returns: same as `x_bhwc`
    ///
    /// With `blocks_twice` the backward pass computes the inside of every block again.
    pub(crate) fn forward(
        &self,
        x_bhwc: Tensor<4>,
        context_bsd: &Tensor<3>,
        blocks_twice: bool,
    ) -> Tensor<4> {
        let shape = x_bhwc.dims();
        let mut hidden = tokens(
            self.proj_in
                .forward(self.norm.forward_between(x_bhwc.clone())),
        );
        for block in &self.transformer_blocks {
            hidden = if blocks_twice {
                let inputs = vec![hidden.into(), context_bsd.clone().into()];
                recomputed(block, inputs, |block: &TransformerBlock, inputs| {
                    block.forward(inputs[0].tensor(), &inputs[1].tensor())
                })
            } else {
                block.forward(hidden, context_bsd)
            };
        }
        sum(self.proj_out.forward(hidden.reshape(shape)), x_bhwc)
    }
}
