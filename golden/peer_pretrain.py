"""Time full training steps of a folder's U-Net and text encoder with diffusers and transformers; prints one line of JSON.

The counterpart of `cargo xtask pretrain denoiser`, which prints its steps a second: every weight is trained, with AdamW and a limit on the
gradient's norm, on random latents, noise, timesteps and tokens. `--bf16` multiplies in bf16 under `torch.autocast`.
"""
import argparse
import contextlib
import json

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel

from peer import peak_bytes, spread, synchronized


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", help="a pipeline folder in the diffusers layout")
    parser.add_argument("--batch", type=int, default=32, help="pictures per step")
    parser.add_argument("--steps", type=int, default=5, help="steps that are timed; one more runs first")
    parser.add_argument("--threads", type=int, default=0, help="0 leaves PyTorch's choice")
    parser.add_argument("--bf16", action="store_true", help="products in bf16, in place of f32")
    return parser.parse_args()


def main():
    options = arguments()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    unet = UNet2DConditionModel.from_pretrained(options.base, subfolder="unet", dtype=torch.float32).train()
    text = CLIPTextModel.from_pretrained(options.base, subfolder="text_encoder", dtype=torch.float32).train()
    trained = [*unet.parameters(), *text.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.01)
    side, channels = unet.config.sample_size, unet.config.in_channels
    latents = torch.randn(options.batch, channels, side, side)
    target = torch.randn_like(latents)
    timesteps = torch.randint(0, 1000, (options.batch,))
    tokens = torch.randint(0, text.config.vocab_size, (options.batch, 77))
    precision = torch.autocast("cpu", torch.bfloat16) if options.bf16 else contextlib.nullcontext()
    seconds = []
    for _ in range(options.steps + 1):
        start = synchronized()
        with precision:
            predicted = unet(latents, timesteps, text(tokens).last_hidden_state).sample
        loss = torch.nn.functional.mse_loss(predicted.float(), target)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(synchronized() - start)
    median, least, most = spread(seconds[1:])
    print(json.dumps({
        "median_secs": median, "min_secs": least, "max_secs": most, "peak_bytes": peak_bytes(),
        "values": sum(parameter.numel() for parameter in trained), "loss": loss.item(), "bf16": options.bf16,
        "batch": options.batch, "threads": torch.get_num_threads(), "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
