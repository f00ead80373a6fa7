"""Time LoRA training steps of a folder's U-Net with diffusers and peft; prints one line of JSON.

The counterpart of `atelier bench step`: adapters on queries, keys, values and outputs of every attention, alpha as large as the rank,
AdamW, one step more than are counted. Equal `lora_params` and `latent` on both sides show that the work is the same.
`cargo xtask bench` runs the two in alternation.
"""
import argparse
import json

import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig

from peer import peak_bytes, pixels_per_latent, spread, synchronized

TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", help="a pipeline folder in the diffusers layout")
    side = parser.add_mutually_exclusive_group()
    side.add_argument("--size", type=int, help="side of the pictures in pixels; the base's own when absent")
    side.add_argument("--latent", type=int, help="side of the latents, in place of --size")
    parser.add_argument("--batch", type=int, default=1, help="pictures per step")
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--steps", type=int, default=5, help="steps that are timed; one more runs first")
    parser.add_argument("--threads", type=int, default=0, help="0 leaves PyTorch's choice")
    parser.add_argument("--bf16", action="store_true", help="weights and activations in bf16, in place of f32")
    parser.add_argument("--checkpointing", action="store_true", help="compute activations again in the backward pass")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def adapted_unet(options, dtype):
    unet = UNet2DConditionModel.from_pretrained(options.base, subfolder="unet", dtype=dtype).to(options.device)
    unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=options.rank, lora_alpha=options.rank, target_modules=TARGETS))
    if options.checkpointing:
        unet.enable_gradient_checkpointing()
    return unet.train()


def inputs(config, batch, side, pixels, kind):
    """Random latents, timesteps and text states, and what SDXL is told beside them."""
    latents = torch.randn(batch, config.in_channels, side, side, **kind)
    states = torch.randn(batch, 77, config.cross_attention_dim, **kind)
    timesteps = torch.randint(0, 1000, (batch,), device=kind["device"])
    added = None
    if config.addition_embed_type == "text_time":
        width = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        sizes = torch.tensor([[pixels, pixels, 0, 0, pixels, pixels]] * batch, **kind)
        added = {"text_embeds": torch.randn(batch, width, **kind), "time_ids": sizes}
    return latents, timesteps, states, added


def main():
    options = arguments()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    dtype = torch.bfloat16 if options.bf16 else torch.float32
    unet = adapted_unet(options, dtype)
    trained = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    factor = pixels_per_latent(options.base)
    side = options.latent or (options.size // factor if options.size else unet.config.sample_size)
    kind = {"dtype": dtype, "device": options.device}
    latents, timesteps, states, added = inputs(unet.config, options.batch, side, side * factor, kind)
    target = torch.randn_like(latents).float()
    seconds = []
    for _ in range(options.steps + 1):
        start = synchronized(options.device)
        predicted = unet(latents, timesteps, states, added_cond_kwargs=added).sample
        loss = torch.nn.functional.mse_loss(predicted.float(), target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(synchronized(options.device) - start)
    # The first step pays for allocation and is left out.
    median, least, most = spread(seconds[1:])
    print(json.dumps({
        "median_secs": median, "min_secs": least, "max_secs": most, "peak_bytes": peak_bytes(options.device),
        "lora_params": sum(parameter.numel() for parameter in trained), "loss": loss.item(), "bf16": options.bf16,
        "checkpointing": options.checkpointing, "latent": side, "batch": options.batch,
        "threads": torch.get_num_threads(), "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
