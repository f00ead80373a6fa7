"""Long and weighted prompts through whole text encoders, and a picture whose prompt and negative prompt differ in length.

Chunks are written here by hand as in `emphasis.py`, so that no parser is needed. On `tiny-sdxl/` each encoder's states are weighted on
their own, and the pooled state is that of the second encoder's first chunk, unweighted.
"""
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from emphasis import tokens
from reference import TINY, TINY_XL, save

# Every piece is a whole number of words, so that tokens do not depend on where pieces meet. None has a comma, so that a chunk is
# filled up to its 75 tokens.
FILL = ["of"] * 149
LONG = "the " + " ".join(FILL)
CASES = {
    "long": (LONG, [[("the " + " ".join(FILL[:74]), 1.0)], [(" ".join(FILL[:75]), 1.0)]]),
    "mixed": (f"({LONG}:1.2) a [hill] BREAK (cat:0.6) BREAK \\(dog\\)",
              [[("the " + " ".join(FILL[:74]), 1.2)], [(" ".join(FILL[:75]), 1.2)], [("a ", 1.0), ("hill", 1 / 1.1)], [("cat", 0.6)],
               [("(dog)", 1.0)]]),
    "short": ("blurry", [[("blurry", 1.0)]]),
}
SEED, STEPS, GUIDANCE = 5, 6, 5.0


def weighted(states, weights):
    """The states of all chunks in one row, each with its own mean restored."""
    found = []
    for state, weight in zip(states.double(), weights.double()):
        scaled = state * weight[:, None]
        found.append(scaled * (state.mean() / scaled.mean()))
    return torch.cat(found)[None].float()


def chunks_of(tokenizer, chunks):
    pairs = [tokens(tokenizer, fragments) for fragments in chunks]
    return torch.tensor([pair[0] for pair in pairs]), torch.tensor([pair[1] for pair in pairs])


def sd15_states(chunks):
    ids, weights = chunks_of(CLIPTokenizer.from_pretrained(TINY / "tokenizer"), chunks)
    model = CLIPTextModel.from_pretrained(TINY / "text_encoder", torch_dtype=torch.float32).eval()
    return weighted(model(ids).last_hidden_state, weights)


def sdxl_states(chunks):
    found, pooled = [], None
    for suffix, kind in (("", CLIPTextModel), ("_2", CLIPTextModelWithProjection)):
        tokenizer = CLIPTokenizer.from_pretrained(TINY_XL / f"tokenizer{suffix}")
        ids, weights = chunks_of(tokenizer, chunks)
        output = kind.from_pretrained(TINY_XL / f"text_encoder{suffix}", torch_dtype=torch.float32).eval()(ids, output_hidden_states=True)
        found.append(weighted(output.hidden_states[-2], weights))
        pooled = output[0][:1]
    return torch.cat(found, -1), pooled


def draw(wanted, unwanted):
    """DDIM with the two texts told apart, which is all that guidance asks for."""
    unet = UNet2DConditionModel.from_pretrained(TINY, subfolder="unet", dtype=torch.float32).eval()
    scheduler = DDIMScheduler.from_pretrained(TINY, subfolder="scheduler")
    scheduler.set_timesteps(STEPS)
    latents = torch.randn(1, 4, 12, 20, generator=torch.Generator("cpu").manual_seed(SEED))
    for step in scheduler.timesteps:
        toward, away = (unet(latents, step, states).sample for states in (wanted, unwanted))
        latents = scheduler.step(away + GUIDANCE * (toward - away), step, latents).prev_sample
    return latents


@torch.no_grad()
def main():
    tensors = {}
    for case, (_, chunks) in CASES.items():
        tensors[f"sd15.{case}.states"] = sd15_states(chunks)
        tensors[f"sdxl.{case}.states"], tensors[f"sdxl.{case}.pooled"] = sdxl_states(chunks)
    long, short = tensors["sd15.mixed.states"], tensors["sd15.short.states"]
    tensors |= {"long_short.latents": draw(long, short), "short_long.latents": draw(short, long)}
    config = {"prompts": {case: text for case, (text, _) in CASES.items()}, "seed": SEED, "steps": STEPS, "guidance": GUIDANCE,
              "width": 40, "height": 24}
    save(__file__, tensors, config)


if __name__ == "__main__":
    main()
