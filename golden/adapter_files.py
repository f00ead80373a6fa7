"""Adapter files as other programs name them, for tiny models of both families: folder `adapter_files/`.

`sd15_peft` and `sdxl_peft` are written by diffusers with its metadata (alpha is not the rank, one layer has its own), and
`sdxl_kohya` by its conversion to kohya's names. `sd15_processor` has the same factors under the names of older diffusers, and
`sdxl_sgm` under those of kohya's SDXL trainer, by the rule that its U-Net numbers blocks by. `expected.safetensors` has what
peft adds to each weight (`<model>.<part>.<path>`), as a matrix of the output channels times the vector `v.<columns>`; its
`config` has the layers of each model with their shapes.
"""
import json
import re
import shutil

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.training_utils import _collate_lora_metadata
from diffusers.utils import convert_state_dict_to_diffusers, convert_state_dict_to_kohya
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from reference import HERE, TINY, randn, randomise

OUT = HERE / "adapter_files"
RANK, ALPHA = 2, 1
UNET_TARGETS = (
    r".*(attn[12]\.(to_q|to_k|to_v|to_out\.0)|proj_in|ff\.net\.0\.proj|resnets\.0\.(conv1|time_emb_proj|conv_shortcut)"
    r"|samplers\.0\.conv|time_embedding\.linear_1|conv_in|conv_out)"
)
TEXT_TARGETS = ["q_proj", "out_proj", "fc1"]


def half_values(tensor):
    """Values that f16 holds exactly."""
    return tensor.half().float()


def vector(columns):
    """One number per column, so that a product with it shows any misplaced number."""
    return half_values(randn(columns, seed=columns))


def adapt(model, targets, seed):
    """Adapters with factors that follow from their names, one of them with its own rank and alpha."""
    own = next(name for name, _ in model.named_modules() if name.endswith(("attn1.to_q", "0.self_attn.q_proj")))
    pattern = {"rank_pattern": {own: 3}, "alpha_pattern": {own: 6}}
    model.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets, **pattern))
    # Would be this machine's path.
    model.peft_config["default"].base_model_name_or_path = None
    for name, value in sorted(model.named_parameters()):
        if ".lora_" in name:
            salt = seed + sum(index * byte for index, byte in enumerate(name.encode(), 1))
            value.data = half_values(randn(*value.shape, seed=salt) * 0.3)


def deltas(model, case):
    found = {}
    for name, module in model.named_modules():
        if hasattr(module, "get_delta_weight") and "default" in module.scaling:
            delta = module.get_delta_weight("default").detach().flatten(1)
            found[f"{case}.{name.removeprefix('text_model.')}"] = delta @ vector(delta.shape[1])
            found[f"v.{delta.shape[1]}"] = vector(delta.shape[1])
    return found


def layers(model):
    """Every layer that an adapter may sit on, with the shape of its weight."""
    kinds = (torch.nn.Linear, torch.nn.Conv2d)
    return {name: list(module.weight.shape) for name, module in model.named_modules() if isinstance(module, kinds)}


def sdxl():
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=(8, 16), layers_per_block=2, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), transformer_layers_per_block=(1, 2), attention_head_dim=4,
        cross_attention_dim=24, norm_num_groups=8, use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=4, projection_class_embeddings_input_dim=6 * 4 + 16)
    config = dict(vocab_size=99, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=8)
    first = CLIPTextModel(CLIPTextConfig(hidden_size=8, **config))
    second = CLIPTextModelWithProjection(CLIPTextConfig(hidden_size=16, projection_dim=16, **config))
    models = {"unet": unet, "text_encoder": first, "text_encoder_2": second}
    return {part: randomise(model, seed) for seed, (part, model) in enumerate(models.items(), 50)}


def sd15():
    unet = UNet2DConditionModel.from_pretrained(TINY, subfolder="unet", dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(TINY, subfolder="text_encoder", dtype=torch.float32)
    return {"unet": unet.requires_grad_(False), "text_encoder": text.requires_grad_(False)}


def with_text_model(key):
    """Text encoders of published folders have the prefix that transformers 5 dropped."""
    return f"text_model.{key}" if key.startswith("encoder.") else key


def save_diffusers(name, pipeline, parts):
    """Write as diffusers' training scripts do; the factors come back in peft's names."""
    states, plain = {}, {}
    for part, model in parts.items():
        state = get_peft_model_state_dict(model)
        plain |= {f"{part}.{with_text_model(key)}": value for key, value in state.items()}
        layers = convert_state_dict_to_diffusers(state)
        states[f"{part}_lora_layers"] = {with_text_model(key): value for key, value in layers.items()}
    pipeline.save_lora_weights(OUT, weight_name=f"{name}.safetensors", safe_serialization=True, **states,
                               **_collate_lora_metadata(parts))
    return plain


def layer_of(model, path):
    """The layer at a published path; newer text encoders lack `text_model.`, those with a projection have it."""
    own = path if hasattr(model, "text_model") else path.removeprefix("text_model.")
    return model.get_submodule(own)


def scaled(state, parts):
    """The factors with alpha/rank inside the second, for formats that readers take at scale 1."""
    result = {}
    for key, value in state.items():
        part, path = key.split(".", 1)
        module = layer_of(parts[part], path.split(".lora_")[0])
        result[key] = (value * module.scaling["default"] if ".lora_B." in key else value).contiguous()
    return result


def processor_names(state):
    renamed = {}
    for key, value in state.items():
        key = key.replace(".lora_A.weight", ".lora.down.weight").replace(".lora_B.weight", ".lora.up.weight")
        if key.startswith("unet."):
            key = key.replace(".to_out.0.lora.", ".to_out.lora.")
            key = re.sub(r"\.(to_\w+)\.lora\.", r".processor.\1_lora.", key)
        else:
            key = re.sub(r"\.([qkv])_proj\.lora\.", r".to_\1_lora.", key).replace(".out_proj.lora.", ".to_out_lora.")
            key = key.replace(".fc1.lora.", ".fc1.lora_linear_layer.")
        renamed[key] = value
    return renamed


def sgm_path(path):
    """Where kohya's SDXL U-Net (two residual blocks per level, attention on the way up first) has a diffusers layer."""
    resnet = {"conv1": "in_layers.2", "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}
    fixed = {"conv_in": "input_blocks.0.0", "conv_out": "out.2", "time_embedding.linear_1": "time_embed.0"}
    if path in fixed:
        return fixed[path]
    pattern = r"(down_blocks|mid_block|up_blocks)\.?(\d*)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)"
    way, level, kind, number, rest = re.match(pattern, path).groups()
    rest = resnet.get(rest, rest)
    if way == "mid_block":
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(number)}.{rest}"
    level, number = int(level), int(number)
    if kind == "downsamplers":
        return f"input_blocks.{3 * level + 3}.0.op"
    if kind == "upsamplers":
        return f"output_blocks.{3 * level + 2}.2.conv"
    place = 3 * level + number
    block = f"input_blocks.{place + 1}" if way == "down_blocks" else f"output_blocks.{place}"
    return f"{block}.{1 if kind == 'attentions' else 0}.{rest}"


def sgm_names(state, parts):
    renamed = {}
    for key, value in state.items():
        part, path = key.split(".", 1)
        path, side = path.split(".lora_")
        alpha = layer_of(parts[part], path).lora_alpha["default"]
        prefix = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}[part]
        name = f"{prefix}_{(sgm_path(path) if part == 'unet' else path).replace('.', '_')}"
        renamed[f"{name}.lora_{'down' if side.startswith('A') else 'up'}.weight"] = value
        renamed[f"{name}.alpha"] = torch.tensor(float(alpha))
    return renamed


def half(state):
    return {key: value.half().contiguous() for key, value in state.items()}


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    expected, config = {}, {}
    for case, parts, pipeline in (("sd15", sd15(), StableDiffusionPipeline), ("sdxl", sdxl(), StableDiffusionXLPipeline)):
        config[case] = {part: layers(model) for part, model in parts.items()}
        for seed, (part, model) in enumerate(parts.items()):
            adapt(model, UNET_TARGETS if part == "unet" else TEXT_TARGETS, seed)
            expected |= deltas(model, f"{case}.{part}")
        state = save_diffusers(f"{case}_peft", pipeline, parts)
        if case == "sd15":
            save_file(processor_names(scaled(state, parts)), OUT / "sd15_processor.safetensors")
        else:
            save_file(half(convert_state_dict_to_kohya(scaled(state, parts))), OUT / "sdxl_kohya.safetensors")
            save_file(half(sgm_names(state, parts)), OUT / "sdxl_sgm.safetensors")
    save_file({name: value.contiguous() for name, value in expected.items()}, OUT / "expected.safetensors",
              {"config": json.dumps(config)})
    for file in sorted(OUT.iterdir()):
        file.chmod(0o644)
        print(file.name, len(load_file(file)), file.stat().st_size)


if __name__ == "__main__":
    main()
