"""Whole pictures of `tiny-sd15/`: twelve steps of DDIM and Euler, both predictions, both noise schedules; and the schedules alone."""
import json

import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPipeline

from reference import TINY, save

PROMPT, NEGATIVE, SEED, STEPS, GUIDANCE = "a red cat on a chair", "blurry, low quality", 42, 12, 7.0
SAMPLERS = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}


def scheduler(stored, sampler, **changes):
    """The scheduler that a diffusers user gets from the stored configuration and a few changes."""
    return SAMPLERS[sampler].from_config(stored, **changes)


def facts(found):
    """The configuration as JSON can hold it."""
    return json.loads(found.to_json_string())


def draw(pipeline, **options):
    """One picture and the latents after every step."""
    steps = []

    def keep(_, index, timestep, values):
        steps.append(values["latents"].clone())
        return values

    result = pipeline(PROMPT, negative_prompt=NEGATIVE, num_inference_steps=STEPS, guidance_scale=GUIDANCE,
                      generator=torch.Generator("cpu").manual_seed(SEED), callback_on_step_end=keep, **options).images
    return result, torch.cat(steps)


def schedules(stored, tensors, config):
    """Time steps and noise levels for every spacing, without a model."""
    for sampler in SAMPLERS:
        for betas in ("scaled_linear", "squaredcos_cap_v2", "linear"):
            for spacing in ("leading", "linspace", "trailing"):
                for steps in (1, 12, 30):
                    found = scheduler(stored, sampler, beta_schedule=betas, timestep_spacing=spacing)
                    found.set_timesteps(steps)
                    case = f"schedule.{sampler}.{betas}.{spacing}.{steps}"
                    tensors[f"{case}.timesteps"] = found.timesteps.float()
                    tensors[f"{case}.init_noise_sigma"] = torch.as_tensor(float(found.init_noise_sigma))
                    if sampler == "euler":
                        tensors[f"{case}.sigmas"] = found.sigmas.float()
                    tensors[f"alphas_cumprod.{betas}"] = found.alphas_cumprod
    config["schedule"] = {"stored": dict(stored)}


def main():
    pipeline = StableDiffusionPipeline.from_pretrained(TINY, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    stored = facts(pipeline.scheduler)
    tensors, config = {}, {}
    wanted, unwanted = pipeline.encode_prompt(PROMPT, "cpu", 1, True, negative_prompt=NEGATIVE)
    tensors.update({"prompt.states": wanted, "prompt.negative_states": unwanted})
    tensors["noise"] = torch.randn(1, 4, 16, 16, generator=torch.Generator("cpu").manual_seed(SEED))
    for sampler in SAMPLERS:
        for prediction, name in (("epsilon", "epsilon"), ("v_prediction", "v")):
            for betas in ("scaled_linear", "squaredcos_cap_v2"):
                case = f"{sampler}.{name}.{betas}"
                pipeline.scheduler = scheduler(stored, sampler, prediction_type=prediction, beta_schedule=betas)
                picture, steps = draw(pipeline, output_type="np")
                latents, _ = draw(pipeline, output_type="latent")
                assert torch.equal(latents, steps[-1:])
                tensors.update({f"{case}.latents": latents, f"{case}.steps": steps, f"{case}.picture": torch.from_numpy(picture),
                                f"{case}.timesteps": pipeline.scheduler.timesteps.float()})
                if sampler == "euler":
                    tensors[f"{case}.sigmas"] = pipeline.scheduler.sigmas.float()
                tensors[f"{case}.init_noise_sigma"] = torch.as_tensor(float(pipeline.scheduler.init_noise_sigma))
                config[case] = facts(pipeline.scheduler)
    schedules(stored, tensors, config)
    config["request"] = {"prompt": PROMPT, "negative": NEGATIVE, "seed": SEED, "steps": STEPS, "guidance": GUIDANCE,
                         "width": 32, "height": 32}
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
