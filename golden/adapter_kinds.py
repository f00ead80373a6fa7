"""Adapters of every kind on single layers, made and computed by LyCORIS and by peft: folder `adapter_kinds/`.

`lycoris.safetensors` is an adapter file with a layer per case, `peft_<kind>/` a folder as peft saves it. `expected.safetensors`
has for each case the layer (`weight`, `bias`), an input `x`, the changed weight at strength 1 (`changed`) and the output at
strength 1 (`y`), the changed weight at 0.5 and 1.1 of LyCORIS's cases and of peft's DoRA, and of the latter the outputs too.

Needs `lycoris-lora==4.1.3`, `einops` and `toml` besides the requirements.
"""
import json
import pathlib
import shutil

import torch
import torch.nn.functional as F
from lycoris.modules.full import FullModule
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from peft import LoHaConfig, LoKrConfig, LoraConfig, get_peft_model
from safetensors.torch import save_file

from reference import HERE, randn

OUT = HERE / "adapter_kinds"
WIDTH_IN, WIDTH_OUT, RANK = 12, 8, 3
LAYERS = ("linear", "conv1", "conv3")


def half(tensor):
    """Values that f16 holds exactly."""
    return tensor.half().float()


class Layers(torch.nn.Module):
    """One layer of each sort."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(WIDTH_IN, WIDTH_OUT)
        self.conv1 = torch.nn.Conv2d(WIDTH_IN, WIDTH_OUT, 1)
        self.conv3 = torch.nn.Conv2d(WIDTH_IN, WIDTH_OUT, 3, stride=2, padding=1)
        for seed, parameter in enumerate(self.parameters()):
            parameter.data = half(randn(*parameter.shape, seed=seed) * 0.3)


def fill(module, seed):
    """Give every factor values that depend on the seed and its place alone."""
    for index, (name, parameter) in enumerate(sorted(module.named_parameters())):
        if not parameter.requires_grad:
            continue
        value = randn(*parameter.shape, seed=1000 * seed + index)
        # Lengths are positive and of the size that rows have.
        magnitude = "dora_scale" in name or "magnitude" in name
        parameter.data = half(value.abs() + 0.5 if magnitude else value * 0.5)


def input_of(name):
    return half(randn(2, 5, WIDTH_IN, seed=90) if name == "linear" else randn(2, WIDTH_IN, 5, 5, seed=91))


def apply(name, layer, weight):
    """The layer with another weight."""
    x = input_of(name)
    if name == "linear":
        return F.linear(x, weight, layer.bias)
    return F.conv2d(x, weight, layer.bias, layer.stride, layer.padding)


def keep(expected, case, name, layer, weights):
    expected[f"{case}.y"] = apply(name, layer, weights[1.0])
    expected[f"{case}.changed"] = weights[1.0]
    for strength, weight in weights.items():
        if strength != 1.0:
            expected[f"{case}.changed_{strength}"] = weight


LYCORIS = {
    "lora_linear": (LoConModule, "linear", {}),
    "lora_conv1": (LoConModule, "conv1", {}),
    "lora_conv3": (LoConModule, "conv3", {}),
    "lora_rs_linear": (LoConModule, "linear", {"rs_lora": True}),
    "tucker_conv3": (LoConModule, "conv3", {"use_tucker": True}),
    "loha_linear": (LohaModule, "linear", {}),
    "loha_conv1": (LohaModule, "conv1", {}),
    "loha_conv3": (LohaModule, "conv3", {}),
    "loha_tucker_conv3": (LohaModule, "conv3", {"use_tucker": True}),
    "lokr_linear": (LokrModule, "linear", {"lora_dim": 1, "factor": 2}),
    "lokr_whole_linear": (LokrModule, "linear", {"lora_dim": 100}),
    "lokr_both_linear": (LokrModule, "linear", {"lora_dim": 1, "factor": 4, "decompose_both": True}),
    "lokr_conv1": (LokrModule, "conv1", {"lora_dim": 1, "factor": 2}),
    "lokr_conv3": (LokrModule, "conv3", {"lora_dim": 2, "factor": 2}),
    "lokr_whole_conv3": (LokrModule, "conv3", {"lora_dim": 100}),
    "lokr_tucker_conv3": (LokrModule, "conv3", {"lora_dim": 2, "factor": 2, "use_tucker": True}),
    "dora_linear": (LoConModule, "linear", {"weight_decompose": True, "wd_on_out": True}),
    "dora_conv3": (LoConModule, "conv3", {"weight_decompose": True, "wd_on_out": True}),
    "dora_tucker_conv3": (LoConModule, "conv3", {"weight_decompose": True, "wd_on_out": True, "use_tucker": True}),
    "dora_in_linear": (LoConModule, "linear", {"weight_decompose": True, "wd_on_out": False}),
    "dora_in_conv3": (LoConModule, "conv3", {"weight_decompose": True, "wd_on_out": False}),
    "dora_loha_linear": (LohaModule, "linear", {"weight_decompose": True, "wd_on_out": True}),
    "dora_lokr_conv3": (LokrModule, "conv3", {"lora_dim": 2, "factor": 2, "weight_decompose": True, "wd_on_out": True}),
    "full_linear": (FullModule, "linear", {}),
}


def merged(module, weight):
    """The weight that the module's forward pass uses at strength 1."""
    if isinstance(module, (LohaModule, LokrModule)):
        # Their forward pass scales once; `get_merged_weight` of 4.1.3 scales a second time.
        changed = weight + module.get_weight(weight.shape)
        return module.apply_weight_decompose(changed) if module.wd else changed
    return module.get_merged_weight(1.0, shape=weight.shape)[0].detach()


def lycoris(layers, expected):
    file = {}
    for seed, (case, (kind, name, options)) in enumerate(LYCORIS.items(), 1):
        layer = getattr(layers, name)
        options = {"lora_dim": RANK, "alpha": 2.0} | options
        module = kind(f"lora_unet_{case}", layer, 1.0, **options)
        fill(module, seed)
        if kind is FullModule:
            # Its parameter is the whole new weight, its file the difference.
            module.weight.data = half(module.weight.data * 0.1) + layer.weight.data
        state = {f"lora_unet_{case}.{key}": value for key, value in module.custom_state_dict().items()}
        file |= state
        changed = merged(module, layer.weight)
        assert changed.shape == layer.weight.shape, case
        if kind is FullModule:
            changed = layer.weight.data + state[f"lora_unet_{case}.diff"]
        # DoRA at other strengths: a straight line from the weight to the changed weight, as in ComfyUI and A1111.
        at = {s: layer.weight.data + s * (changed - layer.weight.data) for s in (0.5, 1.1)}
        keep(expected, case, name, layer, {1.0: changed} | at)
    file = {name: value.detach().clone().float().contiguous() for name, value in file.items()}
    save_file(file, OUT / "lycoris.safetensors", {"ss_network_module": "lycoris.kohya"})


PEFT = {
    "lora": LoraConfig(r=RANK, lora_alpha=6, target_modules=LAYERS, rank_pattern={"conv1": 2}, alpha_pattern={"conv3": 1.5}),
    "rslora": LoraConfig(r=RANK, lora_alpha=2, target_modules=LAYERS, use_rslora=True),
    "dora": LoraConfig(r=RANK, lora_alpha=2, target_modules=LAYERS, use_dora=True),
    "loha": LoHaConfig(r=RANK, alpha=2, target_modules=LAYERS, use_effective_conv2d=True),
    "lokr": LoKrConfig(r=2, alpha=3, target_modules=LAYERS, decompose_factor=2, use_effective_conv2d=True),
    "lokr_both": LoKrConfig(r=1, alpha=3, target_modules=LAYERS, decompose_both=True, decompose_factor=4),
    "lokr_whole": LoKrConfig(r=8, alpha=4, target_modules=LAYERS),
}


def peft(expected):
    for seed, (kind, config) in enumerate(PEFT.items(), 101):
        layers = Layers()
        model = get_peft_model(layers, config)
        fill(model, seed)
        model.eval().save_pretrained(OUT / f"peft_{kind}")
        (OUT / f"peft_{kind}" / "README.md").unlink()
        with torch.no_grad():
            for name in LAYERS:
                wrapped = getattr(model.base_model.model, name)
                case, x = f"peft_{kind}.{name}", input_of(name)
                expected[f"{case}.y"] = wrapped(x)
                for strength in (0.5, 1.1) if kind == "dora" else ():
                    # What diffusers calls for an adapter's weight; peft scales the factors before it takes the lengths.
                    wrapped.set_scale("default", strength)
                    expected[f"{case}.y_{strength}"] = wrapped(x)
                    wrapped.merge()
                    expected[f"{case}.changed_{strength}"] = wrapped.get_base_layer().weight.data.clone()
                    wrapped.unmerge()
                wrapped.set_scale("default", 1.0)
                wrapped.merge()
                expected[f"{case}.changed"] = wrapped.get_base_layer().weight.data.clone()


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    layers, expected = Layers(), {}
    for name in LAYERS:
        layer = getattr(layers, name)
        expected |= {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias, f"{name}.x": input_of(name)}
    with torch.no_grad():
        lycoris(layers, expected)
    peft(expected)
    tensors = {name: value.detach().clone().contiguous() for name, value in expected.items()}
    assert all(value.isfinite().all() for value in tensors.values())
    cases = {case: name for case, (_, name, _) in LYCORIS.items()}
    save_file(tensors, OUT / "expected.safetensors", {"config": json.dumps({"cases": cases, "peft": list(PEFT)})})
    for file in pathlib.Path(OUT).rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            print(file.relative_to(HERE), file.stat().st_size)


main()
