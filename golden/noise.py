"""What PyTorch's CPU generator draws: normal values, whole numbers and permutations for given seeds.

The values of its CUDA generator come from a Philox 4x32-10 and a Box-Muller transform written out here, since no GPU is needed
to run these scripts; the test of the published values ties both implementations to a real one.
"""
import math

import torch

from reference import save

SEEDS = {"0": 0, "42": 42, "large": 2**40 + 7}
SHAPES = {"4x4x4": (1, 4, 4, 4), "15": (15,), "16": (16,), "17": (17,), "31": (31,), "1000": (1000,), "batch": (2, 4, 5, 7)}


LAUNCH_THREADS = 108 * 2048


def philox(counter, sequence, key):
    """Four random words, in whole numbers of any size (Salmon et al. 2011)."""
    low, word = 2**32 - 1, 2**32
    x0, x1, x2, x3 = counter & low, counter >> 32, sequence & low, sequence >> 32
    k0, k1 = key & low, key >> 32
    for _ in range(10):
        first, second = 0xD2511F53 * x0, 0xCD9E8D57 * x2
        x0, x1, x2, x3 = second // word ^ x1 ^ k0, second % word, first // word ^ x3 ^ k1, first % word
        k0, k1 = (k0 + 0x9E3779B9) % word, (k1 + 0xBB67AE85) % word
    return x0, x1, x2, x3


def cuda_value(seed, counter, thread, number):
    """Normal value `number` of four, in double precision."""
    words = philox(counter, thread, seed)
    first, second = words[number // 2 * 2], words[number // 2 * 2 + 1]
    radius = math.sqrt(-2 * math.log((first + 0.5) / 2**32))
    angle = 2 * math.pi * (second + 0.5) / 2**32
    return radius * (math.sin(angle) if number % 2 == 0 else math.cos(angle))


def cuda():
    """Three calls in a row for each seed, and a tensor larger than one launch."""
    found = {}
    for name, seed in SEEDS.items():
        for call, size in enumerate((40, 1, 300)):
            found[f"cuda.seed_{name}.{call}"] = torch.tensor([cuda_value(seed, call, i, 0) for i in range(size)])
    found["cuda.wrapped"] = torch.tensor([cuda_value(5, turn // 4, i, turn % 4) for turn in range(6) for i in range(3)])
    return found


def main():
    tensors, config = cuda(), {}
    for name, seed in SEEDS.items():
        def fresh():
            return torch.Generator("cpu").manual_seed(seed)
        case = f"seed_{name}"
        config[case] = {"seed": seed}
        for shape_name, shape in SHAPES.items():
            tensors[f"{case}.randn_{shape_name}"] = torch.randn(shape, generator=fresh())
        tensors[f"{case}.rand_20"] = torch.rand(20, generator=fresh())
        tensors[f"{case}.randint_1000"] = torch.randint(0, 1000, (40,), generator=fresh())
        for length in (1, 10, 100):
            tensors[f"{case}.randperm_{length}"] = torch.randperm(length, generator=fresh())
        one = fresh()
        tensors[f"{case}.in_a_row.0_randn_15"] = torch.randn(15, generator=one)
        tensors[f"{case}.in_a_row.1_randn_1"] = torch.randn(1, generator=one)
        tensors[f"{case}.in_a_row.2_randn_20"] = torch.randn(20, generator=one)
        tensors[f"{case}.in_a_row.3_randint_1000"] = torch.randint(0, 1000, (5,), generator=one)
        tensors[f"{case}.in_a_row.4_randperm_10"] = torch.randperm(10, generator=one)
        tensors[f"{case}.in_a_row.5_randn_64"] = torch.randn(64, generator=one)
        tensors[f"{case}.in_a_row.6_randn_3"] = torch.randn(3, generator=one)
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
