"""Pictures and masks in other sizes, as diffusers' `VaeImageProcessor` makes them with Pillow before it encodes them.

`picture` and `mask` are files' pixels, `picture.<width>x<height>` and `mask.<width>x<height>` (1 is drawn anew) what comes of them.
`stretched.<width>x<height>` is Pillow alone, to other shapes. (Where the height shrinks much more than the width, Pillow 13 resamples
columns first, which is left out: a start picture is never brought to such a shape.)
"""
import numpy
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image

from reference import save

WIDTH, HEIGHT = 48, 32
SIZES = [(24, 16), (36, 24), (48, 32), (72, 48), (96, 64), (30, 20)]
STRETCHED = [(48, 16), (96, 32), (17, 61), (1, 1)]
FACTOR = 2


def picture():
    """Grain between black and white, where the kernel swings over both ends, and a quiet corner."""
    pixels = numpy.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3))
    pixels[8:20, 10:30] = numpy.random.default_rng(4).choice([0, 255], (12, 20, 1))
    pixels[22:, 30:] = [[200, 100, 50]]
    return pixels.astype(numpy.uint8)


def mask():
    """Colours on both sides of the middle of brightness, with hard edges: (0, 218, 0) is 128 and white, (0, 217, 0) is 127 and black."""
    pixels = numpy.zeros((HEIGHT, WIDTH, 3), numpy.uint8)
    pixels[3:17, 11:29] = 255
    pixels[20:30, 2:20] = (0, 218, 0)
    pixels[20:30, 20:40] = (0, 217, 0)
    pixels[2:14, 34:46] = numpy.random.default_rng(5).integers(60, 200, (12, 12, 3))
    return pixels


def main():
    tensors = {"picture": torch.from_numpy(picture()).to(torch.uint8), "mask": torch.from_numpy(mask()).int()}
    pictures = VaeImageProcessor(vae_scale_factor=FACTOR)
    # As in `StableDiffusionInpaintPipeline.__init__`.
    masks = VaeImageProcessor(vae_scale_factor=FACTOR, do_normalize=False, do_binarize=True, do_convert_grayscale=True)
    for width, height in SIZES:
        name = f"{width}x{height}"
        pixels = pictures.preprocess(Image.fromarray(picture()), height=height, width=width)[0].permute(1, 2, 0)
        tensors[f"picture.{name}"] = ((pixels + 1) / 2 * 255).round().to(torch.uint8)
        tensors[f"mask.{name}"] = masks.preprocess(Image.fromarray(mask()), height=height, width=width)[0, 0].to(torch.uint8)
    for width, height in STRETCHED:
        pixels = Image.fromarray(picture()).resize((width, height), Image.Resampling.LANCZOS)
        tensors[f"stretched.{width}x{height}"] = torch.from_numpy(numpy.array(pixels)).to(torch.uint8)
    save(__file__, tensors, {"sizes": SIZES, "stretched": STRETCHED})


if __name__ == "__main__":
    main()
