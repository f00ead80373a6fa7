"""Autoencoders tile by tile (`enable_tiling`), on those of `tiny-sd15/` and `tiny-sdxl/`: tiles of 32 pixels, 16 latents, a quarter of them
covered twice.

A case is decoded and its picture encoded again: one row of tiles; an uneven size; a last column thinner than the blend; and one that no
tile is needed for.
"""
import torch
from diffusers import AutoencoderKL

from reference import TINY, TINY_XL, randn, save

CASES = {"row": (TINY, 14, 30), "uneven": (TINY_XL, 20, 27), "thin": (TINY, 28, 14), "small": (TINY_XL, 16, 12)}


def main():
    tensors = {}
    for seed, (case, (folder, height, width)) in enumerate(CASES.items()):
        vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", dtype=torch.float32).eval()
        vae.enable_tiling()
        latents = randn(1, 4, height, width, seed=seed)
        with torch.no_grad():
            picture = vae.decode(latents).sample
            found = vae.encode(picture).latent_dist
        tensors |= {f"{case}.latents": latents, f"{case}.picture": picture, f"{case}.mean": found.mean, f"{case}.logvar": found.logvar}
    save(__file__, tensors, {case: {"folder": folder.name} for case, (folder, *_) in CASES.items()})


if __name__ == "__main__":
    main()
