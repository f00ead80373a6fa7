"""Loss and the gradient of every adapter factor on the denoiser of `tiny-sdxl/`, with pooled text and sizes."""
import torch
from diffusers import DDPMScheduler

from adapters import TARGETS, adapted, fill
from reference import TINY_XL, randn, save

RANK, ALPHA = 4, 2


def main():
    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
    latents, noise, context = randn(2, 4, 8, 8, seed=900), randn(2, 4, 8, 8, seed=901), randn(2, 11, 40, seed=902)
    pooled = randn(2, 24, seed=903)
    sizes = torch.tensor([[16.0, 16.0, 0.0, 0.0, 16.0, 16.0], [300.0, 200.0, 50.0, 0.0, 16.0, 16.0]])
    timesteps = torch.tensor([37, 812])
    noisy = scheduler.add_noise(latents, noise, timesteps)
    tensors = {"latents": latents, "noise": noise, "timesteps": timesteps, "context": context, "pooled": pooled, "sizes": sizes}
    config = {"rank": RANK, "alpha": ALPHA}
    for targets in TARGETS:
        unet, factors = adapted(targets, RANK, ALPHA, TINY_XL)
        fill(factors, up_scale=0.5, seed=9000)
        prediction = unet(noisy, timesteps, context, added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes}).sample
        loss = torch.nn.functional.mse_loss(prediction, noise)
        loss.backward()
        tensors[f"{targets}.prediction"] = prediction
        tensors[f"{targets}.loss"] = loss
        for name, value in factors.items():
            assert value.grad.abs().max() > 0, f"no gradient reaches {name}"
            tensors[f"factor.{name}"] = value.half()
            tensors[f"{targets}.gradient.{name}"] = value.grad
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
