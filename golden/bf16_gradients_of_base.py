"""How far PyTorch's gradients in bf16 lie from its own in f32 on the embedded base, for adapters with random factors.

    bf16_gradients_of_base.py

Prints the median and the greatest relative error (norm of the difference over the norm) of all factors, and of all together, under `torch.autocast`, for several draws of noise and factors, at timesteps that differ by picture. A test
holds ours to these figures; no file is written.
"""
import statistics
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from peft import LoraConfig
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer

ASSETS = Path(__file__).parent.parent / "assets"
BASE = ASSETS / "atelier-mini"
TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"]
DRAWS = 6
TIMESTEPS = torch.tensor([100, 400, 700, 900])


def part(kind, folder):
    return kind.from_pretrained(BASE, subfolder=folder, torch_dtype=torch.float32).requires_grad_(False)


def adapted():
    unet = part(UNet2DConditionModel, "unet")
    unet.add_adapter(LoraConfig(r=8, lora_alpha=8, target_modules=TARGETS))
    return unet


def fill(unet, generator):
    for name, value in unet.named_parameters():
        if value.requires_grad:
            spread = 0.01 if "lora_B" in name else (3 * value.shape[1]) ** -0.5
            value.data = torch.randn(value.shape, generator=generator) * spread


def examples():
    vae, encoder = part(AutoencoderKL, "vae"), part(CLIPTextModel, "text_encoder")
    tokenizer = CLIPTokenizer.from_pretrained(BASE / "tokenizer")
    files = sorted((ASSETS / "blob-faces" / "train").glob("*.png"))[: len(TIMESTEPS)]
    pictures = [Image.open(file).convert("RGB").resize((128, 128), Image.Resampling.LANCZOS) for file in files]
    pixels = torch.stack([torch.tensor(np.array(picture)).permute(2, 0, 1) / 127.5 - 1 for picture in pictures])
    captions = [file.with_suffix(".txt").read_text().strip() for file in files]
    tokens = tokenizer(captions, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
    latents = vae.encode(pixels).latent_dist.mean * vae.config.scaling_factor
    return latents, encoder(tokens.input_ids)[0]


def gradients(unet, latents, states, noise, rounded):
    kept = DDIMScheduler.from_pretrained(BASE, subfolder="scheduler").alphas_cumprod[TIMESTEPS].view(-1, 1, 1, 1)
    noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
    velocity = kept.sqrt() * noise - (1 - kept).sqrt() * latents
    with torch.autocast("cpu", torch.bfloat16, enabled=rounded):
        prediction = unet(noisy, TIMESTEPS, states).sample
    torch.nn.functional.mse_loss(prediction.float(), velocity).backward()
    found = [value.grad.clone() for value in unet.parameters() if value.requires_grad]
    unet.zero_grad()
    return found


def whole(gradients):
    return torch.cat([gradient.flatten() for gradient in gradients]).norm().item()


def main():
    unet = adapted()
    with torch.no_grad():
        latents, states = examples()
    errors, together = [], []
    for draw in range(DRAWS):
        generator = torch.Generator().manual_seed(draw)
        fill(unet, generator)
        noise = torch.randn(latents.shape, generator=generator)
        exact, rounded = (gradients(unet, latents, states, noise, rounded) for rounded in (False, True))
        apart = [a - b for a, b in zip(exact, rounded)]
        errors += [(a.norm() / b.norm()).item() for a, b in zip(apart, exact)]
        together.append(whole(apart) / whole(exact))
    print(f"{len(errors)} factors, median {statistics.median(errors):.1e}, greatest {max(errors):.1e}")
    print(f"together, median of the draws {statistics.median(together):.1e}, greatest {max(together):.1e}")


if __name__ == "__main__":
    main()
