"""An autoencoder whose activations are too large for f16, as those of SDXL are: PyTorch in f16 gives no numbers, f32 does.

The weights themselves fit into f16; the first convolutions multiply by thousands, and later norms bring the result back.
"""
import torch
from diffusers import AutoencoderKL

from reference import config_of, randn, randomise, save, weights

LARGEST = torch.finfo(torch.float16).max


def model():
    vae = AutoencoderKL(
        sample_size=32, block_out_channels=(8, 16), layers_per_block=1, latent_channels=4, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, scaling_factor=0.13025)
    randomise(vae, seed=21)
    with torch.no_grad():
        vae.encoder.conv_in.weight *= 2 ** 16
        vae.encoder.mid_block.resnets[0].conv2.weight *= 2 ** 14
        vae.decoder.conv_in.weight *= 2 ** 14
        vae.decoder.up_blocks[0].resnets[1].conv2.weight *= 2 ** 14
    return vae


def main():
    vae, seen = model(), {}

    def watch(part):
        def keep(_, __, output):
            seen[part] = max(seen.get(part, 0.0), float(output.detach().abs().max()))
        return keep

    for part in ("encoder", "decoder"):
        for module in getattr(vae, part).modules():
            if isinstance(module, torch.nn.Conv2d):
                module.register_forward_hook(watch(part))
    picture, latents = randn(1, 3, 16, 12, seed=22).clamp(-1, 1), randn(1, 4, 8, 6, seed=23) / vae.config.scaling_factor
    with torch.no_grad():
        found, decoded = vae.encode(picture).latent_dist, vae.decode(latents).sample
        largest = dict(seen)
        assert all(value > LARGEST for value in largest.values()), largest
        tensors = {"vae.picture": picture, "vae.latents": latents, "vae.mean": found.mean, "vae.logvar": found.logvar,
                   "vae.decoded": decoded, **weights("vae", vae)}
        half = vae.half()
        assert half.encode(picture.half()).latent_dist.mean.isnan().any() and half.decode(latents.half()).sample.isnan().any()
    save(__file__, tensors, {"vae": config_of(vae), "largest": largest})


if __name__ == "__main__":
    main()
