"""Write `checkpoints/`: tiny random single-file checkpoints in the original layout, in f16, and what diffusers makes of them.

`tiny-sd1.safetensors` is whole, with the buffers that published files carry. `tiny-sd2.safetensors` has no VAE; it lies in
`tiny-sd2.vae.safetensors` beside it. `tiny-sdxl.safetensors` is whole. `digests.json` has, per part, a hash of every tensor
of the diffusers model that was loaded through diffusers' own conversion, and the model's configuration. `from_single_file` of
whole pipelines is checked to give the same tensors.

Text encoders are as narrow as can be, since the vocabulary has its full size so that real prompts can be drawn.
Values have two bits of mantissa, so that the files compress.
"""
import hashlib
import json
import tempfile

import torch
from diffusers import (
    AutoencoderKL, DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel)
from diffusers.loaders import single_file_utils as convert
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

import original_layout as original
from reference import HERE, TINY, config_of

FOLDER = HERE / "checkpoints"
WIDTH = 4
# The second text encoder of SDXL has another width, by which diffusers tells the two apart.
SECOND_WIDTH = 6
DDCONFIG = dict(ch=32, ch_mult=(1, 1), num_res_blocks=1)
# Transformer blocks of each level; what the projections of the U-Net are; width of the added embedding.
MODELS = {
    "sd1": dict(depths=(1, 0), linear=False, context=WIDTH, adm=None, scaling_factor=0.18215, seed=11),
    "sd2": dict(depths=(0, 1), linear=True, context=WIDTH, adm=None, scaling_factor=0.18215, seed=12),
    "sdxl": dict(depths=(0, 2), linear=True, context=WIDTH + SECOND_WIDTH, adm=SECOND_WIDTH + 6 * 256, scaling_factor=0.13025, seed=13),
}
LAYERS = 2


def rounded(value):
    """Two bits of mantissa."""
    mantissa, exponent = torch.frexp(value)
    return torch.ldexp((mantissa * 4).round() / 4, exponent).half()


def filled(names, seed):
    """Random values for every tensor, each from its own place in one sequence."""
    generator, found = torch.Generator("cpu").manual_seed(seed), {}
    for name, shape in sorted(names.items()):
        value = torch.randn(shape, generator=generator)
        if name.endswith("position_ids"):
            found[name] = torch.arange(shape[1]).reshape(shape)
            continue
        if len(shape) <= 1:
            value = 0.1 * value + (1.0 if name.endswith("weight") else 0.0)
        elif "embedding" in name:
            value = 0.5 * value
        else:
            value = value / (value[0].numel() ** 0.5)
        found[name] = rounded(value)
    return found


def names_of(kind):
    model = MODELS[kind]
    found = original.under(original.UNET, original.unet(
        32, (1, 2), 1, model["depths"], model["context"], model["linear"], model["adm"]))
    found |= original.under(original.VAE, original.vae(**DDCONFIG))
    if kind in original.CLIP:
        found |= original.under(original.CLIP[kind], original.clip(WIDTH, 4 * WIDTH, LAYERS))
    if kind in original.OPENCLIP:
        # Stable Diffusion 2 leaves the last layer unused.
        width, layers = (WIDTH, LAYERS + 1) if kind == "sd2" else (SECOND_WIDTH, LAYERS)
        found |= original.under(original.OPENCLIP[kind], original.openclip(width, 4 * width, layers))
    return found


def unet_of(kind):
    model = MODELS[kind]
    down = [("CrossAttn" if depth else "") + "DownBlock2D" for depth in model["depths"]]
    up = [("CrossAttn" if depth else "") + "UpBlock2D" for depth in reversed(model["depths"])]
    added = dict(addition_embed_type="text_time", addition_time_embed_dim=256,
                 projection_class_embeddings_input_dim=model["adm"]) if model["adm"] else {}
    depths = [depth or 1 for depth in model["depths"]]
    return UNet2DConditionModel(
        sample_size={"sd1": 64, "sd2": 96, "sdxl": 128}[kind], block_out_channels=(32, 64), layers_per_block=1,
        down_block_types=down, up_block_types=up, cross_attention_dim=model["context"],
        attention_head_dim=(1, 1) if model["linear"] else 8, use_linear_projection=model["linear"],
        transformer_layers_per_block=1 if set(depths) == {1} else depths, **added)


def vae_of(kind):
    return AutoencoderKL(
        sample_size={"sd1": 512, "sd2": 768, "sdxl": 1024}[kind], block_out_channels=(32, 32), layers_per_block=1,
        latent_channels=4, norm_num_groups=32, down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, scaling_factor=MODELS[kind]["scaling_factor"])


def text_of(activation, projected=False):
    width = SECOND_WIDTH if projected else WIDTH
    config = CLIPTextConfig(
        vocab_size=49408, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=LAYERS, num_attention_heads=1,
        max_position_embeddings=77, hidden_act=activation, projection_dim=width, bos_token_id=0, eos_token_id=2, pad_token_id=1)
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def loaded(model, tensors):
    """The model with converted tensors; those that it has no place for are only a layer that it does not use."""
    if not hasattr(model, "text_model"):
        tensors = {name.removeprefix("text_model."): value for name, value in tensors.items()}
    wanted = {name for name in model.state_dict() if not name.endswith("position_ids")}
    found = {name: value.float() for name, value in tensors.items() if name in wanted}
    assert wanted == found.keys(), sorted(wanted - found.keys())
    left = {name for name in tensors.keys() - wanted if not name.endswith("position_ids")}
    assert all(f"layers.{LAYERS}." in name for name in left), sorted(left)
    model.load_state_dict(found, strict=False)
    return model.eval().requires_grad_(False)


def models_of(kind):
    """The diffusers models of a checkpoint in `checkpoints/`, by part, in f32."""
    checkpoint = load_file(FOLDER / f"tiny-{kind}.safetensors")
    beside = FOLDER / f"tiny-{kind}.vae.safetensors"
    first_stage = load_file(beside) if beside.exists() else checkpoint
    unet, vae = unet_of(kind), vae_of(kind)
    models = {"unet": loaded(unet, convert.convert_ldm_unet_checkpoint(dict(checkpoint), unet.config)),
              "vae": loaded(vae, convert.convert_ldm_vae_checkpoint(dict(first_stage), vae.config))}
    if kind in original.CLIP:
        models["text_encoder"] = loaded(text_of("quick_gelu"), convert.convert_ldm_clip_checkpoint(dict(checkpoint)))
    if kind in original.OPENCLIP:
        part = "text_encoder_2" if kind == "sdxl" else "text_encoder"
        text = text_of("gelu", kind == "sdxl")
        models[part] = loaded(text, convert.convert_open_clip_checkpoint(text, dict(checkpoint), prefix=original.OPENCLIP[kind]))
    return models


def digest(model):
    """Shape and hash of every tensor in f32, under the names of published folders."""
    found = {}
    for name, value in sorted(model.state_dict().items()):
        if name.endswith("position_ids"):
            continue
        is_text = isinstance(model, (CLIPTextModel, CLIPTextModelWithProjection))
        if is_text and not name.startswith(("text_model.", "text_projection.")):
            name = "text_model." + name
        numbers = value.float().contiguous().numpy().tobytes()
        found[name] = ["x".join(map(str, value.shape)), hashlib.sha256(numbers).hexdigest()[:16]]
    return found


def write(kind):
    checkpoint = filled(names_of(kind), MODELS[kind]["seed"])
    if kind == "sd1":
        betas = torch.linspace(0.00085 ** 0.5, 0.012 ** 0.5, 1000) ** 2
        checkpoint |= {"betas": betas.half(), "alphas_cumprod": torch.cumprod(1 - betas, 0).half(),
                       "model_ema.decay": torch.tensor(0.9999).half(), "model_ema.num_updates": torch.tensor(7)}
    if kind == "sd2":
        first_stage = {name: checkpoint.pop(name) for name in list(checkpoint) if name.startswith(original.VAE)}
        put(FOLDER / "tiny-sd2.vae.safetensors", first_stage)
    put(FOLDER / f"tiny-{kind}.safetensors", checkpoint)


def put(file, tensors):
    save_file({name: value.contiguous() for name, value in tensors.items()}, file)
    file.chmod(0o644)
    print(f"{file.name}: {len(tensors)} tensors, {file.stat().st_size} bytes")


def main():
    FOLDER.mkdir(exist_ok=True)
    digests = {}
    for kind in MODELS:
        write(kind)
        models = models_of(kind)
        digests[kind] = {part: {"tensors": digest(model), "config": diffusers_config(model)} for part, model in models.items()}
        check_whole_pipeline(kind, digests[kind])
    (FOLDER / "digests.json").write_text(json.dumps(digests, indent=0, sort_keys=True) + "\n")


def check_whole_pipeline(kind, digests):
    """Load the file as users of diffusers do, with configurations from a folder that has none of its numbers."""
    vocabulary = TINY / "tokenizer"
    words = CLIPTokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"), model_max_length=77)
    models = models_of(kind)
    for model in models.values():
        for parameter in model.parameters():
            parameter.zero_()
    if kind == "sdxl":
        pipeline = StableDiffusionXLPipeline(**models, tokenizer=words, tokenizer_2=words, scheduler=EulerDiscreteScheduler(),
                                             add_watermarker=False)
    else:
        pipeline = StableDiffusionPipeline(**models, tokenizer=words, scheduler=DDIMScheduler(), safety_checker=None,
                                           feature_extractor=None, requires_safety_checker=False)
    with tempfile.TemporaryDirectory() as folder:
        pipeline.save_pretrained(folder)
        given = dict(config=folder, local_files_only=True, torch_dtype=torch.float32)
        beside = FOLDER / f"tiny-{kind}.vae.safetensors"
        if beside.exists():
            given["vae"] = AutoencoderKL.from_single_file(str(beside), config=folder, subfolder="vae")
        loaded_whole = type(pipeline).from_single_file(str(FOLDER / f"tiny-{kind}.safetensors"), **given)
        for part, expected in digests.items():
            assert digest(getattr(loaded_whole, part)) == expected["tensors"], (kind, part)


def diffusers_config(model):
    """As `config.json` has it."""
    if hasattr(model, "to_json_string"):
        return config_of(model)
    return json.loads(model.config.to_json_string(use_diff=False))


if __name__ == "__main__":
    main()
