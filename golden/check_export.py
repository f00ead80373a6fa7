"""Prove an exported adapter with diffusers: every layer hit, nothing left over, no warning, and the pictures it draws.

    check_export.py ADAPTER BASE OUT.json [--ours DIR]

Writes OUT.json, and beside it one PNG per strength and `OUT.safetensors` with the float pictures (`strength_<S>`, height,
width, channel, 0 to 1). With `--ours DIR`, compares them with `DIR/strength_<S>.png`. Exits 1 when anything is wrong. The one
warning that is let through, and listed, is that a file without text-encoder layers has none.
"""
import argparse
import json
import logging
import pathlib
import sys

import numpy
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from PIL import Image
from safetensors.torch import load_file, save_file

STRENGTHS = (0.0, 0.5, 0.8, 1.0, 1.1)
PREFIXES = {"unet": "lora_unet_", "text_encoder": "lora_te_"}
LIMIT = 1 / 255
# diffusers says this of every file without text-encoder layers, and that it is then harmless.
NO_TEXT_LAYERS = "No LoRA keys associated to CLIPTextModel"


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
    parser.add_argument("--ours", type=pathlib.Path, help="folder with `strength_<S>.png` drawn by this project")
    return parser.parse_args()


def load(options):
    """The pipeline with the adapter, and every warning on the way."""
    pipeline = StableDiffusionPipeline.from_pretrained(options.base, dtype=torch.float32, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    keep = Keep()
    for library in ("diffusers", "peft", "transformers", "py.warnings"):
        logging.getLogger(library).addHandler(keep)
    logging.captureWarnings(True)
    pipeline.load_lora_weights(options.adapter, adapter_name="ours")
    logging.captureWarnings(False)
    return pipeline, keep.messages


def layers_of(pipeline):
    """The adapted layers in memory under kohya's names."""
    found = {}
    for part, prefix in PREFIXES.items():
        for name, layer in getattr(pipeline, part).named_modules():
            if "ours" in getattr(layer, "lora_A", {}):
                if part == "text_encoder" and not name.startswith("text_model."):
                    name = "text_model." + name
                found[prefix + name.replace(".", "_")] = layer
    return found


def compare(file, layers):
    """What differs between the file and the layers in memory."""
    problems, named = [], set()
    for name in file:
        layer, _, part = name.partition(".")
        named.add(layer)
        if part not in ("lora_down.weight", "lora_up.weight", "alpha"):
            problems.append(f"tensor `{name}` has an unknown ending")
    problems += [f"layer `{name}` of the file was not hit" for name in sorted(named - layers.keys())]
    problems += [f"layer `{name}` was hit but is not in the file" for name in sorted(layers.keys() - named)]
    for name in sorted(named & layers.keys()):
        layer, down, up = layers[name], file[f"{name}.lora_down.weight"].float(), file[f"{name}.lora_up.weight"].float()
        scale = float(file[f"{name}.alpha"]) / down.shape[0] if f"{name}.alpha" in file else 1.0
        for expected, held, which in ((down, layer.lora_A["ours"].weight, "down"), (up, layer.lora_B["ours"].weight, "up")):
            if expected.shape != held.shape or not torch.equal(expected, held.float()):
                problems.append(f"`{name}.lora_{which}` differs in memory: {list(expected.shape)} against {list(held.shape)}")
        if abs(layer.scaling["ours"] - scale) > 1e-6:
            problems.append(f"`{name}` is scaled by {layer.scaling['ours']} in place of {scale}")
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
    file, layers = load_file(options.adapter), layers_of(pipeline)
    expected = [] if any(name.startswith("lora_te_") for name in file) else [w for w in warnings if w.startswith(NO_TEXT_LAYERS)]
    problems = compare(file, layers) + [f"warning: {message}" for message in warnings if message not in expected]
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
    report = {"tensors": len(file), "layers_hit": {part: sum(name.startswith(prefix) for name in layers) for part, prefix in PREFIXES.items()},
              "mean_change_from_base_of_255": moved, "mean_difference_from_ours": differences, "expected_warnings": expected,
              "problems": problems}
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
