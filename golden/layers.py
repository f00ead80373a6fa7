"""Every kind of layer of the `sd15` family, alone: inputs, weights and outputs."""
import torch
from diffusers.models.attention import BasicTransformerBlock, FeedForward
from diffusers.models.attention_processor import Attention
from diffusers.models.downsampling import Downsample2D
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.models.unets.unet_2d_blocks import UNetMidBlock2D, UNetMidBlock2DCrossAttn
from diffusers.models.upsampling import Upsample2D
from transformers import CLIPTextConfig
from transformers.activations import ACT2FN
from transformers.models.clip.modeling_clip import CLIPAttention, CLIPEncoderLayer

from reference import randn, randomise, save, weights

tensors, config = {}, {}


def case(name, module, inputs, call, **facts):
    """Record one layer: its weights, its named inputs and its output."""
    randomise(module, seed=len(config) + 1)
    with torch.no_grad():
        output = call(module, **inputs)
    tensors.update({f"{name}.{key}": value for key, value in inputs.items()})
    tensors[f"{name}.output"] = output
    tensors.update(weights(name, module))
    config[name] = facts


def resnets():
    def call(m, x, temb=None):
        return m(x, temb)
    plain = dict(in_channels=32, out_channels=32, temb_channels=48, groups=8, eps=1e-5)
    image, temb = randn(2, 32, 6, 10, seed=100), randn(2, 48, seed=101)
    case("resnet", ResnetBlock2D(**plain), dict(x=image, temb=temb), call, **plain)
    wider = {**plain, "out_channels": 64}
    case("resnet_shortcut", ResnetBlock2D(**wider), dict(x=image, temb=temb), call, **wider)
    vae = {**plain, "temb_channels": None, "eps": 1e-6, "out_channels": 16}
    case("resnet_vae", ResnetBlock2D(**vae), dict(x=image), call, **vae)


def attentions():
    tokens, context = randn(2, 15, 32, seed=110), randn(2, 7, 24, seed=111)
    heads = dict(heads=4, dim_head=8)
    case("attention_self", Attention(query_dim=32, **heads), dict(x=tokens), lambda m, x: m(x), query_dim=32, **heads)
    case("attention_cross", Attention(query_dim=32, cross_attention_dim=24, **heads), dict(x=tokens, context=context),
         lambda m, x, context: m(x, context), query_dim=32, cross_attention_dim=24, **heads)
    case("feed_forward", FeedForward(32, activation_fn="geglu"), dict(x=tokens), lambda m, x: m(x), dim=32)
    case("transformer_block", BasicTransformerBlock(32, 4, 8, cross_attention_dim=24), dict(x=tokens, context=context),
         lambda m, x, context: m(x, encoder_hidden_states=context), dim=32, heads=4, dim_head=8, cross_attention_dim=24)
    image = randn(2, 32, 3, 5, seed=112)
    for name, linear, depth in (("transformer_conv", False, 1), ("transformer_linear", True, 2)):
        facts = dict(num_attention_heads=4, attention_head_dim=8, in_channels=32, num_layers=depth, cross_attention_dim=24,
                     norm_num_groups=8, use_linear_projection=linear)
        case(name, Transformer2DModel(**facts), dict(x=image, context=context),
             lambda m, x, context: m(x, encoder_hidden_states=context, return_dict=False)[0], **facts)


def resizing():
    image = randn(2, 32, 6, 10, seed=120)
    case("downsample", Downsample2D(32, use_conv=True, padding=1, name="op"), dict(x=image), lambda m, x: m(x), padding=1)
    case("downsample_odd", Downsample2D(32, use_conv=True, padding=1, name="op"), dict(x=randn(2, 32, 5, 7, seed=121)),
         lambda m, x: m(x), padding=1)
    case("downsample_vae", Downsample2D(32, use_conv=True, padding=0, name="op"), dict(x=image), lambda m, x: m(x), padding=0)
    case("upsample", Upsample2D(32, use_conv=True), dict(x=image), lambda m, x: m(x))
    case("upsample_to_size", Upsample2D(32, use_conv=True), dict(x=image), lambda m, x: m(x, output_size=(11, 19)), height=11,
         width=19)


def timesteps():
    t = torch.tensor([0.0, 1.0, 17.0, 500.0, 999.0])
    for channels in (32, 320):
        case(f"timesteps_{channels}", Timesteps(channels, flip_sin_to_cos=True, downscale_freq_shift=0), dict(t=t),
             lambda m, t: m(t), channels=channels)
    case("timestep_embedding", TimestepEmbedding(32, 48), dict(x=tensors["timesteps_32.output"].clone()), lambda m, x: m(x))


def norms():
    image, tokens = randn(2, 32, 6, 10, seed=130) * 3 + 1, randn(2, 15, 32, seed=131) * 3 + 1
    for groups, eps in ((8, 1e-5), (32, 1e-6)):
        case(f"group_norm_{groups}", torch.nn.GroupNorm(groups, 32, eps=eps), dict(x=image), lambda m, x: m(x), groups=groups,
             eps=eps)
    case("layer_norm", torch.nn.LayerNorm(32), dict(x=tokens), lambda m, x: m(x), eps=1e-5)
    values = torch.linspace(-8, 8, 129)
    for name in ("silu", "gelu", "quick_gelu"):
        case(name, torch.nn.Identity(), dict(x=values), lambda m, x, name=name: ACT2FN[name](x))


def blocks():
    image = randn(2, 32, 4, 6, seed=140)
    facts = dict(in_channels=32, resnet_groups=8, temb_channels=None, resnet_eps=1e-6, attention_head_dim=32)
    case("vae_mid", UNetMidBlock2D(add_attention=True, **facts), dict(x=image), lambda m, x: m(x), **facts)
    facts = dict(in_channels=32, resnet_groups=8, temb_channels=48, resnet_eps=1e-5, num_attention_heads=4, cross_attention_dim=24)
    case("unet_mid", UNetMidBlock2DCrossAttn(**facts), dict(x=image, temb=randn(2, 48, seed=141), context=randn(2, 7, 24, seed=142)),
         lambda m, x, temb, context: m(x, temb, encoder_hidden_states=context), **facts)


def clip():
    facts = dict(hidden_size=32, intermediate_size=64, num_attention_heads=4)
    tokens = randn(2, 9, 32, seed=150)
    mask = torch.full((9, 9), torch.finfo(torch.float32).min).triu(1)[None, None]
    for act in ("quick_gelu", "gelu"):
        settings = CLIPTextConfig(**facts, hidden_act=act, attn_implementation="eager")
        case(f"clip_layer_{act}", CLIPEncoderLayer(settings), dict(x=tokens), lambda m, x: first(m(x, mask)), hidden_act=act, **facts)
    case("clip_attention", CLIPAttention(CLIPTextConfig(**facts, attn_implementation="eager")), dict(x=tokens),
         lambda m, x: first(m(x, mask)), **facts)


def first(value):
    """The hidden states of a layer that may also return attention weights."""
    return value[0] if isinstance(value, tuple) else value


if __name__ == "__main__":
    for part in (resnets, attentions, resizing, timesteps, norms, blocks, clip):
        part()
    save(__file__, tensors, config)
