"""Twenty AdamW steps of attention adapters on the tiny denoiser, with the noise and time steps of every step given."""
import torch
from diffusers import DDPMScheduler

from adapters import adapted, denoiser, fill, kohya_name
from reference import randn, save

RANK, ALPHA, STEPS, RATE, DECAY = 4, 4, 20, 1e-3, 0.01


def main():
    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
    base = denoiser()
    unet, factors = adapted("attention", RANK, ALPHA)
    fill(factors, up_scale=0.0, seed=8000)
    tensors = {f"start.{kohya_name(name)}": value.half() for name, value in factors.items()}
    latents, noise = randn(STEPS, 2, 4, 8, 8, seed=800), randn(STEPS, 2, 4, 8, 8, seed=801)
    context = randn(STEPS, 2, 11, 16, seed=802)
    timesteps = torch.randint(0, 1000, (STEPS, 2), generator=torch.Generator("cpu").manual_seed(803))
    optimizer = torch.optim.AdamW(factors.values(), lr=RATE, weight_decay=DECAY)
    losses, norms, untrained = [], [], []
    for step in range(STEPS):
        noisy = scheduler.add_noise(latents[step], noise[step], timesteps[step])
        loss = torch.nn.functional.mse_loss(unet(noisy, timesteps[step], context[step]).sample, noise[step])
        with torch.no_grad():
            untrained.append(torch.nn.functional.mse_loss(base(noisy, timesteps[step], context[step]).sample, noise[step]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norms.append(torch.stack([value.grad.norm() for value in factors.values()]).norm())
        optimizer.step()
        losses.append(loss.detach())
    tensors.update({f"end.{kohya_name(name)}": value for name, value in factors.items()})
    tensors.update({"latents": latents, "noise": noise, "context": context, "timesteps": timesteps, "losses": torch.stack(losses),
                    "untrained_losses": torch.stack(untrained), "gradient_norms": torch.stack(norms)})
    config = {"rank": RANK, "alpha": ALPHA, "steps": STEPS, "learning_rate": RATE, "weight_decay": DECAY,
              "peft_names": {kohya_name(name): "unet." + name for name in factors}}
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
