"""Time LoRA training steps of a folder's U-Net with diffusers and peft; the last line is JSON.

The counterpart of `atelier bench-step`: same layers, same rank, same batch, f32, latents at the base's own size. Equal
`lora_params` on both sides show that the work is the same. `cargo xtask bench` runs the two in alternation.
"""
import argparse
import json
import statistics
import time

import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
TARGETS = {
    "attention": ATTENTION,
    "transformer": [*ATTENTION, "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"],
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True, help="a pipeline folder in the diffusers layout")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--targets", choices=TARGETS, default="transformer")
    parser.add_argument("--threads", type=int, default=0, help="0 leaves PyTorch's choice")
    return parser.parse_args()


def adapted_unet(options):
    unet = UNet2DConditionModel.from_pretrained(options.base, subfolder="unet", dtype=torch.float32)
    unet.requires_grad_(False)
    modules = TARGETS[options.targets]
    unet.add_adapter(LoraConfig(r=options.rank, lora_alpha=options.rank, target_modules=modules))
    return unet.train()


def main():
    options = arguments()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    unet = adapted_unet(options)
    trained = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    side, channels = unet.config.sample_size, unet.config.in_channels
    latents = torch.randn(options.batch, channels, side, side)
    noise = torch.randn_like(latents)
    states = torch.randn(options.batch, 77, unet.config.cross_attention_dim)
    timesteps = torch.randint(0, 1000, (options.batch,))
    seconds = []
    for _ in range(options.steps + 1):
        start = time.perf_counter()
        predicted = unet(latents, timesteps, states).sample
        loss = torch.nn.functional.mse_loss(predicted, noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({
        # The first step pays for allocation and is left out.
        "median_secs": statistics.median(seconds[1:]),
        "lora_params": sum(parameter.numel() for parameter in trained),
        "loss": loss.item(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
