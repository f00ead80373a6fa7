"""Prove an exported adapter with diffusers: every layer hit, nothing left over, no warning, and the pictures it draws.

    check_export.py ADAPTER BASE OUT.json [--ours DIR]

For bases of one and of two text encoders, and for files in kohya's names or in those of PEFT; with two encoders, kohya's files must have
the block names of the original layout. Writes OUT.json, and beside it one PNG per strength and `OUT.safetensors` with the float pictures
(`strength_<S>`, height, width, channel, 0 to 1). With `--ours DIR`, compares them with `DIR/strength_<S>.png`. Exits 1 when anything is
wrong. The one warning that is let through, and listed, is that a file without layers of a text encoder has none.
"""
import argparse
import json
import logging
import pathlib
import re
import sys

import numpy
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

SAMPLERS = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}
STRENGTHS = (0.0, 0.5, 0.8, 1.0, 1.1)
LIMIT = 1 / 255
# kohya's prefixes with one and with two text encoders.
PREFIXES = ({"unet": "lora_unet_", "text_encoder": "lora_te_"},
            {"unet": "lora_unet_", "text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"})
# Modules of residual blocks in the original layout.
RESNET = {"conv1": "in_layers.2", "conv2": "out_layers.3", "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}
# What diffusers says of a file without layers of a text encoder, and that it is then harmless.
NO_TEXT_LAYERS = "No LoRA keys associated to CLIPTextModel.* found with the prefix='{part}'"


class Keep(logging.Handler):
    """Collects what the libraries warn of."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("adapter", type=pathlib.Path)
    parser.add_argument("base", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--prompt", default="a red cat on a chair")
    parser.add_argument("--negative", default="")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=7.0)
    parser.add_argument("--sampler", default="ddim", choices=SAMPLERS, help="for SDXL euler: its folders do not turn ddim's clipping off, which "
                        "makes rounding errors large")
    parser.add_argument("--ours", type=pathlib.Path, help="folder with `strength_<S>.png` drawn by this project")
    return parser.parse_args()


def load(options):
    """The pipeline with the adapter, and every warning on the way."""
    is_xl = "XL" in json.loads((options.base / "model_index.json").read_text())["_class_name"]
    kind, given = (StableDiffusionXLPipeline, {"add_watermarker": False}) if is_xl else (StableDiffusionPipeline, {"safety_checker": None})
    pipeline = kind.from_pretrained(options.base, dtype=torch.float32, **given)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = SAMPLERS[options.sampler].from_config(pipeline.scheduler.config)
    keep = Keep()
    for library in ("diffusers", "peft", "transformers", "py.warnings"):
        logging.getLogger(library).addHandler(keep)
    logging.captureWarnings(True)
    pipeline.load_lora_weights(options.adapter, adapter_name="ours")
    logging.captureWarnings(False)
    return pipeline, keep.messages


def original(path, unet):
    """A layer's path in the original layout, from how its blocks are counted."""
    per = unet.config.layers_per_block + 1
    side, *rest = path.split(".")
    if side == "mid_block":
        kind, index, *rest = rest
        block = f"middle_block.{1 if kind == 'attentions' else 2 * int(index)}"
    else:
        block, kind, index, *rest = rest
        block, index, is_down = int(block), int(index), side == "down_blocks"
        if kind in ("downsamplers", "upsamplers"):
            inside = 0 if is_down else 1 + hasattr(unet.up_blocks[block], "attentions")
            number, rest = (per * (block + 1), ["op"]) if is_down else (per * block + per - 1, ["conv"])
        else:
            inside, number = int(kind == "attentions"), per * block + index + is_down
        block = f"{'input' if is_down else 'output'}_blocks.{number}.{inside}"
    return ".".join([block, *(RESNET.get(name, name) if kind == "resnets" else name for name in rest)])


def name_of(part, path, pipeline, is_kohya):
    """How the file must call a layer."""
    texts = hasattr(pipeline, "text_encoder_2")
    if part != "unet" and not path.startswith("text_model."):
        path = "text_model." + path
    if not is_kohya:
        return f"{part}.{path}"
    if part == "unet" and texts:
        path = original(path, pipeline.unet)
    return PREFIXES[texts][part] + path.replace(".", "_")


def layers_of(pipeline, is_kohya):
    """The adapted layers in memory by part, under the names that the file must have."""
    found = {}
    for part in PREFIXES[hasattr(pipeline, "text_encoder_2")]:
        layers = {name: layer for name, layer in getattr(pipeline, part).named_modules() if "ours" in getattr(layer, "lora_A", {})}
        found[part] = {name_of(part, name, pipeline, is_kohya): layer for name, layer in layers.items()}
    return found


def factors_of(path):
    """Down, up and scale of every layer of the file, which endings are unknown, and whether its names are kohya's."""
    tensors, found, unknown = load_file(path), {}, []
    with safe_open(path, "pt") as stored:
        facts = json.loads((stored.metadata() or {}).get("lora_adapter_metadata", "{}"))
    is_kohya = all(name.startswith("lora_") for name in tensors)
    endings = {"lora_down.weight": "down", "lora_up.weight": "up", "alpha": "alpha"} if is_kohya else {"lora_A.weight": "down", "lora_B.weight": "up"}
    for name, value in tensors.items():
        ending = next((ending for ending in endings if name.endswith("." + ending)), None)
        if ending is None:
            unknown.append(name)
        else:
            found.setdefault(name.removesuffix("." + ending), {})[endings[ending]] = value.float()
    for name, factors in found.items():
        rank = factors["down"].shape[0]
        part, _, path = name.partition(".")
        alpha = factors.get("alpha", facts.get(f"{part}.alpha_pattern", {}).get(path, facts.get(f"{part}.lora_alpha", rank)))
        factors["scale"] = float(alpha) / rank
    return found, unknown, is_kohya


def compare(file, unknown, layers):
    """What differs between the file and the layers in memory."""
    problems = [f"tensor `{name}` has an unknown ending" for name in unknown]
    problems += [f"layer `{name}` of the file was not hit" for name in sorted(file.keys() - layers.keys())]
    problems += [f"layer `{name}` was hit but is not in the file" for name in sorted(layers.keys() - file.keys())]
    for name in sorted(file.keys() & layers.keys()):
        layer, stored = layers[name], file[name]
        for expected, held, which in ((stored["down"], layer.lora_A["ours"].weight, "down"), (stored["up"], layer.lora_B["ours"].weight, "up")):
            if expected.shape != held.shape or not torch.equal(expected, held.float()):
                problems.append(f"`{name}` {which} differs in memory: {list(expected.shape)} against {list(held.shape)}")
        if abs(layer.scaling["ours"] - stored["scale"]) > 1e-6:
            problems.append(f"`{name}` is scaled by {layer.scaling['ours']} in place of {stored['scale']}")
    return problems


def draw(pipeline, options, strength):
    """The float picture at a strength; `None` draws with the adapter taken away."""
    if strength is None:
        pipeline.disable_lora()
    else:
        pipeline.enable_lora()
        pipeline.set_adapters(["ours"], adapter_weights=[strength])
    picture = pipeline(options.prompt, negative_prompt=options.negative, num_inference_steps=options.steps,
                       guidance_scale=options.guidance, output_type="np",
                       generator=torch.Generator("cpu").manual_seed(options.seed)).images[0]
    return torch.from_numpy(picture).contiguous()


def difference(theirs, file):
    """Mean absolute difference of the 8-bit pictures, from 0 to 1."""
    ours = numpy.asarray(Image.open(file).convert("RGB"), dtype=numpy.float64)
    wanted = (theirs * 255).round().numpy().astype(numpy.float64)
    return float(numpy.abs(ours - wanted).mean() / 255) if ours.shape == wanted.shape else float("inf")


def main():
    options = arguments()
    pipeline, warnings = load(options)
    file, unknown, is_kohya = factors_of(options.adapter)
    parts = layers_of(pipeline, is_kohya)
    layers = {name: layer for found in parts.values() for name, layer in found.items()}
    texts = PREFIXES[hasattr(pipeline, "text_encoder_2")]
    absent = [part for part in texts if part != "unet" and not any(name.startswith((texts[part], part + ".")) for name in file)]
    expected = [w for w in warnings if any(re.match(NO_TEXT_LAYERS.format(part=part), w) for part in absent)]
    problems = compare(file, unknown, layers) + [f"warning: {message}" for message in warnings if message not in expected]
    bare, pictures, differences = draw(pipeline, options, None), {}, {}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for strength in STRENGTHS:
        picture = pictures[f"strength_{strength}"] = draw(pipeline, options, strength)
        image = Image.fromarray((picture * 255).round().to(torch.uint8).numpy())
        image.save(options.out.with_name(f"{options.out.stem}-strength_{strength}.png"))
        if options.ours:
            found = differences[str(strength)] = difference(picture, options.ours / f"strength_{strength}.png")
            if found > LIMIT:
                problems.append(f"our picture at strength {strength} differs by {found * 255:.3f}/255")
    save_file(pictures, options.out.with_suffix(".safetensors"))
    if not torch.equal(pictures["strength_0.0"], bare):
        problems.append("strength 0 does not draw the picture of the base")
    moved = {name: float((picture - bare).abs().mean() * 255) for name, picture in pictures.items()}
    report = {"format": "kohya" if is_kohya else "peft", "layers": len(file), "layers_hit": {part: len(found) for part, found in parts.items()},
              "mean_change_from_base_of_255": moved, "mean_difference_from_ours": differences, "expected_warnings": expected,
              "problems": problems}
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
