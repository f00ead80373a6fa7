"""Every tensor name of Stable Diffusion 1.5, 2.1 and SDXL in the original layout, with shapes, and what diffusers makes of them.

diffusers' own conversion runs on tensors without numbers (`meta`), and the result is loaded strictly into its models.
Written to `checkpoint_names.json`: the names front-coded (how many letters a name shares with the one before it, the rest,
the shape), a hash per part of `diffusers name, shape, original name` lines, the configurations, and the noise schedule of all three.
"""
import hashlib
import json
import os

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders import single_file_utils as convert
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

import original_layout as original
from reference import HERE

# The settings in the published configurations of the original programs.
DDCONFIG = dict(double_z=True, z_channels=4, resolution=256, in_channels=3, out_ch=3, ch=128, ch_mult=[1, 2, 4, 4],
                num_res_blocks=2, attn_resolutions=[], dropout=0.0)
MODELS = {
    "sd1": dict(
        unet=dict(in_channels=4, out_channels=4, model_channels=320, attention_resolutions=[4, 2, 1], num_res_blocks=2,
                  channel_mult=[1, 2, 4, 4], num_heads=8, transformer_depth=1, context_dim=768),
        scale=0.18215, image_size=512, depths=[1, 1, 1, 0], linear=False, adm=None, clip=(768, 3072, 12), openclip=None),
    "sd2": dict(
        unet=dict(in_channels=4, out_channels=4, model_channels=320, attention_resolutions=[4, 2, 1], num_res_blocks=2,
                  channel_mult=[1, 2, 4, 4], num_head_channels=64, use_linear_in_transformer=True, transformer_depth=1,
                  context_dim=1024),
        scale=0.18215, image_size=768, depths=[1, 1, 1, 0], linear=True, adm=None, clip=None, openclip=(1024, 4096, 24)),
    "sdxl": dict(
        unet=dict(in_channels=4, out_channels=4, model_channels=320, attention_resolutions=[4, 2], num_res_blocks=2,
                  channel_mult=[1, 2, 4], num_head_channels=64, use_linear_in_transformer=True, transformer_depth=[1, 2, 10],
                  context_dim=2048, num_classes="sequential", adm_in_channels=2816),
        scale=0.13025, image_size=1024, depths=[0, 2, 10], linear=True, adm=2816, clip=(768, 3072, 12),
        openclip=(1280, 5120, 32)),
}


def names_of(kind):
    """Everything in a published file of this kind."""
    model, unet = MODELS[kind], MODELS[kind]["unet"]
    found = original.under(original.UNET, original.unet(
        unet["model_channels"], unet["channel_mult"], unet["num_res_blocks"], model["depths"], unet["context_dim"],
        model["linear"], model["adm"]))
    found |= original.under(original.VAE, original.vae(DDCONFIG["ch"], DDCONFIG["ch_mult"], DDCONFIG["num_res_blocks"]))
    if model["clip"]:
        found |= original.under(original.CLIP[kind], original.clip(*model["clip"]))
    if model["openclip"]:
        found |= original.under(original.OPENCLIP[kind], original.openclip(*model["openclip"]))
    return found


def text_config(width, inner, layers, activation):
    return CLIPTextConfig(vocab_size=49408, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
                          num_attention_heads=width // 64, max_position_embeddings=77, hidden_act=activation,
                          projection_dim=width)


def published_name(name):
    """With the `text_model.` that published folders have and newer transformers leave out."""
    return name if name.startswith(("text_model.", "text_projection.")) else "text_model." + name


def loaded(model, tensors, prefix=""):
    """The converted tensors by the names of the model, which must be exactly those."""
    wrapped = hasattr(model, "text_model")
    tensors = {name if wrapped else name.removeprefix(prefix): value for name, value in tensors.items()}
    wanted = {name: value for name, value in model.state_dict().items() if not name.endswith("position_ids")}
    tensors = {name: value for name, value in tensors.items() if not name.endswith("position_ids")}
    assert wanted.keys() == tensors.keys(), sorted(wanted.keys() ^ tensors.keys())[:10]
    for name, value in wanted.items():
        assert value.shape == tensors[name].shape, (name, value.shape, tensors[name].shape)
    return tensors


def convert_all(kind, checkpoint, meta_models):
    """Part by part what diffusers' conversion makes of a checkpoint."""
    parts, configs, model = {}, {}, MODELS[kind]
    original_config = {"model": {"params": {
        "unet_config": {"params": model["unet"]}, "first_stage_config": {"params": {"ddconfig": DDCONFIG}},
        "scale_factor": model["scale"]}}}
    unet_config = convert.create_unet_diffusers_config_from_ldm(original_config, checkpoint, image_size=model["image_size"])
    vae_config = convert.create_vae_diffusers_config_from_ldm(original_config, checkpoint, image_size=model["image_size"])
    configs["unet"], configs["vae"] = unet_config, vae_config
    parts["unet"] = convert.convert_ldm_unet_checkpoint(dict(checkpoint), unet_config)
    parts["vae"] = convert.convert_ldm_vae_checkpoint(dict(checkpoint), vae_config)
    if kind not in meta_models:
        with torch.device("meta"):
            made = {"unet": UNet2DConditionModel.from_config(unet_config), "vae": AutoencoderKL.from_config(vae_config)}
            if model["clip"]:
                made["text_encoder"] = CLIPTextModel(text_config(*model["clip"], "quick_gelu"))
            if kind == "sd2":
                width, inner, layers = model["openclip"]
                made["text_encoder"] = CLIPTextModel(text_config(width, inner, layers - 1, "gelu"))
            if kind == "sdxl":
                made["text_encoder_2"] = CLIPTextModelWithProjection(text_config(*model["openclip"], "gelu"))
        meta_models[kind] = made
    made = meta_models[kind]
    if model["clip"]:
        parts["text_encoder"] = convert.convert_ldm_clip_checkpoint(dict(checkpoint))
    if model["openclip"]:
        part = "text_encoder" if kind == "sd2" else "text_encoder_2"
        parts[part] = convert.convert_open_clip_checkpoint(made[part], dict(checkpoint), prefix=original.OPENCLIP[kind])
    for part, tensors in parts.items():
        parts[part] = loaded(made[part], tensors, "text_model.")
    return parts, configs


def front_coded(names):
    lines, before = [], ""
    for name, shape in sorted(names.items()):
        shared = len(os.path.commonprefix([before, name]))
        lines.append(f"{shared} {name[shared:]} {'x'.join(map(str, shape)) or '-'}")
        before = name
    return lines


def main():
    out, meta_models = {"scheduler": dict(convert.SCHEDULER_DEFAULT_CONFIG)}, {}
    for kind in MODELS:
        names = names_of(kind)
        # One number per tensor says where a converted tensor comes from; expanded, it takes no memory.
        order = sorted(names)
        checkpoint = {name: torch.tensor(float(index)).expand(names[name]) for index, name in enumerate(order)}
        parts, configs = convert_all(kind, checkpoint, meta_models)
        hashes = {}
        for part, tensors in sorted(parts.items()):
            lines = []
            for name, value in tensors.items():
                source = order[int(value.flatten()[0])]
                name = published_name(name) if part.startswith("text") else name
                lines.append(f"{name} {'x'.join(map(str, value.shape))} {source}\n")
            digest = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
            hashes[part] = {"count": len(lines), "sha256": digest}
        out[kind] = {"parts": hashes, "config": configs, "names": front_coded(names)}
        print(kind, len(names), {part: value["count"] for part, value in hashes.items()})
    file = HERE / "checkpoint_names.json"
    file.write_text(json.dumps(out, indent=0) + "\n")
    print(f"{file.name}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
