"""Write inputs and the output of one evaluation of a full-size denoiser, for `atelier bench forward`.

    full_size.py FOLDER OUT.safetensors [--size PIXELS]

The reference computes in f32. Prints one JSON line with seconds and peak memory. No test reads what it writes: the weights are too
large to be kept.
"""
import argparse
import json
import resource
import time

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

from reference import randn


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--size", type=int, default=512)
    options = parser.parse_args()
    torch.set_num_threads(2)
    unet = UNet2DConditionModel.from_pretrained(options.folder, subfolder="unet", dtype=torch.float32).eval()
    side = options.size // 8
    record = {"latents": randn(1, unet.config.in_channels, side, side, seed=1), "timesteps": torch.tensor([500.0]),
              "context": randn(1, 77, unet.config.cross_attention_dim, seed=2)}
    added = None
    if unet.config.addition_embed_type == "text_time":
        width = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
        pixels = float(options.size)
        record |= {"pooled": randn(1, width, seed=3), "sizes": torch.tensor([[pixels, pixels, 0.0, 0.0, pixels, pixels]])}
        added = {"text_embeds": record["pooled"], "time_ids": record["sizes"]}
    with torch.no_grad():
        start = time.perf_counter()
        record["output"] = unet(record["latents"], record["timesteps"], record["context"], added_cond_kwargs=added).sample
        seconds = time.perf_counter() - start
    save_file(record, options.out)
    print(json.dumps({"seconds": seconds, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                      "largest": record["output"].abs().max().item()}))


if __name__ == "__main__":
    main()
