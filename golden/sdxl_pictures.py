"""Whole pictures of `tiny-sdxl/` as a diffusers user draws them: absent, empty and given negative prompts, a second prompt, a second
negative prompt alone, skipped layers, an uneven size; and the text states of each."""
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionXLPipeline

from reference import TINY_XL, save

PROMPT, NEGATIVE, SEED, STEPS, GUIDANCE = "a red cat on a chair", "blurry, low quality", 42, 8, 7.0
SAMPLERS = {"euler": EulerDiscreteScheduler, "ddim": DDIMScheduler}
CASES = {
    "absent": {},
    "empty": {"negative_prompt": ""},
    "given": {"negative_prompt": NEGATIVE},
    "second": {"negative_prompt": NEGATIVE, "prompt_2": "the moon", "negative_prompt_2": "the sun"},
    "second_alone": {"negative_prompt_2": "the sun"},
    "skipped": {"negative_prompt": NEGATIVE, "clip_skip": 1},
    "uneven": {"negative_prompt": NEGATIVE, "width": 40, "height": 24},
    "ddim": {"negative_prompt": NEGATIVE, "sampler": "ddim"},
}


def main():
    pipeline = StableDiffusionXLPipeline.from_pretrained(TINY_XL, dtype=torch.float32, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    stored = pipeline.scheduler.config
    tensors = {}
    for case, facts in CASES.items():
        facts = dict(facts)
        pipeline.scheduler = SAMPLERS[facts.pop("sampler", "euler")].from_config(stored, clip_sample=False)
        size = {"width": facts.pop("width", 32), "height": facts.pop("height", 32)}
        states = pipeline.encode_prompt(PROMPT, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True, **facts)
        for name, value in zip(("states", "negative_states", "pooled", "negative_pooled"), states):
            tensors[f"{case}.{name}"] = value
        draw = dict(num_inference_steps=STEPS, guidance_scale=GUIDANCE, **size, **facts)
        for kind in ("latent", "np"):
            found = pipeline(PROMPT, output_type=kind, generator=torch.Generator("cpu").manual_seed(SEED), **draw).images
            tensors[f"{case}.{'latents' if kind == 'latent' else 'picture'}"] = torch.as_tensor(found)
    config = {"prompt": PROMPT, "negative": NEGATIVE, "seed": SEED, "steps": STEPS, "guidance": GUIDANCE}
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
