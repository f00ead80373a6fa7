//! `CLIPTextModel` and `CLIPTextModelWithProjection`: token ids to states that the denoiser attends to, and to one pooled
//! state.

use atelier_nn::attention::{attend, causal_mask};
use atelier_nn::{
    Embedding, Engine, LayerNorm, Linear, ParamError, Params, activation::Activation, visit_fields,
};
use burn::tensor::{Int, Tensor};

use super::clip_config::TextConfig;

#[derive(Debug, Clone)]
struct Embeddings {
    token_embedding: Embedding,
    position_embedding: Embedding,
}

visit_fields!(Embeddings {
    token_embedding,
    position_embedding
});

#[derive(Debug, Clone)]
struct SelfAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: usize,
    engine: Engine,
}

visit_fields!(SelfAttention {
    q_proj,
    k_proj,
    v_proj,
    out_proj
});

impl SelfAttention {
    fn forward(&self, x_bsd: Tensor<3>, mask_ss: &Tensor<2>) -> Tensor<3> {
        let query = self.q_proj.forward(x_bsd.clone());
        let key = self.k_proj.forward(x_bsd.clone());
        let value = self.v_proj.forward(x_bsd);
        let operands = [query, key, value];
        self.out_proj
            .forward_held(&attend(operands, self.heads, Some(mask_ss), self.engine))
    }
}

#[derive(Debug, Clone)]
struct FeedForward {
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
    engine: Engine,
}

visit_fields!(FeedForward { fc1, fc2 });

#[derive(Debug, Clone)]
#[expect(
    clippy::struct_field_names,
    reason = "the published names of the layers"
)]
struct Layer {
    layer_norm1: LayerNorm,
    self_attn: SelfAttention,
    layer_norm2: LayerNorm,
    mlp: FeedForward,
}

visit_fields!(Layer {
    layer_norm1,
    self_attn,
    layer_norm2,
    mlp
});

impl Layer {
    fn new(
        params: &Params<'_>,
        config: &TextConfig,
        activation: Activation,
    ) -> Result<Self, ParamError> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let attention = params.at("self_attn");
        let linear = |name: &str| Linear::new(&attention.at(name), width, width);
        let mlp = params.at("mlp");
        Ok(Self {
            layer_norm1: LayerNorm::new(&params.at("layer_norm1"), width, config.layer_norm_eps)?,
            self_attn: SelfAttention {
                q_proj: linear("q_proj")?,
                k_proj: linear("k_proj")?,
                v_proj: linear("v_proj")?,
                out_proj: linear("out_proj")?,
                heads: config.num_attention_heads,
                engine: params.engine(),
            },
            layer_norm2: LayerNorm::new(&params.at("layer_norm2"), width, config.layer_norm_eps)?,
            mlp: FeedForward {
                fc1: Linear::new(&mlp.at("fc1"), width, inner)?,
                fc2: Linear::new(&mlp.at("fc2"), inner, width)?,
                activation,
                engine: params.engine(),
            },
        })
    }

    fn forward(&self, x_bsd: Tensor<3>, mask_ss: &Tensor<2>) -> Tensor<3> {
        let x = self
            .self_attn
            .forward(self.layer_norm1.forward(x_bsd.clone()), mask_ss)
            + x_bsd;
        let inner = self.mlp.fc1.forward(self.layer_norm2.forward(x.clone()));
        self.mlp
            .fc2
            .forward(self.mlp.activation.apply(inner, self.mlp.engine))
            + x
    }
}

#[derive(Debug, Clone)]
struct Encoder {
    layers: Vec<Layer>,
}

visit_fields!(Encoder { layers });

/// The text encoder.
#[derive(Debug, Clone)]
pub struct TextEncoder {
    embeddings: Embeddings,
    encoder: Encoder,
    final_layer_norm: LayerNorm,
    text_projection: Option<Linear>,
}

visit_fields!(TextEncoder {
    embeddings,
    encoder,
    final_layer_norm,
    text_projection
});

/// States before the final norm, with the pooled state where the encoder has a projection.
#[derive(Debug, Clone)]
pub struct TextOutput {
    /// `[b, s, hidden_size]`.
    pub states_bsd: Tensor<3>,
    /// `[b, projection_dim]`: the projected state of each end token.
    pub pooled_bd: Option<Tensor<2>>,
}

impl TextEncoder {
    /// Builds the encoder that `config` describes, with its projection where it has one.
    ///
    /// # Panics
    /// Panics on a configuration that [`TextConfig::read`] would have refused.
    pub fn new(params: &Params<'_>, config: &TextConfig) -> Result<Self, ParamError> {
        let activation = config
            .activation()
            .expect("the configuration was checked when it was read");
        let tables = params.at("embeddings");
        let (width, positions) = (config.hidden_size, config.max_position_embeddings);
        let embeddings = Embeddings {
            token_embedding: Embedding::new(
                &tables.at("token_embedding"),
                config.vocab_size,
                width,
            )?,
            position_embedding: Embedding::new(&tables.at("position_embedding"), positions, width)?,
        };
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::new(&params.at("encoder.layers").at(index), config, activation));
        let encoder = Encoder {
            layers: layers.collect::<Result<_, _>>()?,
        };
        let final_layer_norm =
            LayerNorm::new(&params.at("final_layer_norm"), width, config.layer_norm_eps)?;
        let text_projection = config.projected.then(|| {
            Linear::without_bias(&params.at("text_projection"), width, config.projection_dim)
        });
        Ok(Self {
            embeddings,
            encoder,
            final_layer_norm,
            text_projection: text_projection.transpose()?,
        })
    }

    /// Number of layers.
    pub fn depth(&self) -> usize {
        self.encoder.layers.len()
    }

    /// The states after all layers but the last `skip`, through the final norm.
    ///
    /// # Shapes
    /// - `tokens_bs`: `[b, s]`
    /// - returns: `[b, s, hidden_size]`
    pub fn forward(&self, tokens_bs: Tensor<2, Int>, skip: usize) -> Tensor<3> {
        let kept = self.depth().saturating_sub(skip);
        let hidden = self.embed(tokens_bs);
        self.final_layer_norm.forward(self.run(hidden, 0..kept))
    }

    /// The states before the last layer, `skip` layers earlier still, without the final norm, as SDXL wants them; and the
    /// pooled state after all layers.
    ///
    /// # Shapes
    /// - `tokens_bs`: `[b, s]`
    /// - `ends`: the position of the end token of each text
    pub fn forward_penultimate(
        &self,
        tokens_bs: Tensor<2, Int>,
        skip: usize,
        ends: &[usize],
    ) -> TextOutput {
        let kept = self.depth().saturating_sub(skip + 1);
        let states_bsd = self.run(self.embed(tokens_bs), 0..kept);
        let pooled_bd = self.text_projection.as_ref().map(|projection| {
            let last = self.run(states_bsd.clone(), kept..self.depth());
            let normal = self.final_layer_norm.forward(last);
            let pooled = ends.iter().enumerate().map(|(text, &end)| {
                let state = normal.clone().narrow(0, text, 1).narrow(1, end, 1);
                state.squeeze_dim::<2>(1)
            });
            projection.forward(Tensor::cat(pooled.collect(), 0))
        });
        TextOutput {
            states_bsd,
            pooled_bd,
        }
    }

    fn embed(&self, tokens_bs: Tensor<2, Int>) -> Tensor<3> {
        let [_, length] = tokens_bs.dims();
        let positions = &self.embeddings.position_embedding.weight;
        let positions = positions.clone().narrow(0, 0, length);
        self.embeddings.token_embedding.forward(tokens_bs) + positions.unsqueeze()
    }

    fn run(&self, mut hidden: Tensor<3>, layers: std::ops::Range<usize>) -> Tensor<3> {
        let mask = causal_mask(hidden.dims()[1], &hidden.device());
        for layer in &self.encoder.layers[layers] {
            hidden = layer.forward(hidden, &mask);
        }
        hidden
    }
}
