"""Time the parts of drawing one picture with the diffusers pipeline of a folder; prints one line of JSON.

The counterpart of `atelier bench generate`: the same sampler, one picture, guidance by the empty prompt. `cargo xtask bench --what
generate` runs the two in alternation.
"""
import argparse
import json

import torch
from diffusers import DDIMScheduler, DiffusionPipeline

from peer import peak_bytes, spread, synchronized


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", help="a pipeline folder in the diffusers layout")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--size", type=int, help="side of the picture in pixels; the base's own when absent")
    parser.add_argument("--guidance", type=float, default=7.0)
    parser.add_argument("--threads", type=int, default=0, help="0 leaves PyTorch's choice")
    parser.add_argument("--bf16", action="store_true", help="weights and activations in bf16, in place of f32")
    return parser.parse_args()


def main():
    options = arguments()
    if options.threads:
        torch.set_num_threads(options.threads)
    begun = synchronized()
    dtype = torch.bfloat16 if options.bf16 else torch.float32
    pipeline = DiffusionPipeline.from_pretrained(options.base, dtype=dtype)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    loaded = synchronized()
    # A step lasts from one evaluation of the denoiser to the next; what comes before the first is the text, and what comes after the
    # last the autoencoder.
    before, after = [], []
    pipeline.unet.register_forward_pre_hook(lambda *_: before.append(synchronized()))
    pipeline.unet.register_forward_hook(lambda *_: after.append(synchronized()))
    size = options.size or pipeline.unet.config.sample_size * pipeline.vae_scale_factor
    pipeline(options.prompt, num_inference_steps=options.steps, guidance_scale=options.guidance, width=size, height=size,
             generator=torch.Generator("cpu").manual_seed(0), output_type="np")
    ended = synchronized()
    marks = [*before, after[-1]]
    median, least, most = spread([end - start for start, end in zip(marks, marks[1:])])
    print(json.dumps({
        "load_secs": loaded - begun, "text_secs": before[0] - loaded, "step_secs": median, "step_min_secs": least,
        "step_max_secs": most, "vae_secs": ended - after[-1], "picture_secs": ended - loaded, "whole_secs": ended - begun,
        "peak_bytes": peak_bytes(), "bf16": options.bf16, "size": size, "steps": options.steps,
        "threads": torch.get_num_threads(), "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
