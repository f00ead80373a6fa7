"""What PyTorch's CPU generator draws: normal values, whole numbers and permutations for given seeds."""
import torch

from reference import save

SEEDS = {"0": 0, "42": 42, "large": 2**40 + 7}
SHAPES = {"4x4x4": (1, 4, 4, 4), "15": (15,), "16": (16,), "17": (17,), "31": (31,), "1000": (1000,), "batch": (2, 4, 5, 7)}


def main():
    tensors, config = {}, {}
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
