"""Loss and the gradient of every adapter factor on the tiny denoiser, for each choice of layers and two values of alpha."""
import torch
from diffusers import DDPMScheduler

from adapters import TARGETS, adapted, fill, kohya_name
from reference import randn, save

RANK = 4


def main():
    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
    latents, noise, context = randn(2, 4, 8, 8, seed=700), randn(2, 4, 8, 8, seed=701), randn(2, 11, 16, seed=702)
    timesteps = torch.tensor([37, 812])
    noisy = scheduler.add_noise(latents, noise, timesteps)
    velocity = scheduler.get_velocity(latents, noise, timesteps)
    tensors = {"latents": latents, "noise": noise, "timesteps": timesteps, "context": context, "noisy": noisy, "velocity": velocity}
    config = {"rank": RANK, "peft_names": {}, "layers": {}}
    for targets in TARGETS:
        for alpha in (4, 2):
            unet, factors = adapted(targets, RANK, alpha)
            fill(factors, up_scale=0.5, seed=7000)
            prediction = unet(noisy, timesteps, context).sample
            loss = torch.nn.functional.mse_loss(prediction, noise)
            loss.backward()
            case = f"{targets}.alpha_{alpha}"
            tensors[f"{case}.prediction"] = prediction
            tensors[f"{case}.loss"] = loss
            tensors[f"{case}.loss_v"] = torch.nn.functional.mse_loss(prediction, velocity)
            for name, value in factors.items():
                kohya = kohya_name(name)
                assert value.grad.abs().max() > 0, f"no gradient reaches {name}"
                tensors[f"factor.{kohya}"] = value.half()
                tensors[f"{case}.gradient.{kohya}"] = value.grad
                config["peft_names"][kohya] = "unet." + name
            config["layers"][targets] = sorted({name.split(".lora_")[0] for name in factors})
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
