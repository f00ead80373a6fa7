"""Write `tiny-sd15/`: a random pipeline folder in the diffusers layout, in f16, with the CLIP vocabulary.

The text-encoder names carry the `text_model.` prefix that published folders have.
"""
import gzip
import importlib.util
import json
import pathlib
import shutil

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from reference import TINY, randomise

VOCABULARY = 49408
WIDTH = 16


def tokenizer():
    """The CLIP vocabulary, from the copy that the open-clip-torch package carries, as `vocab.json` and `merges.txt`."""
    package = pathlib.Path(importlib.util.find_spec("open_clip").submodule_search_locations[0])
    lines = gzip.open(package / "bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8").read().split("\n")
    merges = lines[1:VOCABULARY - 512 - 1]
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in plain] + [chr(256 + extra) for extra in range(256 - len(plain))]
    words = letters + [letter + "</w>" for letter in letters] + [pair.replace(" ", "") for pair in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    assert len(words) == VOCABULARY
    folder = TINY / "tokenizer"
    folder.mkdir(parents=True)
    vocabulary = json.dumps({word: index for index, word in enumerate(words)}, ensure_ascii=False, separators=(",", ":"))
    (folder / "vocab.json").write_text(vocabulary, encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def parts():
    """Text encoder, denoiser and autoencoder, far smaller than the real ones."""
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=VOCABULARY, hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=77, hidden_act="quick_gelu", projection_dim=WIDTH, bos_token_id=VOCABULARY - 2,
        eos_token_id=VOCABULARY - 1, pad_token_id=VOCABULARY - 1))
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=(16, 32), layers_per_block=1, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), attention_head_dim=4, cross_attention_dim=WIDTH, norm_num_groups=8)
    vae = AutoencoderKL(
        sample_size=32, block_out_channels=(16, 32), layers_per_block=1, latent_channels=4, norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2)
    return randomise(text, seed=1), randomise(unet, seed=2), randomise(vae, seed=3)


def main():
    shutil.rmtree(TINY, ignore_errors=True)
    words = tokenizer()
    text, unet, vae = parts()
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000,
                              steps_offset=1, clip_sample=False, set_alpha_to_one=False)
    pipeline = StableDiffusionPipeline(vae=vae, text_encoder=text, tokenizer=words, unet=unet, scheduler=scheduler,
                                       safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipeline.to(torch.float16).save_pretrained(str(TINY))
    (TINY / "tokenizer" / "tokenizer.json").unlink()
    file = TINY / "text_encoder" / "model.safetensors"
    save_file({"text_model." + name.removeprefix("text_model."): value for name, value in load_file(file).items()}, file,
              metadata={"format": "pt"})
    for weights in TINY.rglob("*.safetensors"):
        weights.chmod(0o644)
    print(f"{TINY.name}: {sum(part.stat().st_size for part in TINY.rglob('*') if part.is_file())} bytes")


if __name__ == "__main__":
    main()
