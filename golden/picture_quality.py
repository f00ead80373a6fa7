"""How near pictures are to others: signal-to-noise ratio and structural similarity of pairs, kernel inception distance of sets.

The first two are scikit-image's. The third is written out here in double precision (Binkowski et al. 2018, `Demystifying MMD
GANs`): the unbiased estimate of the squared maximum mean discrepancy with the kernel `(x.y / d + 1)**3`. Which rows a subset
takes is drawn by SplitMix64 (Steele, Lea and Flood 2014), written out in whole numbers.
"""
import numpy
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from reference import save

SUBSETS = {"size": 12, "count": 7, "seed": 42}


def drawn(width, height, seed):
    """A slope, stripes and a disc, in colours."""
    y, x = numpy.mgrid[0:height, 0:width] / min(width, height)
    pixels = numpy.stack([160 * x % 256, 255 * (numpy.sin(9 * x + 4 * y) > 0), 120 + 90 * numpy.cos(5 * y - seed)], -1)
    pixels[(x - 0.6) ** 2 + (y - 0.45) ** 2 < 0.09] = numpy.random.default_rng(seed).integers(0, 256, 3)
    return pixels.clip(0, 255)


def grained(pixels, deviation, seed):
    return pixels + numpy.random.default_rng(seed).normal(0, deviation, pixels.shape)


def blurred(pixels):
    return sum(numpy.roll(pixels, (dy, dx), (0, 1)) for dy in range(-2, 3) for dx in range(-2, 3)) / 25


def pairs():
    """Pictures of odd and even sides, down to a single window, that differ by grain, blur, light, or altogether."""
    wide, large, small = drawn(24, 17, 1), drawn(64, 64, 2), drawn(11, 11, 3)
    plain = numpy.full((13, 12, 3), (200, 90, 10))
    return {
        "grain": (wide, grained(wide, 9, 4)),
        "blur": (large, blurred(large)),
        "other": (large, drawn(64, 64, 5)),
        "least": (small, grained(small, 40, 6)),
        "light": (plain, plain + 3),
        "bit": (wide, wide + (numpy.arange(wide.size) == 500).reshape(wide.shape)),
    }


def features():
    """Rows as a network pools them, none below 0: two sets that differ, and one more from where the first is from."""
    random = numpy.random.default_rng(7)
    scales = random.exponential(0.4, 64)
    first = random.gamma(2, 0.5, (20, 64)) * scales
    other = random.gamma(3, 0.5, (30, 64)) * scales[::-1]
    again = random.gamma(2, 0.5, (25, 64)) * scales
    return {name: rows.astype(numpy.float32) for name, rows in (("first", first), ("other", other), ("again", again))}


def kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def kid(x, y):
    """Sums over all pairs of two different rows; a row is compared with itself in none."""
    x, y = x.astype(numpy.float64), y.astype(numpy.float64)
    m, n = len(x), len(y)
    xx, yy = kernel(x, x), kernel(y, y)
    numpy.fill_diagonal(xx, 0)
    numpy.fill_diagonal(yy, 0)
    return xx.sum() / (m * (m - 1)) + yy.sum() / (n * (n - 1)) - 2 * kernel(x, y).sum() / (m * n)


def split_mix(seed):
    word = 2**64
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) % word
        value = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 % word
        value = (value ^ value >> 27) * 0x94D049BB133111EB % word
        yield value ^ value >> 31


def chosen(random, rows, size):
    """The first places of a shuffle."""
    order = list(range(rows))
    for place in range(size):
        other = place + next(random) % (rows - place)
        order[place], order[other] = order[other], order[place]
    return order[:size]


def kid_subsets(x, y, size, count, seed):
    """Mean and standard deviation, the latter of numpy and of the authors: that of a population."""
    random = split_mix(seed)
    draws = [(chosen(random, len(x), size), chosen(random, len(y), size)) for _ in range(count)]
    values = numpy.array([kid(x[a], y[b]) for a, b in draws])
    return [values.mean(), values.std()]


def main():
    tensors = {}
    for name, pair in pairs().items():
        a, b = (pixels.round().clip(0, 255).astype(numpy.uint8) for pixels in pair)
        similar = structural_similarity(
            a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        )
        ratio = peak_signal_noise_ratio(a, b, data_range=255)
        tensors |= {f"{name}.a": torch.from_numpy(a), f"{name}.b": torch.from_numpy(b)}
        for measure, value in (("psnr", ratio), ("ssim", similar)):
            tensors[f"{name}.{measure}"] = torch.tensor(value, dtype=torch.float64)
        print(f"{name}: {ratio:.3f} dB, structural similarity {similar:.6f}")
    sets = features()
    tensors |= {name: torch.from_numpy(rows) for name, rows in sets.items()}
    for name in ("other", "again"):
        whole, subsets = kid(sets["first"], sets[name]), kid_subsets(sets["first"], sets[name], **SUBSETS)
        tensors[f"{name}.kid"] = torch.tensor(whole, dtype=torch.float64)
        tensors[f"{name}.kid_subsets"] = torch.tensor(subsets, dtype=torch.float64)
        print(f"{name}: {whole:.6f}, of subsets {subsets[0]:.6f} and {subsets[1]:.6f}")
    save(__file__, tensors, {"subsets": SUBSETS, "pairs": list(pairs())})


if __name__ == "__main__":
    main()
