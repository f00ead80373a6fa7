"""Pictures of the tiny single-file checkpoints, drawn by the diffusers models that `checkpoints.py` makes of them, with what the published
models of each kind come with: tokenizers (OpenCLIP's pad with `!`), schedule, and zeros for an absent negative prompt in SDXL."""
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
from transformers import CLIPTokenizer

from checkpoints import models_of
from reference import TINY, save

PROMPT, NEGATIVE, SEED, STEPS, GUIDANCE, WIDTH, HEIGHT = "a red cat on a chair", "blurry, low quality", 42, 6, 5.0, 40, 32
SAMPLERS = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}
SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000, steps_offset=1,
                clip_sample=False, set_alpha_to_one=False, timestep_spacing="leading")


def words(**special):
    vocabulary = TINY / "tokenizer"
    return CLIPTokenizer(str(vocabulary / "vocab.json"), str(vocabulary / "merges.txt"), model_max_length=77, **special)


def pipeline_of(kind):
    scheduler = DDIMScheduler(**SCHEDULE, prediction_type="v_prediction" if kind == "sd2" else "epsilon")
    if kind == "sdxl":
        return StableDiffusionXLPipeline(**models_of(kind), tokenizer=words(), tokenizer_2=words(pad_token="!"), scheduler=scheduler,
                                         force_zeros_for_empty_prompt=True, add_watermarker=False)
    given = {} if kind == "sd1" else {"pad_token": "!"}
    return StableDiffusionPipeline(**models_of(kind), tokenizer=words(**given), scheduler=scheduler, safety_checker=None,
                                   feature_extractor=None, requires_safety_checker=False)


def main():
    tensors = {}
    for kind in ("sd1", "sd2", "sdxl"):
        pipeline = pipeline_of(kind)
        pipeline.set_progress_bar_config(disable=True)
        stored = pipeline.scheduler.config
        for sampler, scheduler in SAMPLERS.items():
            for case, negative in {"given": NEGATIVE, "absent": None}.items():
                if (sampler, case) == ("ddim", "absent"):
                    continue
                pipeline.scheduler = scheduler.from_config(stored)
                for form in ("latent", "np") if case == "given" and sampler == "euler" else ("latent",):
                    found = pipeline(PROMPT, negative_prompt=negative, num_inference_steps=STEPS, guidance_scale=GUIDANCE, width=WIDTH,
                                     height=HEIGHT, output_type=form, generator=torch.Generator("cpu").manual_seed(SEED)).images
                    tensors[f"{kind}.{sampler}.{case}.{'latents' if form == 'latent' else 'picture'}"] = torch.as_tensor(found)
    config = {"prompt": PROMPT, "negative": NEGATIVE, "seed": SEED, "steps": STEPS, "guidance": GUIDANCE, "width": WIDTH, "height": HEIGHT}
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
