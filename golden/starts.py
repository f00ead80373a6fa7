"""Pictures that start from a picture: image to image and inpainting on `tiny-sd15/` and `tiny-sdxl/`, as a diffusers user draws them.

The picture is no square. The mask's edges do not lie on those of latents, and its greys lie on both sides of the middle. `drawn` has
rows of steps, hundredths, and how many steps are drawn of them.
"""
import numpy
import torch
from diffusers import (
    DDIMScheduler, EulerDiscreteScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline,
    StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline)
from PIL import Image

from reference import TINY, TINY_XL, save

PROMPT, NEGATIVE, SEED, STEPS, GUIDANCE = "a red cat on a chair", "blurry, low quality", 42, 10, 5.0
WIDTH, HEIGHT = 40, 24
SAMPLERS = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}
PIPELINES = {
    "sd15": (TINY, StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline),
    "sdxl": (TINY_XL, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline),
}
STRENGTHS = {"image": (0.3, 0.6, 1.0), "mask": (0.6, 1.0)}


def picture():
    """A gradient with a bright box and grain."""
    rows, columns = numpy.mgrid[:HEIGHT, :WIDTH]
    grain = numpy.random.default_rng(7).integers(0, 60, (HEIGHT, WIDTH, 3))
    pixels = numpy.stack([rows * 8, columns * 4, 190 - rows * 3 - columns * 2], axis=-1) + grain - 30
    pixels[5:14, 9:22] += 60
    return pixels.clip(0, 255).astype(numpy.uint8)


def mask():
    """White is drawn; edges at odd places, and greys that are rounded to black (127) and to white (128)."""
    pixels = numpy.zeros((HEIGHT, WIDTH), numpy.uint8)
    pixels[3:17, 11:29] = 255
    pixels[7:9, 13:19] = 0
    pixels[0:6, 31:40] = 127
    pixels[18:23, 1:8] = 128
    return pixels


def drawn():
    """Numbers of steps for which Python's product is not that of whole numbers at some share, and one for which it is."""
    return [(steps, share, int(steps * (share / 100))) for steps in (30, 50, 90, 100, 150) for share in range(1, 101)]


def main():
    tensors = {"picture": torch.from_numpy(picture()).int(), "mask": torch.from_numpy(mask()).int(),
               "drawn": torch.tensor(drawn(), dtype=torch.int32)}
    for family, (folder, from_image, from_mask) in PIPELINES.items():
        pipeline = from_image.from_pretrained(folder, dtype=torch.float32)
        for kind, strengths in STRENGTHS.items():
            made = pipeline if kind == "image" else from_mask.from_pipe(pipeline)
            made.set_progress_bar_config(disable=True)
            stored = made.scheduler.config
            given = {"image": Image.fromarray(picture())}
            if kind == "mask":
                given |= {"mask_image": Image.fromarray(mask()), "height": HEIGHT, "width": WIDTH}
            for sampler, scheduler in SAMPLERS.items():
                made.scheduler = scheduler.from_config(stored, clip_sample=False)
                for strength in strengths:
                    for form in ("latent", "np") if strength == 0.6 and sampler == "euler" else ("latent",):
                        result = made(PROMPT, negative_prompt=NEGATIVE, strength=strength, num_inference_steps=STEPS,
                                      guidance_scale=GUIDANCE, output_type=form,
                                      generator=torch.Generator("cpu").manual_seed(SEED), **given).images
                        name = f"{family}.{kind}.{sampler}.{strength}"
                        tensors[f"{name}.{'latents' if form == 'latent' else 'drawn'}"] = torch.as_tensor(result)
    config = {"prompt": PROMPT, "negative": NEGATIVE, "seed": SEED, "steps": STEPS, "guidance": GUIDANCE}
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
