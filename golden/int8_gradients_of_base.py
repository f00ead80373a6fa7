"""How far adapter gradients on the embedded base lie from those in f32 where the linear maps of its transformers take 8-bit integers.

    int8_gradients_of_base.py

Rounds what these maps take to 127 steps of the greatest value, as products of 8-bit integers would, computes in f32, and prints the errors as
`bf16_gradients_of_base.py` does: of weights alone with a step for each output, then of both operands forward, then of those of the backward pass
too, with a step for each token or for each 32 summed numbers of it. No file is written.
"""
import statistics
from types import MethodType

import torch
from torch.nn import functional

import bf16_gradients_of_base as base


def rounded(values, group):
    # words have 80 numbers, which are one piece
    parts = values.unflatten(-1, (-1, group)) if group and values.shape[-1] % group == 0 else values
    step = parts.abs().amax(-1, keepdim=True).clamp_min(1e-30) / 127
    return (torch.round(parts / step) * step).reshape(values.shape)


class Rounding:
    """Which operands are rounded: nothing, "weights", "forward" or "both" passes; and summed numbers to a step, 0 for all of a token."""

    operands, group = None, 0


class Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(weight)
        if Rounding.operands:
            weight = rounded(weight, Rounding.group)
        if Rounding.operands in ("forward", "both"):
            x = rounded(x, Rounding.group)
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx, dy):
        (weight,) = ctx.saved_tensors
        if Rounding.operands == "both":
            turned = rounded(weight.t().contiguous(), Rounding.group)
            return rounded(dy.contiguous(), Rounding.group) @ turned.t(), None, None
        if Rounding.operands:
            weight = rounded(weight, Rounding.group)
        return dy @ weight, None, None


def replace(unet):
    for name, module in unet.named_modules():
        if isinstance(module, torch.nn.Linear) and "attentions" in name and "lora_" not in name:
            module.forward = MethodType(lambda self, x: Linear.apply(x, self.weight, self.bias), module)


def main():
    unet = base.adapted()
    replace(unet)
    with torch.no_grad():
        latents, states = base.examples()
    for operands, group in [("weights", 0), ("forward", 0), ("forward", 32), ("both", 0), ("both", 32)]:
        errors, together = [], []
        for draw in range(base.DRAWS):
            generator = torch.Generator().manual_seed(draw)
            base.fill(unet, generator)
            noise = torch.randn(latents.shape, generator=generator)
            found = []
            for Rounding.operands, Rounding.group in [(None, 0), (operands, group)]:
                found.append(base.gradients(unet, latents, states, noise, False))
            exact, coarse = found
            apart = [a - b for a, b in zip(exact, coarse)]
            errors += [(a.norm() / b.norm()).item() for a, b in zip(apart, exact)]
            together.append(base.whole(apart) / base.whole(exact))
        print(
            f"{operands}, {group or 'all'} to a step: median {statistics.median(errors):.1e}, greatest {max(errors):.1e}, "
            f"together, median of the draws {statistics.median(together):.1e}"
        )


if __name__ == "__main__":
    main()
