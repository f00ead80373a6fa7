"""Pictures of `tiny-sd15/` with an adapter file at several strengths, drawn as a diffusers user draws them.

The file has kohya's names and the factors of `adapter_gradients`, those of the transformers, with alpha 2.
"""
import pathlib
import tempfile

import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from pictures import GUIDANCE, NEGATIVE, PROMPT, SEED, STEPS
from reference import HERE, TINY, save

STRENGTHS = (0.0, 0.5, 0.8, 1.0, 1.1)
ALPHA = 2


def adapter_file(folder):
    """The adapter as kohya's tools write it."""
    known = load_file(HERE / "adapter_gradients.safetensors")
    case = "transformer.alpha_2.gradient."
    names = [name.removeprefix(case) for name in known if name.startswith(case)]
    tensors = {name: known["factor." + name] for name in names}
    tensors.update({name.split(".")[0] + ".alpha": torch.tensor(float(ALPHA)) for name in names})
    file = pathlib.Path(folder) / "adapter.safetensors"
    save_file(tensors, file)
    return file


def main():
    pipeline = StableDiffusionPipeline.from_pretrained(TINY, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    with tempfile.TemporaryDirectory() as folder:
        pipeline.load_lora_weights(adapter_file(folder), adapter_name="one")
    tensors = {}
    for strength in STRENGTHS:
        pipeline.set_adapters(["one"], adapter_weights=[strength])
        picture = pipeline(PROMPT, negative_prompt=NEGATIVE, num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="np",
                           generator=torch.Generator("cpu").manual_seed(SEED)).images
        tensors[f"strength_{strength}"] = torch.from_numpy(picture)
    config = {"alpha": ALPHA, "layers": "transformer", "strengths": STRENGTHS}
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
