"""What `peer_step.py`, `peer_generate.py` and `peer_pretrain.py` share: time, memory, and the size of latents."""
import json
import pathlib
import resource
import time

import torch


def synchronized(device="cpu"):
    """The time in seconds once the device has done what it was asked to do."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


def spread(seconds):
    """The middle, the least and the most of some times; the same middle of an even number as `atelier bench` takes."""
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2], ordered[0], ordered[-1]


def peak_bytes(device="cpu"):
    """The largest memory so far: resident memory of this process, or memory of the device."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def pixels_per_latent(base):
    """Pixels of a latent's side; those of every published base where the folder has no autoencoder."""
    config = pathlib.Path(base, "vae", "config.json")
    if not config.is_file():
        return 8
    return 2 ** (len(json.loads(config.read_text())["block_out_channels"]) - 1)
