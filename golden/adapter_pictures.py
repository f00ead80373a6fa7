"""Adapters made with peft and saved by diffusers, and the pictures that they draw on `tiny-sd15/` and `tiny-sdxl/`.

`adapter_pictures/<family>-<case>.safetensors` is what `save_lora_weights` writes, with the settings in the header; alpha is not the rank.
`…-kohya.safetensors` is what `convert_state_dict_to_kohya` makes of the same factors; that function takes the rank for alpha.
`adapter_pictures.safetensors` has the latents after all steps at each strength.
"""
import json
import pathlib
import tempfile

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.training_utils import _collate_lora_metadata
from diffusers.utils import convert_state_dict_to_kohya
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from adapters import TARGETS, fill
from reference import HERE, TINY, TINY_XL, save

FOLDER = HERE / "adapter_pictures"
PROMPT, NEGATIVE, SEED, STEPS, GUIDANCE = "a red cat on a chair", "blurry, low quality", 42, 6, 5.0
RANK, ALPHA, STRENGTHS = 2, 3, (0.5, 1.1)
TEXT = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
FAMILIES = {"sd15": (TINY, StableDiffusionPipeline, ("text_encoder",)),
            "sdxl": (TINY_XL, StableDiffusionXLPipeline, ("text_encoder", "text_encoder_2"))}
CASES = {"attention": "attention", "transformer": "transformer", "convolution": "transformer-and-convolution", "text": "attention"}
KOHYA = ("convolution", "text")


def adapt(pipeline, parts, targets):
    """Adapters with values of their own on every wanted part."""
    for salt, part in enumerate(parts):
        model = getattr(pipeline, part)
        model.add_adapter(LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS[targets] if part == "unet" else TEXT))
        fill({name: value for name, value in model.named_parameters() if ".lora_" in name}, up_scale=0.7, seed=100 * salt)


def write(pipeline, parts, name, in_kohya):
    """The adapter as diffusers saves it, and in kohya's names where wanted."""
    layers = {part: {key: value.half() for key, value in get_peft_model_state_dict(getattr(pipeline, part)).items()} for part in parts}
    facts = _collate_lora_metadata({part: getattr(pipeline, part) for part in parts})
    for settings in facts.values():
        settings["base_model_name_or_path"] = None
    with tempfile.TemporaryDirectory() as folder:
        type(pipeline).save_lora_weights(folder, **{f"{part}_lora_layers": values for part, values in layers.items()}, **facts)
        written = pathlib.Path(folder) / "pytorch_lora_weights.safetensors"
        (FOLDER / f"{name}.safetensors").write_bytes(written.read_bytes())
        if in_kohya:
            save_file(convert_state_dict_to_kohya(load_file(written)), FOLDER / f"{name}-kohya.safetensors")


def draw(pipeline, weight):
    pipeline.set_adapters(["default"], adapter_weights=[weight])
    return pipeline(PROMPT, negative_prompt=NEGATIVE, num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="latent",
                    generator=torch.Generator("cpu").manual_seed(SEED)).images


def main():
    FOLDER.mkdir(exist_ok=True)
    tensors = {}
    for family, (folder, kind, texts) in FAMILIES.items():
        for case, targets in CASES.items():
            pipeline = kind.from_pretrained(folder, dtype=torch.float32)
            pipeline.set_progress_bar_config(disable=True)
            pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
            parts = ("unet",) + (texts if case == "text" else ())
            adapt(pipeline, parts, targets)
            write(pipeline, parts, f"{family}-{case}", case in KOHYA)
            for strength in STRENGTHS:
                tensors[f"{family}-{case}.{strength}"] = draw(pipeline, strength)
                if case in KOHYA:
                    tensors[f"{family}-{case}-kohya.{strength}"] = draw(pipeline, strength * RANK / ALPHA)
            tensors[f"{family}-{case}.0"] = draw(pipeline, 0.0)
    for file in FOLDER.iterdir():
        file.chmod(0o644)
    for family in FAMILIES:
        bare = [tensors.pop(f"{family}-{case}.0") for case in CASES]
        assert all(torch.equal(bare[0], other) for other in bare)
        tensors[f"{family}.bare"] = bare[0]
    config = {"prompt": PROMPT, "negative": NEGATIVE, "seed": SEED, "steps": STEPS, "guidance": GUIDANCE, "strengths": STRENGTHS}
    save(__file__, tensors, config)
    print(json.dumps({file.name: file.stat().st_size for file in sorted(FOLDER.iterdir())}))


if __name__ == "__main__":
    main()
