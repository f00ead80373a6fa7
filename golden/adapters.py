"""Adapters on the denoisers of the tiny folders with peft: which layers, under which names, with which factors."""
import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig

from reference import TINY, randn

ATTENTION = r"(to_q|to_k|to_v|to_out\.0)"
TRANSFORMER = rf"(proj_in|proj_out|.*transformer_blocks\.\d+\.(attn[12]\.{ATTENTION}|ff\.net\.(0\.proj|2)))"
CONVOLUTION = r".*(resnets\.\d+\.(conv1|conv2|conv_shortcut|time_emb_proj)|(down|up)samplers\.\d+\.conv)"
TARGETS = {
    "attention": rf".*\.attn[12]\.{ATTENTION}",
    "transformer": rf".*attentions\.\d+\.{TRANSFORMER}",
    "transformer-and-convolution": rf".*attentions\.\d+\.{TRANSFORMER}|{CONVOLUTION}",
}


def denoiser(folder=TINY):
    """The denoiser, frozen, without dropout."""
    return UNet2DConditionModel.from_pretrained(folder, subfolder="unet", dtype=torch.float32).requires_grad_(False).eval()


def adapted(targets, rank, alpha, folder=TINY):
    """The denoiser with fresh adapters, and its trainable factors by the name that a peft file gives them."""
    unet = denoiser(folder)
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=TARGETS[targets]))
    factors = {name.replace(".default.", "."): value for name, value in unet.named_parameters() if value.requires_grad}
    assert factors and all(".lora_A." in name or ".lora_B." in name for name in factors)
    return unet, factors


def kohya_name(name):
    """`down_blocks.0.….to_q.lora_A.weight` as kohya's files spell it."""
    layer, side = name.split(".lora_")
    return f"lora_unet_{layer.replace('.', '_')}.lora_{'down' if side.startswith('A') else 'up'}.weight"


def fill(factors, up_scale, seed):
    """Give every factor values that f16 holds and that depend on its name alone."""
    for name, value in sorted(factors.items()):
        scale = value[0].numel() ** -0.5 * (up_scale if ".lora_B." in name else 1.0)
        salt = seed + sum(index * byte for index, byte in enumerate(name.encode(), 1))
        value.data = (scale * randn(*value.shape, seed=salt)).half().float()
