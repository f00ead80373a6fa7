"""Folders whose settings diffusers' pipelines correct before they draw: copies of `tiny-sd15/` with the scheduler files and the
`sample_size` of early versions, and one of `tiny-sdxl/`, whose pipeline corrects nothing.

The scheduler of each sampler is read from the folder and given to the pipeline, which corrects it then. `sizes` has the version of
the denoiser's file, the side of latents that it states, and the side that the pipeline takes.
"""
import json
import pathlib
import shutil
import tempfile

import torch
from diffusers import (
    DDIMScheduler, DDPMScheduler, EulerDiscreteScheduler, PNDMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline)

from reference import TINY, TINY_XL, config_of, save

PROMPT, NEGATIVE, SEED, STEPS, GUIDANCE, SIDE = "a red cat on a chair", "blurry, low quality", 42, 8, 5.0, 32
SAMPLERS = {"ddim": DDIMScheduler, "pndm": PNDMScheduler, "euler": EulerDiscreteScheduler}
FAMILIES = {"tiny-sd15": (TINY, StableDiffusionPipeline), "tiny-sdxl": (TINY_XL, StableDiffusionXLPipeline)}
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
LEADING = {"timestep_spacing": "leading", "steps_offset": 0}
CASES = {
    "betas_alone": ("tiny-sd15", {"_class_name": "DDIMScheduler", **BETAS}, ("ddim", "pndm")),
    "defaults_of_ddpm": ("tiny-sd15", config_of(DDPMScheduler(**BETAS)), ("ddim",)),
    "no_offset": ("tiny-sd15", config_of(EulerDiscreteScheduler(**BETAS, **LEADING)), ("euler",)),
    "no_offset_in_sdxl": ("tiny-sdxl", config_of(EulerDiscreteScheduler(**BETAS, **LEADING)), ("euler",)),
}
SIZES = [("0.3.0", 32), ("0.8.1", 63), ("0.8.1.dev0", 32), ("0.8.1", 64), ("0.8.1", 96), ("0.9.0.dev0", 32), ("0.9.0", 32),
         ("0.10.2", 32), ("1.0.0", 32)]


def opened(source, kind, file, settings, **schedulers):
    """The pipeline of a copy of the folder in which `file` has other settings."""
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place) / "base"
        shutil.copytree(source, folder)
        (folder / file).write_text(json.dumps(settings), encoding="utf-8")
        read = {part: scheduler.from_pretrained(folder, subfolder=part) for part, scheduler in schedulers.items()}
        return kind.from_pretrained(folder, dtype=torch.float32, **read)


def latents(family, settings, sampler):
    pipeline = opened(*FAMILIES[family], "scheduler/scheduler_config.json", settings, scheduler=SAMPLERS[sampler])
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(PROMPT, negative_prompt=NEGATIVE, num_inference_steps=STEPS, guidance_scale=GUIDANCE, width=SIDE, height=SIDE,
                    output_type="latent", generator=torch.Generator("cpu").manual_seed(SEED)).images


def taken(version, side):
    stored = json.loads((TINY / "unet" / "config.json").read_text(encoding="utf-8"))
    stored |= {"_diffusers_version": version, "sample_size": side}
    return opened(*FAMILIES["tiny-sd15"], "unet/config.json", stored).unet.config.sample_size


def main():
    tensors = {}
    for case, (family, settings, samplers) in CASES.items():
        for sampler in samplers:
            tensors[f"{case}.{sampler}.latents"] = latents(family, settings, sampler)
    config = {"prompt": PROMPT, "negative": NEGATIVE, "seed": SEED, "steps": STEPS, "guidance": GUIDANCE, "width": SIDE, "height": SIDE,
              "folders": {case: {"folder": family, "scheduler": settings} for case, (family, settings, _) in CASES.items()},
              "sizes": [(version, side, taken(version, side)) for version, side in SIZES]}
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
