"""Write `tiny-sdxl/`: a random SDXL pipeline folder in the diffusers layout, in f16, with a small part of the CLIP vocabulary.

The second tokenizer pads with `!`, as published folders do; names of both text encoders carry the `text_model.` prefix.
"""
import json
import pathlib
import shutil

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from reference import TINY, TINY_XL, randomise

MERGES = 1000
VOCABULARY = 512 + MERGES + 2
WIDTHS = (16, 24)
SIZE_WIDTH = 8


def tokenizer(name, **special):
    """The first merges of CLIP with the symbols that they join."""
    lines = (TINY / "tokenizer" / "merges.txt").read_text(encoding="utf-8").split("\n")[: MERGES + 1]
    whole = json.loads((TINY / "tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    words = sorted(whole, key=whole.get)[: VOCABULARY - 2] + ["<|startoftext|>", "<|endoftext|>"]
    folder = TINY_XL / name
    folder.mkdir(parents=True)
    vocabulary = json.dumps({word: index for index, word in enumerate(words)}, ensure_ascii=False, separators=(",", ":"))
    (folder / "vocab.json").write_text(vocabulary, encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77, **special)


def text(kind, width, act, seed):
    config = CLIPTextConfig(
        vocab_size=VOCABULARY, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=3, num_attention_heads=4,
        max_position_embeddings=77, hidden_act=act, projection_dim=width, bos_token_id=VOCABULARY - 2,
        eos_token_id=VOCABULARY - 1, pad_token_id=VOCABULARY - 1)
    return randomise(kind(config), seed=seed)


def parts():
    """The networks, far smaller than the real ones: three levels, the upper without attention, the last with two blocks."""
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=(16, 32, 32), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), transformer_layers_per_block=(1, 1, 2),
        attention_head_dim=(2, 4, 4), cross_attention_dim=sum(WIDTHS), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=SIZE_WIDTH, projection_class_embeddings_input_dim=WIDTHS[1] + 6 * SIZE_WIDTH)
    vae = AutoencoderKL(
        sample_size=32, block_out_channels=(16, 32), layers_per_block=1, latent_channels=4, norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, scaling_factor=0.13025)
    return (text(CLIPTextModel, WIDTHS[0], "quick_gelu", 11), text(CLIPTextModelWithProjection, WIDTHS[1], "gelu", 12),
            randomise(unet, seed=13), randomise(vae, seed=14))


def main():
    shutil.rmtree(TINY_XL, ignore_errors=True)
    one, two = tokenizer("tokenizer"), tokenizer("tokenizer_2", pad_token="!")
    text_one, text_two, unet, vae = parts()
    scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000,
                                       steps_offset=1, timestep_spacing="leading")
    pipeline = StableDiffusionXLPipeline(vae=vae, text_encoder=text_one, text_encoder_2=text_two, tokenizer=one, tokenizer_2=two,
                                         unet=unet, scheduler=scheduler, force_zeros_for_empty_prompt=True)
    pipeline.to(torch.float16).save_pretrained(str(TINY_XL))
    for name in ("text_encoder", "text_encoder_2"):
        (TINY_XL / name.replace("text_encoder", "tokenizer") / "tokenizer.json").unlink()
        file = TINY_XL / name / "model.safetensors"
        prefixed = {key if key.startswith(("text_model.", "text_projection.")) else "text_model." + key: value
                    for key, value in load_file(file).items()}
        save_file(prefixed, file, metadata={"format": "pt"})
    for weights in TINY_XL.rglob("*.safetensors"):
        weights.chmod(0o644)
    print(f"{TINY_XL.name}: {sum(part.stat().st_size for part in TINY_XL.rglob('*') if part.is_file())} bytes")


if __name__ == "__main__":
    main()
