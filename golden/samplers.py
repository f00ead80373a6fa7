"""Noise of PyTorch's CPU generator, noise schedules, and whole walks of every sampler with recorded model outputs.

A walk is one tensor with a row per evaluation: its timestep, what the denoiser sees, the sample before it. The last row
holds `init_noise_sigma`, zeros, and the final sample. `config` has the settings of each case.
"""
import contextlib
import inspect
import json
import math
import pathlib
import tempfile
import warnings

import numpy
import scipy.stats
import torch
import torchsde
from diffusers import (DDIMScheduler, DPMSolverMultistepScheduler, DPMSolverSDEScheduler, EulerAncestralDiscreteScheduler,
                       EulerDiscreteScheduler, HeunDiscreteScheduler, KDPM2AncestralDiscreteScheduler, KDPM2DiscreteScheduler,
                       LCMScheduler, LMSDiscreteScheduler, PNDMScheduler, UniPCMultistepScheduler)
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

from reference import randn, save

warnings.filterwarnings("ignore")
SEEDS = (0, 42, 2**32 - 1, 1234567890123)
SIZES = (1, 2, 5, 15, 16, 17, 31, 32, 64, 100)
PUBLISHED = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
STORED = PUBLISHED | {"clip_sample": False, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1,
                      "timestep_spacing": "leading"}
CASES = {
    "published": STORED | {"prediction_type": "epsilon"},
    "velocity": STORED | {"prediction_type": "v_prediction"},
    "defaults": {"skip_prk_steps": True},
    "cosine": {"beta_schedule": "squaredcos_cap_v2", "clip_sample": True, "clip_sample_range": 2.0, "skip_prk_steps": True,
               "timestep_spacing": "trailing"},
    "zero_snr": PUBLISHED | {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction", "skip_prk_steps": True,
                             "timestep_spacing": "trailing", "clip_sample": False},
    "linspace": PUBLISHED | {"prediction_type": "v_prediction", "timestep_spacing": "linspace", "clip_sample": False,
                             "skip_prk_steps": True},
}
MULTISTEP = ("dpmpp-2m", "dpmpp-2m-sde", "dpmpp-3m-sde")
# Settings that only some classes read: name, settings, who reads them, steps.
SETTINGS = [
    ("runge_kutta", {"skip_prk_steps": False}, ("pndm",), (4, 7, 12)),
    ("runge_kutta_velocity", {"skip_prk_steps": False, "prediction_type": "v_prediction"}, ("pndm",), (12,)),
    ("lu", {"use_lu_lambdas": True}, MULTISTEP, (12, 20)),
    ("solver_heun", {"solver_type": "heun"}, MULTISTEP, (12, 20)),
    ("euler_at_final", {"euler_at_final": True, "final_sigmas_type": "sigma_min"}, MULTISTEP, (12, 20)),
    ("full_order", {"lower_order_final": False}, MULTISTEP, (12, 20)),
    ("last_sigma", {"final_sigmas_type": "sigma_min"}, MULTISTEP + ("euler", "unipc"), (12, 20)),
    ("clipped", {"lambda_min_clipped": -5.1, "beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "linspace"}, MULTISTEP, (12,)),
    ("clipped_trailing", {"lambda_min_clipped": -5.1, "beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "trailing"},
     MULTISTEP, (12,)),
    ("karras_cosine", {"use_karras_sigmas": True, "beta_schedule": "squaredcos_cap_v2"}, MULTISTEP + ("unipc",), (12,)),
    ("range", {"use_karras_sigmas": True, "sigma_min": 0.1, "sigma_max": 10.0},
     MULTISTEP + ("euler", "lms", "heun", "dpm2", "dpm2-a", "unipc", "dpmpp-sde"), (12,)),
    ("exponential_range", {"use_exponential_sigmas": True, "sigma_min": 0.1, "sigma_max": 10.0}, ("lms", "dpmpp-sde", "unipc"), (12,)),
    ("bh1", {"solver_type": "bh1", "final_sigmas_type": "sigma_min"}, ("unipc",), (12,)),
    ("third_order", {"solver_order": 3}, ("unipc",), (12, 20)),
    ("some_corrections", {"disable_corrector": [0, 3]}, ("unipc",), (12,)),
    ("clipping", {"clip_sample": True, "clip_sample_range": 1.5}, ("heun", "lcm", "ddim"), (12,)),
    ("trained_betas", {"trained_betas": [round(0.001 + 0.0001 * i, 6) for i in range(100)], "num_train_timesteps": 100,
                       "original_inference_steps": 25}, ("ddim", "pndm", "euler", "dpmpp-2m", "lcm"), (12,)),
    ("few_origins", {"original_inference_steps": 20, "timestep_scaling": 5.0}, ("lcm",), (7,)),
    ("continuous", {"timestep_type": "continuous", "prediction_type": "v_prediction"}, ("euler",), (12,)),
]
SAMPLERS = {
    "ddim": (DDIMScheduler, {}),
    "pndm": (PNDMScheduler, {}),
    "lms": (LMSDiscreteScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}),
    "euler-a": (EulerAncestralDiscreteScheduler, {}),
    "heun": (HeunDiscreteScheduler, {}),
    "dpm2": (KDPM2DiscreteScheduler, {}),
    "dpm2-a": (KDPM2AncestralDiscreteScheduler, {}),
    "dpmpp-2m": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "dpmpp-2m-sde": (DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}),
    "dpmpp-sde": (DPMSolverSDEScheduler, {"noise_sampler_seed": 777}),
    "dpmpp-3m-sde": (DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++", "solver_order": 3}),
    "unipc": (UniPCMultistepScheduler, {}),
    "lcm": (LCMScheduler, {}),
}
STOCHASTIC = ("euler-a", "dpm2-a", "dpmpp-2m-sde", "dpmpp-sde", "dpmpp-3m-sde", "lcm")
SPACINGS = {name: {"timestep_spacing": name} for name in ("leading", "trailing", "linspace")}
RULES = {"karras": {"use_karras_sigmas": True}, "exponential": {"use_exponential_sigmas": True}, "beta": {"use_beta_sigmas": True}}
SHAPE = (1, 1, 2, 2)


def loaded(sampler, settings, **changes):
    """A scheduler as a base folder with these settings gives it."""
    kind, extra = SAMPLERS[sampler]
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "scheduler_config.json").write_text(json.dumps({"_class_name": "PNDMScheduler"} | settings))
        return kind.from_config(kind.load_config(folder), **extra, **changes)


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


def step(scheduler, output, timestep, sample, generator):
    """One step, with the generator where the class takes one."""
    takes_generator = "generator" in inspect.signature(scheduler.step).parameters
    return scheduler.step(output, timestep, sample, **({"generator": generator} if takes_generator else {})).prev_sample


def rows(scheduler, timesteps, sample, outputs, generator, after=lambda i: None):
    """The walk from `sample` over `timesteps`."""
    found = []
    for index, timestep in enumerate(timesteps):
        seen = scheduler.scale_model_input(sample, timestep)
        found.append(torch.cat([timestep.reshape(1).float(), seen.flatten(), sample.flatten()]))
        sample = step(scheduler, outputs[index], timestep, sample, generator)
        after(index)
    size = sample.numel()
    sigma = torch.as_tensor(float(scheduler.init_noise_sigma)).reshape(1)
    return torch.stack(found + [torch.cat([sigma, torch.zeros(size), sample.flatten()])])


@contextlib.contextmanager
def rounded_exp_and_log():
    """Exponentials and logarithms of single numbers, rounded to the nearest f32.

    Intel's library leaves one exponential of a hundred one digit off. `DPMSolverSDEScheduler` asks its Brownian motion at such
    places, and a motion moves by 0.001 within one digit of a sigma of 10: its pictures depend on the library to that extent.
    The walks from seeds and from pictures are recorded without this.
    """
    kept = torch.Tensor.exp, torch.Tensor.log

    def rounded(function, own):
        return lambda tensor: own(tensor) if tensor.dim() or tensor <= 0 and own is kept[1] else torch.tensor(function(tensor.item()))

    torch.Tensor.exp, torch.Tensor.log = rounded(math.exp, kept[0]), rounded(math.log, kept[1])
    try:
        yield
    finally:
        torch.Tensor.exp, torch.Tensor.log = kept


def walk(scheduler, steps, outputs):
    """A walk from noise, with the step noise of generator 777."""
    scheduler.set_timesteps(steps)
    sample = randn(*SHAPE, seed=900) * scheduler.init_noise_sigma
    # a first timestep that comes twice would make the class start at the second one
    if scheduler.timesteps[0] in scheduler.timesteps[1:]:
        scheduler.set_begin_index(0)
    with rounded_exp_and_log() if isinstance(scheduler, DPMSolverSDEScheduler) else contextlib.nullcontext():
        return rows(scheduler, scheduler.timesteps, sample, outputs, torch.Generator("cpu").manual_seed(777))


def from_image(scheduler, steps, strength, outputs):
    """What `StableDiffusionImg2ImgPipeline` does: fewer steps from a noised picture; then what inpainting blends in."""
    scheduler.set_timesteps(steps)
    start = max(steps - min(int(steps * strength), steps), 0) * scheduler.order
    timesteps = scheduler.timesteps[start:]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(start)
    picture, grain = randn(*SHAPE, seed=904), randn(*SHAPE, seed=905)
    sample = scheduler.add_noise(picture, grain, timesteps[:1])
    blended = []

    def blend(index):
        if index + 1 < len(timesteps):
            blended.append(scheduler.add_noise(picture, grain, timesteps[index + 1].reshape(1)).flatten())

    walked = rows(scheduler, timesteps, sample, outputs, torch.Generator("cpu").manual_seed(777), blend)
    return {"walk": walked, "blended": torch.stack(blended)}


def walks(outputs):
    """Walks with every case, schedule and number of steps."""
    found = {}
    for sampler in SAMPLERS:
        for case, settings in CASES.items():
            for steps in (12, 30) if case in ("published", "velocity") else (12,):
                found[f"{case}.{sampler}.base.{steps}"] = walk(loaded(sampler, settings), steps, outputs)
        rules = RULES if sampler not in ("ddim", "pndm", "euler-a", "lcm") else {}
        schedules = SPACINGS | rules if sampler != "lcm" else {}
        for schedule, change in schedules.items():
            for case, steps in (("published", 12), ("velocity", 30)):
                found[f"{case}.{sampler}.{schedule}.{steps}"] = walk(loaded(sampler, CASES[case], **change), steps, outputs)
        for schedule, change in rules.items():
            found[f"zero_snr.{sampler}.{schedule}.12"] = walk(loaded(sampler, CASES["zero_snr"], **change), 12, outputs)
        for schedule, change in ({"base": {}} | rules).items():
            for steps in (1, 2, 3, 7):
                found[f"published.{sampler}.{schedule}.{steps}"] = walk(loaded(sampler, CASES["published"], **change), steps, outputs)
    for case, settings, samplers, counts in SETTINGS:
        for sampler in samplers:
            for steps in counts:
                found[f"{case}.{sampler}.base.{steps}"] = walk(loaded(sampler, STORED | settings), steps, outputs)
    return found


def seeded():
    """Walks whose first sample and whose steps draw from one generator, as a pipeline does."""
    shape, found = (1, 4, 3, 2), {}
    outputs = randn(24, *shape, seed=906)
    for sampler in STOCHASTIC:
        change = {"noise_sampler_seed": 42} if sampler == "dpmpp-sde" else {}
        kind, extra = SAMPLERS[sampler]
        scheduler = kind.from_config(CASES["published"], **(extra | change))
        scheduler.set_timesteps(12)
        generator = torch.Generator("cpu").manual_seed(42)
        sample = torch.randn(shape, generator=generator) * scheduler.init_noise_sigma
        found[f"seeded.{sampler}"] = rows(scheduler, scheduler.timesteps, sample, outputs, generator)
    return found | {"seeded_outputs": outputs.flatten(0, 1)}


def brownian():
    """Increments of torchsde's tree as `DPMSolverSDEScheduler` sets it up, and the seeds that numpy splits off."""
    found, queries = {}, [(1.0, 14.6), (0.03, 14.6146), (0.03, 0.1), (5.25, 5.250001), (2.5, 7.75), (0.0291675, 0.0291685), (3.0, 3.0)]
    for seed in (0, 42, 2**40 + 7):
        tree = torchsde.BrownianInterval(t0=torch.tensor(0.0291675), t1=torch.tensor(14.6146), size=(20,), dtype=torch.float32,
                                         entropy=seed, tol=1e-6, pool_size=24, halfway_tree=True)
        found[f"brownian.{seed}"] = torch.stack([tree(a, b) for a, b in queries])
        for key in (None, (0, 0), (5, 3), (2**33 + 1, 34)):
            spawned = numpy.random.SeedSequence(entropy=seed, pool_size=24, **({"spawn_key": key} if key else {}))
            name = "none" if key is None else "_".join(map(str, key))
            found[f"seed_sequence.{seed}.{name}"] = torch.from_numpy(spawned.generate_state(4).astype(numpy.int64))
    return found | {"brownian.queries": torch.tensor(queries, dtype=torch.float64)}


def quantiles():
    """Quantiles of beta distributions."""
    shares = numpy.concatenate([[0.0, 1e-9, 1e-5], numpy.linspace(0.001, 0.999, 37), [1 - 1e-5, 1.0]])
    found = {"quantile.shares": torch.from_numpy(shares)}
    for a, b in ((0.6, 0.6), (1.0, 1.0), (2.0, 5.0), (0.3, 4.0)):
        found[f"quantile.{a}.{b}"] = torch.from_numpy(scipy.stats.beta.ppf(shares, a, b))
    return found


def main():
    outputs = randn(64, *SHAPE, seed=901)
    tensors = noise() | {"outputs": outputs.flatten(0, 1)} | brownian() | quantiles()
    latents, grains, times = randn(3, 2, 2, 2, seed=902), randn(3, 2, 2, 2, seed=903), torch.tensor([0, 500, 998])
    tensors |= {"latents": latents, "grains": grains}
    tensors |= {"guidance.text": randn(2, 2, 3, 3, seed=907), "guidance.guided": 3.0 * randn(2, 2, 3, 3, seed=908)}
    for factor in (0.0, 0.7, 1.0):
        tensors[f"guidance.{factor}"] = rescale_noise_cfg(tensors["guidance.guided"], tensors["guidance.text"], factor)
    for name, settings in CASES.items():
        schedule = loaded("ddim", settings)
        tensors[f"{name}.alphas_cumprod"] = schedule.alphas_cumprod
        tensors[f"{name}.noisy"] = schedule.add_noise(latents, grains, times)
        tensors[f"{name}.velocity"] = schedule.get_velocity(latents, grains, times)
    for name, value in walks(outputs).items():
        tensors[f"walk.{name}"] = value
    tensors |= seeded()
    for steps in (48, 96, 999):
        scheduler = loaded("euler", CASES["zero_snr"])
        scheduler.set_timesteps(steps)
        tensors[f"trailing.{steps}"] = scheduler.timesteps
    for sampler in SAMPLERS:
        for strength in (0.3, 0.6, 1.0):
            for part, value in from_image(loaded(sampler, CASES["published"]), 10, strength, outputs).items():
                tensors[f"image.{sampler}.{strength}.{part}"] = value
    tensors["picture"], tensors["grain"] = randn(*SHAPE, seed=904), randn(*SHAPE, seed=905)
    save(__file__, tensors, {"cases": CASES, "settings": {case: STORED | settings for case, settings, _, _ in SETTINGS}})


if __name__ == "__main__":
    main()
