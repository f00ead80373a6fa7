"""Write `float8.safetensors`: every 8-bit float as PyTorch reads it, and what it rounds f32 to.

`<format>.all` has the 256 bytes in that format and `<format>.values` the same in f32. `<format>.rounded` is `<format>.given`
in that format: random numbers, and the middle between every two neighbours, none beyond the largest.
"""
import torch
from safetensors.torch import save_file

from reference import HERE

FORMATS = {"e4m3": torch.float8_e4m3fn, "e5m2": torch.float8_e5m2}

found = {}
generator = torch.Generator("cpu").manual_seed(8)
values = torch.randn(4000, generator=generator) * torch.exp2(torch.randint(-18, 16, (4000,), generator=generator))
for name, dtype in FORMATS.items():
    every = torch.arange(256, dtype=torch.uint8).view(dtype)
    found[f"{name}.all"] = every
    found[f"{name}.values"] = every.float()
    # Between each number and the next one, where rounding to even decides.
    finite = torch.unique(every.float()[every.float().isfinite()])
    largest = torch.finfo(dtype).max
    found[f"{name}.given"] = torch.cat([values[values.abs() <= largest], (finite[1:] + finite[:-1]) / 2])
    found[f"{name}.rounded"] = found[f"{name}.given"].to(dtype)
save_file(found, HERE / "float8.safetensors")
