"""Whole tiny denoisers: head count written as `attention_head_dim`, both kinds of `proj_in`, uneven sizes."""
import torch
from diffusers import UNet2DConditionModel

from reference import config_of, randn, randomise, save, weights

CROSS_DOWN, CROSS_UP, DOWN, UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D", "DownBlock2D", "UpBlock2D"
MODELS = {
    "two_levels": dict(block_out_channels=(32, 64), layers_per_block=1, down_block_types=(CROSS_DOWN, DOWN),
                       up_block_types=(UP, CROSS_UP), attention_head_dim=4, cross_attention_dim=32, norm_num_groups=32),
    "linear": dict(block_out_channels=(16, 32, 32), layers_per_block=2, down_block_types=(CROSS_DOWN, CROSS_DOWN, DOWN),
                   up_block_types=(UP, CROSS_UP, CROSS_UP), attention_head_dim=(2, 4, 8), cross_attention_dim=24,
                   norm_num_groups=8, use_linear_projection=True),
    "wide_latent": dict(in_channels=8, out_channels=8, block_out_channels=(16, 32), layers_per_block=1,
                        down_block_types=(CROSS_DOWN, DOWN), up_block_types=(UP, CROSS_UP), attention_head_dim=4,
                        cross_attention_dim=16, norm_num_groups=16),
}
RUNS = [("two_levels", "square", 8, 8, 77), ("linear", "square", 8, 8, 9), ("linear", "odd", 5, 7, 9),
        ("wide_latent", "uneven", 12, 20, 9)]


def main():
    tensors, config = {}, {}
    models = {}
    for seed, (name, facts) in enumerate(MODELS.items()):
        models[name] = randomise(UNet2DConditionModel(sample_size=8, **facts), seed=200 + seed)
        tensors.update(weights(name, models[name]))
        config[name] = config_of(models[name])
    for seed, (name, run, height, width, length) in enumerate(RUNS):
        model = models[name]
        sample = randn(2, model.config.in_channels, height, width, seed=300 + seed)
        context = randn(2, length, model.config.cross_attention_dim, seed=400 + seed)
        timesteps = torch.tensor([981, 21])
        with torch.no_grad():
            output = model(sample, timesteps, context).sample
        tensors.update({f"{name}.{run}.sample": sample, f"{name}.{run}.context": context,
                        f"{name}.{run}.timesteps": timesteps.float(), f"{name}.{run}.output": output})
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
