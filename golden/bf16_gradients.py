"""How far PyTorch's gradients in bf16 lie from its own in f32, for the adapters of `adapter_gradients.py` with alpha 4.

    bf16_gradients.py

Prints the median and the greatest relative error (greatest difference over greatest value) of all factors, under
`torch.autocast` and with the weights of the base in bf16. A test holds ours to these figures; no file is written.
"""
import statistics

import torch
from diffusers import DDPMScheduler

from adapter_gradients import RANK
from adapters import TARGETS, adapted, fill
from reference import randn


def gradients(mode, targets):
    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
    latents, noise, context = randn(2, 4, 8, 8, seed=700), randn(2, 4, 8, 8, seed=701), randn(2, 11, 16, seed=702)
    timesteps = torch.tensor([37, 812])
    noisy = scheduler.add_noise(latents, noise, timesteps)
    unet, factors = adapted(targets, RANK, 4)
    fill(factors, up_scale=0.5, seed=7000)
    if mode == "weights":
        for name, value in unet.named_parameters():
            if "lora" not in name:
                value.data = value.data.bfloat16()
        noisy = noisy.bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=mode != "f32"):
        prediction = unet(noisy, timesteps, context).sample
    torch.nn.functional.mse_loss(prediction.float(), noise).backward()
    return {name: value.grad.float() for name, value in factors.items()}


def main():
    for mode in ("autocast", "weights"):
        errors = []
        for targets in TARGETS:
            exact, rounded = gradients("f32", targets), gradients(mode, targets)
            errors += [((exact[name] - rounded[name]).abs().max() / exact[name].abs().max()).item() for name in exact]
        print(f"{mode}: {len(errors)} factors, median {statistics.median(errors):.1e}, greatest {max(errors):.1e}")


if __name__ == "__main__":
    main()
