"""Whole tiny autoencoders: pictures to mean and log-variance, latents to pictures."""
import torch
from diffusers import AutoencoderKL

from reference import config_of, randn, randomise, save, weights

MODELS = {
    "three_levels": dict(block_out_channels=(16, 32, 32), layers_per_block=1, latent_channels=4, norm_num_groups=8),
    "wide_latent": dict(block_out_channels=(16, 32), layers_per_block=2, latent_channels=8, norm_num_groups=16,
                        scaling_factor=0.7),
}


def main():
    tensors, config = {}, {}
    for seed, (name, facts) in enumerate(MODELS.items()):
        depth = len(facts["block_out_channels"])
        model = AutoencoderKL(sample_size=32, down_block_types=("DownEncoderBlock2D",) * depth,
                              up_block_types=("UpDecoderBlock2D",) * depth, **facts)
        randomise(model, seed=500 + seed)
        picture = randn(2, 3, 16, 24, seed=510 + seed).clamp(-1, 1)
        latents = randn(2, facts["latent_channels"], 4, 6, seed=520 + seed)
        with torch.no_grad():
            found = model.encode(picture).latent_dist
            decoded = model.decode(latents).sample
        tensors.update(weights(name, model))
        tensors.update({f"{name}.picture": picture, f"{name}.mean": found.mean, f"{name}.logvar": found.logvar,
                        f"{name}.latents": latents, f"{name}.decoded": decoded})
        config[name] = config_of(model)
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
