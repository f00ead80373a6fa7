//! Every kind of layer alone. The blocks are compiled in from the family's own files, because only whole models are public.

use atelier_nn::attention::{attend, causal_mask};
use atelier_nn::layout::{channels_first, channels_last};
use atelier_nn::{
    Engine, GroupNorm, LayerNorm, Linear, ParamError, Params, activation::Activation,
};
use atelier_testkit::{Golden, golden};
use burn::tensor::{Device, Tensor};

use crate::source::{assert_golden, build, device};

#[path = "../../src/stable_diffusion/networks/attention_block.rs"]
mod attention_block;
#[path = "../../src/stable_diffusion/networks/resnet.rs"]
mod resnet;

use attention_block::{Attention, Transformer, TransformerShape, tokens};
use resnet::{Downsample, ResnetBlock, ResnetShape, Upsample};

/// One case of `golden/layers.safetensors`.
struct Case {
    file: Golden,
    name: &'static str,
    device: Device,
}

impl Case {
    fn new(name: &'static str) -> Self {
        Self {
            file: golden("layers"),
            name,
            device: device(),
        }
    }

    fn build<T>(&self, make: impl FnOnce(&Params<'_>) -> Result<T, ParamError>) -> T {
        build(&self.file, self.name, &self.device, make)
    }

    fn input<const D: usize>(&self, part: &str) -> Tensor<D> {
        self.file
            .tensor(&format!("{}.{part}", self.name), &self.device)
    }

    /// A picture of the file, which has channels first.
    fn picture(&self, part: &str) -> Tensor<4> {
        channels_last(self.input(part))
    }

    fn expect_picture(&self, output_bhwc: Tensor<4>) {
        self.expect(channels_first(output_bhwc));
    }

    fn expect<const D: usize>(&self, output: Tensor<D>) {
        assert_golden(output, &self.file, &format!("{}.output", self.name));
    }
}

fn resnet_shape(channels_out: usize, time_width: Option<usize>, epsilon: f64) -> ResnetShape {
    ResnetShape {
        channels_in: 32,
        channels_out,
        time_width,
        groups: 8,
        epsilon,
    }
}

#[test]
pub(crate) fn residual_blocks_agree_with_and_without_shortcut_and_timestep() {
    for (name, out) in [("resnet", 32), ("resnet_shortcut", 64)] {
        let case = Case::new(name);
        let block = case.build(|p| ResnetBlock::new(p, resnet_shape(out, Some(48), 1e-5)));
        case.expect_picture(block.forward(case.picture("x"), Some(&case.input("temb"))));
    }
    let case = Case::new("resnet_vae");
    let block = case.build(|p| ResnetBlock::new(p, resnet_shape(16, None, 1e-6)));
    case.expect_picture(block.forward(case.picture("x"), None));
}

#[test]
pub(crate) fn transformers_agree_with_both_kinds_of_projection() {
    for (name, linear_projection, depth) in [
        ("transformer_conv", false, 1),
        ("transformer_linear", true, 2),
    ] {
        let case = Case::new(name);
        let shape = TransformerShape {
            channels: 32,
            context_width: 24,
            heads: 4,
            depth,
            groups: 8,
            linear_projection,
        };
        let transformer = case.build(|p| Transformer::new(p, shape));
        case.expect_picture(transformer.forward(case.picture("x"), &case.input("context"), false));
    }
}

/// Query, key, value and output projections under these names.
fn projections(
    params: &Params<'_>,
    names: [&str; 4],
    context_width: usize,
    bias: bool,
) -> Result<[Linear; 4], ParamError> {
    let linear = |name: &str, width: usize, bias: bool| {
        let params = params.at(name);
        if bias {
            Linear::new(&params, width, 32)
        } else {
            Linear::without_bias(&params, width, 32)
        }
    };
    Ok([
        linear(names[0], 32, bias)?,
        linear(names[1], context_width, bias)?,
        linear(names[2], context_width, bias)?,
        linear(names[3], 32, true)?,
    ])
}

fn attention(
    layers: &[Linear; 4],
    x: Tensor<3>,
    context: &Tensor<3>,
    mask: Option<&Tensor<2>>,
) -> Tensor<3> {
    let [query, key, value, output] = layers;
    let operands = [
        query.forward(x),
        key.forward(context.clone()),
        value.forward(context.clone()),
    ];
    output.forward_held(&attend(operands, 4, mask, Engine::Exact))
}

const DENOISER_NAMES: [&str; 4] = ["to_q", "to_k", "to_v", "to_out.0"];
const CLIP_NAMES: [&str; 4] = ["q_proj", "k_proj", "v_proj", "out_proj"];

#[test]
pub(crate) fn attention_agrees_with_itself_and_with_a_context() {
    let case = Case::new("attention_self");
    let layers = case.build(|p| projections(p, DENOISER_NAMES, 32, false));
    let x = case.input::<3>("x");
    case.expect(attention(&layers, x.clone(), &x, None));
    let case = Case::new("attention_cross");
    let layers = case.build(|p| projections(p, DENOISER_NAMES, 24, false));
    case.expect(attention(
        &layers,
        case.input("x"),
        &case.input("context"),
        None,
    ));
}

#[test]
pub(crate) fn the_gated_feed_forward_layer_gates_with_its_second_half() {
    let case = Case::new("feed_forward");
    let [input, output] = case.build(|p| {
        Ok([
            Linear::new(&p.at("net.0.proj"), 32, 256)?,
            Linear::new(&p.at("net.2"), 128, 32)?,
        ])
    });
    let both = input.forward(case.input::<3>("x")).chunk(2, 2);
    let gate = Activation::Gelu.apply(both[1].clone(), Engine::Exact);
    case.expect(output.forward(both[0].clone() * gate));
}

#[test]
pub(crate) fn pictures_are_halved_as_denoiser_and_autoencoder_halve_them() {
    for name in ["downsample", "downsample_odd"] {
        let case = Case::new(name);
        let layer = case.build(|p| Downsample::new(p, 32));
        case.expect_picture(layer.forward(case.picture("x")));
    }
    let case = Case::new("downsample_vae");
    let layer = case.build(|p| Downsample::one_sided(p, 32));
    case.expect_picture(layer.forward(case.picture("x")));
}

#[test]
pub(crate) fn pictures_are_enlarged_to_twice_the_size_and_to_a_given_one() {
    for (name, size) in [("upsample", [12, 20]), ("upsample_to_size", [11, 19])] {
        let case = Case::new(name);
        let layer = case.build(|p| Upsample::new(p, 32));
        case.expect_picture(layer.forward(case.picture("x"), size));
    }
}

#[test]
pub(crate) fn norms_agree_at_values_far_from_normal() {
    for (name, groups, epsilon) in [("group_norm_8", 8, 1e-5), ("group_norm_32", 32, 1e-6)] {
        let case = Case::new(name);
        let norm = case.build(|p| GroupNorm::new(p, groups, 32, epsilon));
        case.expect_picture(norm.forward(case.picture("x")));
    }
    let case = Case::new("layer_norm");
    let norm = case.build(|p| LayerNorm::new(p, 32, 1e-5));
    case.expect(norm.forward(case.input("x")));
}

#[test]
pub(crate) fn activations_agree_from_minus_eight_to_eight() {
    for name in ["silu", "gelu", "quick_gelu"] {
        let case = Case::new(name);
        let activation = Activation::from_config(name).unwrap();
        case.expect(activation.apply(case.input::<1>("x"), Engine::Exact));
    }
}

#[test]
pub(crate) fn the_timestep_embedding_is_two_linear_layers_around_silu() {
    let case = Case::new("timestep_embedding");
    let [first, second] = case.build(|p| {
        Ok([
            Linear::new(&p.at("linear_1"), 32, 48)?,
            Linear::new(&p.at("linear_2"), 48, 48)?,
        ])
    });
    let hidden = first.forward(case.input::<2>("x"));
    case.expect(second.forward(Activation::Silu.apply(hidden, Engine::Exact)));
}

#[test]
pub(crate) fn the_middle_of_the_autoencoder_attends_with_one_head() {
    let case = Case::new("vae_mid");
    let shape = resnet_shape(32, None, 1e-6);
    let (first, norm, middle, last) = case.build(|p| {
        let attention = p.at("attentions.0");
        Ok((
            ResnetBlock::new(&p.at("resnets.0"), shape)?,
            GroupNorm::new(&attention.at("group_norm"), 8, 32, 1e-6)?,
            Attention::single_head(&attention, 32)?,
            ResnetBlock::new(&p.at("resnets.1"), shape)?,
        ))
    });
    let hidden = first.forward(case.picture("x"), None);
    let flat = tokens(norm.forward(hidden.clone()));
    let attended = middle.forward(flat, None).reshape(hidden.dims()) + hidden;
    case.expect_picture(last.forward(attended, None));
}

#[test]
pub(crate) fn the_middle_of_the_denoiser_agrees() {
    let case = Case::new("unet_mid");
    let shape = TransformerShape {
        channels: 32,
        context_width: 24,
        heads: 4,
        depth: 1,
        groups: 8,
        linear_projection: false,
    };
    let (first, middle, last) = case.build(|p| {
        Ok((
            ResnetBlock::new(&p.at("resnets.0"), resnet_shape(32, Some(48), 1e-5))?,
            Transformer::new(&p.at("attentions.0"), shape)?,
            ResnetBlock::new(&p.at("resnets.1"), resnet_shape(32, Some(48), 1e-5))?,
        ))
    });
    let time = case.input("temb");
    let hidden = first.forward(case.picture("x"), Some(&time));
    let hidden = middle.forward(hidden, &case.input("context"), false);
    case.expect_picture(last.forward(hidden, Some(&time)));
}

#[test]
pub(crate) fn clip_attention_sees_only_what_comes_before() {
    let case = Case::new("clip_attention");
    let layers = case.build(|p| projections(p, CLIP_NAMES, 32, true));
    let x = case.input::<3>("x");
    let mask = causal_mask(9, &case.device);
    case.expect(attention(&layers, x.clone(), &x, Some(&mask)));
}

#[test]
pub(crate) fn clip_layers_agree_with_both_activations() {
    for (name, activation) in [
        ("clip_layer_quick_gelu", Activation::QuickGelu),
        ("clip_layer_gelu", Activation::Gelu),
    ] {
        let case = Case::new(name);
        let (norm1, layers, norm2, inner, outer) = case.build(|p| {
            Ok((
                LayerNorm::new(&p.at("layer_norm1"), 32, 1e-5)?,
                projections(&p.at("self_attn"), CLIP_NAMES, 32, true)?,
                LayerNorm::new(&p.at("layer_norm2"), 32, 1e-5)?,
                Linear::new(&p.at("mlp.fc1"), 32, 64)?,
                Linear::new(&p.at("mlp.fc2"), 64, 32)?,
            ))
        });
        let x = case.input::<3>("x");
        let mask = causal_mask(9, &case.device);
        let normal = norm1.forward(x.clone());
        let x = attention(&layers, normal.clone(), &normal, Some(&mask)) + x;
        let hidden = activation.apply(inner.forward(norm2.forward(x.clone())), Engine::Exact);
        case.expect(outer.forward(hidden) + x);
    }
}
