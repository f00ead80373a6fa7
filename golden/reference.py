"""What the reference scripts share: seeded values, weights that f16 holds exactly, and the layout of the files.

A file holds one or more cases. Case `c` has tensors `c.<input or output>` and `c.w.<state-dict name>`; the metadata entry
`config` is a JSON object with one entry per case.
"""
import json
import pathlib

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
TINY = HERE / "tiny-sd15"
TINY_XL = HERE / "tiny-sdxl"

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


def randn(*shape, seed):
    """Normal values from their own generator, so that a new case never changes an old one."""
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


def randomise(module, seed):
    """Draw every parameter anew, norms and biases included, rounded to what f16 holds; then freeze the module."""
    generator = torch.Generator("cpu").manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            value = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() == 1:
                value = 0.1 * value + (1.0 if name.endswith("weight") else 0.0)
            elif "embedding" in name and "time" not in name:
                value = 0.5 * value
            else:
                value = value / parameter[0].numel() ** 0.5
            parameter.copy_(value.half().float())
    return module.eval().requires_grad_(False)


def weights(case, module, rename=lambda name: name):
    """The state dict of `module` under `case.w.`, in f16 without loss; index buffers are left out."""
    found = {}
    for name, value in module.state_dict().items():
        if not value.is_floating_point():
            continue
        half = value.half()
        assert torch.equal(half.float(), value), f"{case}: {name} loses digits in f16"
        found[f"{case}.w.{rename(name)}"] = half.contiguous()
    return found


def config_of(module):
    """The configuration of a diffusers model as its `config.json` has it."""
    return json.loads(module.to_json_string())


def save(script, tensors, config):
    """Write `<script>.safetensors` beside the script and say how large it became."""
    file = pathlib.Path(script).resolve().with_suffix(".safetensors")
    tensors = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    for name, value in tensors.items():
        assert not value.is_floating_point() or value.isfinite().all(), f"{name} is not finite"
    save_file(tensors, file, metadata={"config": json.dumps(config)})
    file.chmod(0o644)
    print(f"{file.name}: {len(tensors)} tensors, {file.stat().st_size} bytes")
