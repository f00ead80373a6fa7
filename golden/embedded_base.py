"""One picture of the embedded base as diffusers draws it: final latents for DDIM and Euler, the bytes of DDIM's, and what its
encoder makes of these."""
import pathlib

import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

from reference import save

BASE = pathlib.Path(__file__).parent.parent / "assets" / "atelier-mini"
PROMPT, SEED, STEPS, GUIDANCE = "grinning face, noto emoji, on a blue background", 7, 12, 4.0


def main():
    pipeline = StableDiffusionPipeline.from_pretrained(BASE, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    stored, tensors = pipeline.scheduler, {}
    euler = EulerDiscreteScheduler.from_pretrained(BASE, subfolder="scheduler")
    for name, scheduler in (("ddim", stored), ("euler", euler)):
        pipeline.scheduler = scheduler
        tensors[f"{name}.latent"] = pipeline(
            PROMPT, num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="latent",
            generator=torch.Generator("cpu").manual_seed(SEED)).images
    with torch.no_grad():
        latent = tensors["ddim.latent"] / pipeline.vae.config.scaling_factor
        pixels = pipeline.image_processor.postprocess(pipeline.vae.decode(latent).sample, output_type="np")
        tensors["ddim.picture"] = torch.from_numpy((pixels[0] * 255).round()).to(torch.uint8)
        drawn = tensors["ddim.picture"].permute(2, 0, 1)[None].float() / 127.5 - 1
        tensors["encoder.mean"] = pipeline.vae.encode(drawn).latent_dist.mean
    save(__file__, tensors, {"prompt": PROMPT, "seed": SEED, "steps": STEPS, "guidance": GUIDANCE})


if __name__ == "__main__":
    main()
