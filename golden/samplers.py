"""Noise of PyTorch's CPU generator, noise schedules, and whole walks of the samplers with random model outputs."""
import json
import pathlib
import tempfile

import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler

from reference import randn, save

SEEDS = (0, 42, 2**32 - 1, 1234567890123)
SIZES = (1, 2, 5, 15, 16, 17, 31, 32, 64, 100)
PUBLISHED = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
CASES = {
    "published": PUBLISHED | {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1,
                              "timestep_spacing": "leading", "prediction_type": "epsilon"},
    "velocity": PUBLISHED | {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1,
                             "timestep_spacing": "leading", "prediction_type": "v_prediction"},
    "defaults": {},
    "cosine": {"beta_schedule": "squaredcos_cap_v2", "clip_sample": True, "clip_sample_range": 2.0,
               "timestep_spacing": "trailing"},
    "zero_snr": PUBLISHED | {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction",
                             "timestep_spacing": "trailing", "clip_sample": False},
    "linspace": PUBLISHED | {"prediction_type": "v_prediction", "timestep_spacing": "linspace", "clip_sample": False},
}
SAMPLERS = {"ddim": DDIMScheduler, "euler": EulerDiscreteScheduler}
SHAPE = (1, 2, 3, 4)


def loaded(kind, settings):
    """A scheduler as a base folder with these settings gives it."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "scheduler_config.json").write_text(json.dumps({"_class_name": "PNDMScheduler"} | settings))
        return kind.from_config(kind.load_config(folder))


def noise():
    """What a generator gives, first call by first call and then in a mixed order."""
    found = {}
    for seed in SEEDS:
        for size in SIZES:
            found[f"noise.{seed}.{size}"] = randn(size, seed=seed)
    for size in (1000, 4096):
        found[f"noise.42.{size}"] = randn(size, seed=42)
    generator = torch.Generator("cpu").manual_seed(7)
    found["mixed.normal_3"] = torch.randn(3, generator=generator)
    found["mixed.uniform_5"] = torch.rand(5, generator=generator)
    found["mixed.normal_20"] = torch.randn(20, generator=generator)
    found["mixed.normal_2"] = torch.randn(2, generator=generator)
    found["mixed.below_1000"] = torch.randint(0, 1000, (9,), generator=generator)
    found["mixed.narrow"] = torch.randint(-3, 2**28 - 4, (9,), generator=generator)
    found["mixed.wide"] = torch.randint(0, 2**28, (9,), generator=generator)
    found["mixed.wider"] = torch.randint(-5, 2**40, (9,), generator=generator)
    found["mixed.order_1000"] = torch.randperm(1000, generator=generator)
    found["mixed.normal_1"] = torch.randn(1, generator=generator)
    return found


def walk(scheduler, steps, outputs):
    """Every sample of a walk, the first one included."""
    scheduler.set_timesteps(steps)
    sample = randn(*SHAPE, seed=900) * scheduler.init_noise_sigma
    samples, inputs = [sample], []
    for index, timestep in enumerate(scheduler.timesteps):
        inputs.append(scheduler.scale_model_input(sample, timestep))
        sample = scheduler.step(outputs[index], timestep, sample).prev_sample
        samples.append(sample)
    return {"samples": torch.cat(samples), "inputs": torch.cat(inputs), "timesteps": scheduler.timesteps.float(),
            "init_noise_sigma": torch.as_tensor(float(scheduler.init_noise_sigma))}


def main():
    outputs = randn(30, *SHAPE, seed=901)
    tensors = noise() | {"outputs": outputs.flatten(0, 1)}
    latents, grains, times = randn(3, 2, 2, 2, seed=902), randn(3, 2, 2, 2, seed=903), torch.tensor([0, 500, 998])
    tensors |= {"latents": latents, "grains": grains}
    for name, settings in CASES.items():
        schedule = loaded(DDIMScheduler, settings)
        tensors[f"{name}.alphas_cumprod"] = schedule.alphas_cumprod
        tensors[f"{name}.noisy"] = schedule.add_noise(latents, grains, times)
        tensors[f"{name}.velocity"] = schedule.get_velocity(latents, grains, times)
        for sampler, kind in SAMPLERS.items():
            for steps in (12, 30):
                for part, value in walk(loaded(kind, settings), steps, outputs).items():
                    tensors[f"{name}.{sampler}.{steps}.{part}"] = value
    save(__file__, tensors, CASES)


if __name__ == "__main__":
    main()
